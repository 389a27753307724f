//! Segments as files: their names, where in them which entry stands, and reading them one line after another.
//! Reading here checks the chain from line to line; signatures are `verify`'s work.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};

use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::base::limits::LINE_BYTES_MAX;

use super::base::Base;
use super::durable::Head;
use super::error::{Damage, Error};
use super::line::LineRef;
use super::store::{Store, StoreFile, read_full};

/// What a segment is filled up with behind its content.
pub(super) const PADDING: u8 = b'\n';
/// Distance between remembered places within a segment: bounds what is read to find an entry.
const MARK_BYTES: u64 = 256 * 1024;
/// First read of a call; later ones double, so that following the head does not copy much.
const READ_BYTES_MIN: usize = 8 * 1024;
const READ_BYTES_MAX: usize = 512 * 1024;

/// File name of the segment that begins with `first`.
pub(super) fn name_of(first: Seq) -> String {
    format!("{first:020}.ndjson")
}

/// First seq of the segment in the file `name`, when it is one.
pub(super) fn first_of(name: &str) -> Option<Seq> {
    let digits = name.strip_suffix(".ndjson")?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The segments of a journal, by first seq: those from its minimum on. What a prune has not removed yet is none.
pub(super) fn list(store: &dyn Store) -> Result<Vec<Seq>, Error> {
    let minimum = Base::read(store).map_or(0, |base| base.minimum);
    let mut firsts = list_all(store)?;
    firsts.retain(|first| *first >= minimum);
    Ok(firsts)
}

/// All segment files of a folder, by first seq.
pub(super) fn list_all(store: &dyn Store) -> Result<Vec<Seq>, Error> {
    let names = store.names().map_err(Error::io("list the segments in", store.place()))?;
    let mut firsts: Vec<Seq> = names.iter().filter_map(|name| first_of(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// Content of a segment's bytes: without the padding.
pub(super) fn content(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| *b != PADDING).map_or(0, |last| (last + 2).min(bytes.len()));
    &bytes[..end]
}

/// Segments and places in them that are worth remembering.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    segments: RwLock<BTreeMap<Seq, BTreeMap<Seq, u64>>>,
    /// The last entry that was pruned.
    below: Option<Head>,
}

impl Catalog {
    pub fn new(firsts: &[Seq]) -> Self {
        Self::above(None, firsts)
    }
    /// Of a journal whose entries up to `below` were pruned.
    pub fn above(below: Option<Head>, firsts: &[Seq]) -> Self {
        let segments = firsts.iter().map(|first| (*first, BTreeMap::new())).collect();
        Self { segments: RwLock::new(segments), below }
    }
    /// The first entry there is.
    pub fn minimum(&self) -> Seq {
        self.below.map_or(0, |below| below.seq + 1)
    }
    pub fn add(&self, first: Seq) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).entry(first).or_default();
    }
    /// First seqs of all segments.
    pub fn firsts(&self) -> Vec<Seq> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
    fn has(&self, first: Seq) -> bool {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).contains_key(&first)
    }
    /// The segment that holds `seq`, and the nearest known place at or before it.
    fn find(&self, seq: Seq) -> Option<(Seq, Seq, u64)> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let (first, marks) = segments.range(..=seq).next_back()?;
        let (near, offset) = marks.range(..=seq).next_back().map_or((*first, 0), |(s, o)| (*s, *o));
        Some((*first, near, offset))
    }
    /// Remembers that `seq` stands at `offset`, when nothing near it is remembered yet.
    pub fn mark(&self, first: Seq, seq: Seq, offset: u64) {
        if offset < MARK_BYTES {
            return;
        }
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let Some(marks) = segments.get_mut(&first) else { return };
        let near = marks.range(..=seq).next_back().map_or(0, |(_, o)| *o);
        if offset - near.min(offset) >= MARK_BYTES {
            marks.insert(seq, offset);
        }
    }
    /// Forgets places in a segment that was written anew.
    pub fn forget_marks(&self, first: Seq) {
        if let Some(marks) = self.segments.write().unwrap_or_else(PoisonError::into_inner).get_mut(&first) {
            marks.clear();
        }
    }
}

struct Open {
    file: Arc<dyn StoreFile>,
    first: Seq,
    offset: u64,
}

/// Reads lines in order, from some seq on, across segments.
pub(super) struct Cursor {
    store: Arc<dyn Store>,
    catalog: Arc<Catalog>,
    next: Seq,
    prev: Option<Blake3>,
    open: Option<Open>,
    buffer: Vec<u8>,
    last_mark: u64,
}

/// Why reading a piece ended.
enum End {
    /// Everything that was asked for was read, or the callback had enough.
    Done,
    /// More bytes of this segment are needed.
    More,
    /// The content of this segment is over.
    Segment,
}

impl Cursor {
    /// Before entry `next`.
    pub fn at(store: Arc<dyn Store>, catalog: Arc<Catalog>, next: Seq) -> Self {
        Self { store, catalog, next, prev: None, open: None, buffer: Vec::new(), last_mark: 0 }
    }

    /// The entry that comes next.
    pub fn next_seq(&self) -> Seq {
        self.next
    }

