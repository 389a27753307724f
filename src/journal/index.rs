//! sled on its own thread: follows the segments, and is thrown away and built anew at the first trouble.
//! Nobody waits for it but readers who were promised a seq, and appenders when it is far behind.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::base::limits::INDEX_LAG_ENTRIES_MAX;
use crate::event::journal::IndexRebuilt;

use super::durable::Durable;
use super::error::Error;
use super::rows::{Applied, Rows, Trouble};
use super::segment::{Catalog, Cursor};
use super::store::Store;
use super::words::{Following, Theirs};

/// Entries that go into sled at once: more make larger index rows, fewer make more of them.
const APPLY_ENTRIES_MAX: u64 = 1024;
/// Entries behind which the thread is woken; below it looks by itself every [`LOOK_EVERY`].
const WAKE_ENTRIES: u64 = 512;
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOK_EVERY_IDLE: Duration = Duration::from_millis(640);
/// Entries behind which it works whatever the load; below it gives way to a burst of appends.
const GIVES_WAY_BELOW: u64 = INDEX_LAG_ENTRIES_MAX / 8 * 5;
/// What counts as a burst: more than the index takes in besides without costing the appender.
const BURST_ENTRIES_PER_S: u64 = 10_000;
/// How often sled is told to write out what it holds back.
const FLUSH_EVERY: Duration = Duration::from_secs(2);
/// How long a reader waits for an index that does not follow yet.
const OPENING_DEADLINE: Duration = Duration::from_secs(1);
/// How long a reader waits for an index that lags.
const READ_DEADLINE: Duration = Duration::from_secs(5);
/// What a refused reader is told.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Pause before a further try when building anew failed as well; doubles up to the second.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(60);

/// Whether queries are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Looking at the rows of an index that was there.
    Checking,
    /// As far as the segments, or close.
    Following,
    /// Being built from the segments.
    Building,
    /// Ended.
    Stopped,
}

struct State {
    phase: Phase,
    rows: Option<Arc<Rows>>,
    /// First seq that is not in it.
    next: Seq,
    /// Set by a reader that saw trouble.
    trouble: Option<Trouble>,
}

