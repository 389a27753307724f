//! The real folder: segments on a file system, one process at a time, and durable small files.
//! Not for memory or faults (`memory`).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::store::{Store, StoreFile};

/// A folder on disk.
#[derive(Debug, Clone)]
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }
}

impl StoreFile for File {
    fn size(&self) -> io::Result<u64> {
        self.metadata().map(|m| m.len())
    }
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, at)
    }
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Store for Files {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string().ok());
            }
        }
        Ok(names)
    }
    fn open(&self, name: &str) -> io::Result<Arc<dyn StoreFile>> {
        // Offline readers may not have the right to write: then reading has to do.
        let path = self.folder.join(name);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
                ) =>
            {
                File::open(&path)?
            }
            other => other?,
        };
        Ok(Arc::new(file))
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn StoreFile>> {
        Ok(Arc::new(private().read(true).truncate(true).open(self.folder.join(name))?))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.folder.join(name))
    }
    fn sync_folder(&self) -> io::Result<()> {
        sync_folder(&self.folder)
    }
    fn place(&self) -> PathBuf {
        self.folder.clone()
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

/// Returns when the names in a folder are durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder (0700) and those above it.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(Error::io("make the folder", folder))
}

/// Writes a file so that it is there whole or not at all, and durable when this returns.
pub(super) fn write_durably(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = folder.join(name);
    // The process id keeps two writers of one content apart.
    let unfinished = folder.join(format!(".{name}.{}.unfinished", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = private().truncate(true).open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        sync_folder(folder)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&unfinished);
        Error::Io { doing: "write", path: path.clone(), source: e }
    })
}

/// Held as long as the process uses the journal.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or says that another process has it.
    pub fn take(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("lock");
        let file = private().open(&path).map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { path: folder.to_owned() }),
            Err(TryLockError::Error(source)) => Err(Error::Io { doing: "lock", path, source }),
        }
    }
}
