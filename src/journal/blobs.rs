//! Blobs: bytes too long for an entry, named by their BLAKE3 and durable before the entry that names them.
//! Not for secrets. Nothing here is ever rewritten; what only pruned entries named is removed with them (`archive`).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::digest::Blake3;

use super::error::Error;
use super::files::{make_folder, sync_folder, write_durably};

/// Where blobs are.
#[derive(Debug, Clone)]
pub(super) enum Blobs {
    /// In a folder, spread over subfolders by the first two digits.
    Folder(PathBuf),
    /// In memory, for tests.
    Memory(Arc<Mutex<BTreeMap<Blake3, Vec<u8>>>>),
}

impl Blobs {
    /// Durable when this returns.
    pub fn put(&self, bytes: &[u8]) -> Result<Blake3, Error> {
        let digest = Blake3::of(bytes);
        match self {
            Self::Memory(map) => {
                map.lock().unwrap_or_else(PoisonError::into_inner).insert(digest, bytes.to_vec());
            }
            Self::Folder(folder) => {
                let (part, name) = place(&digest);
                let part = folder.join(part);
                // One that was there before this process may not have been durable: then it is written again.
                if fs::read(part.join(&name)).is_ok_and(|there| there == bytes) && synced(&part, &name) {
                    return Ok(digest);
                }
                if !part.is_dir() {
                    make_folder(&part)?;
                    sync_folder(folder).map_err(Error::io("sync", folder))?;
                }
                write_durably(&part, &name, bytes)?;
            }
        }
        Ok(digest)
    }

    /// The bytes, when there is such a blob; they are checked against its name.
    pub fn get(&self, digest: &Blake3) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Memory(map) => Ok(map.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()),
            Self::Folder(folder) => read(folder, digest),
        }
    }
}

/// Makes a blob of unknown history durable.
fn synced(part: &Path, name: &str) -> bool {
    let sync = || -> io::Result<()> {
        fs::File::open(part.join(name))?.sync_all()?;
        sync_folder(part)
    };
    sync().is_ok()
}

/// Reads a blob from a folder of them.
pub(super) fn read(folder: &Path, digest: &Blake3) -> Result<Option<Vec<u8>>, Error> {
    let (part, name) = place(digest);
    let path = folder.join(part).join(name);
    match fs::read(&path) {
        Ok(bytes) if Blake3::of(&bytes) == *digest => Ok(Some(bytes)),
        Ok(_) => Err(Error::BlobDamaged(*digest)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::Io { doing: "read", path, source: e }),
    }
}

/// Removes a blob; whether it was there.
pub(super) fn remove(folder: &Path, digest: &Blake3) -> Result<bool, Error> {
    let (part, name) = place(digest);
    let path = folder.join(part).join(name);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Error::Io { doing: "remove", path, source: e }),
    }
}

/// Names of all blobs in a folder of them, sorted.
pub(super) fn list(folder: &Path) -> Result<Vec<Blake3>, Error> {
    let mut digests = Vec::new();
    let parts = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(digests),
        other => other.map_err(Error::io("list", folder))?,
    };
    for part in parts.flatten() {
        for file in fs::read_dir(part.path()).into_iter().flatten().flatten() {
            let text =
                format!("{}{}", part.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            digests.extend(Blake3::parse(&text));
        }
    }
    digests.sort_unstable();
    Ok(digests)
}

/// Subfolder and file name.
fn place(digest: &Blake3) -> (String, String) {
    let mut part = digest.to_string();
    let name = part.split_off(2);
    (part, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_read_back_and_a_changed_one_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::Folder(folder.path().to_owned());
        let digest = blobs.put(b"output").expect("written");
        assert_eq!(blobs.put(b"output").expect("again"), digest);
        assert_eq!(blobs.get(&digest).expect("read"), Some(b"output".to_vec()));
        assert_eq!(blobs.get(&Blake3::of(b"other")).expect("read"), None);
        assert_eq!(list(folder.path()).expect("listed"), [digest]);
        let (part, name) = place(&digest);
        fs::write(folder.path().join(part).join(name), b"0utput").expect("changed");
        assert!(matches!(blobs.get(&digest), Err(Error::BlobDamaged(_))));
        blobs.put(b"output").expect("mended");
        assert_eq!(blobs.get(&digest).expect("read"), Some(b"output".to_vec()));
    }
}
