//! What a log asks of a witness (c2sp.org/tlog-witness, `add-checkpoint`), and what a witness answers to it: read,
//! judged against what it cosigned last, all of it pure. Not for keeping that (`witness`).

use super::checkpoint::{Checkpoint, LogKey, decimal};
use super::merkle::{Hash, is_consistent};
use super::note::{Malformed, Note, Verdict};
use super::proof::PATH_MAX;

/// A request, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the tree that the log believes the witness to have cosigned last.
    pub old: u64,
    /// Shows that it is the beginning of the new one.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub note: Note,
    /// What it says.
    pub head: Checkpoint,
}

/// What a witness cosigned last for a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Size of the tree.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Why a witness does not cosign. What each means in HTTP is the protocol's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400.
    #[error("the request is no add-checkpoint request: {0}")]
    Malformed(#[from] Malformed),
    /// 400.
    #[error("the old size {old} is larger than the checkpoint's {new}")]
    OldLarger {
        /// As it was sent.
        old: u64,
        /// The checkpoint's.
        new: u64,
    },
    /// 404.
    #[error("this witness does not know a log of that origin")]
    UnknownLog,
    /// 403.
    #[error("the log's signature is not on the checkpoint")]
    NotSigned,
    /// 409, and the size is the answer.
    #[error("this witness cosigned the size {0} last")]
    OtherSize(u64),
    /// 409: two heads of one size. The log shows different trees to different people.
    #[error("this witness cosigned another root of the size {0}")]
    OtherRoot(u64),
    /// 422.
    #[error("the proof does not show that the tree cosigned last is the beginning of this one")]
    Inconsistent,
}

