//! The tree of a journal that no daemon serves: read once from its segments or an export. Not for whether its chain holds
//! (`journal::verify`) nor for what follows from what is found (`judge`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use super::checkpoint::{LogKey, origin_of, possession_statement};
use super::error::Error;
use super::merkle::{Frontier, Hash, InMemory, Levels, inclusion, root};
use super::note::Note;
use super::proof::Proof;
use super::pruned::{self, Stored};
use crate::base::digest::Blake3;
use crate::base::ids::NodeId;
use crate::base::sign::parse_signature;
use crate::event::log::LogNamed;
use crate::event::{Event, Kind as _};
use crate::journal::{self, LineRef, read_offline};

/// What a journal says of itself as a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// Entries that were read: those that are known to be durable.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// Roots at the sizes that were asked for, where it has so many entries.
    pub roots: BTreeMap<u64, Hash>,
    /// Entries that were asked for, where it has them.
    pub entries: BTreeMap<u64, Vec<u8>>,
    /// The first entry that it has: those below were pruned.
    pub minimum: u64,
    /// The keys that it names as its log's, the one in force last.
    pub keys: Vec<LogKey>,
}

/// Reads a home, a state folder, a journal folder or an export, as far as `upto` entries.
pub fn read(
    folder: &Path,
    upto: u64,
    sizes: &BTreeSet<u64>,
    entries: &BTreeSet<u64>,
) -> Result<Journal, journal::Error> {
    let offline = read_offline(folder)?;
    let upto = offline.durable().map_or(upto, |seq| upto.min(seq.saturating_add(1)));
    let (node, genesis) = (offline.genesis().node, offline.genesis_hash());
    let mut tree = offline.base().map(pruned::frontier).transpose()?.unwrap_or_default();
    let (mut roots, mut found, mut keys) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    if let Some(base) = offline.base() {
        keys.extend(base.kept().filter_map(|line| named(&line, node, &genesis)));
        roots.extend(roots_below(folder, &tree, sizes));
    }
    let mut look = |tree: &Frontier| {
        if sizes.contains(&tree.size()) {
            roots.insert(tree.size(), tree.root());
        }
    };
    look(&tree);
    offline.lines(None, &mut |line| {
        if line.seq >= upto {
            return ControlFlow::Break(());
        }
        let bytes = line.as_str().as_bytes();
        tree.push(Hash::of_leaf(bytes));
        look(&tree);
        if entries.contains(&line.seq) {
            found.insert(line.seq, bytes.to_vec());
        }
        keys.extend(named(line, node, &genesis));
        ControlFlow::Continue(())
    })?;
    let minimum = offline.minimum();
    Ok(Journal { size: tree.size(), root: tree.root(), roots, entries: found, minimum, keys })
}

/// Roots at sizes below the minimum of a pruned journal, from the tile levels beside it, where these are of its tree.
fn roots_below(folder: &Path, below: &Frontier, sizes: &BTreeSet<u64>) -> BTreeMap<u64, Hash> {
    let stored = Stored::beside(folder)
        .filter(|stored| root(stored, below.size()).is_ok_and(|root| root == below.root()));
    let Some(stored) = stored else { return BTreeMap::new() };
    let sizes = sizes.range(..below.size()).filter(|size| **size > 0);
    sizes.filter_map(|size| Some((*size, root(&stored, *size).ok()?))).collect()
}

/// The log's key that an entry names, when it is this journal's log and the key was at hand.
fn named(line: &LineRef<'_>, node: NodeId, genesis: &Blake3) -> Option<LogKey> {
    if line.kind != LogNamed::KIND {
        return None;
    }
    let Event::LogNamed(LogNamed { origin, public_key, possession }) = line.record().ok()?.event else {
        return None;
    };
    let statement = possession_statement(node, &origin, &public_key.to_string());
    let shown = public_key.verify(statement.as_bytes(), &parse_signature(&possession)?);
    let ours = origin == origin_of(node, genesis) && !public_key.as_dalek().is_weak();
    (shown && ours).then_some(LogKey { origin, key: public_key })
}

/// A tree with all its hashes.
pub enum Tree {
    /// Grown from the entries.
    Grown(InMemory),
    /// Of a pruned journal: the tile levels beside it.
    Stored(Stored),
}

impl Levels for Tree {
    type Error = Error;
    fn hashes(&self, level: u32, from: u64, count: usize) -> Result<Vec<Hash>, Error> {
        match self {
            Self::Grown(tree) => tree
                .hashes(level, from, count)
                .map_err(|_| Error::NotThere(format!("a hash of level {level}"))),
            Self::Stored(stored) => stored.hashes(level, from, count),
        }
    }
}

/// The tree of the first `size` entries, with all its hashes.
pub fn tree(folder: &Path, size: u64) -> Result<Tree, Error> {
    let mut tree = InMemory::default();
    let offline = read_offline(folder)?;
    if let Some(base) = offline.base() {
        return Stored::beside(folder).map(Tree::Stored).ok_or_else(|| pruned::lost(base));
    }
    offline.lines(None, &mut |line| {
        if line.seq >= size {
            return ControlFlow::Break(());
        }
        tree.push(Hash::of_leaf(line.as_str().as_bytes()));
        ControlFlow::Continue(())
    })?;
    Ok(Tree::Grown(tree))
}

/// The proof of an entry under a checkpoint of this journal, without a daemon.
pub fn prove(folder: &Path, seq: u64, note: Note, with_entry: bool) -> Result<Proof, Error> {
    let missing = || Error::NotThere(format!("entry {seq}"));
    let head = super::checkpoint::Checkpoint::parse(&note.text).map_err(|e| Error::Silent(e.to_string()))?;
    let (mut tree, mut entry, mut above) = (InMemory::default(), None, false);
    let offline = read_offline(folder)?;
    if seq < offline.minimum() {
        return Err(Error::Pruned(format!("entry {seq}")));
    }
    offline.lines(None, &mut |line| {
        if line.seq >= head.size {
            above |= line.seq == seq;
            return if line.seq < seq { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        }
        let bytes = line.as_str().as_bytes();
        tree.push(Hash::of_leaf(bytes));
        if line.seq == seq {
            entry = Some(bytes.to_vec());
        }
        ControlFlow::Continue(())
    })?;
    if above {
        return Err(Error::NotYet { retry_after_s: 1 });
    }
    let entry = entry.ok_or_else(missing)?;
    let path = match offline.base() {
        // Hashes of what was pruned are in the tile levels only.
        Some(base) => {
            let stored = Stored::beside(folder).ok_or_else(|| pruned::lost(base))?;
            inclusion(&stored, seq, head.size)?
        }
        None => inclusion(&tree, seq, head.size).map_err(|_| missing())?,
    };
    let proof = Proof { extra: with_entry.then(|| entry.clone()), index: seq, path, note };
    match proof.shows(&entry) {
        true => Ok(proof),
        false => Err(Error::Silent("the checkpoint is not one of this journal".into())),
    }
}
