//! Chain, signatures, segments and end, as docs/journal-format.md says them, by code of its own: it shares no reader
//! with `journal`.

use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::base::Base;
use super::lines::Segment;
use super::report::{Check, Findings};
use crate::base::sign::{PublicKey, parse_signature};

/// What the chain hash is derived with.
const CONTEXT: &str = "remediator 2026 journal entry v1";
/// `,"sig":"` + 88 characters + `"}`.
const SIG_BYTES: usize = 98;

/// The members of a line that this looks at.
#[derive(Deserialize)]
struct Members<'a> {
    seq: u64,
    node: String,
    kind: &'a str,
    cause: Option<&'a RawValue>,
    #[serde(borrow)]
    data: &'a RawValue,
    synced: Option<u64>,
    prev: String,
    key: String,
    sig: &'a str,
}

#[derive(Deserialize)]
struct NewKey {
    public_key: PublicKey,
}

#[derive(Deserialize)]
struct Seal {
    previous_first: u64,
    previous_last: u64,
    previous_bytes: u64,
    previous_blake3: String,
}

/// What stands beside the segments about their end.
pub(super) struct End {
    seq: u64,
    hash: String,
}

#[derive(Deserialize)]
struct Manifest {
    head: Note,
}

#[derive(Deserialize)]
struct Note {
    seq: u64,
    hash: String,
}

impl End {
    /// Of an export's manifest, or of a journal's head file.
    pub fn read(folder: &Path) -> Option<Self> {
        let read = |name: &str| std::fs::read(folder.join(name)).ok();
        let note = match read("MANIFEST.json") {
            Some(bytes) => serde_json::from_slice::<Manifest>(&bytes).ok()?.head,
            None => serde_json::from_slice::<Note>(&read("head")?).ok()?,
        };
        Some(Self { seq: note.seq, hash: note.hash })
    }
}

/// The part of a journal between two seals.
struct Run {
    first: u64,
    bytes: u64,
    hasher: blake3::Hasher,
}

/// See the module.
pub(super) struct Chain {
    /// Entries, those that were pruned counted.
    pub entries: u64,
    /// What is kept of those, until an entry has confirmed it.
    base: Option<Base>,
    minimum: u64,
    prev: String,
    node: Option<String>,
    key: Option<PublicKey>,
    run: Run,
    chain: Findings,
    signatures: Findings,
    segments: Findings,
    end: Findings,
    hashes: Option<(u64, String)>,
    torn: Option<String>,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            entries: 0,
            base: None,
            minimum: 0,
            prev: "0".repeat(64),
            node: None,
            key: None,
            run: Run { first: 0, bytes: 0, hasher: blake3::Hasher::new() },
            chain: Findings::new("chain", "each entry follows from the one before, from genesis on"),
            signatures: Findings::new("signatures", "each holds under the key in force"),
            segments: Findings::new(
                "segments",
                "each begins with its first entry, each seal fits what it seals",
            ),
            end: Findings::new("end", "the journal reaches as far as is written beside it"),
            hashes: None,
            torn: None,
        }
    }
}

impl Chain {
    /// Of a journal that was pruned.
    pub fn above(base: Base) -> Self {
        let mut chain =
            Self { entries: base.minimum, minimum: base.minimum, prev: base.hash.clone(), ..Self::default() };
        match base.signer() {
            Some((node, key)) => (chain.node, chain.key) = (Some(node), Some(key)),
            None => {
                chain.signatures.problem(None, "what is kept of pruned entries is not what was signed".into())
            }
        }
        chain.run.first = base.minimum;
        chain.base = Some(base);
        chain
    }

    /// One line; false when nothing behind it can be believed.
    pub fn take(&mut self, segment: &Segment, line: &[u8], byte: u64, last: bool) -> bool {
        match self.look(segment, line, byte) {
            Ok(()) => true,
            Err(what) => {
                let seq = self.entries;
                let what = format!("{what}, at byte {byte} of {}", segment.1);
                // A write that a crash cut off stands at the very end and was never promised to anybody.
                match last {
                    true => self.torn = Some(what),
                    false => self.chain.problem(Some(seq), what),
                }
                false
            }
        }
    }

