//! Opening: which bytes at the end are entries, which were never durable, which are damage; mending, cutting,
//! and recording what was done. Older segments are looked at through their seals only (`seals`).

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::base::digest::Blake3;
use crate::base::formats;
use crate::base::ids::Seq;
use crate::base::sign::PublicKey;
use crate::event::journal::{Genesis, LineRepaired, SegmentOpened, TailCut};
use crate::event::{Event, Kind as _};

use super::base::{Base, NOT_SAID};
use super::durable::Head;
use super::error::{Damage, Error};
use super::head::Note;
use super::line::LineRef;
use super::repair::{Keys, Pieces, Source, repair_records, walk_on};
use super::seals::{check_closed, keep_aside, read_start, write_segment};
use super::segment::{Catalog, Cursor, content, list, name_of};
use super::store::{Store, read_all};
use super::writer::{Active, UNFINISHED};

/// What an open found and did, before anything was appended.
pub(super) struct Recovered {
    pub genesis: Genesis,
    pub genesis_hash: Blake3,
    pub firsts: Vec<Seq>,
    pub base: Option<Base>,
    pub head: Head,
    pub active: Active,
    pub repaired: Vec<LineRepaired>,
    pub cut: Option<TailCut>,
    pub damage: Option<Damage>,
}

/// What is known besides the segments.
pub(super) struct Known<'a> {
    /// The key at hand.
    pub key: PublicKey,
    /// Seq and hash that the caller knows to have been durable.
    pub supplied: Option<(Seq, Blake3)>,
    pub source: Option<&'a dyn Source>,
    /// sled's head.
    pub indexed: Option<Head>,
}

/// The genesis entry and its chain hash.
pub(super) fn read_genesis(
    store: &dyn Store,
    source: Option<&dyn Source>,
) -> Result<(Genesis, Blake3), Error> {
    let firsts = list(store)?;
    let missing = || Error::Missing { path: store.place() };
    if firsts.is_empty() {
        return Err(missing());
    }
    if let Some(base) = Base::read(store) {
        let unreadable = || Error::ReadOnly(base.damage("the genesis entry that was kept cannot be read"));
        return base.genesis().ok_or_else(unreadable);
    }
    let here = store.open(&name_of(0)).and_then(|file| read_start(&*file)).ok();
    let parse = |bytes: &[u8]| -> Option<(Genesis, Blake3)> {
        let line = LineRef::parse(bytes).ok()?;
        let Event::Genesis(genesis) = line.record().ok()?.event else { return None };
        let holds = genesis.format == formats::JOURNAL && line.seq == 0 && line.verify(&genesis.public_key);
        holds.then(|| (genesis, line.chain_hash()))
    };
    check_format(store)?;
    here.as_deref()
        .and_then(parse)
        .or_else(|| source.and_then(|source| source.line(0)).as_deref().and_then(parse))
        .ok_or_else(|| damage(0, 0, 0, "the genesis entry cannot be read"))
        .map_err(Error::ReadOnly)
}

/// A journal of another format, as far as its first line can be understood, is told from a damaged one.
pub(super) fn check_format(store: &dyn Store) -> Result<(), Error> {
    let line = store.open(&name_of(0)).and_then(|file| read_start(&*file)).ok();
    match line.as_deref().and_then(other_format) {
        Some(format) => {
            Err(Error::OtherFormat { path: store.place(), what: formats::unknown(format, formats::JOURNAL) })
        }
        None => Ok(()),
    }
}

/// Lines may look different in another format; an object that says `data.format` is what a genesis entry always was. One
/// changed byte does not make a journal of ours such a one.
fn other_format(bytes: &[u8]) -> Option<u32> {
    #[derive(serde::Deserialize)]
    struct Line {
        v: u32,
        data: Data,
    }
    #[derive(serde::Deserialize)]
    struct Data {
        format: u32,
    }
    if let Ok(line) = LineRef::parse(bytes)
        && let Ok(Event::Genesis(genesis)) = line.record().map(|record| record.event)
    {
        let other = genesis.format != formats::JOURNAL && line.verify(&genesis.public_key);
        return other.then_some(genesis.format);
    }
    let line: Line = serde_json::from_slice(bytes).ok()?;
    (line.v > formats::LINE && line.data.format > formats::JOURNAL).then_some(line.data.format)
}

fn damage(seq: Seq, segment: Seq, byte: u64, what: &str) -> Damage {
    Damage { seq, file: name_of(segment), byte, what: what.to_owned() }
}

