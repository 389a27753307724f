//! The chain pass of verification: every line's form, its place in the chain, seals, keys and the end.
//! Signatures of single lines are checked here only where something hangs on them; all of them in `signatures`.

use std::ops::ControlFlow;

use crate::base::digest::Blake3;
use crate::base::formats;
use crate::base::ids::{NodeId, Seq};
use crate::base::sign::{KeyId, PublicKey, parse_signature};
use crate::event::journal::{Genesis, KeyRotated, Pruned, SegmentOpened};
use crate::event::{Cause, Event, Kind as _};

use super::base::{Base, NOT_SAID};
use super::durable::Head;
use super::error::Damage;
use super::export::ExportedKey;
use super::head::Note;
use super::line::{Line, LineRef};
use super::pieces::Piece;
use super::segment::{PADDING, name_of};
use super::writer::rotation_statement;

/// What one core saw in one piece.
#[derive(Default)]
pub(super) struct Found {
    first: Option<(Seq, Blake3, NodeId)>,
    count: u64,
    last: Option<Last>,
    /// Lines that the join has to read itself: byte in the piece, and the line.
    notable: Vec<(usize, Line)>,
    /// Where the signing key changes, the first line included.
    keys: Vec<(Seq, usize, KeyId)>,
    bad: Option<(usize, String)>,
    /// Where padding begins.
    end: Option<usize>,
}

struct Last {
    byte: usize,
    line: Line,
    hash: Blake3,
}

/// Looks at one piece by itself.
pub(super) fn look(piece: &Piece) -> Found {
    let mut found = Found::default();
    let bytes = &piece.bytes;
    let mut at = 0;
    let mut last: Option<(usize, LineRef<'_>, Blake3)> = None;
    while at < bytes.len() {
        if bytes[at] == PADDING {
            found.end = Some(at);
            found.bad = behind_the_end(bytes, at);
            break;
        }
        let end = memchr::memchr(b'\n', &bytes[at..]).map(|length| at + length);
        let line = end.ok_or((at, "the line does not end".to_owned())).and_then(|end| {
            let line = LineRef::parse(&bytes[at..end]).map_err(|e| (at + e.byte, e.what.to_owned()))?;
            check_alone(&line).map_err(|(byte, what)| (at + byte, what))?;
            check_after(&line, last.as_ref()).map_err(|what| (at, what.to_owned()))?;
            Ok(line)
        });
        match line {
            Ok(line) => {
                note_down(&mut found, &line, at, last.as_ref().map(|last| last.1.key));
                last = Some((at, line, line.chain_hash()));
                at += line.as_str().len() + 1;
            }
            Err(bad) => {
                found.bad = Some(bad);
                break;
            }
        }
    }
    found.last = last.map(|(byte, line, hash)| Last { byte, line: line.to_line(), hash });
    found
}

fn behind_the_end(bytes: &[u8], from: usize) -> Option<(usize, String)> {
    let stray = bytes[from..].iter().position(|b| *b != PADDING)?;
    Some((from + stray, "bytes behind the end of the segment".to_owned()))
}

fn check_alone(line: &LineRef<'_>) -> Result<(), (usize, String)> {
    line.check_data().map_err(|e| (e.byte, e.what.to_owned()))?;
    let late = matches!(line.cause, Some(Cause::Seq(cause)) if cause >= line.seq);
    if late || line.synced.is_some_and(|synced| synced >= line.seq) {
        return Err((0, "it names an entry that is not earlier".to_owned()));
    }
    Ok(())
}

fn check_after(line: &LineRef<'_>, last: Option<&(usize, LineRef<'_>, Blake3)>) -> Result<(), &'static str> {
    let Some((_, before, hash)) = last else { return Ok(()) };
    if line.seq != before.seq + 1 {
        return Err("another entry stands there");
    }
    if line.prev != *hash {
        return Err("it does not follow from the entry before");
    }
    if line.node != before.node {
        return Err("it is of another machine");
    }
    Ok(())
}

fn note_down(found: &mut Found, line: &LineRef<'_>, at: usize, key_before: Option<KeyId>) {
    found.first.get_or_insert((line.seq, line.prev, line.node));
    found.count += 1;
    if key_before != Some(line.key) {
        found.keys.push((line.seq, at, line.key));
    }
    if let Genesis::KIND | KeyRotated::KIND | SegmentOpened::KIND | Pruned::KIND = line.kind {
        found.notable.push((at, line.to_line()));
    }
}

