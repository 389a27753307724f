//! One line: written member by member, read strictly, borrowed from the bytes it stands in.
//! Speed matters here (every fold, check and index reads through it); chains and files are elsewhere.

use std::sync::LazyLock;

use crate::base::digest::{Blake3, CHAIN_CONTEXT};
use crate::base::ids::{BootId, IncidentId, NodeId, Seq};
use crate::base::limits::LINE_BYTES_MAX;
use crate::base::sign::{KeyId, PublicKey, parse_signature};
use crate::base::time::Stamp;
use crate::event::{self, Cause, Event, Record};

use super::json::{self, INTEGER_MAX};

/// Between the signed bytes and the signature.
const SIG_OPEN: &str = ",\"sig\":\"";
/// Characters of a signature.
pub(super) const SIG_CHARS: usize = 88;
/// Everything after the signed part: `,"sig":"` … `"}`.
pub(super) const SIG_BYTES: usize = SIG_OPEN.len() + SIG_CHARS + 2;
const KEY_OPEN: &str = ",\"key\":\"";
const PREV_OPEN: &str = ",\"prev\":\"";
const SYNCED_OPEN: &str = ",\"synced\":";

/// Most bytes that `data` may have.
pub const DATA_BYTES_MAX: usize = crate::base::limits::EVENT_BYTES_MAX;

/// What is wrong with a line, and at which of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {byte} of the line: {what}")]
pub struct LineError {
    /// Offset in the line.
    pub byte: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// Chain hash of signed bytes whose closing brace is left off.
pub(super) fn chain_hash(signed_part: &[u8]) -> Blake3 {
    static CHAIN: LazyLock<blake3::Hasher> = LazyLock::new(|| blake3::Hasher::new_derive_key(CHAIN_CONTEXT));
    let mut hasher = CHAIN.clone();
    hasher.update(signed_part);
    hasher.update(b"}");
    Blake3::from_bytes(*hasher.finalize().as_bytes())
}

/// A line as stored, without its LF, known to parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    seq: Seq,
    text: Box<str>,
}

impl Line {
    /// Its position.
    pub fn seq(&self) -> Seq {
        self.seq
    }
    /// The stored bytes.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// The members, borrowed.
    pub fn parsed(&self) -> Result<LineRef<'_>, LineError> {
        LineRef::parse(self.text.as_bytes())
    }
}

/// The members of a line, borrowed from its bytes. Neither chain nor signature has been looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineRef<'a> {
    /// Its position.
    pub seq: Seq,
    /// Wall and monotonic time.
    pub at: Stamp,
    /// The process start that wrote it.
    pub boot: BootId,
    /// The machine that wrote it.
    pub node: NodeId,
    /// What kind of event.
    pub kind: &'a str,
    /// Version of the kind's payload.
    pub kv: u32,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// The entry that led here.
    pub cause: Option<Cause>,
    /// The payload, as stored.
    pub data: &'a str,
    /// Highest seq that was durable when it was built.
    pub synced: Option<Seq>,
    /// Chain hash of the entry before.
    pub prev: Blake3,
    /// The key that signs it.
    pub key: KeyId,
    data_at: usize,
    text: &'a str,
}