/// Reads, mends and cuts; appends nothing.
pub(super) fn recover(store: &Arc<dyn Store>, known: &Known<'_>) -> Result<Recovered, Error> {
    let place = store.place();
    let _ = store.remove(UNFINISHED);
    let (genesis, genesis_hash) = read_genesis(&**store, known.source)?;
    let firsts = list(&**store)?;
    let base = Base::read(&**store);
    let mut keys = Keys::default();
    keys.add(genesis.public_key.clone());
    let below = base.as_ref().map(Base::keys).transpose();
    let mut damage = below.as_ref().err().and_then(|what| Some(base.as_ref()?.damage(what)));
    below.ok().flatten().into_iter().flatten().for_each(|key| keys.add(key.public_key));
    keys.add(known.key.clone());
    let last = *firsts.last().ok_or(Error::Missing { path: place })?;
    let mut last_segment = LastSegment::read(store, last, known, keys)?;
    let head = last_segment.settle(known)?;
    let mut repaired = std::mem::take(&mut last_segment.repaired);
    damage = last_segment.damage.take().or(damage);
    if let Some(line) = last_segment.line(0) {
        let minimum = base.as_ref().map_or(0, |base| base.minimum);
        match check_closed(store, (&line, minimum), last_segment.keys.clone(), known.source) {
            Ok(records) => repaired.extend(records),
            Err(Error::Damaged(found)) => damage = damage.or(Some(found)),
            Err(other) => return Err(other),
        }
    }
    if let (Some(base), None) = (&base, &damage)
        && !is_confirmed(store, base)
    {
        damage = Some(base.damage(NOT_SAID));
    }
    let cut = last_segment.cut.take();
    let active = last_segment.into_active()?;
    let firsts = list(&**store)?;
    Ok(Recovered { genesis, genesis_hash, firsts, base, head, active, repaired, cut, damage })
}

/// Whether the entry that a base names says the same, under its signature.
fn is_confirmed(store: &Arc<dyn Store>, base: &Base) -> bool {
    let Ok(firsts) = list(&**store) else { return false };
    let catalog = Arc::new(Catalog::above(Some(base.head()), &firsts));
    let mut keys = Keys::default();
    base.keys().into_iter().flatten().for_each(|key| keys.add(key.public_key));
    let mut confirmed = false;
    // From the minimum on: keys may have changed on the way.
    let read = Cursor::at(Arc::clone(store), catalog, base.minimum).read(base.entry, &mut |line| {
        if line.seq == base.entry
            && keys.verify(line)
            && let Ok(Event::Pruned(pruned)) = line.record().map(|record| record.event)
        {
            confirmed = base.is_said_by(line.seq, &pruned);
        }
        keys.learn(line);
        ControlFlow::Continue(())
    });
    read.is_ok() && confirmed
}

/// The last segment on its way to being believed.
struct LastSegment<'a> {
    store: &'a Arc<dyn Store>,
    first: Seq,
    bytes: Vec<u8>,
    keys: Keys,
    /// Lines that follow from each other, from the start: byte of each.
    starts: Vec<usize>,
    /// End of the last of them.
    good_end: usize,
    /// Their chain hashes are not kept; only the last one's.
    last_hash: Option<Blake3>,
    prev_of_first: Option<Blake3>,
    what: String,
    note: Option<Note>,
    repaired: Vec<LineRepaired>,
    cut: Option<TailCut>,
    /// The file does not hold what is believed, byte for byte.
    rearranged: bool,
    damage: Option<Damage>,
}

impl<'a> LastSegment<'a> {
    fn read(store: &'a Arc<dyn Store>, first: Seq, known: &Known<'_>, keys: Keys) -> Result<Self, Error> {
        let path = store.place().join(name_of(first));
        let bytes =
            store.open(&name_of(first)).and_then(|file| read_all(&*file)).map_err(Error::io("read", path))?;
        let mut this = Self {
            store,
            first,
            bytes,
            keys,
            starts: Vec::new(),
            good_end: 0,
            last_hash: None,
            prev_of_first: None,
            what: String::new(),
            note: Note::read(&**store),
            repaired: Vec::new(),
            cut: None,
            rearranged: false,
            damage: None,
        };
        this.scan();
        this.check_key(known)?;
        Ok(this)
    }

