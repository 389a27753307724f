//! The tree of a journal that no daemon serves: read once from its segments or an export. Not for whether its chain holds
//! (`journal::verify`) nor for what follows from what is found (`judge`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use super::checkpoint::{LogKey, origin_of, possession_statement};
use super::error::Error;
use super::merkle::{Frontier, Hash, InMemory, inclusion};
use super::note::Note;
use super::proof::Proof;
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
    let mut tree = Frontier::default();
    let (mut roots, mut found, mut keys) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
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
    Ok(Journal { size: tree.size(), root: tree.root(), roots, entries: found, keys })
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

/// The tree of the first `size` entries, with all its hashes.
pub fn tree(folder: &Path, size: u64) -> Result<InMemory, journal::Error> {
    let mut tree = InMemory::default();
    read_offline(folder)?.lines(None, &mut |line| {
        if line.seq >= size {
            return ControlFlow::Break(());
        }
        tree.push(Hash::of_leaf(line.as_str().as_bytes()));
        ControlFlow::Continue(())
    })?;
    Ok(tree)
}

/// The proof of an entry under a checkpoint of this journal, without a daemon.
pub fn prove(folder: &Path, seq: u64, note: Note, with_entry: bool) -> Result<Proof, Error> {
    let missing = || Error::NotThere(format!("entry {seq}"));
    let head = super::checkpoint::Checkpoint::parse(&note.text).map_err(|e| Error::Silent(e.to_string()))?;
    let (mut tree, mut entry) = (InMemory::default(), None);
    read_offline(folder)?.lines(None, &mut |line| {
        if line.seq >= head.size {
            return ControlFlow::Break(());
        }
        let bytes = line.as_str().as_bytes();
        tree.push(Hash::of_leaf(bytes));
        if line.seq == seq {
            entry = Some(bytes.to_vec());
        }
        ControlFlow::Continue(())
    })?;
    let entry = entry.ok_or_else(missing)?;
    let path = inclusion(&tree, seq, head.size).map_err(|_| missing())?;
    let proof = Proof { extra: with_entry.then(|| entry.clone()), index: seq, path, note };
    match proof.shows(&entry) {
        true => Ok(proof),
        false => Err(Error::Silent("the checkpoint is not one of this journal".into())),
    }
}