impl AddCheckpoint {
    /// Reads the body of a request.
    pub fn parse(body: &str) -> Result<Self, Refusal> {
        let (head, note) =
            body.split_once("\n\n").ok_or(Malformed("no blank line stands before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| decimal(line.strip_prefix("old ")?));
        let old = old.ok_or(Malformed("the first line is not `old SIZE`"))?;
        let proof = lines.map(Hash::parse).collect::<Option<Vec<Hash>>>();
        let proof = proof.filter(|proof| proof.len() <= PATH_MAX);
        let proof = proof.ok_or(Malformed("the proof is not up to 63 lines with a hash each"))?;
        let note = Note::parse(note)?;
        let head = Checkpoint::parse(&note.text)?;
        if old > head.size {
            return Err(Refusal::OldLarger { old, new: head.size });
        }
        Ok(Self { old, proof, note, head })
    }

    /// As it is sent.
    pub fn body(&self) -> String {
        let proof: String = self.proof.iter().map(|hash| format!("{hash}\n")).collect();
        format!("old {}\n{proof}\n{}", self.old, self.note)
    }

    /// Whether a witness may cosign it that knows these logs and cosigned `seen` last; in the order that the protocol has.
    pub fn judge(&self, logs: &[LogKey], seen: Option<Seen>) -> Result<Seen, Refusal> {
        let of_origin: Vec<&LogKey> = logs.iter().filter(|log| log.origin == self.head.origin).collect();
        if of_origin.is_empty() {
            return Err(Refusal::UnknownLog);
        }
        let verdicts: Vec<Verdict> = of_origin.iter().map(|log| log.judge(&self.note).0).collect();
        if verdicts.contains(&Verdict::Wrong) || !verdicts.iter().any(|v| matches!(v, Verdict::Holds(_))) {
            return Err(Refusal::NotSigned);
        }
        let last = seen.unwrap_or(Seen { size: 0, root: Hash::of_nothing() });
        if self.old != last.size {
            return Err(Refusal::OtherSize(last.size));
        }
        let new = Seen { size: self.head.size, root: self.head.root };
        if new.size == last.size && new.root != last.root {
            return Err(if seen.is_some() { Refusal::OtherRoot(last.size) } else { Refusal::Inconsistent });
        }
        match is_consistent(last.size, &last.root, new.size, &new.root, &self.proof) {
            true => Ok(new),
            false => Err(Refusal::Inconsistent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::sign::JournalKey;
    use crate::tlog::merkle::{InMemory, consistency, root};

    fn key() -> JournalKey {
        JournalKey::from_seed(&[3; 32])
    }

    fn tree() -> InMemory {
        let mut tree = InMemory::default();
        (0..40_u64).for_each(|n| tree.push(Hash::of_leaf(&n.to_be_bytes())));
        tree
    }

    fn seen(size: u64) -> Seen {
        Seen { size, root: root(&tree(), size).expect("a root") }
    }

    fn asked(old: u64, new: u64) -> AddCheckpoint {
        let Seen { size, root } = seen(new);
        let head = Checkpoint { origin: "log".into(), size, root };
        let proof = consistency(&tree(), old.min(new), new).expect("a proof");
        AddCheckpoint { old, proof, note: head.signed(&key(), 5), head }
    }

    fn logs() -> Vec<LogKey> {
        vec![LogKey { origin: "log".into(), key: key().public() }]
    }

    #[test]
    fn a_request_reads_what_it_writes() {
        for (old, new) in [(0, 0), (0, 7), (7, 7), (7, 40)] {
            let request = asked(old, new);
            assert_eq!(AddCheckpoint::parse(&request.body()), Ok(request));
        }
        let good = asked(7, 40).body();
        for bad in [
            "",
            &good[1..],
            &good.replace("old 7", "old 07"),
            &good.replace("old 7", "old 7\n"),
            &good.replace('=', ""),
        ] {
            assert!(matches!(AddCheckpoint::parse(bad), Err(Refusal::Malformed(_))), "{bad}");
        }
        let larger = good.replace("old 7", "old 41");
        assert_eq!(AddCheckpoint::parse(&larger), Err(Refusal::OldLarger { old: 41, new: 40 }));
    }

    #[test]
    fn a_witness_goes_forward_only_and_along_one_tree() {
        let logs = logs();
        assert_eq!(asked(0, 7).judge(&logs, None), Ok(seen(7)));
        assert_eq!(asked(7, 40).judge(&logs, Some(seen(7))), Ok(seen(40)));
        assert_eq!(asked(40, 40).judge(&logs, Some(seen(40))), Ok(seen(40)));
        assert_eq!(asked(0, 40).judge(&logs, Some(seen(7))), Err(Refusal::OtherSize(7)));
        assert_eq!(asked(7, 7).judge(&logs, Some(seen(40))), Err(Refusal::OtherSize(40)));
        let other = Seen { root: Hash::of_leaf(b"other"), ..seen(7) };
        assert_eq!(asked(7, 7).judge(&logs, Some(other)), Err(Refusal::OtherRoot(7)));
        assert_eq!(asked(7, 40).judge(&logs, Some(other)), Err(Refusal::Inconsistent));
        let mut short = asked(7, 40);
        short.proof.pop();
        assert_eq!(short.judge(&logs, Some(seen(7))), Err(Refusal::Inconsistent));
        let proof = vec![Hash::of_nothing()];
        assert_eq!(AddCheckpoint { proof, ..asked(0, 7) }.judge(&logs, None), Err(Refusal::Inconsistent));
    }

    #[test]
    fn only_a_known_log_is_heard() {
        assert_eq!(asked(0, 7).judge(&[], None), Err(Refusal::UnknownLog));
        let other = vec![LogKey { origin: "log".into(), key: JournalKey::from_seed(&[4; 32]).public() }];
        assert_eq!(asked(0, 7).judge(&other, None), Err(Refusal::NotSigned));
        assert_eq!(asked(0, 7).judge(&[other, logs()].concat(), None), Ok(seen(7)));
        let mut forged = asked(0, 7);
        forged.note.signatures[0].bytes[3] ^= 1;
        assert_eq!(forged.judge(&logs(), None), Err(Refusal::NotSigned));
        // Not signed is said before how far the witness is.
        assert_eq!(forged.judge(&logs(), Some(seen(40))), Err(Refusal::NotSigned));
    }
}
