//! Signed notes (c2sp.org/signed-note) and the keys that verify them: text in, text out. Two kinds of signature:
//! plain Ed25519 (0x01) and the timestamped cosignature/v1 (0x04, c2sp.org/tlog-cosignature).
//! Not for what a note says (`checkpoint`) nor for who is believed (`policy`).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::base::limits::{NAME_BYTES_MAX, NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX};
use crate::base::sign::{JournalKey, PublicKey};

/// What a signature line begins with: an em dash and a blank.
const DASH: &str = "\u{2014} ";

/// What is wrong with a note or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Name of the key that signed, as it says itself.
    pub name: String,
    /// Its id.
    pub id: [u8; 4],
    /// What the kind of signature makes of it.
    pub bytes: Vec<u8>,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.id[..], &self.bytes].concat();
        write!(f, "{DASH}{} {}", self.name, STANDARD.encode(bytes))
    }
}

impl Signature {
    /// Reads one line without its LF.
    pub fn parse(line: &str) -> Result<Self, Malformed> {
        let wrong = Malformed("a signature line is not an em dash, a key name and base64");
        let (name, text) =
            line.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')).ok_or(wrong.clone())?;
        let bytes = STANDARD.decode(text).map_err(|_| wrong.clone())?;
        let (id, bytes) = bytes.split_first_chunk().ok_or(wrong.clone())?;
        if !is_name(name) || bytes.is_empty() {
            return Err(wrong);
        }
        Ok(Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

/// A text and who signed it; nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What is signed: lines, the last LF included.
    pub text: String,
    /// The lines below it.
    pub signatures: Vec<Signature>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Note {
    /// Reads a whole note.
    pub fn parse(note: &str) -> Result<Self, Malformed> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(Malformed("the note is longer than 256 KiB"));
        }
        if note.bytes().any(|b| b < b' ' && b != b'\n') {
            return Err(Malformed("the note has control characters"));
        }
        let at = note.rfind("\n\n").ok_or(Malformed("no blank line stands between text and signatures"))?;
        let (text, below) = (&note[..=at], &note[at + 2..]);
        let below =
            below.strip_suffix('\n').ok_or(Malformed("the note does not end with a signature line"))?;
        let signatures = below.split('\n').map(Signature::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > NOTE_SIGNATURES_MAX {
            return Err(Malformed("the note has more than 64 signatures"));
        }
        Ok(Self { text: text.to_owned(), signatures })
    }
}

/// Key names: neither empty nor with blanks or plus signs in them.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 2 * NAME_BYTES_MAX
        && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Ed25519 over the text.
    Plain,
    /// Ed25519 over `cosignature/v1`, a time, and the text; the time stands before the signature.
    Timestamped,
}

impl Kind {
    /// The byte that the registry of c2sp.org/signed-note gives it.
    const fn byte(self) -> u8 {
        match self {
            Self::Plain => 1,
            Self::Timestamped => 4,
        }
    }
}

/// What a key says about a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// None of the lines is this key's.
    Absent,
    /// A line claims to be this key's, and its signature does not hold.
    Wrong,
    /// It signed; when, in Unix seconds, if its kind says so (the newest of several).
    Holds(Option<u64>),
}

/// A key that verifies notes, written `name+id+base64` (a *vkey*).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    /// Its name.
    pub name: String,
    /// How it signs.
    pub kind: Kind,
    /// The key.
    pub key: PublicKey,
}

impl Verifier {
    /// Of its parts; `name` is one that [`is_name`] takes.
    pub fn new(name: &str, kind: Kind, key: PublicKey) -> Self {
        Self { name: name.to_owned(), kind, key }
    }

    /// First four bytes of SHA-256(name, LF, kind, public key).
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', self.kind.byte()])
            .chain_update(self.key.as_dalek().as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Reads a vkey.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let (name, rest) = text.split_once('+').ok_or(Malformed("a vkey is `name+id+base64`"))?;
        let (id, key) = rest.split_once('+').ok_or(Malformed("a vkey is `name+id+base64`"))?;
        if !is_name(name) {
            return Err(Malformed("the name of a vkey has no blanks and is not empty"));
        }
        let bytes =
            STANDARD.decode(key).map_err(|_| Malformed("the key of a vkey is padded standard base64"))?;
        let (kind, key) = match bytes.split_first() {
            Some((1, key)) => (Kind::Plain, key),
            Some((4, key)) => (Kind::Timestamped, key),
            _ => return Err(Malformed("the vkey is neither of Ed25519 (1) nor of cosignature/v1 (4)")),
        };
        let key = key.try_into().ok().and_then(|key| PublicKey::from_bytes(key).ok());
        let key = key.ok_or(Malformed("the vkey holds no Ed25519 public key"))?;
        let verifier = Self::new(name, kind, key);
        if hex::encode(verifier.id()) != id {
            return Err(Malformed("the id of the vkey is not the one of its name and key"));
        }
        Ok(verifier)
    }

    /// What this key says about a note. A second line of the same key does not mend a wrong one.
    pub fn verify(&self, note: &Note) -> Verdict {
        let id = self.id();
        let mut verdict = Verdict::Absent;
        for signature in note.signatures.iter().filter(|s| s.name == self.name && s.id == id) {
            let Some(time) = self.holds(&note.text, &signature.bytes) else { return Verdict::Wrong };
            let before = match verdict {
                Verdict::Holds(before) => before,
                _ => None,
            };
            verdict = Verdict::Holds(time.max(before));
        }
        verdict
    }

