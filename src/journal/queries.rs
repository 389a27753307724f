//! Questions: lines by seq, seqs by index. Lines come from sled with their hash checked, else from the segments;
//! indexed questions are refused while there is no index that can be believed.

use std::ops::ControlFlow;
use std::sync::PoisonError;
use std::time::Duration;

use crate::base::ids::{Fingerprint, IncidentId, Seq};
use crate::event::Event;

use super::error::{Damage, Error};
use super::handle::IntentJournal;
use super::line::{Line, LineRef};
use super::repair::{Keys, Source};
use super::rows::{By, Rows, Trouble, incident_term, kind_term};
use super::seals::{check_one, seal_of};
use super::segment::first_of;
use super::select::{AnyOf, Selection, intersect};

impl IntentJournal {
    /// One line as stored, if it is durable.
    pub fn line(&self, seq: Seq) -> Result<Option<Line>, Error> {
        self.must_be_kept(seq)?;
        let after = seq.checked_sub(1);
        Ok(self.lines(after, 1)?.into_iter().next())
    }

    fn must_be_kept(&self, seq: Seq) -> Result<(), Error> {
        let minimum = self.minimum();
        if seq < minimum { Err(Error::Pruned { seq, minimum }) } else { Ok(()) }
    }

    /// Durable lines behind `after` (none: from the first there is), byte for byte, at most `limit`.
    pub fn lines(&self, after: Option<Seq>, limit: usize) -> Result<Vec<Line>, Error> {
        let from = after.map_or(self.minimum(), |after| after.saturating_add(1));
        self.must_be_kept(from)?;
        let durable = self.inner.durable.seq();
        if from > durable || limit == 0 {
            return Ok(Vec::new());
        }
        let upto = durable.min(from.saturating_add(limit as u64 - 1));
        if let Some(index) = self.inner.index.as_ref().filter(|index| index.is_ready())
            && let Ok(lines) = index.ask(upto, |rows| lines_from(rows, from, upto))
        {
            return Ok(lines);
        }
        self.lines_from_segments(from, upto)
    }

    fn lines_from_segments(&self, from: Seq, upto: Seq) -> Result<Vec<Line>, Error> {
        match self.read_segments(from, upto) {
            Err(Error::Damaged(damage)) if self.inner.damage.is_none() => {
                self.mend(&damage)?;
                self.read_segments(from, upto)
            }
            other => other,
        }
    }

    fn read_segments(&self, from: Seq, upto: Seq) -> Result<Vec<Line>, Error> {
        let mut lines = Vec::new();
        // One further, so that the last line is vouched for by the next one's `prev`.
        let further = self.inner.durable.seq().min(upto + 1);
        let mut cursor = self.cursor(from);
        cursor.read(further, &mut |line| {
            if line.seq <= upto {
                lines.push(line.to_line());
            }
            ControlFlow::Continue(())
        })?;
        Ok(lines)
    }

    /// Entries of an incident, in order.
    pub fn by_incident(&self, id: &IncidentId, after: Option<Seq>, limit: usize) -> Result<Vec<Seq>, Error> {
        self.indexed(|rows| rows.seqs(By::Incident, &incident_term(id), after, limit))
    }

    /// Entries of a kind, such as `attempt.ended`, in order.
    pub fn by_kind(&self, kind: &str, after: Option<Seq>, limit: usize) -> Result<Vec<Seq>, Error> {
        self.indexed(|rows| rows.seqs(By::Kind, &kind_term(kind), after, limit))
    }

    /// Reports and incidents of a fingerprint, in order.
    pub fn by_fingerprint(
        &self,
        fingerprint: &Fingerprint,
        after: Option<Seq>,
        limit: usize,
    ) -> Result<Vec<Seq>, Error> {
        self.indexed(|rows| rows.seqs(By::Fingerprint, fingerprint.as_bytes(), after, limit))
    }

