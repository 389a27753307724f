//! The handle that others hold: appending, following, blobs, snapshots, keys, the end.
//! Opening is in `open`, questions are in `queries`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::base::digest::Blake3;
use crate::base::ids::{BootId, NodeId, Seq};
use crate::base::sign::JournalKey;
use crate::event::journal::{LineRepaired, SnapshotTaken, TailCut};
use crate::event::{Draft, Record};

use super::appender::{Appended, Appender};
use super::base::Base;
use super::blobs::Blobs;
use super::clock::Clock;
use super::durable::{Durable, Head};
use super::error::{Damage, Error};
use super::files::FolderLock;
use super::index::Index;
use super::latency::{Latencies, Latency};
use super::segment::{Catalog, Cursor};
use super::snapshot::Snapshots;
use super::store::Store;
use super::subscribe::Subscription;
use super::writer::{AppendClass, Space};

/// How long an orderly end waits for sled.
const INDEX_PATIENCE: Duration = Duration::from_secs(10);

/// Whether lines and indexes are kept in sled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexMode {
    /// As a daemon has it.
    On,
    /// Segments only: benchmarks, short-lived tools. Indexed queries are refused.
    Off,
}

/// What a journal is made or opened with.
#[derive(Clone)]
pub struct Options {
    /// The state folder: `journal/`, `sled-N/`, `blobs/` and `snapshots/` are in it.
    pub state: PathBuf,
    /// This start of the process.
    pub boot: BootId,
    /// The key that signs.
    pub key: JournalKey,
    /// Stamps the journal's own entries.
    pub clock: Arc<dyn Clock>,
    /// Whether sled is kept.
    pub index: IndexMode,
    /// Size at which the next segment is begun.
    pub segment_bytes_max: u64,
    /// An entry that the caller knows to have been durable, from a checkpoint elsewhere.
    pub supplied_head: Option<(Seq, Blake3)>,
    /// Version of the caller's fold: snapshots of other versions are not used. 0 = it does not fold; any other opens no
    /// journal that begins with a state which it cannot read.
    pub fold_version: u32,
}

impl Options {
    /// With the usual sizes, sled on, the machine's clock.
    pub fn new(state: impl Into<PathBuf>, boot: BootId, key: JournalKey) -> Self {
        Self {
            state: state.into(),
            boot,
            key,
            clock: Arc::new(super::clock::SystemClock),
            index: IndexMode::On,
            segment_bytes_max: crate::base::limits::SEGMENT_BYTES_MAX,
            supplied_head: None,
            fold_version: 0,
        }
    }

    /// Whether the caller has to fold what it opens.
    pub(super) fn folds(&self) -> bool {
        self.fold_version != 0
    }
}

/// What an open found.
#[derive(Debug)]
pub struct Opened {
    /// The machine.
    pub node: NodeId,
    /// Chain hash of the genesis entry: the root of derived ids.
    pub genesis: Blake3,
    /// The last entry, those of this open included.
    pub head: Head,
    /// Lines that were restored, already recorded as entries.
    pub repaired: Vec<LineRepaired>,
    /// The tail that was set aside, already recorded as an entry.
    pub cut: Option<TailCut>,
    /// Whether nothing had to be mended or cut. Whether the *process* ended in order is in its last entry.
    pub clean: bool,
    /// The newest usable snapshot: last entry folded into it, and its bytes.
    pub snapshot: Option<(Seq, Vec<u8>)>,
    /// In a pruned journal the state that folding begins with where no snapshot can be used: the entry that it is after,
    /// and its bytes, or why there are none.
    pub first_state: Option<(Seq, Result<Vec<u8>, Error>)>,
    /// Set when the journal is read-only because of damage.
    pub damage: Option<Damage>,
}

/// The journal of one machine. Clones are handles to the same journal.
#[derive(Clone)]
pub struct IntentJournal {
    pub(super) inner: Arc<Inner>,
}

impl std::fmt::Debug for IntentJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Head { seq, hash } = self.head();
        write!(f, "IntentJournal({} at {seq} {hash})", self.inner.node)
    }
}

