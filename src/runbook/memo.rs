//! What was already made of bytes: parsed files, and which key a signature is of. The same bytes are read again and again
//! (both sides of a change, a folder whose one file was edited), and reading and verifying is what takes the time.
//! Only what follows from the bytes alone is remembered: never who may, and never what counts now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::checks::{self, Rejected};
use super::model::{Content, Proposal};
use super::problem::Problem;
use super::proposals;
use crate::base::digest::FileDigest;
use crate::base::limits::CONTENT_FILES_MAX;
use crate::base::sshsig::{self, SshPublicKey, SshSigError};

/// Things of a kind that are remembered: a folder as large as it may be.
const KNOWN_MAX: usize = CONTENT_FILES_MAX;

type Known<K, V> = Mutex<BTreeMap<K, V>>;
/// A file is what its bytes are at its path: messages name it.
type File = (String, FileDigest);

#[derive(Debug, Default)]
struct Inner {
    contents: Known<File, Result<Arc<Content>, Rejected>>,
    proposals: Known<File, Result<Proposal, Problem>>,
    keys: Known<[FileDigest; 3], Result<SshPublicKey, SshSigError>>,
}

/// See the module. Cheap to clone; clones remember together.
#[derive(Debug, Clone, Default)]
pub struct Memo(Arc<Inner>);

impl Memo {
    /// [`checks::read`].
    pub(super) fn content(&self, path: &str, bytes: &[u8]) -> Result<Arc<Content>, Rejected> {
        let file = (path.to_owned(), FileDigest::of(bytes));
        remembered(&self.0.contents, file, || checks::read(path, bytes).map(Arc::new))
    }

    /// [`proposals::parse_proposal`].
    pub(super) fn proposal(&self, path: &str, bytes: &[u8]) -> Result<Proposal, Problem> {
        let file = (path.to_owned(), FileDigest::of(bytes));
        remembered(&self.0.proposals, file, || proposals::parse_proposal(path, bytes))
    }

    /// [`sshsig::verify`].
    pub(super) fn key(
        &self,
        armored: &[u8],
        namespace: &str,
        message: &[u8],
    ) -> Result<SshPublicKey, SshSigError> {
        let all = [armored, namespace.as_bytes(), message].map(FileDigest::of);
        remembered(&self.0.keys, all, || sshsig::verify(armored, namespace, message))
    }
}

fn remembered<K: Ord, V: Clone>(known: &Known<K, V>, key: K, make: impl FnOnce() -> V) -> V {
    let lock = || -> MutexGuard<'_, BTreeMap<K, V>> { known.lock().unwrap_or_else(PoisonError::into_inner) };
    if let Some(value) = lock().get(&key) {
        return value.clone();
    }
    // Not under the lock: others work meanwhile. Two that make the same make the same.
    let value = make();
    let mut known = lock();
    if known.len() >= KNOWN_MAX {
        known.clear();
    }
    known.insert(key, value.clone());
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::sshsig::SshPrivateKey;

    #[test]
    fn a_signature_is_remembered_for_its_bytes_its_namespace_and_its_message_only() {
        let key = SshPrivateKey::generate("test").expect("a key");
        let made = key.sign("runbook@remediator", b"steps").expect("a signature");
        let memo = Memo::default();
        for _ in 0..2 {
            assert_eq!(
                memo.key(made.as_bytes(), "runbook@remediator", b"steps"),
                Ok(key.public().expect("public"))
            );
            assert!(memo.key(made.as_bytes(), "runbook@remediator", b"Steps").is_err());
            assert!(memo.key(made.as_bytes(), "approval@remediator", b"steps").is_err());
            assert!(memo.key(b"nonsense", "runbook@remediator", b"steps").is_err());
        }
    }

    #[test]
    fn a_file_is_remembered_at_its_path_and_what_is_known_stays_bounded() {
        let memo = Memo::default();
        let problem = |path: &str| memo.proposal(path, b"id: web\n").expect_err("it lacks nearly all").file;
        assert_eq!((problem("a"), problem("b"), problem("a")), ("a".into(), "b".into(), "a".into()));
        let known = Known::default();
        for n in 0..=KNOWN_MAX {
            remembered(&known, n, || n);
        }
        assert!(known.lock().expect("nobody panicked").len() <= KNOWN_MAX);
    }
}