/// What threads share.
struct Shared {
    state: Mutex<State>,
    moved: Condvar,
    wake: Condvar,
    stop: AtomicBool,
    /// [`State::next`] for those who only look, and whether appenders wait for it.
    next: AtomicU64,
    following: AtomicBool,
    wanted: AtomicBool,
    /// Readers that wait for it.
    asked: AtomicUsize,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// What the thread reads from and says its own entries to.
pub(super) struct Ground {
    pub store: Arc<dyn Store>,
    pub catalog: Arc<Catalog>,
    pub durable: Arc<Durable>,
    pub state_folder: PathBuf,
    pub genesis: Blake3,
    pub say: Box<dyn Fn(IndexRebuilt) + Send>,
}

/// The handle.
pub(super) struct Index {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Folder of the newest index and its number.
pub(super) fn newest_folder(state: &Path) -> (u64, PathBuf) {
    let number = numbers(state).into_iter().max().unwrap_or(0);
    (number, state.join(format!("sled-{number}")))
}

fn numbers(state: &Path) -> Vec<u64> {
    let entries = fs::read_dir(state).into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().to_str()?.strip_prefix("sled-")?.parse().ok()).collect()
}

/// Removes all indexes: they are of a journal that is not the one in force any more.
pub(super) fn remove_indexes(state: &Path) {
    for number in numbers(state) {
        let _ = fs::remove_dir_all(state.join(format!("sled-{number}")));
    }
}

impl Index {
    /// Starts following. `opened` is what opening the newest folder gave.
    pub fn start(ground: Ground, opened: Result<Rows, Trouble>) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { phase: Phase::Checking, rows: None, next: 0, trouble: None }),
            moved: Condvar::new(),
            wake: Condvar::new(),
            stop: AtomicBool::new(false),
            next: AtomicU64::new(0),
            following: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
        });
        let folder = ground.state_folder.clone();
        // Asked here: entries that are appended while the thread starts do not make a new index a rebuilt one.
        let new_journal = ground.durable.seq() == 0;
        let work = Work { shared: Arc::clone(&shared), ground };
        let thread = thread::Builder::new()
            .name("journal-index".into())
            .spawn(move || work.run(opened, new_journal))
            .map_err(Error::io("start the index thread for", folder))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// The appender calls this after each append; cheap unless there is much to do.
    pub fn nudge(&self, durable: Seq) {
        if durable.saturating_sub(self.shared.next.load(Ordering::Relaxed)) >= WAKE_ENTRIES
            && !self.shared.wanted.swap(true, Ordering::AcqRel)
        {
            self.shared.wake.notify_one();
        }
    }

    /// Waits while the index follows but is too far behind.
    pub fn wait_for_room(&self, durable: Seq) {
        let behind = |shared: &Shared| {
            shared.following.load(Ordering::Acquire)
                && durable.saturating_sub(shared.next.load(Ordering::Acquire)) > INDEX_LAG_ENTRIES_MAX
        };
        if !behind(&self.shared) {
            return;
        }
        let mut state = self.shared.state();
        while behind(&self.shared) && state.phase == Phase::Following {
            let waited = self.shared.moved.wait_timeout(state, LOOK_EVERY);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks the rows something once they hold everything up to `promised`.
    /// Trouble there starts the building of a new index, and the asker is told to come again.
    pub fn ask<T>(&self, promised: Seq, f: impl FnOnce(&Rows) -> Result<T, Trouble>) -> Result<T, Error> {
        let again = || Error::Rebuilding { retry_after: RETRY_AFTER };
        let rows = self.rows_with(promised).ok_or_else(again)?;
        f(&rows).map_err(|trouble| {
            self.shared.state().trouble = Some(trouble);
            self.shared.wake.notify_one();
            again()
        })
    }

    fn rows_with(&self, promised: Seq) -> Option<Arc<Rows>> {
        self.shared.asked.fetch_add(1, Ordering::AcqRel);
        let rows = self.wait_for_rows(promised);
        self.shared.asked.fetch_sub(1, Ordering::AcqRel);
        rows
    }

    fn wait_for_rows(&self, promised: Seq) -> Option<Arc<Rows>> {
        let begun = Instant::now();
        let mut state = self.shared.state();
        loop {
            if state.phase == Phase::Stopped || state.trouble.is_some() {
                return None;
            }
            // One that was only just opened is ready in a moment; one that is being built is not worth waiting for.
            let following = state.phase == Phase::Following;
            let until = begun + if following { READ_DEADLINE } else { OPENING_DEADLINE };
            if following && state.next > promised {
                return state.rows.clone();
            }
            self.shared.wanted.store(true, Ordering::Release);
            self.shared.wake.notify_one();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.shared.moved.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether queries are answered now.
    pub fn is_ready(&self) -> bool {
        self.shared.state().phase == Phase::Following
    }

    /// Ends the thread; waits until sled is closed, but not for ever.
    pub fn stop(&self, patience: Duration) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake.notify_one();
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let until = Instant::now() + patience;
        let mut state = self.shared.state();
        while state.phase != Phase::Stopped && Instant::now() < until {
            let waited = self.shared.moved.wait_timeout(state, LOOK_EVERY);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let stopped = state.phase == Phase::Stopped;
        drop(state);
        if stopped {
            let _ = thread.join();
        }
    }
}

/// The thread.
struct Work {
    shared: Arc<Shared>,
    ground: Ground,
}

impl Work {
    fn run(self, opened: Result<Rows, Trouble>, new_journal: bool) {
        let empty = opened.as_ref().is_ok_and(|rows| rows.head().is_none());
        let mut why = (empty && !new_journal).then(|| "it was empty".to_owned());
        let mut pause = AGAIN_AFTER;
        let mut opened = Some(opened);
        while !self.shared.stopped() {
            let (rows, phase) = match opened.take() {
                Some(Ok(rows)) => {
                    let phase = if rows.head().is_some() { Phase::Checking } else { Phase::Building };
                    (Ok(rows), phase)
                }
                Some(Err(trouble)) => (Err(trouble), Phase::Building),
                None => (self.new_rows(), Phase::Building),
            };
            let trouble = match rows {
                Ok(rows) => {
                    let rows = Arc::new(rows);
                    match self.follow(&rows, phase, &mut why) {
                        Ok(()) => break,
                        Err(trouble) => {
                            // Dropping a sled in trouble may hang or panic: it is left alone for good.
                            std::mem::forget(Arc::clone(&rows));
                            trouble
                        }
                    }
                }
                Err(trouble) => trouble,
            };
            let repeated = why.replace(trouble.0).is_some();
            self.set(|state| {
                (state.phase, state.rows, state.trouble, state.next) = (Phase::Building, None, None, 0);
            });
            if repeated {
                self.sleep(pause, Woken::EndOnly);
                pause = (pause * 2).min(AGAIN_AFTER_MAX);
            }
        }
        self.set(|state| (state.phase, state.rows) = (Phase::Stopped, None));
    }

    /// Changes the state and tells everybody.
    fn set(&self, f: impl FnOnce(&mut State)) {
        let mut state = self.shared.state();
        f(&mut state);
        self.shared.next.store(state.next, Ordering::Release);
        self.shared.following.store(state.phase == Phase::Following, Ordering::Release);
        self.shared.moved.notify_all();
    }

    fn new_rows(&self) -> Result<Rows, Trouble> {
        let (number, newest) = newest_folder(&self.ground.state_folder);
        // A second failure with the disk full would otherwise leave a row of folders.
        let empty = newest.read_dir().map_or(true, |mut entries| entries.next().is_none());
        let number = if empty { number } else { number + 1 };
        Rows::open(&self.ground.state_folder.join(format!("sled-{number}")), Some(self.ground.genesis))
    }

    /// Follows the segments until told to stop. `why` says what the last index died of.
    fn follow(&self, rows: &Arc<Rows>, phase: Phase, why: &mut Option<String>) -> Result<(), Trouble> {
        let mut cursor = self.cursor_behind(rows)?;
        self.set(|state| {
            (state.phase, state.rows, state.next) = (phase, Some(Arc::clone(rows)), cursor.next_seq());
        });
        if phase == Phase::Checking {
            rows.check(&|| self.shared.stopped())?;
        }
        let mut flushed = Instant::now();
        let mut unflushed = false;
        let mut look_every = LOOK_EVERY;
        let mut following = Following::default();
        let mut pace = Pace::at(self.ground.durable.seq());
        while !self.shared.stopped() {
            let durable = self.ground.durable.seq();
            if self.gives_way(&mut pace, durable, cursor.next_seq()) {
                self.sleep(LOOK_EVERY, Woken::Reader);
                continue;
            }
            let applied = self.apply_some(rows, &mut cursor, &mut following, durable)?;
            unflushed |= applied > 0;
            let lag = (durable + 1).saturating_sub(cursor.next_seq());
            // Not only at lag 0: under a load that never pauses appenders have to wait from some point on.
            let arrived = lag <= INDEX_LAG_ENTRIES_MAX / 2 && self.shared.state().phase != Phase::Following;
            if arrived {
                rows.flush()?;
                self.arrived(why);
            }
            self.set(|state| {
                state.next = cursor.next_seq();
                if arrived {
                    state.phase = Phase::Following;
                }
            });
            if unflushed && flushed.elapsed() >= FLUSH_EVERY {
                rows.flush()?;
                (flushed, unflushed) = (Instant::now(), false);
            }
            if let Some(trouble) = self.shared.state().trouble.take() {
                return Err(trouble);
            }
            look_every = if applied > 0 { LOOK_EVERY } else { (look_every * 2).min(LOOK_EVERY_IDLE) };
            if lag == 0 {
                self.sleep(look_every, Woken::Work);
            }
        }
        rows.flush()
    }

    /// Where cores are scarce those who append come first: sled may lag, and a burst is soon over. Not when somebody
    /// waits for an answer or has seen trouble, and not while it is being built.
    fn gives_way(&self, pace: &mut Pace, durable: Seq, next: Seq) -> bool {
        let is_burst = pace.entries_per_s(durable) >= BURST_ENTRIES_PER_S;
        let lag = (durable + 1).saturating_sub(next);
        is_burst
            && lag < GIVES_WAY_BELOW
            && self.shared.asked.load(Ordering::Acquire) == 0
            && self.shared.following.load(Ordering::Acquire)
            && self.shared.state().trouble.is_none()
    }

    /// A cursor behind what is in the rows already, when that is part of this journal.
    fn cursor_behind(&self, rows: &Rows) -> Result<Cursor, Trouble> {
        let cursor =
            |next| Cursor::at(Arc::clone(&self.ground.store), Arc::clone(&self.ground.catalog), next);
        let Some(head) = rows.head() else { return Ok(cursor(self.ground.catalog.minimum())) };
        if head.seq > self.ground.durable.seq() {
            return Err(Trouble(format!("it is ahead of the segments, at entry {}", head.seq)));
        }
        let mut cursor = cursor(head.seq);
        cursor.read(head.seq, &mut |_| ControlFlow::Continue(())).map_err(|e| Trouble(e.to_string()))?;
        if cursor.prev() != Some(head.hash) {
            return Err(Trouble(format!("its entry {} is not the journal's", head.seq)));
        }
        Ok(cursor)
    }

    fn apply_some(
        &self,
        rows: &Rows,
        cursor: &mut Cursor,
        following: &mut Following,
        durable: Seq,
    ) -> Result<u64, Trouble> {
        let upto = durable.min((cursor.next_seq() + APPLY_ENTRIES_MAX).saturating_sub(1));
        let mut batch = Applied::default();
        let mut trouble = None;
        let read = cursor.read(upto, &mut |line| {
            let words = following.words(line, &mut |id| {
                rows.theirs(id).unwrap_or_else(|why| {
                    trouble = Some(why);
                    Theirs::default()
                })
            });
            batch.add(line, &words);
            ControlFlow::Continue(())
        });
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        // Damaged segments are mended by whoever opens or verifies; until then there is no index.
        read.map_err(|e| Trouble(format!("the segments cannot be read: {e}")))?;
        let count = batch.count;
        if let Some(hash) = cursor.prev().filter(|_| count > 0) {
            rows.apply(batch, hash)?;
        }
        Ok(count)
    }

    /// The index has caught up: says so if it was built anew, and removes its predecessors.
    fn arrived(&self, why: &mut Option<String>) {
        let (number, folder) = newest_folder(&self.ground.state_folder);
        for old in numbers(&self.ground.state_folder).into_iter().filter(|old| *old != number) {
            let _ = fs::remove_dir_all(self.ground.state_folder.join(format!("sled-{old}")));
        }
        if let Some(reason) = why.take() {
            let folder = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let reason = crate::base::text::clip(&crate::base::text::clean(&reason), 512).to_owned();
            (self.ground.say)(IndexRebuilt { reason, folder });
        }
    }

    fn sleep(&self, time: Duration, woken: Woken) {
        let mut state = self.shared.state();
        let until = Instant::now() + time;
        while !self.shared.stopped() {
            let work = self.shared.wanted.load(Ordering::Acquire) || state.trouble.is_some();
            let left = until.saturating_duration_since(Instant::now());
            let asked = self.shared.asked.load(Ordering::Acquire) > 0 || state.trouble.is_some();
            if left.is_zero() || (work && woken == Woken::Work) || (asked && woken == Woken::Reader) {
                break;
            }
            state = self.shared.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.shared.wanted.store(false, Ordering::Release);
    }
}

/// How fast the journal grows, from one look to the next.
struct Pace {
    at: Instant,
    durable: Seq,
}

impl Pace {
    fn at(durable: Seq) -> Self {
        Self { at: Instant::now(), durable }
    }

    fn entries_per_s(&mut self, durable: Seq) -> u64 {
        let then = std::mem::replace(self, Self::at(durable));
        let us = u64::try_from((self.at - then.at).as_micros()).unwrap_or(u64::MAX).max(1);
        durable.saturating_sub(then.durable).saturating_mul(1_000_000) / us
    }
}

/// What ends a pause before its time.
#[derive(PartialEq, Eq)]
enum Woken {
    Work,
    Reader,
    EndOnly,
}
