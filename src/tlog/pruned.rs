//! The tree of a pruned journal: over what was pruned only hashes are left. They are kept beside the journal as far as the
//! tree has to be grown from them, and in the tile levels as far as old proofs and heads need them.
//! Not for what may be pruned, nor for serving tiles (`log`).

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::levels::Files;
use super::merkle::{Frontier, Hash, Levels, TILE, root};
use crate::journal::{self, Base, KeptTree};

/// The tree over what was pruned, as the journal keeps it.
pub(super) fn frontier(base: &Base) -> Result<Frontier, journal::Error> {
    let wrong = || journal::Error::Damaged(base.damage("the log's tree that was kept cannot be read"));
    let subtrees: Option<Vec<Hash>> = base.tree.frontier.iter().map(|text| Hash::parse(text)).collect();
    subtrees.and_then(|subtrees| Frontier::of(base.minimum, subtrees)).ok_or_else(wrong)
}

/// Leaves from a size that is whole tiles up to the minimum, where they are kept.
pub(super) fn leaves(base: &Base, from: u64) -> Result<Vec<Hash>, Error> {
    let lost = || lost(base);
    let kept_from = base.minimum / TILE as u64 * TILE as u64;
    let kept: Option<Vec<Hash>> = base.tree.leaves.iter().map(|text| Hash::parse(text)).collect();
    let kept = kept.filter(|kept| kept.len() as u64 == base.minimum - kept_from).ok_or_else(lost)?;
    let skipped = from.checked_sub(kept_from).and_then(|n| usize::try_from(n).ok()).ok_or_else(lost)?;
    Ok(kept.get(skipped..).ok_or_else(lost)?.to_vec())
}

/// Said where the tile levels over what was pruned are not there any more.
pub(super) fn lost(base: &Base) -> Error {
    Error::Silent(format!(
        "its tree over the entries below {} is gone, and they were pruned: put state/tlog back from a backup, or bring the \
         entries back with `remediator journal restore --from-archive DIR`",
        base.minimum
    ))
}

/// What a journal has to keep of the tree over its first entries, gathered leaf by leaf.
#[derive(Debug, Clone, Default)]
pub struct Keeping {
    frontier: Frontier,
    leaves: Vec<Hash>,
}

impl Keeping {
    /// Over what was pruned before.
    pub fn above(base: &Base) -> Result<Self, Error> {
        let tail = base.minimum / TILE as u64 * TILE as u64;
        Ok(Self { frontier: frontier(base)?, leaves: leaves(base, tail)? })
    }
    /// Adds an entry.
    pub fn push(&mut self, entry: &[u8]) {
        let leaf = Hash::of_leaf(entry);
        self.frontier.push(leaf);
        self.leaves.push(leaf);
        if self.leaves.len() == TILE {
            self.leaves.clear();
        }
    }
    /// Entries so far.
    pub fn size(&self) -> u64 {
        self.frontier.size()
    }
    /// The root over them.
    pub fn root(&self) -> Hash {
        self.frontier.root()
    }
    /// As the journal keeps it.
    pub fn kept(&self) -> KeptTree {
        let text = |hashes: &[Hash]| hashes.iter().map(ToString::to_string).collect();
        KeptTree { frontier: text(self.frontier.subtrees()), leaves: text(&self.leaves) }
    }
}

/// Makes the tile levels of a log durable, once they hold what `keeping` is over: behind a prune nothing could make them
/// anew.
pub fn make_durable(folder: &Path, keeping: &Keeping) -> Result<(), Error> {
    let whole = keeping.size() / TILE as u64 * TILE as u64;
    let found = Files::open(folder)?;
    if found.size < whole {
        return Err(Error::Silent(format!(
            "its tree on disk reaches to entry {}, not to {whole}: start the daemon and stop it again",
            found.size
        )));
    }
    let below = root(&found.files, whole)?;
    let mut again = Frontier::default();
    if whole > 0 {
        // The subtrees over whole tiles are the first of those over all of it.
        let first = keeping.frontier.subtrees().iter().copied().take(whole.count_ones() as usize).collect();
        again = Frontier::of(whole, first).unwrap_or_default();
    }
    if again.root() != below {
        return Err(Error::Silent(
            "its tree on disk is not this journal's: remove state/tlog/level-*".into(),
        ));
    }
    found.files.sync()
}

/// The tile levels on disk, only read.
pub struct Stored(PathBuf);

impl Stored {
    /// Beside a home, a state folder, a journal folder or an export; none where they are not.
    pub fn beside(folder: &Path) -> Option<Self> {
        let places = [folder.join("state/tlog"), folder.join("tlog"), folder.join("../tlog")];
        places.into_iter().find(|place| place.join("level-0").is_file()).map(Self)
    }
}

impl Levels for Stored {
    type Error = Error;
    fn hashes(&self, level: u32, from: u64, count: usize) -> Result<Vec<Hash>, Error> {
        let path = self.0.join(format!("level-{level}"));
        let mut bytes = vec![0; count * Hash::BYTES];
        let read =
            File::open(&path).and_then(|file| file.read_exact_at(&mut bytes, from * Hash::BYTES as u64));
        read.map_err(Error::io("read", path))?;
        Ok(bytes.chunks_exact(Hash::BYTES).filter_map(|hash| hash.try_into().ok().map(Hash)).collect())
    }
}
