//! Turning drafts into lines: what can be done before the place in the chain is known, then the rest,
//! serially, into one buffer that is written as it stands. Signing is `sign`'s work.

use crate::base::digest::Blake3;
use crate::base::ids::{BootId, IncidentId, NodeId, Seq};
use crate::base::sign::KeyId;
use crate::base::time::Stamp;
use crate::event::{Cause, Draft, Event};

use super::error::Error;
use super::json::{self, INTEGER_MAX};
use super::line::{DATA_BYTES_MAX, SIG_BYTES, SIG_CHARS, chain_hash};

/// A draft whose legality is checked and whose payload is written out.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub at: Stamp,
    pub incident: Option<IncidentId>,
    pub cause: Option<Cause>,
    pub kind: &'static str,
    pub kv: u32,
    pub data: String,
}

impl Prepared {
    /// Checks everything that does not depend on the place in the chain.
    pub fn from_draft(draft: &Draft) -> Result<Self, Error> {
        let Draft { at, incident, cause, event } = draft;
        let illegal = |what: String| Error::Illegal(format!("`{}`: {what}", event.kind()));
        let data = event.data().map_err(|e| illegal(format!("cannot be written as JSON: {e}")))?;
        if data.len() > DATA_BYTES_MAX {
            return Err(illegal(format!("{} bytes, at most {DATA_BYTES_MAX}: use a blob", data.len())));
        }
        json::check(&data).map_err(|(byte, what)| illegal(format!("byte {byte} of its data: {what}")))?;
        let beyond = |n: u64| n > INTEGER_MAX;
        let remote = match cause {
            Some(Cause::Seq(seq) | Cause::Remote { seq, .. }) => *seq,
            None => 0,
        };
        if beyond(at.time_us.unsigned_abs()) || beyond(at.mono_ms) || beyond(remote) {
            return Err(illegal("a time or cause beyond 2^53 - 1".into()));
        }
        Ok(Self { at: *at, incident: *incident, cause: *cause, kind: event.kind(), kv: event.kv(), data })
    }

    /// Whether the cause is an earlier entry, once the own place is known.
    pub fn cause_is_earlier(&self, seq: Seq) -> bool {
        !matches!(self.cause, Some(Cause::Seq(cause)) if cause >= seq)
    }

    /// Bytes of the line, LF included, never too few.
    pub fn bytes_at_most(&self) -> usize {
        self.data.len() + 705
    }
}

/// Whether only the journal itself may write this.
pub(super) fn is_own(event: &Event) -> bool {
    event.kind().starts_with("journal.")
}

/// Where one line stands in a batch: its start, the closing brace of its signed bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub start: usize,
    pub brace: usize,
}

/// Lines that are chained but not yet signed: at each `brace` stands `}` where `,` will be.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub bytes: Vec<u8>,
    pub places: Vec<Place>,
}

impl Batch {
    /// The signed bytes of the `i`-th line.
    pub fn signed_bytes(&self, i: usize) -> &[u8] {
        let Place { start, brace } = self.places[i];
        &self.bytes[start..=brace]
    }

    /// Puts a signature into the `i`-th line, which is then finished.
    pub fn put_signature(&mut self, i: usize, signature: &[u8; 64]) {
        use base64::Engine as _;
        let brace = self.places[i].brace;
        self.bytes[brace] = b',';
        let start = brace + 8;
        // The slot is exactly as long as 64 bytes are in base64, so this cannot fail.
        let _ = base64::engine::general_purpose::STANDARD
            .encode_slice(signature, &mut self.bytes[start..start + SIG_CHARS]);
    }
}

/// The part of a line that is the same for every entry of a process start.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    middle: String,
}

impl Writer {
    pub fn new(boot: BootId, node: NodeId) -> Self {
        Self { middle: format!(",\"boot\":\"{boot}\",\"node\":\"{node}\",\"kind\":\"") }
    }

    /// Adds one line to the batch and gives its chain hash.
    pub fn add(&self, batch: &mut Batch, seq: Seq, entry: &Prepared, end: &End<'_>) -> Blake3 {
        let out = &mut batch.bytes;
        let start = out.len();
        text(out, "{\"v\":1,\"seq\":");
        unsigned(out, seq);
        text(out, ",\"time\":");
        if entry.at.time_us < 0 {
            out.push(b'-');
        }
        unsigned(out, entry.at.time_us.unsigned_abs());
        text(out, ",\"mono\":");
        unsigned(out, entry.at.mono_ms);
        text(out, &self.middle);
        text(out, entry.kind);
        text(out, "\",\"kv\":");
        unsigned(out, u64::from(entry.kv));
        text(out, ",\"incident\":");
        match &entry.incident {
            Some(id) => uuid(out, &id.0),
            None => text(out, "null"),
        }
        text(out, ",\"cause\":");
        cause(out, entry.cause.as_ref());
        text(out, ",\"data\":");
        text(out, &entry.data);
        text(out, ",\"synced\":");
        match end.synced {
            Some(seq) => unsigned(out, seq),
            None => text(out, "null"),
        }
        text(out, ",\"prev\":\"");
        hex(out, end.prev.as_bytes());
        text(out, "\",\"key\":\"");
        text(out, end.key);
        text(out, "\"");
        let brace = out.len();
        text(out, "}\"sig\":\"");
        out.resize(brace + SIG_BYTES - 2, b' ');
        text(out, "\"}\n");
        batch.places.push(Place { start, brace });
        chain_hash(&batch.bytes[start..brace])
    }
}