    fn holds(&self, text: &str, bytes: &[u8]) -> Option<Option<u64>> {
        match self.kind {
            Kind::Plain => {
                let signature = bytes.try_into().ok()?;
                self.key.verify(text.as_bytes(), signature).then_some(None)
            }
            Kind::Timestamped => {
                let (time, signature) = bytes.split_first_chunk()?;
                let time = u64::from_be_bytes(*time);
                let signature = signature.try_into().ok()?;
                let message = timestamped(text, time);
                // As the format has it: a time is a positive signed 64-bit number.
                (time <= i64::MAX as u64 && self.key.verify(message.as_bytes(), signature))
                    .then_some(Some(time))
            }
        }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.kind.byte()], &self.key.as_dalek().as_bytes()[..]].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(bytes))
    }
}

/// What a timestamped signature is over.
fn timestamped(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Signs a note's text under a name.
pub fn sign(name: &str, key: &JournalKey, text: &str) -> Signature {
    let id = Verifier::new(name, Kind::Plain, key.public()).id();
    Signature { name: name.to_owned(), id, bytes: key.sign(text.as_bytes()).to_vec() }
}

/// Says under a name that it saw this text at a time (Unix seconds) as the newest of its log.
pub fn cosign(name: &str, key: &JournalKey, text: &str, time: u64) -> Signature {
    let id = Verifier::new(name, Kind::Timestamped, key.public()).id();
    let signature = key.sign(timestamped(text, time).as_bytes());
    let bytes = [&time.to_be_bytes()[..], &signature].concat();
    Signature { name: name.to_owned(), id, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> JournalKey {
        JournalKey::from_seed(&[n; 32])
    }

    const TEXT: &str = "example.com/log\n1\nx\n";

    fn note(signatures: Vec<Signature>) -> Note {
        Note { text: TEXT.into(), signatures }
    }

    #[test]
    fn a_note_reads_what_it_writes_and_each_kind_of_key_finds_its_own_line() {
        let both =
            note(vec![sign("example.com/log", &key(1), TEXT), cosign("w", &key(2), TEXT, 1_700_000_000)]);
        let written = both.to_string();
        assert_eq!(Note::parse(&written), Ok(both.clone()));
        let log = Verifier::new("example.com/log", Kind::Plain, key(1).public());
        let witness = Verifier::new("w", Kind::Timestamped, key(2).public());
        assert_eq!(log.verify(&both), Verdict::Holds(None));
        assert_eq!(witness.verify(&both), Verdict::Holds(Some(1_700_000_000)));
        for verifier in [&log, &witness] {
            assert_eq!(Verifier::parse(&verifier.to_string()).as_ref(), Ok(verifier));
        }
        // The same key as the other kind, and under another name.
        assert_eq!(Verifier { kind: Kind::Timestamped, ..log.clone() }.verify(&both), Verdict::Absent);
        assert_eq!(Verifier { name: "other".into(), ..log.clone() }.verify(&both), Verdict::Absent);
        let changed = Note { text: "example.com/log\n2\nx\n".into(), ..both };
        assert_eq!((log.verify(&changed), witness.verify(&changed)), (Verdict::Wrong, Verdict::Wrong));
    }

    #[test]
    fn a_good_line_does_not_hide_a_wrong_one_and_the_newest_time_counts() {
        let witness = Verifier::new("w", Kind::Timestamped, key(2).public());
        let at = |time| cosign("w", &key(2), TEXT, time);
        assert_eq!(witness.verify(&note(vec![at(7), at(9), at(8)])), Verdict::Holds(Some(9)));
        let mut wrong = at(7);
        wrong.bytes[20] ^= 1;
        assert_eq!(witness.verify(&note(vec![at(7), wrong])), Verdict::Wrong);
        assert_eq!(witness.verify(&note(vec![at(1 << 63)])), Verdict::Wrong, "no time has so many seconds");
    }

    #[test]
    fn the_examples_of_the_formats_are_read() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let example = format!(
            "{text}\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
        );
        let note = Note::parse(&example).expect("the example of tlog-cosignature");
        assert_eq!((note.text.as_str(), note.signatures.len()), (text, 2));
        assert_eq!(note.signatures[1].bytes[..8], 1_679_315_147_u64.to_be_bytes());
        assert_eq!(note.to_string(), example);
    }

    #[test]
    fn what_is_no_note_is_refused() {
        let good = note(vec![sign("n", &key(1), TEXT)]).to_string();
        for bad in [
            "",
            "\n\n",
            "text\n",
            TEXT,
            "text\n\n",
            &good.replace('\u{2014}', "-"),
            &good.replace("\n\n", "\n"),
            good.trim_end(),
            &format!("{good}more\n"),
            &good.replacen("example", "exa\u{7}mple", 1),
            &good.replace("\u{2014} n ", "\u{2014} n+ "),
            "t\n\n\u{2014} n AAAA\n",
            "t\n\n\u{2014} n AAAAAA==\n",
            "t\n\n\u{2014} n\n",
        ] {
            assert!(Note::parse(bad).is_err(), "{bad:?}");
        }
        let many = (0..=NOTE_SIGNATURES_MAX).map(|_| sign("n", &key(1), TEXT)).collect();
        assert!(Note::parse(&note(many).to_string()).is_err());
        let vkey = Verifier::new("n", Kind::Plain, key(1).public()).to_string();
        for bad in [
            "",
            "n",
            "n+00000000",
            &vkey.replacen("n+", "m+", 1),
            &vkey.replacen("n+", "n n+", 1),
            &vkey[..40],
        ] {
            assert!(Verifier::parse(bad).is_err(), "{bad:?}");
        }
    }
}
