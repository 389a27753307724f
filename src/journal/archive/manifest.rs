//! `MANIFEST.json` of an archive and its signature: what is in it, so that nothing can be left out, put in or exchanged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::Blake3;
use crate::base::formats;
use crate::base::ids::{NodeId, Seq};
use crate::base::sign::{JournalKey, KeyId, PublicKey, parse_signature, signature_text};
use crate::event::Event;

use super::super::export::ExportedKey;
use super::super::line::LineRef;
use super::super::segment::name_of;
use super::super::walk::rotation_holds;

/// Names of the two files.
pub(super) const MANIFEST: &str = "MANIFEST.json";
pub(super) const SIGNATURE: &str = "MANIFEST.sig";
/// What is signed begins with this: no line of a journal and nothing that is signed for a log does.
const STATEMENT: &str = "remediator archive v1\n";

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveManifest {
    /// Version of this file.
    pub v: u32,
    /// Whose journal.
    pub node: NodeId,
    /// Chain hash of the genesis entry.
    pub genesis: Blake3,
    /// The first entry in it.
    pub first: Seq,
    /// The last entry in it.
    pub last: Seq,
    /// Chain hash of the last entry.
    pub hash: Blake3,
    /// The segments, in order.
    pub segments: Vec<ArchivedSegment>,
    /// BLAKE3 of the file `base`, when the archive does not begin with the genesis entry.
    pub base: Option<Blake3>,
    /// Keys that signed what is in it, in the order in which they came into force, and the one in force behind it.
    pub keys: Vec<ExportedKey>,
    /// Stored lines that changed the key after the last entry: they lead to the key that signed this manifest.
    pub later: Vec<String>,
    /// Blobs in `blobs/`, sorted.
    pub blobs: Vec<Blake3>,
    /// Blobs that entries in it name and the journal no longer had, each with the first entry that names it.
    pub absent: BTreeMap<Blake3, Seq>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchivedSegment {
    /// Its first entry.
    pub first: Seq,
    /// Its last entry.
    pub last: Seq,
    /// Its length, LFs included.
    pub bytes: u64,
    /// BLAKE3 of those bytes.
    pub blake3: Blake3,
    /// Chain hash of its last entry.
    pub hash: Blake3,
    /// The compressed file …
    pub file: String,
    /// … its length …
    pub file_bytes: u64,
    /// … and its BLAKE3.
    pub file_blake3: Blake3,
}

impl ArchivedSegment {
    /// Name of the file that holds the segment from `first` on.
    pub(super) fn file_of(first: Seq) -> String {
        format!("{}.zst", name_of(first))
    }
}

/// The file beside the manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    v: u32,
    /// The journal's key that signed.
    pub key: KeyId,
    /// Padded base64 of the Ed25519 signature over `remediator archive v1`, LF, and the manifest's bytes.
    sig: String,
}

impl Signature {
    /// Over the bytes of a manifest.
    pub fn make(key: &JournalKey, manifest: &[u8]) -> Self {
        Self { v: formats::ARCHIVE, key: key.id(), sig: signature_text(&key.sign(&statement(manifest))) }
    }
    /// Whether it holds under a key.
    pub fn holds(&self, key: &PublicKey, manifest: &[u8]) -> bool {
        self.v == formats::ARCHIVE
            && key.id() == self.key
            && parse_signature(&self.sig).is_some_and(|sig| key.verify(&statement(manifest), &sig))
    }
}

fn statement(manifest: &[u8]) -> Vec<u8> {
    [STATEMENT.as_bytes(), manifest].concat()
}

impl ArchiveManifest {
    /// The key that its signature is asked of: the last that the later changes lead to.
    pub(super) fn signer(&self) -> Result<PublicKey, &'static str> {
        let last = self.keys.last().ok_or("it names no key")?;
        let (mut key, mut next) = (last.public_key.clone(), self.last + 1);
        for text in &self.later {
            let line =
                LineRef::parse(text.as_bytes()).map_err(|_| "a later change of the key cannot be read")?;
            let Ok(Event::KeyRotated(rotated)) = line.record().map(|record| record.event) else {
                return Err("what should be a later change of the key is none");
            };
            let follows = line.seq >= next && line.node == self.node && line.verify(&key);
            if !follows || !rotation_holds(&line, &rotated) {
                return Err("a later change of the key does not hold");
            }
            (key, next) = (rotated.public_key, line.seq + 1);
        }
        Ok(key)
    }

    /// Whether the segments follow each other from the first entry to the last, each under its own name.
    pub(super) fn is_in_order(&self) -> bool {
        let mut next = self.first;
        let follow = self.segments.iter().all(|segment| {
            let fits = segment.first == next
                && segment.last >= segment.first
                && segment.file == ArchivedSegment::file_of(segment.first);
            next = segment.last.saturating_add(1);
            fits
        });
        let end = self.segments.last().map(|segment| (segment.last, segment.hash));
        follow
            && self.v == formats::ARCHIVE
            && end == Some((self.last, self.hash))
            && self.base.is_some() == (self.first > 0)
    }
}
