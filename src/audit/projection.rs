//! `Audit`: a `World` of its own behind a lock, kept up by one thread that follows the journal.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use super::entries::{Entries, Error};
use super::live::Live;
use super::tally::Tally;
use crate::base::ids::{Receipt, Seq};
use crate::context::{Senders, World};
use crate::event::{Event, Record};
use crate::journal::{IntentJournal, Latency};
use crate::subject::Subjects;

/// How long a reader waits for the projection before it is told to ask again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the following thread looks whether anybody still reads.
const BREATH: Duration = Duration::from_millis(500);

/// The last so many receipts are found without an index.
const RECENT_RECEIPTS_MAX: usize = 16_384;

/// The read model. A cheap handle.
#[derive(Clone)]
pub struct Audit {
    inner: Arc<Inner>,
}

struct Inner {
    entries: Arc<dyn Entries>,
    world: RwLock<World>,
    recent: Mutex<Recent>,
    tally: Mutex<Tally>,
    folded: Mutex<Option<Seq>>,
    moved: Condvar,
    /// What opens sealed text in views; nothing where it was not given.
    subjects: OnceLock<Subjects>,
}

/// Receipts as they came.
#[derive(Default)]
struct Recent {
    seqs: BTreeMap<Receipt, Seq>,
    order: VecDeque<Receipt>,
}

impl Recent {
    fn remember(&mut self, record: &Record) {
        let Event::DegradationSeen(seen) = &record.event else { return };
        self.seqs.insert(seen.receipt, record.seq);
        self.order.push_back(seen.receipt);
        if self.order.len() > RECENT_RECEIPTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.seqs.remove(&oldest);
        }
    }
}

impl Audit {
    /// The read model of the journal that this process has open, from the state that `initial` holds.
    pub fn of(journal: IntentJournal, initial: World) -> std::io::Result<Self> {
        Self::follow(Arc::new(Live::new(journal)), initial)
    }

    /// Follows a journal from the state that `initial` holds, on a thread of its own, until the last handle goes.
    pub fn follow(entries: Arc<dyn Entries>, initial: World) -> std::io::Result<Self> {
        let audit = Self::still(entries, initial);
        let weak = Arc::downgrade(&audit.inner);
        std::thread::Builder::new().name("audit".into()).spawn(move || {
            while let Some(inner) = weak.upgrade() {
                match inner.entries.follow(inner.folded(), BREATH) {
                    Ok(Some(records)) => inner.fold(&records),
                    // The journal is closed; what was folded can still be read.
                    Ok(None) => break,
                    Err(error) => {
                        tracing::error!(%error, "the read model stopped following the journal");
                        break;
                    }
                }
            }
        })?;
        Ok(audit)
    }

    /// A world that is already folded to the end of `entries`, and stays as it is.
    pub fn still(entries: Arc<dyn Entries>, world: World) -> Self {
        let folded = Mutex::new(world.next_seq.checked_sub(1));
        let (world, moved) = (RwLock::new(world), Condvar::new());
        let (recent, tally) = (Mutex::default(), Mutex::default());
        Self {
            inner: Arc::new(Inner {
                entries,
                world,
                recent,
                tally,
                folded,
                moved,
                subjects: OnceLock::new(),
            }),
        }
    }

    /// From here on views are opened with these keys. Given once, before anybody reads.
    pub fn open_with(&self, subjects: Subjects) {
        // A second call would be a second home, which does not exist.
        let _ = self.inner.subjects.set(subjects);
    }

    pub(super) fn subjects(&self) -> Option<&Subjects> {
        self.inner.subjects.get()
    }

    /// Waits until the entry `seq` is folded, so that an answer rests on it.
    pub fn caught_up(&self, seq: Seq) -> Result<(), Error> {
        let until = Instant::now() + PATIENCE;
        let mut folded = lock(&self.inner.folded);
        while folded.is_none_or(|at| at < seq) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Behind { wanted: seq, folded: *folded });
            }
            folded = self.inner.moved.wait_timeout(folded, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// Waits until everything that is durable now is folded: whoever got an answer reads its effect.
    pub fn fresh(&self) -> Result<(), Error> {
        match self.inner.entries.head()? {
            Some(head) => self.caught_up(head.seq),
            None => Ok(()),
        }
    }

    /// What was counted since this read model began to follow.
    pub fn tally(&self) -> Tally {
        lock(&self.inner.tally).clone()
    }
    /// How long appends took since the journal was opened.
    pub fn latency(&self) -> Latency {
        self.inner.entries.latency()
    }

    /// The entry of a receipt that was given lately.
    pub(super) fn recent(&self, receipt: Receipt) -> Option<Seq> {
        lock(&self.inner.recent).seqs.get(&receipt).copied()
    }

    pub(super) fn shared_entries(&self) -> Arc<dyn Entries> {
        Arc::clone(&self.inner.entries)
    }

    pub(super) fn entries(&self) -> &dyn Entries {
        &*self.inner.entries
    }

    pub(super) fn world(&self) -> RwLockReadGuard<'_, World> {
        // A fold that panicked left a whole record applied or not: reading on is better than no answer.
        self.inner.world.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn folded(&self) -> Option<Seq> {
        *lock(&self.folded)
    }

    fn fold(&self, records: &[Record]) {
        let Some(last) = records.last() else { return };
        {
            let mut world = self.world.write().unwrap_or_else(PoisonError::into_inner);
            let mut tally = lock(&self.tally);
            for record in records {
                tally.count_told(record, &world);
                world.apply(record);
                tally.count(record, &world);
            }
            // Nobody reads senders' ids here, and they would be the largest part of it.
            world.senders = Senders::default();
        }
        {
            let mut recent = lock(&self.recent);
            records.iter().for_each(|record| recent.remember(record));
        }
        *lock(&self.folded) = Some(last.seq);
        self.moved.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
