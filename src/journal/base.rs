//! What is kept from below the minimum of a pruned journal: the file `base` beside the segments. It says which hash the
//! first kept entry follows, and holds the few older lines that verification needs. Believed because a signed entry
//! above the minimum (`journal.pruned`) says the same.
//! Not for taking entries out (`prune`) nor for what was taken out (`archive`).

use serde::{Deserialize, Serialize};

use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::Seq;
use crate::event::journal::{Genesis, KeyRotated, Pruned};
use crate::event::log::LogNamed;
use crate::event::{Event, Kind as _};

use super::durable::Head;
use super::error::{Damage, Error};
use super::export::ExportedKey;
use super::line::LineRef;
use super::store::{Store, read_all};
use super::walk::rotation_holds;

/// Name of the file.
pub(super) const NAME: &str = "base";
/// Version of the file.
const V: u32 = crate::base::formats::BASE;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// Version of this file.
    pub v: u32,
    /// The first entry that the segments hold.
    pub minimum: Seq,
    /// Chain hash of the entry before it.
    pub hash: Blake3,
    /// The entry that says so: a `journal.pruned` at or above the minimum.
    pub entry: Seq,
    /// Stored lines from below, in order: genesis, every change of key, every name of the log.
    pub lines: Vec<String>,
    /// The state after the entry before the minimum, a blob …
    pub state: Blake3,
    /// … and the version of the fold that made it.
    pub fold_version: u32,
    /// Digest of the manifest of the archive that holds what is below.
    pub archive: FileDigest,
    /// Where that archive was, for people.
    pub place: String,
    /// The transparency log's tree over the entries below.
    pub tree: KeptTree,
}

/// What a tree over the pruned entries needs to be grown further. Whoever uses it compares roots with a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptTree {
    /// Roots of the perfect subtrees over all of them, the largest first; padded base64 of SHA-256 hashes.
    pub frontier: Vec<String>,
    /// Hashes of the leaves behind the last whole tile (256 leaves).
    pub leaves: Vec<String>,
}

/// Kinds whose lines are kept.
pub(super) fn is_kept(kind: &str) -> bool {
    matches!(kind, Genesis::KIND | KeyRotated::KIND | LogNamed::KIND)
}

impl Base {
    /// The base of a folder, when there is one that can be read.
    pub(super) fn read(store: &dyn Store) -> Option<Self> {
        let bytes = read_all(&*store.open(NAME).ok()?).ok()?;
        let base: Self = serde_json::from_slice(&bytes).ok()?;
        (base.v == V && base.minimum > 0 && base.entry >= base.minimum).then_some(base)
    }

    /// As `pruned`, which stands at `entry`, says it.
    pub(super) fn of(pruned: &Pruned, entry: Seq, lines: Vec<String>, tree: KeptTree) -> Self {
        Self {
            v: V,
            minimum: pruned.minimum,
            hash: pruned.hash,
            entry,
            lines,
            state: pruned.state,
            fold_version: pruned.fold_version,
            archive: pruned.archive,
            place: pruned.place.clone(),
            tree,
        }
    }

    /// The bytes of the file.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The last entry that is not here any more.
    pub(super) fn head(&self) -> Head {
        Head { seq: self.minimum - 1, hash: self.hash }
    }

    /// The lines that are kept, parsed; those that are none are left out.
    pub fn kept(&self) -> impl Iterator<Item = LineRef<'_>> {
        self.lines.iter().filter_map(|line| LineRef::parse(line.as_bytes()).ok())
    }

    /// The genesis entry and its chain hash, when it is signed with its own key.
    pub(super) fn genesis(&self) -> Option<(Genesis, Blake3)> {
        let line = self.kept().next()?;
        let Event::Genesis(genesis) = line.record().ok()?.event else { return None };
        (line.seq == 0 && line.verify(&genesis.public_key)).then(|| (genesis, line.chain_hash()))
    }

    /// The keys that signed what is below, and the one in force at the minimum; each was brought in by the one before.
    pub(super) fn keys(&self) -> Result<Vec<ExportedKey>, &'static str> {
        let (genesis, _) = self.genesis().ok_or("the genesis entry that was kept cannot be read")?;
        let (mut next, node) = (1, genesis.node);
        let mut keys =
            vec![ExportedKey { id: genesis.public_key.id(), public_key: genesis.public_key, from: 0 }];
        for text in &self.lines[1..] {
            let line = LineRef::parse(text.as_bytes()).map_err(|_| "a line that was kept cannot be read")?;
            let key = keys.last().map(|key| key.public_key.clone()).ok_or("no key is known")?;
            if line.seq < next || line.seq >= self.minimum || line.node != node || !line.verify(&key) {
                return Err("a line that was kept is not what was signed");
            }
            next = line.seq + 1;
            if let Ok(Event::KeyRotated(rotated)) = line.record().map(|record| record.event) {
                if !rotation_holds(&line, &rotated) {
                    return Err("a key rotation that was kept does not hold");
                }
                let public_key = rotated.public_key;
                keys.push(ExportedKey { id: public_key.id(), public_key, from: next });
            }
        }
        Ok(keys)
    }

    /// Whether an entry says what this file says.
    pub(super) fn is_said_by(&self, seq: Seq, pruned: &Pruned) -> bool {
        seq == self.entry
            && pruned.minimum == self.minimum
            && pruned.hash == self.hash
            && pruned.state == self.state
            && pruned.fold_version == self.fold_version
            && pruned.kept == digest_of(&self.lines)
    }

    /// Said when the state cannot be used, with what makes it anew.
    pub fn no_state(&self, why: impl Into<String>) -> Error {
        let (last, place) = (self.minimum - 1, &self.place);
        let archive =
            format!("what ends with entry {last} was pruned to {place} (manifest {})", self.archive);
        Error::NoState { minimum: self.minimum, why: why.into(), archive }
    }

    /// What is wrong with this file, as a place in the journal.
    pub fn damage(&self, what: &str) -> Damage {
        Damage { seq: self.minimum, file: NAME.to_owned(), byte: 0, what: what.to_owned() }
    }
}

/// Said of a base that no entry confirms.
pub(super) const NOT_SAID: &str = "no signed entry says that the journal was pruned to here";

/// BLAKE3 of lines, each with its LF.
pub(super) fn digest_of(lines: &[String]) -> Blake3 {
    let mut hasher = blake3::Hasher::new();
    for line in lines {
        hasher.update(line.as_bytes()).update(b"\n");
    }
    Blake3::from_bytes(*hasher.finalize().as_bytes())
}
