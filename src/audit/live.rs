//! Entries of the journal that this process has open: lines through sled or segments, indexes, following.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::entries::{Entries, Error, Head, Health};
use super::tail::Tail;
use crate::base::digest::Blake3;
use crate::base::ids::{IncidentId, Seq};
use crate::event::Record;
use crate::journal::{self, IntentJournal, Latency, Line, Selection, Space, Subscription};

/// How long a question waits for an index that is not ready, and how often it looks.
const INDEX_PATIENCE: Duration = Duration::from_secs(2);
const INDEX_BREATH: Duration = Duration::from_millis(20);

/// See the module.
pub(super) struct Live {
    journal: IntentJournal,
    /// Where the following thread stands; made anew when it asks from elsewhere.
    subscription: Mutex<Option<Subscription>>,
}

impl Live {
    pub(super) fn new(journal: IntentJournal) -> Self {
        Self { journal, subscription: Mutex::default() }
    }
}

/// An error of the journal as readers see it.
pub(super) fn failed(what: &str) -> impl FnOnce(journal::Error) -> Error {
    let what = what.to_owned();
    move |error| match error {
        journal::Error::Rebuilding { retry_after } => {
            Error::Rebuilding { retry_after_s: retry_after.as_secs().max(1) }
        }
        journal::Error::Pruned { seq, minimum } => Error::Pruned { seq, minimum },
        error => Error::Journal { what, source: Box::new(error) },
    }
}

/// What is kept from below the minimum, decoded.
pub(super) fn kept_records(base: &journal::Base) -> Vec<Record> {
    base.kept().filter_map(|line| line.record().ok()).collect()
}

/// Asks an index, waiting a little for one that is just being opened or mended.
fn patient<T>(ask: impl Fn() -> Result<T, journal::Error>) -> Result<T, journal::Error> {
    let until = Instant::now() + INDEX_PATIENCE;
    loop {
        match ask() {
            Err(journal::Error::Rebuilding { .. }) if Instant::now() < until => {
                std::thread::sleep(INDEX_BREATH);
            }
            answer => return answer,
        }
    }
}

/// A stored line, decoded.
pub(super) fn decode(line: &Line) -> Result<Record, Error> {
    let what = || format!("entry {}", line.seq());
    let parsed = line.parsed().map_err(|e| Error::Journal { what: what(), source: Box::new(e) })?;
    parsed.record().map_err(|e| Error::Journal { what: what(), source: Box::new(e) })
}

/// A place in the segments.
struct Following(Subscription);

impl Tail for Following {
    fn next(&mut self, patience: Duration) -> Result<Option<Vec<(Seq, String)>>, Error> {
        let lines = self.0.next(patience).map_err(failed("what is new"))?;
        Ok(Some(lines.into_iter().map(|line| (line.seq(), line.as_str().to_owned())).collect()))
    }
}

impl Entries for Live {
    fn head(&self) -> Result<Option<Head>, Error> {
        let journal::Head { seq, hash } = self.journal.head();
        Ok(Some(Head { seq, hash }))
    }
    fn record(&self, seq: Seq) -> Result<Option<Record>, Error> {
        self.journal.line(seq).map_err(failed("an entry"))?.as_ref().map(decode).transpose()
    }
    fn latency(&self) -> Latency {
        self.journal.latency()
    }
    fn line(&self, seq: Seq) -> Result<Option<String>, Error> {
        let line = self.journal.line(seq).map_err(failed("an entry"))?;
        Ok(line.map(|l| l.as_str().to_owned()))
    }
    fn lines(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, String)>, Error> {
        let lines = self.journal.lines(after, limit).map_err(failed("a page of entries"))?;
        Ok(lines.into_iter().map(|l| (l.seq(), l.as_str().to_owned())).collect())
    }
    fn minimum(&self) -> Seq {
        self.journal.minimum()
    }
    fn below(&self) -> Vec<Record> {
        self.journal.base().map(kept_records).unwrap_or_default()
    }
    fn by_incident(&self, id: IncidentId) -> Result<Vec<Seq>, Error> {
        patient(|| self.journal.by_incident(&id, None, usize::MAX)).map_err(failed("an incident's entries"))
    }
    fn by_kind(&self, kind: &str) -> Result<Vec<Seq>, Error> {
        patient(|| self.journal.by_kind(kind, None, usize::MAX)).map_err(failed("entries of a kind"))
    }
    fn select(&self, selection: &Selection, from: Seq, upto: Seq, limit: usize) -> Result<Vec<Seq>, Error> {
        patient(|| self.journal.select(selection, from, upto, limit)).map_err(failed("entries that fit"))
    }
    fn by_time(&self, from_us: i64, to_us: i64) -> Result<Vec<Seq>, Error> {
        let until = to_us.saturating_add(1);
        patient(|| self.journal.by_time(from_us, until, usize::MAX)).map_err(failed("entries of a time"))
    }
    fn blob(&self, digest: &Blake3) -> Result<Option<Vec<u8>>, Error> {
        self.journal.get_blob(digest).map_err(failed("a blob"))
    }
    fn health(&self) -> Health {
        let space = match self.journal.space() {
            Space::Ample => "ample",
            Space::ReserveOnly => "reserve_only",
        };
        let damage = self.journal.damage().map(|d| format!("read-only because of damage: {d}"));
        Health { sealed: self.journal.sealed().or(damage), space: space.into() }
    }
    fn tail(&self, after: Option<Seq>) -> Option<Box<dyn Tail>> {
        Some(Box::new(Following(self.journal.subscribe(after))))
    }
    fn follow(&self, after: Option<Seq>, patience: Duration) -> Result<Option<Vec<Record>>, Error> {
        let mut place = self.subscription.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = after.map_or(0, |seq| seq + 1);
        let subscription = match place.take().filter(|s| s.next_seq() == wanted) {
            Some(subscription) => place.insert(subscription),
            None => place.insert(self.journal.subscribe(after)),
        };
        let lines = subscription.next(patience).map_err(failed("what is new"))?;
        lines.iter().map(decode).collect::<Result<_, _>>().map(Some)
    }
}
