//! The tokens of a home as its file has them now: one that is made or revoked counts with the next request, without a
//! restart. Not for what stands in the file (`tokens`).

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::Tokens;

/// What tells one version of the file from another: it is replaced whole, so that each has an inode of its own.
pub(super) type Stamp = (u64, u64, i64, i64);

/// See the module.
pub struct TokenFile {
    path: Option<PathBuf>,
    read: Mutex<(Option<Stamp>, Arc<Tokens>)>,
}

impl TokenFile {
    /// These and no others.
    pub fn fixed(tokens: Tokens) -> Self {
        Self { path: None, read: Mutex::new((None, Arc::new(tokens))) }
    }

    /// These until the file says otherwise.
    pub fn kept_in(path: PathBuf, tokens: Tokens) -> Self {
        let stamp = stamp(&path);
        Self { path: Some(path), read: Mutex::new((stamp, Arc::new(tokens))) }
    }

    /// Those that are in force. A file that cannot be read changes nothing: whoever garbles it locks nobody out and
    /// lets nobody in.
    pub fn now(&self) -> Arc<Tokens> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = &self.path else { return Arc::clone(&read.1) };
        let stamp = stamp(path);
        if stamp != read.0 {
            read.0 = stamp;
            match Tokens::load(path) {
                Ok(tokens) => read.1 = Arc::new(tokens),
                Err(error) => tracing::warn!(%error, "tokens stay as they were read last"),
            }
        }
        Arc::clone(&read.1)
    }
}

/// Which version of a file is there now; none when there is none.
pub(super) fn stamp(path: &Path) -> Option<Stamp> {
    let file = path.metadata().ok()?;
    Some((file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Bearer, Role, tokens};

    #[test]
    fn a_token_counts_from_when_it_is_in_the_file_until_it_is_out_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens.json");
        let mut known = Tokens::new().expect("randomness");
        known.save(&path).expect("saved");
        let file = TokenFile::kept_in(path.clone(), known.clone());
        let token = tokens::mint().expect("randomness");
        assert!(file.now().verify(&token).is_none());
        known.add(Bearer::Person { name: "ada".into(), role: Role::Read }, &token, 0);
        known.save(&path).expect("saved");
        assert!(file.now().verify(&token).is_some());
        std::fs::write(&path, "torn{").expect("written");
        assert!(file.now().verify(&token).is_some(), "what cannot be read changes nothing");
        let id = known.bearers().next().expect("one").id();
        assert!(known.revoke(&id).is_some());
        known.save(&path).expect("saved");
        assert!(file.now().verify(&token).is_none());
    }
}
