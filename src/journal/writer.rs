//! The end of the chain: builds lines, writes and syncs them into the active segment, opens the next one.
//! One thread at a time has it (`appender` sees to that); it knows nothing of who waits for what.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::digest::Blake3;
use crate::base::formats::Version;
use crate::base::ids::{BootId, NodeId, Seq};
use crate::base::limits::{RESERVE_BYTES, SEGMENT_AHEAD_BYTES};
use crate::base::sign::{JournalKey, signature_text};
use crate::event::journal::{KeyRotated, SegmentOpened};
use crate::event::{Draft, Event, Record};

use super::clock::Clock;
use super::durable::Head;
use super::encode::{Batch, End, Prepared, Writer as Lines, key_text};
use super::error::Error;
use super::head::{HeadFile, Note};
use super::segment::{Catalog, PADDING, name_of};
use super::sign::Signer;
use super::store::{Store, StoreFile};

/// Name of the file that keeps room for the last words.
pub(super) const SPARE: &str = "spare";
/// Name of a segment that is not one yet.
pub(super) const UNFINISHED: &str = "unfinished";
/// Padding that only essential entries may use: they must fit before the spare can be taken.
const KEPT_AHEAD_BYTES: u64 = SEGMENT_AHEAD_BYTES / 2;
/// How often a full disk is asked whether it still is.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Content is hashed when there is this much of it.
const HASH_BYTES: usize = 64 * 1024;
const PADDING_PIECE: usize = 64 * 1024;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Enough.
    Ample,
    /// The disk is full: what is left is for outcomes, controls and notices.
    ReserveOnly,
}

/// What may still be written when the disk is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendClass {
    /// New trouble and new attempts: refused first.
    Normal,
    /// Outcomes, controls, notices: they may use the reserve.
    Essential,
}

/// Why nothing, or not surely anything, was written.
#[derive(Debug)]
pub(super) enum Failed {
    /// The disk is full; the chain is as it was.
    NoSpace,
    /// Nobody knows what is on the disk: no further entry may be acknowledged.
    Broken(String),
    /// The drafts cannot be lines; nothing was written.
    Illegal(String),
}

/// The segment that is written to.
pub(super) struct Active {
    pub file: Arc<dyn StoreFile>,
    pub first: Seq,
    /// Bytes of content.
    pub end: u64,
    /// Bytes of the file: behind the content stands padding.
    pub padded: u64,
    hasher: blake3::Hasher,
    /// Content that is not in the hasher yet: many lines at once cost a fraction of one by one.
    unhashed: Vec<u8>,
    /// Bytes that the last hash covers, and that hash.
    hashed: (u64, Blake3),
}

impl Active {
    /// A segment whose content is `content`.
    pub fn new(file: Arc<dyn StoreFile>, first: Seq, padded: u64, content: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(content);
        let end = content.len() as u64;
        let hashed = (end, Blake3::from_bytes(*hasher.finalize().as_bytes()));
        Self { file, first, end, padded, hasher, unhashed: Vec::new(), hashed }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        self.unhashed.extend_from_slice(bytes);
        if self.unhashed.len() >= HASH_BYTES {
            self.hash();
        }
    }

    /// BLAKE3 of the content.
    fn hash(&mut self) -> Blake3 {
        self.hasher.update(&self.unhashed);
        self.unhashed.clear();
        self.hashed = (self.end, Blake3::from_bytes(*self.hasher.finalize().as_bytes()));
        self.hashed.1
    }
}

/// What a writer begins with.
pub(super) struct Start {
    pub store: Arc<dyn Store>,
    pub catalog: Arc<Catalog>,
    pub clock: Arc<dyn Clock>,
    pub boot: BootId,
    pub node: NodeId,
    pub key: JournalKey,
    pub segment_bytes_max: u64,
    pub active: Active,
    pub next: Seq,
    pub prev: Blake3,
}