/// The part of a journal between two seals.
struct Run {
    first: Seq,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl Run {
    fn new(first: Seq) -> Self {
        Self { first, bytes: 0, hasher: blake3::Hasher::new() }
    }
    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hasher.update(bytes);
    }
    fn blake3(&self) -> Blake3 {
        Blake3::from_bytes(*self.hasher.finalize().as_bytes())
    }
}

/// The last good line and where it stands.
struct Place {
    segment: Seq,
    byte: u64,
    line: Line,
    hash: Blake3,
}

/// Joins what the cores saw, in order.
pub(super) struct Walker<'a> {
    note: Option<&'a Note>,
    base: Option<&'a Base>,
    /// Whether an entry confirmed the base, or need not.
    confirmed: bool,
    last_segment: Seq,
    segment: Seq,
    /// End of the good bytes in the segment.
    byte: u64,
    over: bool,
    next: Seq,
    last: Option<Place>,
    run: Run,
    node: Option<NodeId>,
    genesis: Option<Blake3>,
    keys: Vec<ExportedKey>,
    signatures: u64,
    bad: Option<Damage>,
    bad_seal: bool,
}

impl<'a> Walker<'a> {
    pub fn new(note: Option<&'a Note>, last_segment: Seq) -> Self {
        Self {
            note,
            base: None,
            confirmed: true,
            last_segment,
            segment: 0,
            byte: 0,
            over: false,
            next: 0,
            last: None,
            run: Run::new(0),
            node: None,
            genesis: None,
            keys: Vec::new(),
            signatures: 0,
            bad: None,
            bad_seal: false,
        }
    }

    /// Begins at the minimum of a pruned journal. `vouched`: somebody else answers for the base (the signature of an
    /// archive's manifest); else an entry of the journal has to.
    pub fn above(mut self, base: Option<&'a Base>, vouched: bool) -> Self {
        let Some(base) = base else { return self };
        (self.base, self.confirmed) = (Some(base), vouched);
        (self.segment, self.next, self.run) = (base.minimum, base.minimum, Run::new(base.minimum));
        match (base.genesis(), base.keys()) {
            (Some((genesis, hash)), Ok(keys)) => {
                (self.node, self.genesis, self.keys) = (Some(genesis.node), Some(hash), keys);
            }
            (_, keys) => {
                let what = keys.err().unwrap_or("the genesis entry that was kept cannot be read");
                self.bad = Some(base.damage(what));
            }
        }
        self
    }

    pub fn entries(&self) -> u64 {
        self.next
    }
    pub fn node(&self) -> Option<NodeId> {
        self.node
    }
    pub fn genesis(&self) -> Option<Blake3> {
        self.genesis
    }
    pub fn keys(&self) -> &[ExportedKey] {
        &self.keys
    }
    pub fn signatures(&self) -> u64 {
        self.signatures
    }
    pub fn head(&self) -> Option<Head> {
        self.last.as_ref().map(|last| Head { seq: last.line.seq(), hash: last.hash })
    }
    /// File and byte at which the good entries end.
    pub fn place(&self) -> (String, u64) {
        (name_of(self.segment), self.byte)
    }
    /// What is wrong, when it is a hash over many lines that does not fit.
    pub fn bad_seal(&self) -> Option<Damage> {
        self.bad.clone().filter(|_| self.bad_seal)
    }
    pub fn is_bad(&self) -> bool {
        self.bad.is_some()
    }
    pub fn count_signatures(&mut self, more: u64) {
        self.signatures += more;
    }
    /// Puts the blame where it belongs.
    pub fn blame(&mut self, bad: Damage) {
        self.bad = Some(bad);
    }
    pub fn into_bad(self) -> Option<Damage> {
        self.bad
    }

    fn fail(&mut self, seq: Seq, byte: u64, what: impl Into<String>) -> ControlFlow<()> {
        self.fail_in(self.segment, seq, byte, what)
    }

    fn fail_in(&mut self, segment: Seq, seq: Seq, byte: u64, what: impl Into<String>) -> ControlFlow<()> {
        let file = name_of(segment);
        self.bad.get_or_insert(Damage { seq, file, byte, what: what.into() });
        ControlFlow::Break(())
    }