pub(super) struct Inner {
    pub store: Arc<dyn Store>,
    pub catalog: Arc<Catalog>,
    /// What is kept from below the minimum.
    pub base: Option<Base>,
    pub durable: Arc<Durable>,
    pub node: NodeId,
    pub genesis: Blake3,
    /// None when read-only.
    pub appender: Option<Arc<Appender>>,
    pub damage: Option<Damage>,
    pub index: Option<Index>,
    pub blobs: Blobs,
    pub snapshots: Option<Snapshots>,
    pub clock: Arc<dyn Clock>,
    pub mending: Mutex<()>,
    pub latencies: Latencies,
    pub lock: Option<FolderLock>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(index) = &self.index {
            index.stop(INDEX_PATIENCE);
        }
        // Only then may another process have the folder.
        drop(self.lock.take());
    }
}

impl IntentJournal {
    /// Appends; returns when all of it is durable. Nothing is written when any of it is illegal.
    pub fn append(&self, drafts: Vec<Draft>) -> Result<Appended, Error> {
        self.append_as(drafts, AppendClass::Normal)
    }

    /// Appends outcomes, controls and notices: on a full disk they may use the reserve.
    pub fn append_essential(&self, drafts: Vec<Draft>) -> Result<Appended, Error> {
        self.append_as(drafts, AppendClass::Essential)
    }

    fn append_as(&self, drafts: Vec<Draft>, class: AppendClass) -> Result<Appended, Error> {
        let (appender, began) = (self.appender()?, Instant::now());
        if let Some(index) = &self.inner.index {
            index.wait_for_room(self.inner.durable.seq());
        }
        let appended = appender.append(drafts, class)?;
        self.inner.latencies.count(began.elapsed());
        self.nudge_index();
        Ok(appended)
    }

    fn nudge_index(&self) {
        if let Some(index) = &self.inner.index {
            index.nudge(self.inner.durable.seq());
        }
    }

    pub(super) fn appender(&self) -> Result<&Appender, Error> {
        match (&self.inner.appender, &self.inner.damage) {
            (Some(appender), None) => Ok(appender),
            (_, Some(damage)) => Err(Error::ReadOnly(damage.clone())),
            (None, None) => Err(Error::Sealed { reason: "it was opened for reading".into() }),
        }
    }

    /// The machine whose journal this is.
    pub fn node(&self) -> NodeId {
        self.inner.node
    }
    /// Chain hash of the genesis entry.
    pub fn genesis(&self) -> Blake3 {
        self.inner.genesis
    }
    /// What is kept from below the minimum, in a pruned journal.
    pub fn base(&self) -> Option<&Base> {
        self.inner.base.as_ref()
    }
    /// The first entry there is: those below it were pruned.
    pub fn minimum(&self) -> Seq {
        self.inner.catalog.minimum()
    }
    /// The last durable entry.
    pub fn head(&self) -> Head {
        self.inner.durable.head()
    }
    /// The seq that the next appended entry gets, as long as nobody else appends.
    pub fn next_seq(&self) -> Seq {
        self.inner.durable.seq() + 1
    }
    /// Why nothing can be appended any more, once that is so.
    pub fn sealed(&self) -> Option<String> {
        self.inner.appender.as_ref()?.sealed().map(str::to_owned)
    }
    /// How long appends took since it was opened.
    pub fn latency(&self) -> Latency {
        self.inner.latencies.seen()
    }
    /// How much room the disk has.
    pub fn space(&self) -> Space {
        self.inner.appender.as_ref().map_or(Space::ReserveOnly, |appender| appender.space())
    }
    /// Damage that makes the journal read-only.
    pub fn damage(&self) -> Option<&Damage> {
        self.inner.damage.as_ref()
    }
    /// Whether indexed queries are answered now.
    pub fn index_is_ready(&self) -> bool {
        self.inner.index.as_ref().is_some_and(Index::is_ready)
    }
    /// For async tasks: the highest durable seq.
    pub fn watch(&self) -> watch::Receiver<Seq> {
        self.inner.durable.watch()
    }