    /// Follows the chain from the start as far as it goes.
    fn scan(&mut self) {
        let mut prev = None;
        let mut at = 0;
        self.starts.clear();
        self.prev_of_first = None;
        self.what.clear();
        let bytes = std::mem::take(&mut self.bytes);
        let end = content(&bytes).len();
        while at < end {
            let length = memchr::memchr(b'\n', &bytes[at..end]);
            let line = match length.map(|length| LineRef::parse(&bytes[at..at + length])) {
                None => Err("the line does not end".to_owned()),
                Some(Err(e)) => Err(e.to_string()),
                Some(Ok(line)) if line.seq != self.first + self.starts.len() as u64 => {
                    Err("another entry stands there".to_owned())
                }
                Some(Ok(line)) if prev.is_some_and(|prev| prev != line.prev) => {
                    Err("it does not follow from the entry before".to_owned())
                }
                Some(Ok(line)) => Ok(line),
            };
            match line {
                Ok(line) => {
                    self.prev_of_first.get_or_insert(line.prev);
                    prev = Some(line.chain_hash());
                    self.keys.learn(&line);
                    self.starts.push(at);
                    at += line.as_str().len() + 1;
                }
                Err(what) => {
                    self.what = what;
                    break;
                }
            }
        }
        self.good_end = at;
        self.last_hash = prev;
        self.bytes = bytes;
    }