    /// Takes the next piece.
    pub fn join(&mut self, piece: &Piece, found: Found) -> ControlFlow<()> {
        if piece.byte == 0 && piece.segment != self.segment {
            self.next_segment(piece.segment)?;
        }
        self.follow(piece, &found)?;
        self.keys_in_force(piece, &found)?;
        self.hash(piece, &found)?;
        if let Some(last) = found.last {
            let byte = piece.byte + last.byte as u64;
            self.byte = byte + last.line.as_str().len() as u64 + 1;
            self.last = Some(Place { segment: piece.segment, byte, line: last.line, hash: last.hash });
        }
        self.next += found.count;
        self.over |= found.end.is_some();
        match found.bad {
            Some((byte, what)) => self.suspect(self.next, piece.byte + byte as u64, what),
            None => ControlFlow::Continue(()),
        }
    }

    fn next_segment(&mut self, first: Seq) -> ControlFlow<()> {
        if first != self.next {
            return self.fail(self.next, self.byte, "the segment that holds it is missing");
        }
        (self.segment, self.byte, self.over) = (first, 0, false);
        ControlFlow::Continue(())
    }

    /// The piece's first line must follow from the last one.
    fn follow(&mut self, piece: &Piece, found: &Found) -> ControlFlow<()> {
        let Some((seq, prev, node)) = found.first else { return ControlFlow::Continue(()) };
        let below = self.base.map_or(Blake3::ZERO, |base| base.hash);
        let expected = self.last.as_ref().map_or(below, |last| last.hash);
        if self.over {
            return self.fail(self.next, piece.byte, "bytes behind the end of the segment");
        }
        if seq != self.next {
            return self.suspect(self.next, piece.byte, "another entry stands there");
        }
        if prev != expected {
            return self.suspect(seq, piece.byte, "it does not follow from the entry before");
        }
        if *self.node.get_or_insert(node) != node {
            return self.fail(seq, piece.byte, "it is of another machine");
        }
        let opens = found.notable.first().is_some_and(|(byte, line)| *byte == 0 && line.seq() == seq);
        if piece.byte == 0 && !opens {
            return self.fail(seq, 0, "a segment has to begin by sealing the one before");
        }
        ControlFlow::Continue(())
    }

    /// Something is wrong at `seq`; a change in the line before may be the reason, which its signature tells.
    fn suspect(&mut self, seq: Seq, byte: u64, what: impl Into<String>) -> ControlFlow<()> {
        if let (Some(last), Some(key)) = (&self.last, self.keys.last()) {
            let holds = last.line.parsed().is_ok_and(|line| line.verify(&key.public_key));
            if !holds && last.line.seq() >= key.from {
                let (segment, seq, byte) = (last.segment, last.line.seq(), last.byte);
                return self.fail_in(segment, seq, byte, "its content is not what was signed");
            }
        }
        self.fail(seq, byte, what)
    }

    /// Genesis and rotations, and that every line names the key in force.
    fn keys_in_force(&mut self, piece: &Piece, found: &Found) -> ControlFlow<()> {
        for (byte, line) in &found.notable {
            let byte = piece.byte + *byte as u64;
            let Ok(parsed) = line.parsed() else { continue };
            let event = match parsed.record() {
                Ok(record) => record.event,
                Err(e) => return self.fail(line.seq(), byte, e.to_string()),
            };
            let new = match event {
                Event::Genesis(genesis) => self.genesis_key(&parsed, genesis),
                Event::KeyRotated(rotated) => rotated_key(&parsed, rotated),
                Event::Pruned(pruned) => {
                    self.confirmed |= self.base.is_some_and(|base| base.is_said_by(line.seq(), &pruned));
                    Ok(None)
                }
                _ => Ok(None),
            };
            let new = match new {
                Ok(new) => new,
                Err(what) => return self.fail(line.seq(), byte, what),
            };
            let key = self.keys.last().map(|key| key.public_key.clone());
            let signer = if line.seq() == 0 { new.clone() } else { key };
            self.signatures += 1;
            if !signer.is_some_and(|key| parsed.verify(&key)) {
                return self.fail(line.seq(), byte, "its signature does not hold");
            }
            if let Some(public_key) = new {
                let from = if line.seq() == 0 { 0 } else { line.seq() + 1 };
                self.keys.push(ExportedKey { id: public_key.id(), public_key, from });
            }
        }
        for (seq, byte, id) in &found.keys {
            let in_force = self.keys.iter().rev().find(|key| key.from <= *seq);
            if in_force.is_none_or(|key| key.id != *id) {
                return self.fail(*seq, piece.byte + *byte as u64, "it is not signed with the key in force");
            }
        }
        ControlFlow::Continue(())
    }