    pub(super) fn cursor(&self, next: Seq) -> Cursor {
        Cursor::at(Arc::clone(&self.inner.store), Arc::clone(&self.inner.catalog), next)
    }

    /// Follows the journal behind `after` (none: from the first entry there is).
    pub fn subscribe(&self, after: Option<Seq>) -> Subscription {
        let next = after.map_or(self.minimum(), |after| after + 1);
        Subscription::new(self.cursor(next), Arc::clone(&self.inner.durable))
    }

    /// Hands out every entry behind `after` (none: from the first there is), decoded, the chain checked on the way.
    /// Damage in closed segments is mended from sled where that is possible.
    pub fn replay(
        &self,
        after: Option<Seq>,
        f: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        // From the entry before: its hash is what the first one must follow from.
        let minimum = self.minimum();
        let mut wanted = after.map_or(minimum, |after| after + 1);
        if wanted < minimum {
            return Err(Error::Pruned { seq: wanted, minimum });
        }
        let mut cursor = self.cursor(wanted.saturating_sub(1).max(minimum));
        let mut unreadable = None;
        let mut stopped = false;
        while wanted <= self.inner.durable.seq() && !stopped {
            let upto = self.inner.durable.seq();
            let read = cursor.read(upto, &mut |line| {
                if line.seq < wanted {
                    return ControlFlow::Continue(());
                }
                wanted = line.seq + 1;
                match line.record() {
                    Ok(record) => {
                        stopped = f(record).is_break();
                        if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    }
                    Err(source) => {
                        unreadable = Some(Error::Unreadable { seq: line.seq, source });
                        ControlFlow::Break(())
                    }
                }
            });
            if let Some(e) = unreadable {
                return Err(e);
            }
            match read {
                Err(Error::Damaged(damage)) => {
                    self.mend(&damage)?;
                    cursor = self.cursor(wanted.saturating_sub(1).max(minimum));
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Keeps bytes as a blob; durable when this returns.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Blake3, Error> {
        self.inner.blobs.put(bytes)
    }
    /// The bytes of a blob, if there is one of that name.
    pub fn get_blob(&self, digest: &Blake3) -> Result<Option<Vec<u8>>, Error> {
        self.inner.blobs.get(digest)
    }

    /// Stores the state of the fold after `seq`, and says so in an entry. Gives the entries that were written.
    pub fn take_snapshot(&self, seq: Seq, fold_version: u32, bytes: &[u8]) -> Result<Vec<Record>, Error> {
        let Some(snapshots) = &self.inner.snapshots else {
            return Err(Error::Illegal("a journal in memory has no snapshots".into()));
        };
        if seq > self.inner.durable.seq() {
            return Err(Error::Illegal(format!("a snapshot of entry {seq}, which is not durable")));
        }
        let appender = self.appender()?;
        snapshots.write(seq, bytes)?;
        let event =
            SnapshotTaken { seq, fold_version, state_hash: Blake3::of(bytes), bytes: bytes.len() as u64 };
        let draft = Draft { at: self.inner.clock.now(), incident: None, cause: None, event: event.into() };
        let appended = appender.append_any(vec![draft.clone()], AppendClass::Essential)?;
        let entry = appended.committed.first().map_or(seq, super::proof::Committed::seq);
        snapshots.keep(seq, entry)?;
        self.nudge_index();
        let Draft { at, incident, cause, event } = draft;
        let (boot, node) = (appender.boot(), self.inner.node);
        let mut records = vec![Record { seq: entry, at, boot, node, incident, cause, event }];
        records.extend(appended.own);
        Ok(records)
    }

    /// Gives the signing over to `new`. Keep the old key until this has returned. Gives the entries written.
    pub fn rotate_key(&self, new: JournalKey) -> Result<Vec<Record>, Error> {
        self.appender()?.rotate_key(new)
    }

    /// The end of an orderly run: nothing can be appended afterwards, reading goes on.
    pub fn clean_stop(&self) -> Result<(), Error> {
        if let Some(appender) = &self.inner.appender {
            appender.close()?;
        }
        if let Some(index) = &self.inner.index {
            index.stop(INDEX_PATIENCE);
        }
        Ok(())
    }
}
