//! The one thread that follows the journal for all readers, and the newest pieces that it keeps at hand for them.
//! It runs while somebody reads. Not for what a single reader does (`reader`).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::super::settings::Bounds;
use super::frame::{Dropped, Format, Piece};
use super::reader::Reader;
use crate::audit::{self, Audit, EntryFilter, Tail};
use crate::base::ids::Seq;
use crate::base::limits::{STREAM_BYTES_KEPT, STREAMS_MAX};

/// How often the thread looks whether anybody still reads.
const BREATH: Duration = Duration::from_millis(500);
/// Pause between two pieces, for each reader: a write per reader and piece is what a stream costs, so that with many
/// readers more entries share one.
const PAUSE_PER_READER: Duration = Duration::from_micros(100);
/// The longest such pause: nobody waits longer for an entry because of others.
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// A piece of this size is followed by the next without a pause.
const PIECE_FULL_BYTES: usize = 512 * 1024;
/// Groups of readers that are told of a piece one after another, spread over the pause: a request that comes meanwhile
/// waits behind one group's writes and not behind everybody's.
const LANES: usize = 64;
/// Readers that read from the store at once; others wait for their turn.
const CATCHING_UP_MAX: usize = 4;

/// See the module.
pub struct Hub {
    shared: Arc<Shared>,
}

/// What the thread and the readers share.
pub(super) struct Shared {
    recent: RwLock<Recent>,
    lanes: [watch::Sender<State>; LANES],
    next_lane: AtomicUsize,
    seats: Arc<Semaphore>,
    places: usize,
    running: Mutex<bool>,
    pub catching_up: Semaphore,
    pub bounds: Bounds,
    dropped: [AtomicU64; Dropped::ALL.len()],
}

/// What readers wait for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct State {
    /// The last entry that was published.
    pub published: Seq,
    /// Grows when the thread could not go on: whoever reads then comes again.
    pub broken: u64,
    /// The server stops.
    pub stopping: bool,
}

#[derive(Default)]
struct Recent {
    pieces: VecDeque<Arc<Piece>>,
    bytes: usize,
}

/// What the newest pieces hold for a reader.
pub(super) enum Taken {
    /// These, each up to and including an entry, all up to and including this one.
    Frames(Vec<(Bytes, Seq)>, Seq),
    /// Nothing new.
    Nothing,
    /// What it wants is older.
    Behind,
}

impl Hub {
    /// Nobody reads yet.
    pub fn new(bounds: Bounds) -> Self {
        Self::with(STREAMS_MAX, bounds)
    }

