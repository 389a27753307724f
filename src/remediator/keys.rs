//! The daemon's own keys on disk, 32 raw bytes each, 0600, in `state/keys`: the journal's, its log's, a witness's.
//! A key that is lost is told apart from one that never existed: a journal without its key is never given a new one.

use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::base::sign::JournalKey;

/// What is wrong with the key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The journal is there, its key is not.
    #[error("the journal's key {} is missing although there is a journal: put it back from a backup, or go on \
             with a new journal by `remediator init` in another home", .0.display())]
    Lost(PathBuf),
    /// The file cannot be read or written.
    #[error("cannot {doing} the key {}: {source}", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not 32 bytes.
    #[error("the key {} has {got} bytes instead of 32: put it back from a backup", path.display())]
    Length {
        /// Which file.
        path: PathBuf,
        /// Its length.
        got: usize,
    },
    /// Others may read it.
    #[error("the key {} can be read by others (mode {mode:o}): `chmod 600` it", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
}

/// Where the key is.
pub fn journal_key_path(state: &Path) -> PathBuf {
    state.join("keys").join("journal.key")
}

/// Where a rotation keeps the new key until its entry is durable.
fn next_path(state: &Path) -> PathBuf {
    state.join("keys").join("journal.key.next")
}

/// Reads the key.
pub fn read_journal_key(state: &Path) -> Result<JournalKey, KeyError> {
    let path = journal_key_path(state);
    read(&path)?.ok_or(KeyError::Lost(path))
}

/// Another key of the daemon: `state/keys/NAME.key`, if there is one.
pub(super) fn read_named(state: &Path, name: &str) -> Result<Option<JournalKey>, KeyError> {
    read(&named_path(state, name))
}

/// Writes such a key, which is not there yet, synced with its folder.
pub(super) fn write_named(state: &Path, name: &str, key: &JournalKey) -> Result<(), KeyError> {
    write(named_path(state, name), key)?;
    sync_folder(state)
}

fn named_path(state: &Path, name: &str) -> PathBuf {
    state.join("keys").join(format!("{name}.key"))
}

/// The key that an interrupted rotation left, if there is one.
pub(super) fn read_next(state: &Path) -> Result<Option<JournalKey>, KeyError> {
    match read(&next_path(state)) {
        // Cut off while it was written: then the journal does not know it.
        Err(KeyError::Length { .. }) => forget_next(state).map(|()| None),
        read => read,
    }
}

/// Keeps a key that the journal is about to know, synced.
pub(super) fn stage_next(state: &Path, key: &JournalKey) -> Result<(), KeyError> {
    forget_next(state)?;
    write(next_path(state), key)?;
    sync_folder(state)
}

/// The staged key takes the place of the one before it, which is gone then.
pub(super) fn promote_next(state: &Path) -> Result<(), KeyError> {
    let path = next_path(state);
    std::fs::rename(&path, journal_key_path(state)).map_err(|source| KeyError::Io {
        doing: "put in place",
        path,
        source,
    })?;
    sync_folder(state)
}

/// There is no staged key from here on.
pub(super) fn forget_next(state: &Path) -> Result<(), KeyError> {
    let path = next_path(state);
    match std::fs::remove_file(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(KeyError::Io { doing: "remove", path, source })
        }
        _ => Ok(()),
    }
}

fn sync_folder(state: &Path) -> Result<(), KeyError> {
    let path = state.join("keys");
    let synced = std::fs::File::open(&path).and_then(|folder| folder.sync_all());
    synced.map_err(|source| KeyError::Io { doing: "sync the folder of", path, source })
}

fn read(path: &Path) -> Result<Option<JournalKey>, KeyError> {
    let path = path.to_owned();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeyError::Io { doing: "read", path, source }),
    };
    let mode = std::fs::metadata(&path).map(|m| m.permissions().mode() & 0o777).unwrap_or(0);
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path, mode });
    }
    let seed: &[u8; 32] =
        bytes.as_slice().try_into().map_err(|_| KeyError::Length { path: path.clone(), got: bytes.len() })?;
    Ok(Some(JournalKey::from_seed(seed)))
}

/// Writes a key that is not there yet, synced.
pub fn write_journal_key(state: &Path, key: &JournalKey) -> Result<(), KeyError> {
    write(journal_key_path(state), key)
}

fn write(path: PathBuf, key: &JournalKey) -> Result<(), KeyError> {
    let fail = |doing| {
        let path = path.clone();
        move |source| KeyError::Io { doing, path, source }
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail("make the folder of"))?;
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(fail("create"))?;
    io::Write::write_all(&mut file, &*key.seed()).map_err(fail("write"))?;
    file.sync_all().map_err(fail("sync"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_key_an_open_key_and_a_cut_key_are_told_apart() {
        let state = tempfile::tempdir().expect("a temporary folder");
        assert!(matches!(read_journal_key(state.path()), Err(KeyError::Lost(_))));
        let key = JournalKey::from_seed(&[3; 32]);
        write_journal_key(state.path(), &key).expect("written");
        assert_eq!(read_journal_key(state.path()).map(|k| k.id()).ok(), Some(key.id()));
        assert!(write_journal_key(state.path(), &key).is_err(), "a key is never overwritten");
        let path = journal_key_path(state.path());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(matches!(read_journal_key(state.path()), Err(KeyError::Open { .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
        std::fs::write(&path, [1; 5]).expect("cut");
        assert!(matches!(read_journal_key(state.path()), Err(KeyError::Length { got: 5, .. })));
    }
}
