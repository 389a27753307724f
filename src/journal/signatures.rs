//! The signature pass of verification: every line's, in batches (`batch`) on all cores.
//! A batch that does not hold is looked at line by line, strictly.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::base::ids::Seq;
use crate::base::sign::{KeyId, PublicKey};

use super::batch::{Signed, all_hold};
use super::error::{Damage, Error};
use super::export::ExportedKey;
use super::line::LineRef;
use super::pieces::{self, Piece};
use super::segment::{PADDING, first_of, name_of};
use super::store::Store;
use super::verify::Report;

/// Lines of one batch: from a few hundred on more do not make it faster.
const BATCH: usize = 1024;

/// Keys of the journal by id. That each line names the one in force was checked with the chain.
pub(super) struct Keys(BTreeMap<KeyId, PublicKey>);

impl Keys {
    pub fn of(keys: &[ExportedKey]) -> Self {
        Self(keys.iter().map(|key| (key.id, key.public_key.clone())).collect())
    }
    /// `None`: of no key that is known, or no signature.
    fn terms(&self, line: &LineRef<'_>) -> Option<Signed> {
        Signed::of(self.0.get(&line.key)?, &line.signed_pieces(), &line.signature()?)
    }
}

/// What the pass found.
#[derive(Default)]
pub(super) struct Found {
    pub count: u64,
    pub bad: Option<Damage>,
}

/// Checks every entry that the report calls good.
pub(super) fn check(
    store: &dyn Store,
    segments: &[Seq],
    report: &Report,
    progress: &mut dyn FnMut(u64),
) -> Result<Found, Error> {
    let bad = report.first_bad.as_ref().and_then(|bad| Some((first_of(&bad.file)?, bad.byte)));
    let all = Range { segment: 0, byte: 0, until: report.entries, end: bad };
    first_bad(store, segments, &Keys::of(&report.keys), all, progress)
}

/// Which entries are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// From this byte of this segment on …
    pub segment: Seq,
    pub byte: u64,
    /// … below this seq.
    pub until: Seq,
    /// Segment and byte of a line that is known to be bad: what it says of itself, its seq included, means nothing.
    pub end: Option<(Seq, u64)>,
}

impl Range {
    fn ends_at(&self, segment: Seq, line_end: u64) -> bool {
        self.end.is_some_and(|(bad, byte)| segment > bad || (segment == bad && line_end >= byte))
    }
}

/// Checks entries until one does not hold.
pub(super) fn first_bad(
    store: &dyn Store,
    segments: &[Seq],
    keys: &Keys,
    range: Range,
    progress: &mut dyn FnMut(u64),
) -> Result<Found, Error> {
    let from = segments.partition_point(|segment| *segment < range.segment);
    let segments = &segments[from..];
    let mut all = Found::default();
    let mut bytes = 0;
    pieces::for_each(store, segments, |piece| look(piece, keys, range), &mut |piece, found: Found| {
        bytes += piece.bytes.len() as u64;
        progress(bytes);
        all.count += found.count;
        all.bad = found.bad;
        if all.bad.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(all)
}

/// Lines under one key.
#[derive(Default)]
struct Batch<'a> {
    lines: Vec<(u64, LineRef<'a>)>,
    signed: Vec<Signed>,
}

fn look(piece: &Piece, keys: &Keys, range: Range) -> Found {
    let mut found = Found::default();
    let mut batch = Batch::default();
    let mut at = 0;
    while at < piece.bytes.len() && piece.bytes[at] != PADDING && found.bad.is_none() {
        let Some(length) = memchr::memchr(b'\n', &piece.bytes[at..]) else { break };
        let byte = piece.byte + at as u64;
        if piece.segment == range.segment && byte < range.byte {
            at += length + 1;
            continue;
        }
        // What cannot be read was reported with the chain.
        let Ok(line) = LineRef::parse(&piece.bytes[at..at + length]) else { break };
        if line.seq >= range.until || range.ends_at(piece.segment, byte + length as u64) {
            break;
        }
        if batch.lines.last().is_some_and(|(_, last)| last.key != line.key) {
            batch.settle(keys, piece.segment, &mut found);
        }
        match keys.terms(&line) {
            Some(signed) => {
                batch.lines.push((byte, line));
                batch.signed.push(signed);
            }
            None => {
                // Those before it come first.
                batch.settle(keys, piece.segment, &mut found);
                found.bad.get_or_insert(damage(&line, byte, piece.segment));
            }
        }
        if batch.lines.len() == BATCH {
            batch.settle(keys, piece.segment, &mut found);
        }
        at += length + 1;
    }
    if found.bad.is_none() {
        batch.settle(keys, piece.segment, &mut found);
    }
    found
}

impl Batch<'_> {
    fn settle(&mut self, keys: &Keys, segment: Seq, found: &mut Found) {
        let batch = std::mem::take(self);
        let Some((_, last)) = batch.lines.last() else { return };
        found.count += batch.lines.len() as u64;
        if keys.0.get(&last.key).is_some_and(|key| all_hold(key, &batch.signed)) {
            return;
        }
        let bad =
            batch.lines.iter().find(|(_, line)| !keys.0.get(&line.key).is_some_and(|key| line.verify(key)));
        found.bad = bad.map(|(byte, line)| damage(line, *byte, segment));
    }
}

fn damage(line: &LineRef<'_>, byte: u64, segment: Seq) -> Damage {
    let what = "its signature does not hold".to_owned();
    Damage { seq: line.seq, file: name_of(segment), byte, what }
}
