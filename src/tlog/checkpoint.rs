//! Checkpoints (c2sp.org/tlog-checkpoint): which log, how large, which root; and the note that signs one. Also why no
//! line of a journal can be passed off as one, nor one as a line.
//! Not for where the root comes from (`merkle`) nor for when one is made (`keeper`).

use std::fmt;

use super::merkle::Hash;
use super::note::{Kind, Malformed, Note, Verdict, Verifier, cosign, is_name, sign};
use crate::base::digest::Blake3;
use crate::base::ids::NodeId;
use crate::base::sign::{JournalKey, PublicKey};

/// A signed head: what a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Leaves of its tree.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}

impl Checkpoint {
    /// Reads a note's text. Lines behind the third are extensions: others may write them, we give them no meaning.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let lines = text.strip_suffix('\n').ok_or(Malformed("the checkpoint does not end with a line"))?;
        let mut lines = lines.split('\n');
        let mut next = || lines.next().filter(|line| !line.is_empty());
        let origin = next().ok_or(Malformed("the checkpoint names no log"))?.to_owned();
        let size =
            next().and_then(decimal).ok_or(Malformed("the checkpoint's second line is no tree size"))?;
        let root =
            next().and_then(Hash::parse).ok_or(Malformed("the checkpoint's third line is no root hash"))?;
        if lines.any(str::is_empty) {
            return Err(Malformed("the checkpoint has an empty line"));
        }
        Ok(Self { origin, size, root })
    }

    /// Signs it as its log does: a plain signature for everybody, and a timestamped one of the same key that says that
    /// at this time (Unix seconds) it was the newest head. The second is what a heartbeat renews.
    pub fn signed(&self, key: &JournalKey, time: u64) -> Note {
        let text = self.to_string();
        let signatures = vec![sign(&self.origin, key, &text), cosign(&self.origin, key, &text, time)];
        Note { text, signatures }
    }
}

/// A number as checkpoints write it: digits, none of them a zero in front.
pub fn decimal(text: &str) -> Option<u64> {
    let number = text.parse::<u64>().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The log of a journal: its name and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// Name of the log and of its key.
    pub origin: String,
    /// The key.
    pub key: PublicKey,
}

impl LogKey {
    /// The key of its plain signature: what others pin.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(&self.origin, Kind::Plain, self.key.clone())
    }
    /// The key of its timestamped signature.
    pub fn timed(&self) -> Verifier {
        Verifier::new(&self.origin, Kind::Timestamped, self.key.clone())
    }
    /// Of a verifier that a policy names; none when it is not a log's.
    pub fn of(verifier: &Verifier) -> Option<Self> {
        (verifier.kind == Kind::Plain)
            .then(|| Self { origin: verifier.name.clone(), key: verifier.key.clone() })
    }
    /// What this log says about a note: whether it signed, and when it last called this its newest head.
    pub fn judge(&self, note: &Note) -> (Verdict, Option<u64>) {
        match (self.verifier().verify(note), self.timed().verify(note)) {
            (Verdict::Holds(_), Verdict::Wrong) => (Verdict::Wrong, None),
            (plain, Verdict::Holds(time)) => (plain, time),
            (plain, _) => (plain, None),
        }
    }
}

/// Name of the log of a journal: of this machine and this genesis, so that a journal that was forked is another log.
/// `.internal` is nobody's on the public network.
pub fn origin_of(node: NodeId, genesis: &Blake3) -> String {
    let genesis = genesis.to_string();
    format!("{node}.remediator.internal/{}", &genesis[..16])
}

/// What the log's key signs to show that whoever names it in the journal has it.
pub fn possession_statement(node: NodeId, origin: &str, public_key: &str) -> String {
    format!("remediator log key v1\n{node}\n{origin}\n{public_key}\n")
}

/// Whether this may be a log's name here.
pub fn is_origin(origin: &str) -> bool {
    is_name(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "example.com/log".into(), size: 17, root: Hash::of_leaf(b"x") }
    }

    fn key() -> JournalKey {
        JournalKey::from_seed(&[5; 32])
    }

    #[test]
    fn a_checkpoint_reads_what_it_writes_and_others_extensions() {
        let text = checkpoint().to_string();
        assert_eq!(Checkpoint::parse(&text), Ok(checkpoint()));
        assert_eq!(Checkpoint::parse(&format!("{text}something more\n")), Ok(checkpoint()));
        for bad in [
            "",
            "\n",
            text.trim_end(),
            &text.replace("17", "017"),
            &text.replace("17", "+17"),
            &text.replace("17", "-1"),
            &text.replace("17", ""),
            &text.replace("=\n", "\n"),
            &format!("{text}\n"),
            &format!("{text}\nx\n"),
            "a\n0\n",
        ] {
            assert!(Checkpoint::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_log_says_when_it_last_called_a_head_its_newest() {
        let log = LogKey { origin: "example.com/log".into(), key: key().public() };
        let mut note = checkpoint().signed(&key(), 99);
        assert_eq!(log.judge(&note), (Verdict::Holds(None), Some(99)));
        note.signatures[1].bytes[70] ^= 1;
        assert_eq!(log.judge(&note).0, Verdict::Wrong);
        note.signatures.pop();
        assert_eq!(log.judge(&note), (Verdict::Holds(None), None));
        let other = LogKey { key: JournalKey::from_seed(&[6; 32]).public(), ..log };
        assert_eq!(other.judge(&note), (Verdict::Absent, None));
    }

    /// The bytes that are signed for a line of a journal are one JSON object, which begins with `{` and holds no LF. All
    /// that is signed for the log holds LFs and begins otherwise. So no signature of the one is one of the other, even if
    /// both had one key.
    #[test]
    fn nothing_that_is_signed_for_the_log_can_be_a_line_of_a_journal() {
        let node = NodeId(uuid::Uuid::from_u128(7));
        let origin = origin_of(node, &Blake3::of(b"g"));
        assert!(is_origin(&origin));
        let note = Checkpoint { origin: origin.clone(), ..checkpoint() }.signed(&key(), 7);
        let timed = format!("cosignature/v1\ntime 7\n{}", note.text);
        let possession = possession_statement(node, &origin, &key().public().to_string());
        for text in [&note.text, &timed, &possession] {
            assert!(text.contains('\n') && !text.starts_with('{'), "{text}");
            let signed = text.as_bytes();
            assert!(crate::journal::LineRef::parse(signed).is_err());
        }
        // Nor is the one that shows possession of the key a checkpoint, or what a witness signs.
        assert!(Checkpoint::parse(&possession).is_err() && !possession.starts_with("cosignature/"));
        let line = format!(r#"{{"v":1,"seq":0,"sig":"{}"}}"#, "x".repeat(88));
        assert!(Checkpoint::parse(&line).is_err() && Checkpoint::parse(&format!("{line}\n")).is_err());
    }
}