/// What closes a line and depends on the state of the chain.
pub(super) struct End<'a> {
    pub synced: Option<Seq>,
    pub prev: Blake3,
    pub key: &'a str,
}

/// A key id as it stands in lines.
pub(super) fn key_text(key: KeyId) -> String {
    key.to_string()
}

pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn uuid(out: &mut Vec<u8>, id: &uuid::Uuid) {
    let mut buffer = uuid::Uuid::encode_buffer();
    out.push(b'"');
    out.extend_from_slice(id.hyphenated().encode_lower(&mut buffer).as_bytes());
    out.push(b'"');
}

pub(super) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

fn cause(out: &mut Vec<u8>, cause: Option<&Cause>) {
    match cause {
        None => text(out, "null"),
        Some(Cause::Seq(seq)) => unsigned(out, *seq),
        Some(Cause::Remote { node, seq, hash }) => {
            text(out, "{\"node\":");
            uuid(out, &node.0);
            text(out, ",\"seq\":");
            unsigned(out, *seq);
            text(out, ",\"hash\":\"");
            hex(out, hash.as_bytes());
            text(out, "\"}");
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::base::ids::{Fingerprint, Receipt};
    use crate::base::limits::LINE_BYTES_MAX;
    use crate::base::sign::JournalKey;
    use crate::event::degradation::{DegradationSeen, Severity, Source};
    use crate::journal::line::LineRef;

    /// A plain degradation of `target`.
    pub fn draft(target: &str) -> Draft {
        draft_with(target, "gone")
    }

    pub fn draft_with(target: &str, summary: &str) -> Draft {
        let seen = DegradationSeen {
            subject: None,
            receipt: Receipt(uuid::Uuid::from_u128(9)),
            subsystem: "service".into(),
            code: "PROCESS_DEAD".into(),
            target: target.into(),
            severity: Severity::Error,
            summary: summary.into(),
            detail: None,
            attributes: [("unit".to_owned(), "web\t\"1\"".to_owned())].into(),
            observed_at: Some(1_700_000_000_000_000),
            source: Source::Sentinel("eye".into()),
            sender_id: None,
            fingerprint: Fingerprint::of("service", "PROCESS_DEAD", target),
            actionable: true,
        };
        let at = Stamp { time_us: 1_700_000_000_000_001, mono_ms: 12 };
        Draft { at, incident: None, cause: None, event: seen.into() }
    }

    pub fn prepared(target: &str) -> Prepared {
        Prepared::from_draft(&draft(target)).expect("a legal draft")
    }

    /// One finished line without LF.
    pub fn signed_line(
        key: &JournalKey,
        seq: Seq,
        entry: &Prepared,
        synced: Option<Seq>,
        prev: Blake3,
    ) -> String {
        let id = uuid::Uuid::from_u128(3);
        let mut batch = Batch::default();
        let key_id = key_text(key.id());
        Writer::new(BootId(id), NodeId(id)).add(&mut batch, seq, entry, &End { synced, prev, key: &key_id });
        let signature = key.sign(batch.signed_bytes(0));
        batch.put_signature(0, &signature);
        assert_eq!(batch.bytes.pop(), Some(b'\n'));
        String::from_utf8(batch.bytes).expect("UTF-8")
    }

    #[test]
    fn the_largest_legal_entry_makes_a_legal_line() {
        let key = JournalKey::from_seed(&[1; 32]);
        let id = uuid::Uuid::from_u128(u128::MAX);
        let big = i64::try_from(INTEGER_MAX).expect("fits");
        let entry = Prepared {
            at: Stamp { time_us: -big, mono_ms: INTEGER_MAX },
            incident: Some(IncidentId(id)),
            cause: Some(Cause::Remote { node: NodeId(id), seq: INTEGER_MAX, hash: Blake3::of(b"") }),
            kind: "journal.a_kind_whose_name_is_as_long_as_any_may_ever_be_x_sixty_",
            kv: u32::MAX,
            data: format!("{{\"a\":\"{}\"}}", "x".repeat(DATA_BYTES_MAX - 8)),
        };
        let text = signed_line(&key, INTEGER_MAX, &entry, Some(INTEGER_MAX), Blake3::ZERO);
        assert!(text.len() <= LINE_BYTES_MAX, "{}", text.len());
        assert!(text.len() < entry.bytes_at_most());
        let line = LineRef::parse(text.as_bytes()).expect("legal");
        assert_eq!((line.cause, line.at, line.incident), (entry.cause, entry.at, entry.incident));
    }

    #[test]
    fn what_cannot_be_a_line_is_refused_before_anything_is_written() {
        assert!(Prepared::from_draft(&draft_with("web", &"x".repeat(66_000))).is_err());
        let mut late = draft("web");
        late.at.mono_ms = u64::MAX;
        assert!(Prepared::from_draft(&late).is_err());
        let mut own = prepared("web");
        own.cause = Some(Cause::Seq(4));
        assert!(own.cause_is_earlier(5) && !own.cause_is_earlier(4));
    }
}