    fn with(places: usize, bounds: Bounds) -> Self {
        let shared = Shared {
            recent: RwLock::default(),
            lanes: std::array::from_fn(|_| watch::Sender::new(State::default())),
            next_lane: AtomicUsize::new(0),
            seats: Arc::new(Semaphore::new(places)),
            places,
            running: Mutex::new(false),
            catching_up: Semaphore::new(CATCHING_UP_MAX),
            bounds,
            dropped: Default::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// A reader of what follows `after`; none when there are as many as there may be.
    pub fn reader(
        &self,
        audit: &Audit,
        format: Format,
        filter: EntryFilter,
        after: Option<Seq>,
    ) -> Result<Option<Reader>, audit::Error> {
        // The seat comes first: the thread does not end while one is taken.
        let Ok(seat) = Arc::clone(&self.shared.seats).try_acquire_owned() else { return Ok(None) };
        self.run(audit)?;
        Ok(Some(Reader::new(Arc::clone(&self.shared), audit.clone(), format, filter, after, seat)))
    }

    fn run(&self, audit: &Audit) -> Result<(), audit::Error> {
        let mut running = lock(&self.shared.running);
        if *running {
            return Ok(());
        }
        let head = audit.head()?;
        *self.shared.recent.write().unwrap_or_else(PoisonError::into_inner) = Recent::default();
        self.shared.tell(|state| state.published = head.unwrap_or_default());
        let (shared, tail) = (Arc::clone(&self.shared), audit.tail(head));
        let started = std::thread::Builder::new().name("stream".into()).spawn(move || shared.follow(tail));
        started
            .map_err(|e| audit::Error::Journal { what: "the stream's thread".into(), source: Box::new(e) })?;
        *running = true;
        Ok(())
    }

    /// Ends every stream, so that the server can end.
    pub fn stop(&self) {
        self.shared.tell(|state| state.stopping = true);
    }

    /// Readers that were dropped since the start, and why.
    pub fn dropped(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.shared.dropped.iter().map(|count| count.load(Ordering::Relaxed));
        Dropped::ALL.into_iter().map(Dropped::word).zip(counts)
    }

    /// Streams that are open.
    pub fn readers(&self) -> usize {
        self.shared.readers()
    }
}

impl Shared {
    fn readers(&self) -> usize {
        self.places.saturating_sub(self.seats.available_permits())
    }

    /// A reader is dropped.
    pub fn drop_one(&self, why: Dropped) {
        self.dropped[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Of what a reader waits for; each takes the next lane.
    pub fn watch(&self) -> watch::Receiver<State> {
        let lane = self.next_lane.fetch_add(1, Ordering::Relaxed) % LANES;
        self.lanes[lane].subscribe()
    }

    /// Everybody, at once.
    fn tell(&self, change: impl Fn(&mut State)) {
        self.lanes.iter().for_each(|lane| lane.send_modify(&change));
    }

    fn follow(&self, mut tail: Box<dyn Tail>) {
        loop {
            {
                let mut running = lock(&self.running);
                if self.readers() == 0 || self.lanes[0].borrow().stopping {
                    *running = false;
                    return;
                }
            }
            match tail.next(BREATH) {
                Ok(Some(lines)) => self.publish(lines),
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "the stream cannot follow the journal");
                    break;
                }
            }
        }
        *lock(&self.running) = false;
        self.tell(|state| state.broken += 1);
    }

    fn publish(&self, lines: Vec<(Seq, String)>) {
        let Some(piece) = Piece::of(lines) else { return };
        let (last, bytes) = (piece.last(), piece.bytes());
        {
            let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
            recent.bytes += bytes;
            recent.pieces.push_back(Arc::new(piece));
            while recent.bytes > STREAM_BYTES_KEPT && recent.pieces.len() > 1 {
                let oldest = recent.pieces.pop_front().map_or(0, |piece| piece.bytes());
                recent.bytes -= oldest;
            }
        }
        let readers = u32::try_from(self.readers()).unwrap_or(u32::MAX);
        let pause = PAUSE_PER_READER.saturating_mul(readers).min(PAUSE_MAX);
        for lane in &self.lanes {
            lane.send_modify(|state| state.published = last);
            // A piece that is full is followed by the next at once: there is more.
            if bytes < PIECE_FULL_BYTES && lane.receiver_count() > 0 {
                std::thread::sleep(pause / LANES as u32);
            }
        }
    }

    /// Frames from `next` on out of the newest pieces.
    pub fn take(&self, next: Seq, published: Seq, format: Format) -> Taken {
        if next > published {
            return Taken::Nothing;
        }
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        let from = recent.pieces.partition_point(|piece| piece.last() < next);
        let wanted: Vec<Arc<Piece>> = recent.pieces.range(from..).cloned().collect();
        drop(recent);
        match wanted.first() {
            Some(first) if first.first() <= next => {
                let last = wanted.last().map_or(next, |piece| piece.last());
                Taken::Frames(
                    wanted.iter().map(|piece| (piece.frames(format, next), piece.last())).collect(),
                    last,
                )
            }
            _ => Taken::Behind,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A reader's seat among those that may be open.
pub(super) type Seat = OwnedSemaphorePermit;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::memory::Memory;
    use crate::base::digest::Blake3;
    use crate::context::World;

    #[test]
    fn there_are_no_more_readers_than_places_and_a_place_is_given_back() {
        let audit = Audit::still(Arc::new(Memory::new()), World::new(Blake3::ZERO));
        let hub = Hub::with(2, Bounds::default());
        let sit = || hub.reader(&audit, Format::Events, EntryFilter::default(), None).expect("a journal");
        let (first, second) = (sit().expect("a place"), sit().expect("a place"));
        assert!(sit().is_none());
        assert_eq!(hub.readers(), 2);
        drop(first);
        let third = sit().expect("the place of the first");
        drop((second, third));
        assert_eq!(hub.readers(), 0);
    }
}