pub(super) struct Writer {
    start: Start,
    lines: Lines,
    key_text: String,
    signer: Signer,
    head: Option<HeadFile>,
    space: Space,
    in_spare: bool,
    asked: Instant,
}

impl Writer {
    pub fn new(start: Start) -> Self {
        Self {
            lines: Lines::new(start.boot, start.node),
            key_text: key_text(start.key.id()),
            signer: Signer::start(),
            head: HeadFile::open(&*start.store).ok(),
            space: Space::Ample,
            in_spare: false,
            asked: Instant::now(),
            start,
        }
    }

    pub fn next_seq(&self) -> Seq {
        self.start.next
    }
    pub fn space(&self) -> Space {
        self.space
    }
    pub fn now(&self) -> crate::base::time::Stamp {
        self.start.clock.now()
    }
    pub fn head(&self) -> Head {
        Head { seq: self.start.next.saturating_sub(1), hash: self.start.prev }
    }
    /// Whether the spare is what is written to.
    pub fn is_in_spare(&self) -> bool {
        self.in_spare
    }
    /// Whether the active segment is as long as one should be.
    pub fn is_segment_full(&self) -> bool {
        self.start.active.end >= self.start.segment_bytes_max
    }

    /// Writes the entries and returns when they are durable.
    pub fn commit<'a>(
        &mut self,
        entries: impl Iterator<Item = &'a Prepared> + Clone,
        class: AppendClass,
    ) -> Result<(), Failed> {
        let bytes: usize = entries.clone().map(Prepared::bytes_at_most).sum();
        let keep = if class == AppendClass::Essential { 0 } else { KEPT_AHEAD_BYTES };
        self.make_room(bytes as u64, keep)?;
        let (batch, next, prev) = self.chain(entries, bytes);
        let batch = self.signer.sign(batch, &self.start.key);
        let active = &mut self.start.active;
        let written = active.file.write_at(&batch.bytes, active.end).and_then(|()| active.file.sync());
        written.map_err(|e| Failed::Broken(format!("{}: {e}", name_of(active.first))))?;
        active.take_in(&batch.bytes);
        self.start.next = next;
        self.start.prev = prev;
        self.note(&batch, Sync::WhenDue);
        Ok(())
    }

    fn chain<'a>(&self, entries: impl Iterator<Item = &'a Prepared>, bytes: usize) -> (Batch, Seq, Blake3) {
        let mut batch = Batch { bytes: Vec::with_capacity(bytes), ..Batch::default() };
        let (mut next, mut prev) = (self.start.next, self.start.prev);
        // Everything before this batch is durable: one batch is synced before the next is begun.
        let synced = self.start.next.checked_sub(1);
        for entry in entries {
            let end = End { synced, prev, key: &self.key_text };
            prev = self.lines.add(&mut batch, next, entry, &end);
            next += 1;
        }
        (batch, next, prev)
    }

    fn note(&mut self, batch: &Batch, sync: Sync) {
        let Some(head) = &mut self.head else { return };
        let Some(place) = batch.places.last() else { return };
        let active = &self.start.active;
        let sig = batch.bytes.get(place.brace + 8..place.brace + 96).unwrap_or_default();
        let note = Note {
            v: Version,
            seq: self.start.next - 1,
            hash: self.start.prev,
            segment: active.first,
            bytes: active.hashed.0,
            blake3: active.hashed.1,
            sig: String::from_utf8_lossy(sig).into_owned(),
        };
        head.write(&note, sync == Sync::Now);
    }

    /// Makes the active segment long enough for `bytes`, with `keep` more behind them.
    /// The chain is as it was when this fails for lack of space.
    fn make_room(&mut self, bytes: u64, keep: u64) -> Result<(), Failed> {
        let active = &mut self.start.active;
        if active.end + bytes + keep <= active.padded {
            return Ok(());
        }
        let until = active.end + bytes + SEGMENT_AHEAD_BYTES;
        match pad(&*active.file, active.padded, until) {
            Ok(()) => {
                active.padded = until;
                Ok(())
            }
            Err(e) => {
                let failed = no_space_or_broken(&e, active.first);
                if matches!(failed, Failed::NoSpace) {
                    self.space = Space::ReserveOnly;
                    self.asked = Instant::now();
                }
                Err(failed)
            }
        }
    }

    /// Closes the active segment and opens the next, whose first entry seals it.
    pub fn rotate(&mut self) -> Result<Record, Failed> {
        self.rotate_into(Room::New)
    }

    /// The same with the spare file as the next segment: for entries that must not be refused.
    pub fn rotate_into_spare(&mut self) -> Result<Record, Failed> {
        self.rotate_into(Room::Spare)
    }

    fn rotate_into(&mut self, room: Room) -> Result<Record, Failed> {
        let first = self.start.next;
        let (file, padded, from) = self.room_for(room, first)?;
        self.close_active()?;
        let (event, at) = (self.seal(), self.now());
        let draft = Draft { at, incident: None, cause: None, event };
        let entry = Prepared::from_draft(&draft).map_err(|e| Failed::Illegal(e.to_string()))?;
        let (batch, next, prev) = self.chain(std::iter::once(&entry), entry.bytes_at_most());
        let batch = self.signer.sign(batch, &self.start.key);
        let store = &self.start.store;
        let write = || -> io::Result<()> {
            file.write_at(&batch.bytes, 0)?;
            file.sync()?;
            store.rename(from, &name_of(first))?;
            store.sync_folder()
        };
        write().map_err(|e| Failed::Broken(format!("{}: {e}", name_of(first))))?;
        self.start.active = Active::new(file, first, padded, &batch.bytes);
        self.in_spare = from == SPARE;
        self.start.next = next;
        self.start.prev = prev;
        self.start.catalog.add(first);
        self.note(&batch, Sync::Now);
        Ok(self.record(first, draft))
    }

    /// Cuts the padding off; the content is durable already.
    fn close_active(&mut self) -> Result<(), Failed> {
        let active = &mut self.start.active;
        if active.padded != active.end {
            let cut = active.file.set_len(active.end).and_then(|()| active.file.sync());
            cut.map_err(|e| Failed::Broken(format!("{}: {e}", name_of(active.first))))?;
            active.padded = active.end;
        }
        Ok(())
    }

    fn seal(&mut self) -> Event {
        let active = &mut self.start.active;
        SegmentOpened {
            previous_first: active.first,
            previous_last: self.start.next.saturating_sub(1),
            previous_bytes: active.end,
            previous_blake3: active.hash(),
        }
        .into()
    }

    /// A file for the next segment: open, padded, under another name.
    fn room_for(&self, room: Room, first: Seq) -> Result<(Arc<dyn StoreFile>, u64, &'static str), Failed> {
        let store = &self.start.store;
        if room == Room::Spare {
            let file = store.open(SPARE).map_err(|_| Failed::NoSpace)?;
            let padded = file.size().map_err(|e| no_space_or_broken(&e, first))?;
            return Ok((file, padded, SPARE));
        }
        let make = || -> io::Result<Arc<dyn StoreFile>> {
            let file = store.create(UNFINISHED)?;
            pad(&*file, 0, SEGMENT_AHEAD_BYTES)?;
            Ok(file)
        };
        match make() {
            Ok(file) => Ok((file, SEGMENT_AHEAD_BYTES, UNFINISHED)),
            Err(e) => {
                let _ = store.remove(UNFINISHED);
                Err(no_space_or_broken(&e, first))
            }
        }
    }

    /// Gives the signing over to another key: said by the old one, in the last entry of its last segment.
    pub fn rotate_key(&mut self, new: JournalKey) -> Result<Vec<Record>, Failed> {
        let public_key = new.public();
        let statement = rotation_statement(self.start.node, &public_key.to_string());
        let event = KeyRotated {
            public_key,
            retires: self.start.key.id(),
            possession: signature_text(&new.sign(statement.as_bytes())),
        };
        let draft = Draft { at: self.now(), incident: None, cause: None, event: event.into() };
        let entry = Prepared::from_draft(&draft).map_err(|e| Failed::Illegal(e.to_string()))?;
        self.commit(std::iter::once(&entry), AppendClass::Essential)?;
        let mut records = vec![self.record(self.start.next - 1, draft)];
        self.key_text = key_text(new.id());
        self.start.key = new;
        match self.rotate() {
            Ok(record) => records.push(record),
            Err(Failed::Broken(reason)) => return Err(Failed::Broken(reason)),
            // Without room for a new segment the new key goes on in this one.
            Err(Failed::NoSpace | Failed::Illegal(_)) => {}
        }
        // Whoever now forgets the old key must find this entry believed after a power loss.
        if let Some(head) = &mut self.head {
            head.sync();
        }
        Ok(records)
    }

    /// An entry of the journal's own as folds see it.
    pub fn record(&self, seq: Seq, draft: Draft) -> Record {
        let Draft { at, incident, cause, event } = draft;
        Record { seq, at, boot: self.start.boot, node: self.start.node, incident, cause, event }
    }

    /// Keeps the spare there, and asks a full disk now and then whether it still is.
    pub fn look_after_space(&mut self) {
        if self.space == Space::ReserveOnly && self.asked.elapsed() >= ASK_AGAIN {
            self.asked = Instant::now();
            self.ask_for_space();
        }
    }

    /// Makes the spare if it is missing, and room ahead; says what there is in [`Self::space`].
    pub fn ask_for_space(&mut self) {
        self.space = Space::Ample;
        if self.make_spare().is_err() || self.make_room(0, SEGMENT_AHEAD_BYTES).is_err() {
            self.space = Space::ReserveOnly;
        }
    }

    fn make_spare(&self) -> io::Result<()> {
        let store = &self.start.store;
        if let Ok(spare) = store.open(SPARE)
            && spare.size()? == RESERVE_BYTES
        {
            return Ok(());
        }
        let make = || -> io::Result<()> {
            let file = store.create(UNFINISHED)?;
            pad(&*file, 0, RESERVE_BYTES)?;
            file.sync()?;
            store.rename(UNFINISHED, SPARE)?;
            store.sync_folder()
        };
        make().inspect_err(|_| {
            let _ = store.remove(UNFINISHED);
        })
    }

    /// The end of an orderly run: padding cut off, head note synced.
    pub fn close(&mut self) -> Result<(), Failed> {
        self.close_active()?;
        if let (Some(head), Some(mut note)) = (&mut self.head, Note::read(&*self.start.store))
            && note.segment == self.start.active.first
        {
            (note.blake3, note.bytes) = (self.start.active.hash(), self.start.active.end);
            head.write(&note, true);
        }
        Ok(())
    }
}

#[derive(PartialEq, Eq)]
enum Sync {
    WhenDue,
    Now,
}

#[derive(PartialEq, Eq)]
enum Room {
    New,
    Spare,
}

/// What the new key signs to show that somebody has it.
pub(super) fn rotation_statement(node: NodeId, public_key: &str) -> String {
    format!("remediator key rotation v1\n{node}\n{public_key}")
}

fn no_space_or_broken(e: &io::Error, segment: Seq) -> Failed {
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failed::NoSpace,
        _ => Failed::Broken(format!("{}: {e}", name_of(segment))),
    }
}

fn pad(file: &dyn StoreFile, from: u64, until: u64) -> io::Result<()> {
    let piece = [PADDING; PADDING_PIECE];
    let mut at = from;
    while at < until {
        let length = piece.len().min(usize::try_from(until - at).unwrap_or(usize::MAX));
        file.write_at(&piece[..length], at)?;
        at += length as u64;
    }
    Ok(())
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NoSpace => Self::DiskFull,
            Failed::Broken(reason) => Self::Sealed { reason },
            Failed::Illegal(what) => Self::Illegal(what),
        }
    }
}