    fn line(&self, i: usize) -> Option<LineRef<'_>> {
        let start = *self.starts.get(i)?;
        let end = self.starts.get(i + 1).copied().unwrap_or(self.good_end);
        LineRef::parse(&self.bytes[start..end - 1]).ok()
    }

    /// The key at hand must be the one that signs (or is next to sign) at the end.
    fn check_key(&self, known: &Known<'_>) -> Result<(), Error> {
        let Some(last) = self.starts.len().checked_sub(1).and_then(|i| self.line(i)) else { return Ok(()) };
        let rotated_to = match (last.kind == crate::event::journal::KeyRotated::KIND).then(|| last.record()) {
            Some(Ok(record)) => match record.event {
                Event::KeyRotated(rotated) => Some(rotated.public_key.id()),
                _ => None,
            },
            _ => None,
        };
        let expected = rotated_to.unwrap_or(last.key);
        let got = known.key.id();
        // The rotation may not have been durable; then the old key is the right one still.
        if got == expected || (rotated_to.is_some() && got == last.key) {
            return Ok(());
        }
        Err(Error::WrongKey { expected, got })
    }

    fn next(&self) -> Seq {
        self.first + self.starts.len() as u64
    }

    /// How many lines at the start need no look at their signatures: the head note's hash covers them.
    fn proven(&self) -> Option<usize> {
        let note = self.note.as_ref().filter(|note| note.segment == self.first)?;
        let bytes = self.bytes.get(..usize::try_from(note.bytes).ok()?)?;
        let lines = self.starts.partition_point(|start| *start < bytes.len());
        let ends_there = self.starts.get(lines).copied().unwrap_or(self.good_end) == bytes.len();
        (ends_there && Blake3::of(bytes) == note.blake3).then_some(lines)
    }

    /// The highest seq that is known to have been durable.
    fn durable_before(&self, known: &Known<'_>) -> Option<Seq> {
        let note = self.note.as_ref().map(|note| note.seq);
        let rest = Pieces::of(content(&self.bytes[self.good_end..]));
        let stray = rest.backwards().find(|line| self.keys.verify(line)).and_then(|line| line.synced);
        let lines = (0..self.starts.len()).rev().filter_map(|i| self.line(i));
        let inside = lines.take(64).find(|line| self.keys.verify(line)).and_then(|line| line.synced);
        let supplied = known.supplied.map(|(seq, _)| seq);
        // sled takes up durable entries only, but its head is believed only when the line itself says so.
        let indexed = known.indexed.filter(|head| {
            let line = known.source.and_then(|source| source.line(head.seq));
            let line = line.as_deref().and_then(|line| LineRef::parse(line).ok());
            line.is_some_and(|line| line.chain_hash() == head.hash && self.keys.verify(&line))
        });
        [note, stray, inside, supplied, indexed.map(|head| head.seq)].into_iter().flatten().max()
    }

    /// First line that cannot be taken as it stands, if any.
    fn first_bad(&self, durable: Option<Seq>) -> Option<usize> {
        let lines = self.starts.len();
        let look_from = match self.proven() {
            Some(proven) => proven,
            // The note is about this segment and does not fit it: somewhere a byte changed.
            None if self.note.as_ref().is_some_and(|note| note.segment == self.first) => 0,
            None => {
                let above = durable.map_or(0, |d| (d + 1).saturating_sub(self.first));
                usize::try_from(above).unwrap_or(usize::MAX).min(lines.saturating_sub(1))
            }
        };
        let unsigned =
            (look_from..lines).find(|i| !self.line(*i).is_some_and(|line| self.keys.verify(&line)));
        let rest = content(&self.bytes[self.good_end..]);
        let broken = (!rest.is_empty() || durable.is_some_and(|d| d >= self.next())).then_some(lines);
        let bad = unsigned.or(broken)?;
        // A line that nothing follows may itself be what changed: only its signature can tell.
        match bad.checked_sub(1) {
            Some(before) if bad == lines && !self.line(before).is_some_and(|l| self.keys.verify(&l)) => {
                Some(before)
            }
            _ => Some(bad),
        }
    }

    /// Decides what the segment holds, and makes the file hold exactly that, durably.
    fn settle(&mut self, known: &Known<'_>) -> Result<Head, Error> {
        let durable = self.durable_before(known);
        if let Some(bad) = self.first_bad(durable) {
            self.mend_or_cut(bad, durable, known)?;
        }
        let head = Head {
            seq: self.next().saturating_sub(1),
            hash: self.last_hash.or(self.prev_of_first).unwrap_or(Blake3::ZERO),
        };
        if let Some((seq, hash)) = known.supplied
            && (seq > head.seq || self.hash_at(seq).is_some_and(|here| here != hash))
        {
            self.damage.get_or_insert(damage(
                seq,
                self.first,
                0,
                "it is not the entry that the caller knows",
            ));
        }
        let survivors = durable.is_none_or(|d| head.seq > d);
        let changed = self.cut.is_some() || !self.repaired.is_empty() || self.rearranged;
        if self.damage.is_none() && (survivors || changed) {
            self.write_anew()?;
        }
        Ok(head)
    }

    fn hash_at(&self, seq: Seq) -> Option<Blake3> {
        let i = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        self.line(i).map(|line| line.chain_hash())
    }

    fn mend_or_cut(&mut self, bad: usize, durable: Option<Seq>, known: &Known<'_>) -> Result<(), Error> {
        let good_bytes = self.starts.get(bad).copied().unwrap_or(self.good_end);
        let prev = match bad.checked_sub(1) {
            Some(before) => self.line(before).map(|line| line.chain_hash()),
            None if self.first == 0 => Some(Blake3::ZERO),
            None => None,
        };
        let bad_seq = self.first + bad as u64;
        let walk = walk_on(&self.bytes, (good_bytes, bad_seq, prev), &self.keys, known.source);
        if durable.is_some_and(|d| walk.next <= d) {
            let what = if self.what.is_empty() { "its signature does not hold" } else { &self.what };
            let what = format!("{what}; it was durable, and no other store has it");
            self.damage = Some(damage(walk.next, self.first, walk.used_until as u64, &what));
            self.keep_good(bad, good_bytes, prev);
            return Ok(());
        }
        let rest = content(&self.bytes[walk.used_until..]).to_vec();
        if !walk.mended.restored.is_empty() {
            let name = format!("{:020}-damaged.ndjson", self.first);
            self.keep_aside(&name, &self.bytes)?;
            if let Some(source) = known.source {
                self.repaired = repair_records(&self.bytes, &walk.mended, self.first, source);
            }
        } else if !rest.is_empty() {
            let name = format!("{:020}-{}.tail", self.first, walk.used_until);
            self.keep_aside(&name, &rest)?;
            self.cut = Some(TailCut {
                seq: walk.next,
                segment: self.first,
                byte: walk.used_until as u64,
                bytes: rest.len() as u64,
                kept_as: name,
            });
        }
        // Such as a last line that lacked nothing but its LF.
        self.rearranged = content(&self.bytes) != walk.mended.bytes;
        self.bytes = walk.mended.bytes;
        self.scan();
        self.split()
    }

    /// Lines restored behind the end may begin further segments (their files were lost): each its own file again.
    fn split(&mut self) -> Result<(), Error> {
        let opens = |i: &usize| {
            self.line(*i).is_some_and(|line| line.kind == SegmentOpened::KIND && line.seq != self.first)
        };
        let Some(i) = (1..self.starts.len()).find(opens) else { return Ok(()) };
        let at = self.starts[i];
        write_segment(self.store, self.first, &self.bytes[..at])?;
        self.first += i as u64;
        self.bytes.drain(..at);
        self.scan();
        self.split()
    }

    /// Read-only: what can be read ends before the damage.
    fn keep_good(&mut self, lines: usize, bytes: usize, last_hash: Option<Blake3>) {
        self.starts.truncate(lines);
        self.good_end = bytes;
        self.last_hash = last_hash;
    }

    fn keep_aside(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        keep_aside(self.store, name, bytes)
    }

    /// Writes the segment as a new file: after a failed sync the pages of the old one cannot be trusted.
    fn write_anew(&mut self) -> Result<(), Error> {
        write_segment(self.store, self.first, &self.bytes[..self.good_end])
    }

    fn into_active(self) -> Result<Active, Error> {
        let path = self.store.place().join(name_of(self.first));
        let file = self.store.open(&name_of(self.first)).map_err(Error::io("open", &path))?;
        let padded = file.size().map_err(Error::io("measure", &path))?;
        Ok(Active::new(file, self.first, padded, &self.bytes[..self.good_end]))
    }
}
