//! Proofs that an entry is in a log, as text: c2sp.org/tlog-proof@v1. Text in, text out, and the one check of it.
//! Not for whose checkpoint is believed (`policy`).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::checkpoint::{Checkpoint, decimal};
use super::merkle::{Hash, is_included};
use super::note::{Malformed, Note};
use crate::base::limits::{LINE_BYTES_MAX, NOTE_BYTES_MAX};

/// The first line.
const FIRST: &str = "c2sp.org/tlog-proof@v1";
/// The longest path that a tree of 2^64 leaves has.
pub const PATH_MAX: usize = 63;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Ours: the entry itself, when whoever asked wanted it in the proof. It proves nothing before it is hashed.
    pub extra: Option<Vec<u8>>,
    /// Its index: the seq of the entry.
    pub index: u64,
    /// From the leaf's sibling upwards.
    pub path: Vec<Hash>,
    /// The signed checkpoint.
    pub note: Note,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}

impl Proof {
    /// Reads a proof.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > 2 * LINE_BYTES_MAX + NOTE_BYTES_MAX {
            return Err(Malformed("the proof is longer than any can be"));
        }
        let (head, note) = text.split_once("\n\n").ok_or(Malformed("the proof has no checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST) {
            return Err(Malformed("the first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra "));
        let extra = extra.map(|line| STANDARD.decode(&line["extra ".len()..])).transpose();
        let extra = extra.map_err(|_| Malformed("the extra data is not padded standard base64"))?;
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?));
        let index = index.ok_or(Malformed("the proof names no index"))?;
        let path = lines.map(Hash::parse).collect::<Option<Vec<Hash>>>();
        let path = path
            .filter(|path| path.len() <= PATH_MAX)
            .ok_or(Malformed("the proof's path is no list of hashes"))?;
        Ok(Self { extra, index, path, note: Note::parse(note)? })
    }

    /// What its checkpoint says. Who signed it is not asked here.
    pub fn checkpoint(&self) -> Result<Checkpoint, Malformed> {
        Checkpoint::parse(&self.note.text)
    }

    /// Whether it shows that these bytes are the entry at its index under its checkpoint.
    pub fn shows(&self, entry: &[u8]) -> bool {
        self.checkpoint().is_ok_and(|head| {
            is_included(&Hash::of_leaf(entry), self.index, head.size, &self.path, &head.root)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::sign::JournalKey;
    use crate::tlog::merkle::{InMemory, inclusion, root};

    fn proof() -> Proof {
        let mut tree = InMemory::default();
        (0..300_u64).for_each(|n| tree.push(Hash::of_leaf(&n.to_be_bytes())));
        let root = root(&tree, 300).expect("a root");
        let note =
            Checkpoint { origin: "log".into(), size: 300, root }.signed(&JournalKey::from_seed(&[1; 32]), 1);
        Proof { extra: None, index: 290, path: inclusion(&tree, 290, 300).expect("a path"), note }
    }

    #[test]
    fn a_proof_reads_what_it_writes_and_shows_its_entry_only() {
        let entry = 290_u64.to_be_bytes();
        for extra in [None, Some(entry.to_vec()), Some(Vec::new())] {
            let proof = Proof { extra, ..proof() };
            assert_eq!(Proof::parse(&proof.to_string()), Ok(proof.clone()));
            assert!(proof.shows(&entry) && !proof.shows(&291_u64.to_be_bytes()));
            assert!(!Proof { index: 291, ..proof }.shows(&entry));
        }
        let alone = Proof { path: Vec::new(), index: 0, ..proof() };
        assert_eq!(Proof::parse(&alone.to_string()), Ok(alone));
    }

    #[test]
    fn what_is_no_proof_is_refused() {
        let good = proof().to_string();
        for bad in [
            "",
            &good[1..],
            &good.replace("@v1", "@v2"),
            &good.replace("index 290", "index 0290"),
            &good.replace("index", "Index"),
            &good.replace("index 290", "index 290\nx"),
            &good.replace("index 290", "extra =\nindex 290"),
            &good.replace("\n\n", "\n"),
            &good.replace(
                "index 290",
                &format!("index 290{}", format!("\n{}", Hash::of_nothing()).repeat(64)),
            ),
        ] {
            assert!(Proof::parse(bad).is_err(), "{bad:?}");
        }
    }
}
