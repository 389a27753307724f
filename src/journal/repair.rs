//! Mending a damaged segment from another store: which line belongs where is decided by chain hashes and
//! signatures alone, never by which store it came from. Finding damage is `recovery`'s and `verify`'s work.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::base::sign::{KeyId, PublicKey};
use crate::event::Kind as _;
use crate::event::journal::{Genesis, KeyRotated, LineRepaired, SegmentOpened};

use super::error::Damage;
use super::line::LineRef;
use super::segment::{content, name_of};

/// Another store that may still have a line.
pub(super) trait Source {
    /// The stored bytes of an entry, if it has them.
    fn line(&self, seq: Seq) -> Option<Vec<u8>>;
    /// Its name in records.
    fn name(&self) -> &'static str;
}

/// Keys that may have signed the lines at hand.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys(BTreeMap<KeyId, PublicKey>);

impl Keys {
    pub fn add(&mut self, key: PublicKey) {
        self.0.insert(key.id(), key);
    }
    /// Takes up a key that a line introduces.
    pub fn learn(&mut self, line: &LineRef<'_>) {
        if let KeyRotated::KIND | Genesis::KIND = line.kind
            && let Ok(record) = line.record()
        {
            match record.event {
                crate::event::Event::Genesis(genesis) => self.add(genesis.public_key),
                crate::event::Event::KeyRotated(rotated) => self.add(rotated.public_key),
                _ => {}
            }
        }
    }
    pub fn verify(&self, line: &LineRef<'_>) -> bool {
        self.0.get(&line.key).is_some_and(|key| line.verify(key))
    }
}

/// The lines that can be made out in a segment's bytes, wherever they stand.
pub(super) struct Pieces<'a> {
    by_seq: BTreeMap<Seq, Vec<(LineRef<'a>, usize)>>,
}

impl<'a> Pieces<'a> {
    /// Looks at every piece between LFs.
    pub fn of(bytes: &'a [u8]) -> Self {
        let mut by_seq: BTreeMap<Seq, Vec<(LineRef<'a>, usize)>> = BTreeMap::new();
        let mut at = 0;
        while at < bytes.len() {
            let length = memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
            if let Ok(line) = LineRef::parse(&bytes[at..at + length]) {
                by_seq.entry(line.seq).or_default().push((line, at));
            }
            at += length + 1;
        }
        Self { by_seq }
    }
    /// All candidates for an entry, with where they stand.
    pub fn at(&self, seq: Seq) -> &[(LineRef<'a>, usize)] {
        self.by_seq.get(&seq).map_or(&[], Vec::as_slice)
    }
    /// All of them, the last first.
    pub fn backwards(&self) -> impl Iterator<Item = &LineRef<'a>> {
        self.by_seq.values().rev().flatten().map(|(line, _)| line)
    }
}

/// A segment as it has to be.
pub(super) struct Mended {
    pub bytes: Vec<u8>,
    /// Entries that came from the other store.
    pub restored: BTreeSet<Seq>,
}

/// When the other store is asked for a line that seems to be here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    IfMissing,
    Always,
}

/// Puts a closed segment together again. `seal` is what the next segment's first entry says of it,
/// `last_hash` the chain hash of its last entry, which that entry holds as `prev`.
pub(super) fn mend_closed(
    bytes: &[u8],
    seal: &SegmentOpened,
    last_hash: Blake3,
    keys: &Keys,
    source: &dyn Source,
) -> Result<Mended, Damage> {
    let pieces = Pieces::of(bytes);
    // A changed signature does not show in the chain, only in the seal: then every line is compared.
    for ask in [Ask::IfMissing, Ask::Always] {
        let mended = put_together(bytes, &pieces, (seal, last_hash), keys, (source, ask))?;
        if Blake3::of(&mended.bytes) == seal.previous_blake3 {
            return Ok(mended);
        }
    }
    let mut seqs = seal.previous_first..=seal.previous_last;
    let bad = seqs.find(|seq| !pieces.at(*seq).iter().any(|(line, _)| keys.verify(line)));
    Err(lost(bytes, &pieces, seal.previous_first, bad.unwrap_or(seal.previous_first)))
}