impl<'a> LineRef<'a> {
    /// Reads a line (without LF) in exactly the form in which it is written.
    pub fn parse(line: &'a [u8]) -> Result<Self, LineError> {
        let fail = |byte, what| Err(LineError { byte, what });
        if line.len() > LINE_BYTES_MAX {
            return fail(LINE_BYTES_MAX, "longer than a line may be");
        }
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            Err(e) => return fail(e.valid_up_to(), "not UTF-8"),
        };
        let tail = Tail::parse(text)?;
        let mut scan = Scan { text: &text[..tail.start], at: 0 };
        scan.literal("{\"v\":1,\"seq\":")?;
        let seq = scan.unsigned()?;
        scan.literal(",\"time\":")?;
        let time_us = scan.signed()?;
        scan.literal(",\"mono\":")?;
        let mono_ms = scan.unsigned()?;
        scan.literal(",\"boot\":")?;
        let boot = BootId(scan.uuid()?);
        scan.literal(",\"node\":")?;
        let node = NodeId(scan.uuid()?);
        scan.literal(",\"kind\":\"")?;
        let kind = scan.kind()?;
        scan.literal("\",\"kv\":")?;
        let kv = scan.unsigned()?;
        let Ok(kv) = u32::try_from(kv) else { return fail(scan.at, "kv too large") };
        scan.literal(",\"incident\":")?;
        let incident = if scan.skip("null") { None } else { Some(IncidentId(scan.uuid()?)) };
        scan.literal(",\"cause\":")?;
        let cause = scan.cause()?;
        scan.literal(",\"data\":")?;
        let data_at = scan.at;
        let data = &scan.text[data_at..];
        if !(data.starts_with('{') && data.ends_with('}')) {
            return fail(scan.at, "data is not an object");
        }
        let Tail { synced, prev, key, .. } = tail;
        let at = Stamp { time_us, mono_ms };
        Ok(Self { seq, at, boot, node, kind, kv, incident, cause, data, synced, prev, key, data_at, text })
    }

    /// The stored bytes.
    pub fn as_str(&self) -> &'a str {
        self.text
    }
    /// As an owned line.
    pub fn to_line(&self) -> Line {
        Line { seq: self.seq, text: self.text.into() }
    }
    /// The signed bytes but for the closing brace.
    fn signed_part(&self) -> &'a [u8] {
        &self.text.as_bytes()[..self.text.len() - SIG_BYTES]
    }
    /// The bytes that the signature covers: all but itself.
    pub fn signed_pieces(&self) -> [&'a [u8]; 2] {
        [self.signed_part(), b"}"]
    }
    /// The same in one piece.
    pub fn signed_bytes(&self) -> Vec<u8> {
        self.signed_pieces().concat()
    }
    /// What `prev` of the next entry must be.
    pub fn chain_hash(&self) -> Blake3 {
        chain_hash(self.signed_part())
    }
    /// The signature as written, when it is well-formed base64.
    pub fn signature(&self) -> Option<[u8; 64]> {
        let end = self.text.len() - 2;
        parse_signature(&self.text[end - SIG_CHARS..end])
    }
    /// Whether the signature is `key`'s over these bytes.
    pub fn verify(&self, key: &PublicKey) -> bool {
        self.key == key.id()
            && self.signature().is_some_and(|signature| key.verify(&self.signed_bytes(), &signature))
    }
    /// Whether `data` is JSON in strict form (a signature vouches for it; verification looks anyway).
    pub fn check_data(&self) -> Result<(), LineError> {
        json::check(self.data).map_err(|(byte, what)| LineError { byte: self.data_at + byte, what })
    }
    /// Blobs that the entry names.
    pub fn blobs(&self) -> Vec<Blake3> {
        let names = Event::KINDS_WITH_BLOBS.contains(&self.kind).then(|| self.record().ok()).flatten();
        names.map(|record| record.event.blobs()).unwrap_or_default()
    }
    /// The entry as folds see it.
    pub fn record(&self) -> Result<Record, event::Error> {
        Ok(Record {
            seq: self.seq,
            at: self.at,
            boot: self.boot,
            node: self.node,
            incident: self.incident,
            cause: self.cause,
            event: Event::parse(self.kind, self.kv, self.data)?,
        })
    }
}

/// The members behind `data`, read from the end of the line: their lengths are known.
struct Tail {
    start: usize,
    synced: Option<Seq>,
    prev: Blake3,
    key: KeyId,
}

impl Tail {
    fn parse(text: &str) -> Result<Self, LineError> {
        let bad = |byte, what| LineError { byte, what };
        let sig_at = text.len().checked_sub(SIG_BYTES).ok_or(bad(text.len(), "too short"))?;
        let member = |at: usize, open: &str, chars: usize| -> Option<&str> {
            text.get(at..)?.strip_prefix(open)?.get(..chars)
        };
        if member(sig_at, SIG_OPEN, SIG_CHARS).is_none() || !text.ends_with("\"}") {
            return Err(bad(sig_at, "does not end with a signature"));
        }
        let key_at = sig_at.saturating_sub(KEY_OPEN.len() + 17);
        let key = member(key_at, KEY_OPEN, 17)
            .and_then(|key| key.strip_suffix('"'))
            .filter(|key| !key.bytes().any(|b| b.is_ascii_uppercase()))
            .and_then(|key| key.parse().ok())
            .ok_or(bad(key_at, "no key id"))?;
        let prev_at = key_at.saturating_sub(PREV_OPEN.len() + 65);
        let prev = member(prev_at, PREV_OPEN, 65)
            .and_then(|prev| prev.strip_suffix('"'))
            .and_then(|prev| Blake3::parse(prev).ok())
            .ok_or(bad(prev_at, "no chain hash"))?;
        let (start, synced) = Self::synced(text, prev_at).ok_or(bad(prev_at, "no synced"))?;
        Ok(Self { start, synced, prev, key })
    }