    fn genesis_key(
        &mut self,
        line: &LineRef<'_>,
        genesis: Genesis,
    ) -> Result<Option<PublicKey>, &'static str> {
        if line.seq != 0 || genesis.node != line.node {
            return Err("a genesis entry where none may be");
        }
        if genesis.format != formats::JOURNAL {
            return Err("the journal is of another format version");
        }
        if genesis.public_key.as_dalek().is_weak() {
            return Err("the key is a weak one");
        }
        self.genesis = Some(line.chain_hash());
        Ok(Some(genesis.public_key))
    }

    /// Feeds the bytes to the run, closing it at each seal, and compares with the head note on the way.
    fn hash(&mut self, piece: &Piece, found: &Found) -> ControlFlow<()> {
        let good = found.last.as_ref().map_or(0, |last| last.byte + last.line.as_str().len() + 1);
        let mut from = 0;
        for (byte, line) in &found.notable {
            let Ok(Event::SegmentOpened(seal)) = line
                .parsed()
                .map_or_else(|_| Err(()), |line| line.record().map(|record| record.event).map_err(|_| ()))
            else {
                continue;
            };
            self.add(piece, from, *byte)?;
            from = *byte;
            self.compare(&seal, line.seq(), piece.byte + *byte as u64)?;
            self.run = Run::new(line.seq());
        }
        self.add(piece, from, good)
    }

    fn add(&mut self, piece: &Piece, from: usize, to: usize) -> ControlFlow<()> {
        let (start, end) = (piece.byte + from as u64, piece.byte + to as u64);
        let mut rest = from;
        if let Some(note) =
            self.note.filter(|note| note.segment == piece.segment && start < note.bytes && note.bytes <= end)
        {
            rest = usize::try_from(note.bytes - piece.byte).unwrap_or(to);
            self.run.add(&piece.bytes[from..rest]);
            if self.run.blake3() != note.blake3 {
                self.bad_seal = true;
                return self.fail(note.seq, start, "the segment is not what the head file says");
            }
        }
        self.run.add(&piece.bytes[rest..to]);
        ControlFlow::Continue(())
    }

    fn compare(&mut self, seal: &SegmentOpened, seq: Seq, byte: u64) -> ControlFlow<()> {
        // What the first kept entry seals was pruned.
        if self.base.is_some_and(|base| base.minimum == seq) && seal.previous_last + 1 == seq {
            return ControlFlow::Continue(());
        }
        let fits = seal.previous_first == self.run.first
            && seal.previous_last + 1 == seq
            && seal.previous_bytes == self.run.bytes
            && seal.previous_blake3 == self.run.blake3();
        if fits {
            return ControlFlow::Continue(());
        }
        self.bad_seal = true;
        self.fail(seq, byte, "the segment before is not what this entry seals")
    }

    /// After the last piece: nothing follows the last line, so its own signature has to vouch for it.
    pub fn finish(&mut self) {
        if self.bad.is_some() {
            return;
        }
        if self.segment != self.last_segment {
            let _ = self.fail(self.next, self.byte, "the segment that holds it is missing");
            return;
        }
        let Some(Place { byte, line, .. }) = &self.last else {
            let _ = self.fail(0, 0, "there is no entry");
            return;
        };
        let (byte, seq) = (*byte, line.seq());
        if let Some(base) = self.base.filter(|_| !self.confirmed) {
            self.bad = Some(base.damage(NOT_SAID));
            return;
        }
        self.signatures += 1;
        let key = self.keys.iter().rev().find(|key| key.from <= seq);
        let holds = key.is_some_and(|key| line.parsed().is_ok_and(|line| line.verify(&key.public_key)));
        if !holds {
            let _ = self.fail(seq, byte, "its content is not what was signed");
        }
    }
}

fn rotated_key(line: &LineRef<'_>, rotated: KeyRotated) -> Result<Option<PublicKey>, &'static str> {
    if !rotation_holds(line, &rotated) {
        return Err("the key rotation does not hold");
    }
    Ok(Some(rotated.public_key))
}

/// Whether a key is brought in by the one that signs until then, and by whoever has its private half. Not whether the
/// line is signed.
pub(super) fn rotation_holds(line: &LineRef<'_>, rotated: &KeyRotated) -> bool {
    let statement = rotation_statement(line.node, &rotated.public_key.to_string());
    let shown = parse_signature(&rotated.possession)
        .is_some_and(|signature| rotated.public_key.verify(statement.as_bytes(), &signature));
    rotated.retires == line.key && shown && !rotated.public_key.as_dalek().is_weak()
}