    fn look(&mut self, segment: &Segment, line: &[u8], byte: u64) -> Result<(), String> {
        let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
        let m: Members<'_> = serde_json::from_str(text).map_err(|e| format!("it is not an entry: {e}"))?;
        let cut = line.len().checked_sub(SIG_BYTES).ok_or("it is too short")?;
        if !text.is_char_boundary(cut) || !text[cut..].starts_with(",\"sig\":\"") {
            return Err("it does not end with its signature".to_owned());
        }
        if m.seq != self.entries {
            return Err(format!("it calls itself entry {}", m.seq));
        }
        if m.prev != self.prev {
            return Err("it does not follow from the entry before".to_owned());
        }
        if self.node.get_or_insert_with(|| m.node.clone()) != &m.node {
            return Err("it is of another machine".to_owned());
        }
        let early = |cause: &RawValue| cause.get().parse::<u64>().map_or(true, |cause| cause < m.seq);
        if !m.cause.is_none_or(early) || m.synced.is_some_and(|synced| synced >= m.seq) {
            return Err("it names an entry that is not earlier".to_owned());
        }
        let signed = [&line[..cut], b"}"].concat();
        self.sign(&m, &signed)?;
        self.chain.looked();
        if self.base.as_ref().is_some_and(|base| base.is_said_by(m.seq, m.kind, m.data.get())) {
            self.base = None;
        }
        self.seal(segment, &m, byte);
        self.run.bytes += line.len() as u64 + 1;
        self.run.hasher.update(line).update(b"\n");
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        self.prev = hasher.update(&signed).finalize().to_hex().to_string();
        self.hashes = Some((m.seq, self.prev.clone()));
        self.entries += 1;
        Ok(())
    }

    fn sign(&mut self, m: &Members<'_>, signed: &[u8]) -> Result<(), String> {
        let new = match m.kind {
            "journal.genesis" if m.seq == 0 => Some(new_key(m)?),
            "journal.key_rotated" => Some(new_key(m)?),
            _ => None,
        };
        if m.seq == 0 {
            self.key = new.clone();
        }
        let Some(key) = &self.key else { return Err("the first entry is no genesis entry".to_owned()) };
        self.signatures.looked();
        let holds = parse_signature(m.sig).is_some_and(|signature| key.verify(signed, &signature));
        if !holds || key.id().to_string() != m.key {
            self.signatures.problem(Some(m.seq), "its signature does not hold under the key in force".into());
        }
        if m.seq > 0
            && let Some(new) = new
        {
            self.key = Some(new);
        }
        Ok(())
    }

    fn seal(&mut self, segment: &Segment, m: &Members<'_>, byte: u64) {
        let opens = m.kind == "journal.segment_opened";
        if byte == 0 {
            self.segments.looked();
            if segment.0 != m.seq {
                self.segments.problem(Some(m.seq), format!("{} begins with it", segment.1));
            }
            if m.seq > 0 && !opens {
                self.segments.problem(Some(m.seq), "a segment begins without sealing the one before".into());
            }
        }
        if !opens {
            return;
        }
        let fits = serde_json::from_str::<Seal>(m.data.get()).is_ok_and(|seal| {
            seal.previous_first == self.run.first
                && seal.previous_last + 1 == m.seq
                && seal.previous_bytes == self.run.bytes
                && seal.previous_blake3 == self.run.hasher.finalize().to_hex().as_str()
        });
        // What the first kept entry seals was pruned.
        if !fits && (m.seq == 0 || m.seq != self.minimum) {
            self.segments.problem(Some(m.seq), "what it seals is not what stands before it".into());
        }
        self.run = Run { first: m.seq, bytes: 0, hasher: blake3::Hasher::new() };
    }

    /// Behind the last line.
    pub fn finish(&mut self, end: Option<&End>) {
        if self.base.is_some() {
            let what = "no entry says that the journal was pruned to here".to_owned();
            self.chain.problem(Some(self.minimum), what);
        }
        let Some(end) = end else {
            self.end.note("nothing beside the segments says where they end");
            return;
        };
        self.end.looked();
        let torn = self.torn.take();
        match self.hashes.as_ref().map(|(seq, _)| *seq) {
            Some(seq) if seq >= end.seq => {}
            _ => {
                let why = torn.map(|why| format!(" ({why})")).unwrap_or_default();
                let what = format!("entries up to {} were durable, and they end before{why}", end.seq);
                self.end.problem(Some(self.entries), what);
            }
        }
        if let Some((seq, hash)) = &self.hashes
            && *seq == end.seq
            && *hash != end.hash
        {
            self.end.problem(Some(*seq), "it is not the entry that was last".into());
        }
    }

    pub fn head(&self) -> Option<String> {
        self.hashes.as_ref().map(|(_, hash)| hash.clone())
    }

    pub fn checks(self) -> Vec<Check> {
        [self.chain, self.signatures, self.segments, self.end].into_iter().map(Findings::check).collect()
    }
}

fn new_key(m: &Members<'_>) -> Result<PublicKey, String> {
    let data: NewKey =
        serde_json::from_str(m.data.get()).map_err(|e| format!("its key cannot be read: {e}"))?;
    Ok(data.public_key)
}
