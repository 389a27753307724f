//! The head file: a note of the last durable entry beside the segments, so that a cut tail is told from a lost one.
//! A note, not a truth: one that does not check is as good as none.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::base::digest::Blake3;
use crate::base::formats::{self, Version};
use crate::base::ids::Seq;

use super::encode;
use super::store::{Store, StoreFile, read_all};

/// Name of the file.
pub(super) const NAME: &str = "head";
/// The file always has this length, so that rewriting it changes nothing but bytes.
const FILE_BYTES: usize = 512;
/// How often it is synced.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// What the head file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    pub v: Version<{ formats::HEAD }>,
    /// Last durable entry.
    pub seq: Seq,
    /// Its chain hash.
    pub hash: Blake3,
    /// First seq of the segment that holds it.
    pub segment: Seq,
    /// Bytes of that segment, whole lines, that the hash covers: at most those up to this entry.
    pub bytes: u64,
    /// BLAKE3 of those bytes.
    pub blake3: Blake3,
    /// The entry's own signature.
    pub sig: String,
}

impl Note {
    /// By hand, because it is done once per sync.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FILE_BYTES);
        encode::text(&mut bytes, "{\"v\":1,\"seq\":");
        encode::unsigned(&mut bytes, self.seq);
        encode::text(&mut bytes, ",\"hash\":\"");
        encode::hex(&mut bytes, self.hash.as_bytes());
        encode::text(&mut bytes, "\",\"segment\":");
        encode::unsigned(&mut bytes, self.segment);
        encode::text(&mut bytes, ",\"bytes\":");
        encode::unsigned(&mut bytes, self.bytes);
        encode::text(&mut bytes, ",\"blake3\":\"");
        encode::hex(&mut bytes, self.blake3.as_bytes());
        encode::text(&mut bytes, "\",\"sig\":\"");
        encode::text(&mut bytes, &self.sig);
        encode::text(&mut bytes, "\"");
        let check = blake3::hash(&bytes);
        encode::text(&mut bytes, ",\"check\":\"");
        encode::hex(&mut bytes, &check.as_bytes()[..8]);
        encode::text(&mut bytes, "\"}");
        bytes.resize(FILE_BYTES - 1, b' ');
        bytes.push(b'\n');
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.trim_end();
        let (part, rest) = text.rsplit_once(",\"check\":\"")?;
        let check = rest.strip_suffix("\"}")?;
        if blake3::hash(part.as_bytes()).to_hex().get(..16) != Some(check) {
            return None;
        }
        serde_json::from_str(&format!("{part}}}")).ok()
    }

    /// Reads the note, when there is one that checks.
    pub fn read(store: &dyn Store) -> Option<Self> {
        Self::decode(&read_all(&*store.open(NAME).ok()?).ok()?)
    }
}

/// The open head file.
pub(super) struct HeadFile {
    file: Arc<dyn StoreFile>,
    synced: Instant,
}

impl HeadFile {
    pub fn open(store: &dyn Store) -> io::Result<Self> {
        let file = match store.open(NAME) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => store.create(NAME)?,
            other => other?,
        };
        Ok(Self { file, synced: Instant::now() })
    }

    /// Rewrites the note; syncs it when the last sync is long ago or `now` is asked for.
    /// Errors do not matter: the lines themselves are durable.
    pub fn write(&mut self, note: &Note, now: bool) {
        let _ = self.file.write_at(&note.encode(), 0);
        if now || self.synced.elapsed() >= SYNC_EVERY {
            self.sync();
        }
    }

    /// Makes what was written durable.
    pub fn sync(&mut self) {
        let _ = self.file.sync();
        self.synced = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::*;

    #[test]
    fn a_note_is_read_back_and_any_changed_bit_makes_it_none() {
        let memory = Memory::new();
        let note = Note {
            v: Version,
            seq: 9,
            hash: Blake3::of(b"a"),
            segment: 4,
            bytes: 1234,
            blake3: Blake3::of(b"b"),
            sig: "s".repeat(88),
        };
        HeadFile::open(&memory).expect("created").write(&note, true);
        assert_eq!(Note::read(&memory), Some(note));
        let bytes = memory.bytes(NAME).expect("there");
        assert_eq!(bytes.len(), FILE_BYTES);
        for at in 0..bytes.iter().position(|b| *b == b' ').expect("padded") {
            let mut bad = bytes.clone();
            bad[at] ^= 4;
            memory.put(NAME, &bad);
            assert_eq!(Note::read(&memory), None, "byte {at}");
        }
    }
}
