//! The seam below the segments: a flat folder of files that can be written, synced, renamed.
//! `files` is the real one, `memory` the one that loses power and fails on command. Blobs and sled are not here.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// One open file of the folder.
pub trait StoreFile: Send + Sync {
    /// Bytes in the file.
    fn size(&self) -> io::Result<u64>;
    /// Reads as much as is there, up to the buffer's length.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all of `bytes`.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Cuts or extends the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Returns when the content is durable.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of files.
pub trait Store: Send + Sync {
    /// Names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Opens a file that is there.
    fn open(&self, name: &str) -> io::Result<Arc<dyn StoreFile>>;
    /// Makes an empty file, in place of one of that name.
    fn create(&self, name: &str) -> io::Result<Arc<dyn StoreFile>>;
    /// Renames, replacing what was there.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Returns when names are durable.
    fn sync_folder(&self) -> io::Result<()>;
    /// Where this is, for messages.
    fn place(&self) -> PathBuf;
}

/// Reads a whole file.
pub(super) fn read_all(file: &dyn StoreFile) -> io::Result<Vec<u8>> {
    let len = usize::try_from(file.size()?).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; len];
    let read = read_full(file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Reads until the buffer is full or the file ends.
pub(super) fn read_full(file: &dyn StoreFile, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], at + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}
