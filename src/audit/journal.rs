//! The running journal as a source of entries.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::entries::{Entries, Error, Head, Health};
use crate::base::ids::{IncidentId, Seq};
use crate::event::Record;
use crate::journal::{IntentJournal, Line, Space, Subscription};

/// Entries of one answer of an index: what a view asks for fits, an index as a whole does not.
const INDEXED_MAX: usize = 100_000;

fn failed(what: &str) -> impl FnOnce(crate::journal::Error) -> Error + '_ {
    move |error| match error {
        crate::journal::Error::Rebuilding { retry_after } => {
            Error::Rebuilding { retry_after_s: retry_after.as_secs().max(1) }
        }
        source => Error::Journal { what: what.to_owned(), source: Box::new(source) },
    }
}

fn decode(line: &Line) -> Result<Record, Error> {
    let read =
        || -> Result<Record, Box<dyn std::error::Error + Send + Sync>> { Ok(line.parsed()?.record()?) };
    read().map_err(|source| Error::Journal { what: format!("decode entry {}", line.seq()), source })
}

/// See the module.
pub(super) struct Live {
    journal: IntentJournal,
    /// Where the projection reads on, so that it never looks for its place again.
    following: Mutex<Option<Subscription>>,
}

impl Live {
    pub fn of(journal: IntentJournal) -> Self {
        Self { journal, following: Mutex::default() }
    }
}

impl Entries for Live {
    fn head(&self) -> Result<Option<Head>, Error> {
        let head = self.journal.head();
        Ok(Some(Head { seq: head.seq, hash: head.hash }))
    }
    fn record(&self, seq: Seq) -> Result<Option<Record>, Error> {
        let line = self.journal.line(seq).map_err(failed("read an entry"))?;
        line.as_ref().map(decode).transpose()
    }
    fn line(&self, seq: Seq) -> Result<Option<String>, Error> {
        let line = self.journal.line(seq).map_err(failed("read an entry"))?;
        Ok(line.map(|line| line.as_str().to_owned()))
    }
    fn lines(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, String)>, Error> {
        let lines = self.journal.lines(after, limit).map_err(failed("read entries"))?;
        Ok(lines.iter().map(|line| (line.seq(), line.as_str().to_owned())).collect())
    }
    fn by_incident(&self, id: IncidentId) -> Result<Vec<Seq>, Error> {
        self.journal.by_incident(&id, None, INDEXED_MAX).map_err(failed("ask the index of incidents"))
    }
    fn by_kind(&self, kind: &str) -> Result<Vec<Seq>, Error> {
        self.journal.by_kind(kind, None, INDEXED_MAX).map_err(failed("ask the index of kinds"))
    }
    fn by_time(&self, from_us: i64, to_us: i64) -> Result<Vec<Seq>, Error> {
        let until = to_us.saturating_add(1);
        self.journal.by_time(from_us, until, INDEXED_MAX).map_err(failed("ask the index of times"))
    }
    fn health(&self) -> Health {
        let space = match self.journal.space() {
            Space::Ample => "ample",
            Space::ReserveOnly => "reserve_only",
        };
        Health { sealed: self.journal.sealed(), space: space.into() }
    }
    fn follow(&self, after: Option<Seq>, patience: Duration) -> Result<Option<Vec<Record>>, Error> {
        let next = after.map_or(0, |seq| seq + 1);
        let mut following = self.following.lock().unwrap_or_else(PoisonError::into_inner);
        let mut subscription = match following.take() {
            Some(subscription) if subscription.next_seq() == next => subscription,
            _ => self.journal.subscribe(after),
        };
        let lines = subscription.next(patience).map_err(failed("follow the journal"))?;
        *following = Some(subscription);
        lines.iter().map(decode).collect::<Result<_, _>>().map(Some)
    }
}