/// Backwards: the hash that an entry must have stands in the one after it.
fn put_together(
    bytes: &[u8],
    pieces: &Pieces<'_>,
    (seal, last_hash): (&SegmentOpened, Blake3),
    keys: &Keys,
    (source, ask): (&dyn Source, Ask),
) -> Result<Mended, Damage> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut restored = BTreeSet::new();
    let mut want = last_hash;
    for seq in (seal.previous_first..=seal.previous_last).rev() {
        let here = pieces.at(seq).iter().map(|(line, _)| line).find(|line| line.chain_hash() == want);
        let other = if here.is_none() || ask == Ask::Always { source.line(seq) } else { None };
        let stored = other.as_deref().and_then(|line| LineRef::parse(line).ok());
        let stored = stored.filter(|line| line.seq == seq && line.chain_hash() == want);
        let line = match (here, &stored) {
            (Some(here), None) => *here,
            (Some(here), Some(stored)) if here == stored || keys.verify(here) => *here,
            (_, Some(stored)) => {
                restored.insert(seq);
                *stored
            }
            (None, None) => return Err(lost(bytes, pieces, seal.previous_first, seq)),
        };
        want = line.prev;
        lines.push(line.as_str().as_bytes().to_vec());
    }
    let mut whole = Vec::with_capacity(bytes.len());
    for line in lines.iter().rev() {
        whole.extend_from_slice(line);
        whole.push(b'\n');
    }
    Ok(Mended { bytes: whole, restored })
}

fn lost(bytes: &[u8], pieces: &Pieces<'_>, first: Seq, seq: Seq) -> Damage {
    let (byte, what) = match pieces.at(seq).first() {
        Some((_, at)) => (*at, "its content or signature is not what was written"),
        None => {
            let before = seq.checked_sub(1).and_then(|before| pieces.at(before).first());
            let after = before.map_or(0, |(line, at)| at + line.as_str().len() + 1);
            (after.min(bytes.len()), "the line cannot be read")
        }
    };
    Damage {
        seq,
        file: name_of(first),
        byte: byte as u64,
        what: format!("{what}, and no other store has it"),
    }
}

/// The records of a repair: one per run of neighbouring entries, so that much damage stays few entries.
pub(super) fn repair_records(
    before: &[u8],
    after: &Mended,
    segment: Seq,
    from: &dyn Source,
) -> Vec<LineRepaired> {
    let mut records: Vec<LineRepaired> = Vec::new();
    let mut last: Option<Seq> = None;
    let mut runs: Vec<(Seq, Seq)> = Vec::new();
    for seq in &after.restored {
        match (runs.last_mut(), last) {
            (Some(run), Some(before)) if before + 1 == *seq => run.1 = *seq,
            _ => runs.push((*seq, *seq)),
        }
        last = Some(*seq);
    }
    for (from_seq, to_seq) in runs {
        let byte = byte_of(&after.bytes, from_seq);
        let what = if before.len() as u64 <= byte { "missing" } else { "not what was written" };
        let damage = if from_seq == to_seq {
            what.to_owned()
        } else {
            format!("{what}: {} lines, up to seq {to_seq}", to_seq - from_seq + 1)
        };
        records.push(LineRepaired { seq: from_seq, segment, byte, damage, from: from.name().to_owned() });
    }
    records
}

fn byte_of(bytes: &[u8], seq: Seq) -> u64 {
    let start = format!("{{\"v\":1,\"seq\":{seq},");
    let mut at = 0;
    while at < bytes.len() && !bytes[at..].starts_with(start.as_bytes()) {
        at += memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| length + 1);
    }
    at as u64
}

/// A line put into a mended last segment, and where it came from.
pub(super) struct Walk {
    pub mended: Mended,
    /// First seq for which there was nothing.
    pub next: Seq,
    /// End, in the file, of the furthest line that was used.
    pub used_until: usize,
}

/// Goes on from a good beginning: each next line must follow in the chain and be signed, wherever it is found.
pub(super) fn walk_on(
    bytes: &[u8],
    good: (usize, Seq, Option<Blake3>),
    keys: &Keys,
    source: Option<&dyn Source>,
) -> Walk {
    let (good_bytes, mut next, prev) = good;
    let pieces = Pieces::of(content(&bytes[good_bytes..]));
    let mut mended = Mended { bytes: bytes[..good_bytes].to_vec(), restored: BTreeSet::new() };
    let mut prev = prev;
    let mut used_until = good_bytes;
    loop {
        let fits = |line: &LineRef<'_>| {
            line.seq == next && prev.is_none_or(|prev| prev == line.prev) && keys.verify(line)
        };
        let other;
        let line = match pieces.at(next).iter().find(|(line, _)| fits(line)) {
            Some((line, at)) => {
                used_until = used_until.max(good_bytes + at + line.as_str().len() + 1);
                line
            }
            None => {
                other = source.and_then(|source| source.line(next));
                match other.as_deref().and_then(|line| LineRef::parse(line).ok()) {
                    Some(line) if fits(&line) => {
                        mended.restored.insert(next);
                        &line.clone()
                    }
                    _ => break,
                }
            }
        };
        mended.bytes.extend_from_slice(line.as_str().as_bytes());
        mended.bytes.push(b'\n');
        prev = Some(line.chain_hash());
        next += 1;
    }
    Walk { mended, next, used_until: used_until.min(bytes.len()) }
}
