//! The hashes of the tree on disk: one file a tile level, 32 bytes a hash, so that every tile, whole or not, is a piece of
//! a file. A cache and nothing else: never synced, believed only as far as it hashes to itself, made anew from the
//! segments at any doubt. Not for mathematics (`merkle`) nor for what is published (`keeper`).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::error::Error;
use super::merkle::{Grower, Hash, Levels, TILE, TILE_HEIGHT};

/// Hashes that are read at once when the files are looked through.
const READ_AT_ONCE: usize = 64 * TILE;

/// See the module. One thread appends; any may read what was published.
pub(super) struct Files {
    folder: PathBuf,
    levels: RwLock<Vec<Arc<File>>>,
}

/// What was found on disk: the files, what grows them further, and the leaves in them.
pub(super) struct Found {
    pub files: Files,
    pub grower: Grower,
    pub size: u64,
}

impl Files {
    /// Opens the files of a folder, cut to what hashes to itself: the whole tiles of level 0 that fit those above.
    pub fn open(folder: &Path) -> Result<Found, Error> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(Error::io("make", folder))?;
        let files = Self { folder: folder.to_owned(), levels: RwLock::default() };
        let size = files.believable()?;
        let grower = files.cut(size)?;
        Ok(Found { files, grower, size })
    }

    /// The folder of the log.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, level: usize) -> PathBuf {
        self.folder.join(format!("level-{level}"))
    }

    fn file(&self, level: usize) -> Result<Arc<File>, Error> {
        let known = |levels: &Vec<Arc<File>>| levels.get(level).map(Arc::clone);
        if let Some(file) = known(&self.levels.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(file);
        }
        let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
        while levels.len() <= level {
            let path = self.path(levels.len());
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
            levels.push(Arc::new(file.map_err(Error::io("open", path))?));
        }
        Ok(Arc::clone(&levels[level]))
    }

    fn count(&self, level: usize) -> Result<u64, Error> {
        let bytes = self.file(level)?.metadata().map_err(Error::io("look at", self.path(level)))?.len();
        Ok(bytes / Hash::BYTES as u64)
    }

    /// How many leaves can be believed: the tree is grown from them once more, and every hash above must come out.
    fn believable(&self) -> Result<u64, Error> {
        let whole = self.count(0)? / TILE as u64 * TILE as u64;
        let (mut grower, mut size, mut good) = (Grower::default(), 0, whole);
        while size < good {
            let count = usize::try_from(good - size).unwrap_or(READ_AT_ONCE).min(READ_AT_ONCE);
            for leaf in self.hashes(0, size, count)? {
                let at = size;
                grower.push(leaf, &mut |level, hash| {
                    let span = (TILE as u64).pow(u32::try_from(level).unwrap_or(0));
                    let index = at / span;
                    let stored = || self.hashes(u32::try_from(level).unwrap_or(0), index, 1);
                    if level > 0 && stored().ok().as_deref() != Some(&[hash][..]) {
                        good = good.min(index * span);
                    }
                });
                size += 1;
            }
        }
        Ok(good)
    }

    /// Cuts the files to a size that is whole tiles of level 0, and gives what goes on from there.
    pub fn cut(&self, size: u64) -> Result<Grower, Error> {
        let mut open = Vec::new();
        for level in 0.. {
            let count = size >> (TILE_HEIGHT * level).min(63);
            if count == 0 && !self.path(level as usize).exists() {
                break;
            }
            let file = self.file(level as usize)?;
            let bytes = count * Hash::BYTES as u64;
            file.set_len(bytes).map_err(Error::io("cut", self.path(level as usize)))?;
            let width = usize::try_from(count % TILE as u64).unwrap_or(0);
            open.push(self.hashes(level, count - width as u64, width)?);
        }
        Ok(Grower::from(open))
    }

    /// Makes them durable. Only what no journal could make anew has to be.
    pub fn sync(&self) -> Result<(), Error> {
        for level in 0.. {
            let path = self.path(level);
            if !path.exists() {
                break;
            }
            self.file(level)?.sync_all().map_err(Error::io("sync", path))?;
        }
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(Error::io("sync", &self.folder))
    }

    /// Writes hashes of a level from `from` on.
    pub fn write(&self, level: usize, from: u64, hashes: &[Hash]) -> Result<(), Error> {
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
        let written = self.file(level)?.write_all_at(&bytes, from * Hash::BYTES as u64);
        written.map_err(Error::io("write", self.path(level)))
    }
}

impl Levels for Files {
    type Error = Error;
    fn hashes(&self, level: u32, from: u64, count: usize) -> Result<Vec<Hash>, Error> {
        let mut bytes = vec![0; count * Hash::BYTES];
        let read = self.file(level as usize)?.read_exact_at(&mut bytes, from * Hash::BYTES as u64);
        read.map_err(Error::io("read", self.path(level as usize)))?;
        Ok(bytes.chunks_exact(Hash::BYTES).filter_map(|hash| hash.try_into().ok().map(Hash)).collect())
    }
}

/// Writes a small file so that it is there whole or not at all.
pub(super) fn replace(path: &Path, bytes: &[u8], durably: bool) -> Result<(), Error> {
    let beside = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all_at(bytes, 0)?;
        if durably {
            file.sync_all()?;
        }
        fs::rename(&beside, path)?;
        match path.parent() {
            Some(folder) if durably => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    };
    write().map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::merkle::root;

    fn fill(found: &mut Found, upto: u64) {
        let mut counts: Vec<u64> = (0..4).map(|level| found.size >> (8 * level)).collect();
        for n in found.size..upto {
            let Found { files, grower, .. } = found;
            grower.push(Hash::of_leaf(&n.to_be_bytes()), &mut |level, hash| {
                files.write(level, counts[level], &[hash]).expect("written");
                counts[level] += 1;
            });
        }
        found.size = upto;
    }

    #[test]
    fn what_was_written_is_found_again_up_to_its_last_whole_tile() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut found = Files::open(folder.path()).expect("empty");
        assert_eq!(found.size, 0);
        fill(&mut found, 66_000);
        let before = root(&found.files, 66_000).expect("a root");
        let mut again = Files::open(folder.path()).expect("there");
        assert_eq!(again.size, 65_792);
        fill(&mut again, 66_000);
        assert_eq!(root(&again.files, 66_000).expect("a root"), before);
        assert_eq!(again.files.count(2).expect("a level"), 1);
    }

    #[test]
    fn a_flipped_bit_anywhere_costs_what_is_behind_it_and_is_never_believed() {
        for (level, at, left) in [(0, 300 * 32, 256), (0, 5, 0), (1, 3 * 32, 768), (2, 9, 0)] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut found = Files::open(folder.path()).expect("empty");
            fill(&mut found, 65_536);
            let whole = root(&found.files, 65_536).expect("a root");
            let path = folder.path().join(format!("level-{level}"));
            let mut bytes = std::fs::read(&path).expect("a level");
            bytes[at] ^= 4;
            std::fs::write(&path, bytes).expect("damaged");
            let mut again = Files::open(folder.path()).expect("there");
            assert_eq!(again.size, left, "level {level}, byte {at}");
            fill(&mut again, 65_536);
            assert_eq!(whole, root(&again.files, 65_536).expect("a root"));
        }
    }
}