    fn synced(text: &str, end: usize) -> Option<(usize, Option<Seq>)> {
        let head = text.get(..end)?;
        if let Some(rest) = head.strip_suffix("null") {
            return Some((rest.strip_suffix(SYNCED_OPEN)?.len(), None));
        }
        let digits = head.bytes().rev().take_while(u8::is_ascii_digit).count();
        let start = head.get(..end - digits)?.strip_suffix(SYNCED_OPEN)?.len();
        let mut scan = Scan { text: head, at: end - digits };
        scan.unsigned().ok().map(|seq| (start, Some(seq)))
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn skip(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word.as_bytes());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn literal(&mut self, word: &'static str) -> Result<(), LineError> {
        if self.skip(word) { Ok(()) } else { self.fail(word) }
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, LineError> {
        Err(LineError { byte: self.at, what })
    }

    fn unsigned(&mut self) -> Result<u64, LineError> {
        let rest = self.rest();
        let mut value: u64 = 0;
        let mut digits = 0;
        while let Some(digit @ b'0'..=b'9') = rest.get(digits) {
            value = value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            digits += 1;
        }
        if digits == 0 || (digits > 1 && rest[0] == b'0') || value > INTEGER_MAX {
            return self.fail("not an integer from 0 to 2^53 - 1");
        }
        self.at += digits;
        Ok(value)
    }

    fn signed(&mut self) -> Result<i64, LineError> {
        let negative = self.skip("-");
        let value = self.unsigned()?;
        if negative && value == 0 {
            return self.fail("minus zero");
        }
        // Within 2^53, so the cast keeps it.
        Ok(if negative { -(value as i64) } else { value as i64 })
    }

    fn uuid(&mut self) -> Result<uuid::Uuid, LineError> {
        let rest = self.rest();
        let well_formed = match rest.get(..38) {
            Some([b'"', inner @ .., b'"']) if !inner.iter().any(u8::is_ascii_uppercase) => {
                uuid::Uuid::try_parse_ascii(inner).ok()
            }
            _ => None,
        };
        let Some(id) = well_formed else { return self.fail("no lower-case UUID") };
        self.at += 38;
        Ok(id)
    }

    fn kind(&mut self) -> Result<&'a str, LineError> {
        let word = |b: &&u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(**b, b'_' | b'.');
        let length = self.rest().iter().take_while(word).count();
        if length == 0 || length > 64 {
            return self.fail("no kind");
        }
        self.at += length;
        Ok(&self.text[self.at - length..self.at])
    }

    fn cause(&mut self) -> Result<Option<Cause>, LineError> {
        if self.skip("null") {
            return Ok(None);
        }
        if !self.skip("{\"node\":") {
            return Ok(Some(Cause::Seq(self.unsigned()?)));
        }
        let node = NodeId(self.uuid()?);
        self.literal(",\"seq\":")?;
        let seq = self.unsigned()?;
        self.literal(",\"hash\":\"")?;
        let hash = self.text.get(self.at..self.at + 64).and_then(|hash| Blake3::parse(hash).ok());
        let Some(hash) = hash else { return self.fail("no chain hash") };
        self.at += 64;
        self.literal("\"}")?;
        Ok(Some(Cause::Remote { node, seq, hash }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode::tests::{prepared, signed_line};
    use super::*;
    use crate::base::sign::JournalKey;
    use proptest::prelude::*;

    #[test]
    fn a_line_reads_as_it_was_written() {
        let key = JournalKey::from_seed(&[1; 32]);
        let text = signed_line(&key, 7, &prepared("web"), Some(5), Blake3::of(b"x"));
        let line = LineRef::parse(text.as_bytes()).expect("our own line");
        assert_eq!((line.seq, line.synced, line.prev), (7, Some(5), Blake3::of(b"x")));
        assert_eq!(line.chain_hash(), Blake3::chain(&line.signed_bytes()));
        assert!(line.verify(&key.public()));
        assert!(!line.verify(&JournalKey::from_seed(&[2; 32]).public()));
        assert_eq!(line.check_data(), Ok(()));
        assert_eq!(line.record().map(|r| r.event.kind()).ok(), Some("degradation.seen"));
        assert_eq!(line.to_line().as_str(), text);
    }

    #[test]
    fn other_spellings_of_the_same_members_are_refused() {
        let key = JournalKey::from_seed(&[1; 32]);
        let text = signed_line(&key, 7, &prepared("web"), None, Blake3::ZERO);
        for (from, to) in [
            ("\"seq\":7", "\"seq\":07"),
            ("\"seq\":7", "\"seq\": 7"),
            ("\"v\":1", "\"v\":2"),
            ("\"time\":", "\"time\":-0"),
            ("\"incident\":null", "\"incident\":\"\""),
            ("\"cause\":null", "\"cause\":-1"),
            ("\"synced\":null", "\"synced\":9007199254740992"),
            ("\"key\":\"", "\"key\":\"A"),
            ("\"data\":{", "\"data\":[{"),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text, "{from}");
            assert!(LineRef::parse(other.as_bytes()).is_err(), "{to}");
        }
    }

    proptest! {
        #[test]
        fn no_byte_changes_unseen_and_nothing_panics(at in 0usize..700, bit in 0u8..8, cut in 0usize..700) {
            let key = JournalKey::from_seed(&[1; 32]);
            let text = signed_line(&key, 7, &prepared("web"), Some(3), Blake3::of(b"x"));
            let mut bytes = text.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            if let Ok(line) = LineRef::parse(&bytes) {
                prop_assert!(!line.verify(&key.public()));
            }
            prop_assert!(LineRef::parse(&text.as_bytes()[..cut % text.len()]).is_err());
        }
    }
}