    /// Hands out lines up to and including `upto`, each checked against the one before.
    pub fn read(
        &mut self,
        upto: Seq,
        f: &mut dyn FnMut(&LineRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let wanted = self.next;
        if wanted > upto {
            return Ok(());
        }
        if self.open.is_none() {
            self.find()?;
        }
        let mut size = READ_BYTES_MIN;
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = loop {
            match self.piece(&mut buffer, size, wanted, upto, f) {
                Ok(End::Done) => break Ok(()),
                Ok(End::More) => size = (size * 2).min(READ_BYTES_MAX),
                Ok(End::Segment) => {
                    if let Err(e) = self.next_segment() {
                        break Err(e);
                    }
                }
                Err(e) => break Err(e),
            }
        };
        self.buffer = buffer;
        if result.is_err() {
            // Whoever goes on after damage was mended needs the file as it is then.
            self.open = None;
            self.next = self.next.max(wanted);
        }
        result
    }

    /// Opens the segment that holds `next`, at the nearest place known.
    fn find(&mut self) -> Result<(), Error> {
        let minimum = self.catalog.minimum();
        if self.next < minimum {
            return Err(Error::Pruned { seq: self.next, minimum });
        }
        let Some((first, near, offset)) = self.catalog.find(self.next) else {
            return Err(self.damage_in(0, 0, "no segment holds it"));
        };
        let file = self.open_segment(first)?;
        self.open = Some(Open { file, first, offset });
        self.next = near;
        self.prev = self.catalog.below.filter(|below| below.seq + 1 == near).map(|below| below.hash);
        self.last_mark = offset;
        Ok(())
    }

    fn open_segment(&self, first: Seq) -> Result<Arc<dyn StoreFile>, Error> {
        let name = name_of(first);
        match self.store.open(&name) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                Err(self.damage_in(first, 0, "the segment is missing"))
            }
            other => other.map_err(Error::io("open", self.store.place().join(name))),
        }
    }

    fn next_segment(&mut self) -> Result<(), Error> {
        let (first, offset) = self.open.as_ref().map_or((0, 0), |open| (open.first, open.offset));
        if !self.catalog.has(self.next) || first == self.next {
            return Err(self.damage_in(first, offset, "the line is missing"));
        }
        let file = self.open_segment(self.next)?;
        self.open = Some(Open { file, first: self.next, offset: 0 });
        self.last_mark = 0;
        Ok(())
    }

    fn damage_in(&self, first: Seq, byte: u64, what: &str) -> Error {
        Error::Damaged(Damage { seq: self.next, file: name_of(first), byte, what: what.to_owned() })
    }

    fn piece(
        &mut self,
        buffer: &mut Vec<u8>,
        size: usize,
        wanted: Seq,
        upto: Seq,
        f: &mut dyn FnMut(&LineRef<'_>) -> ControlFlow<()>,
    ) -> Result<End, Error> {
        let Some(Open { file, first, offset }) = &self.open else { return Ok(End::Segment) };
        let (first, start) = (*first, *offset);
        buffer.resize(size, 0);
        let read = read_full(&**file, buffer, start)
            .map_err(Error::io("read", self.store.place().join(name_of(first))))?;
        let bytes = &buffer[..read];
        let mut at = 0;
        let end = loop {
            if self.next > upto {
                break End::Done;
            }
            let Some(length) = memchr::memchr(b'\n', &bytes[at..]) else {
                if read == size && bytes.len() - at <= LINE_BYTES_MAX {
                    break End::More;
                }
                if at < read {
                    return Err(self.damage_in(first, start + at as u64, "the line does not end"));
                }
                break End::Segment;
            };
            if length == 0 {
                break End::Segment;
            }
            let line = self.check(&bytes[at..at + length], first, start + at as u64)?;
            at += length + 1;
            if line.seq >= wanted && f(&line).is_break() {
                break End::Done;
            }
        };
        if let Some(open) = &mut self.open {
            open.offset = start + at as u64;
        }
        self.remember(first, start + at as u64);
        Ok(end)
    }

    fn check<'b>(&mut self, bytes: &'b [u8], first: Seq, byte: u64) -> Result<LineRef<'b>, Error> {
        let line = LineRef::parse(bytes).map_err(|e| self.damage_in(first, byte + e.byte as u64, e.what))?;
        if line.seq != self.next {
            return Err(self.damage_in(first, byte, "another entry stands there"));
        }
        if self.prev.is_some_and(|prev| prev != line.prev) {
            return Err(self.damage_in(first, byte, "it does not follow from the entry before"));
        }
        self.prev = Some(line.chain_hash());
        self.next += 1;
        Ok(line)
    }

    fn remember(&mut self, first: Seq, offset: u64) {
        if offset >= self.last_mark + MARK_BYTES {
            self.catalog.mark(first, self.next, offset);
            self.last_mark = offset;
        }
    }

    /// Chain hash of the last line read.
    pub fn prev(&self) -> Option<Blake3> {
        self.prev
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_like_numbers_and_nothing_else_is_a_segment() {
        assert_eq!(first_of(&name_of(42)), Some(42));
        for other in ["head", "spare", "42.ndjson", "0000000000000000004x.ndjson", ".ndjson"] {
            assert_eq!(first_of(other), None, "{other}");
        }
        assert_eq!(content(b"a\nb\n\n\n"), b"a\nb\n");
        assert_eq!(content(b"a\nb"), b"a\nb");
        assert_eq!(content(b"\n\n"), b"");
    }
}