    /// Entries from `from` to `upto` that fit everything that is asked, in order, at most `limit`.
    pub fn select(
        &self,
        selection: &Selection,
        from: Seq,
        upto: Seq,
        limit: usize,
    ) -> Result<Vec<Seq>, Error> {
        let upto = upto.min(self.inner.durable.seq());
        self.indexed(|rows| {
            let mut lists = Vec::new();
            if let Some(kinds) = &selection.kinds {
                let of = |kind: &String| rows.list(By::Kind, kind_term(kind));
                lists.push(AnyOf::new(kinds.iter().map(of).collect()));
            }
            if let Some(id) = &selection.incident {
                lists.push(AnyOf::new(vec![rows.list(By::Incident, incident_term(id))]));
            }
            let words = selection.words.iter();
            lists.extend(words.map(|word| AnyOf::new(vec![rows.list(By::Word, word.term())])));
            intersect(&mut lists, from, upto, limit)
        })
    }

    /// Entries with `from_us` ≤ wall time < `until_us` (Unix µs), in order.
    pub fn by_time(&self, from_us: i64, until_us: i64, limit: usize) -> Result<Vec<Seq>, Error> {
        self.indexed(|rows| rows.seqs_by_time(from_us, until_us, limit))
    }

    fn indexed<T>(&self, f: impl FnOnce(&Rows) -> Result<T, Trouble>) -> Result<T, Error> {
        match &self.inner.index {
            Some(index) => index.ask(self.inner.durable.seq(), f),
            None => Err(Error::Rebuilding { retry_after: Duration::from_secs(60) }),
        }
    }

    /// Mends a damaged closed segment from sled; the repair is recorded behind the next batch.
    pub(super) fn mend(&self, damage: &Damage) -> Result<(), Error> {
        let damaged = || Error::Damaged(damage.clone());
        let _one_at_a_time = self.inner.mending.lock().unwrap_or_else(PoisonError::into_inner);
        let first = first_of(&damage.file).ok_or_else(damaged)?;
        let next = self.inner.catalog.firsts().into_iter().find(|next| *next > first).ok_or_else(damaged)?;
        let mut seal = None;
        let mut keys = Keys::default();
        self.cursor(next).read(next, &mut |line| {
            seal = seal_of(line);
            ControlFlow::Continue(())
        })?;
        let seal = seal.ok_or_else(damaged)?;
        match &self.inner.base {
            Some(base) => base.kept().for_each(|line| keys.learn(&line)),
            None => self.cursor(0).read(0, &mut |line| {
                keys.learn(line);
                ControlFlow::Continue(())
            })?,
        }
        let source = AskIndex(self);
        let (_, records) = check_one(&self.inner.store, &seal, &mut keys, Some(&source))?;
        self.inner.catalog.forget_marks(first);
        if records.is_empty() {
            // The segment is as it was sealed: then the trouble is not one that another store can mend.
            return Err(damaged());
        }
        let appender = self.appender()?;
        for record in records {
            appender.say(crate::event::Draft {
                at: self.inner.clock.now(),
                incident: None,
                cause: None,
                event: Event::from(record),
            });
        }
        Ok(())
    }
}

fn lines_from(rows: &Rows, from: Seq, upto: Seq) -> Result<Vec<Line>, Trouble> {
    let count = usize::try_from(upto - from + 1).unwrap_or(usize::MAX);
    let stored = rows.lines(from, count)?;
    if stored.len() != count {
        return Err(Trouble(format!("lines from {from} on are missing")));
    }
    let parse = |(seq, bytes): (Seq, &Vec<u8>)| match LineRef::parse(bytes) {
        Ok(line) if line.seq == seq => Ok(line.to_line()),
        _ => Err(Trouble(format!("line {seq} is another one"))),
    };
    (from..).zip(&stored).map(parse).collect()
}

/// The index as a source of lines for a repair.
struct AskIndex<'a>(&'a IntentJournal);

impl Source for AskIndex<'_> {
    fn line(&self, seq: Seq) -> Option<Vec<u8>> {
        let index = self.0.inner.index.as_ref()?;
        index.ask(seq, |rows| rows.line(seq)).ok().flatten()
    }
    fn name(&self) -> &'static str {
        "sled"
    }
}
