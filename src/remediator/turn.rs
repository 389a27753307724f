//! The turn: one thread that takes waiting inputs, decides them one after another against its private world,
//! makes the whole batch durable, and only then lets anything leave: effects, answers, notices.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use tokio::sync::oneshot;

use super::dispatch::Dispatcher;
use super::inbox::Message;
use super::keys;
use super::snapshots::Snapshots;
use crate::base::ids::{BootId, NodeId, Seq};
use crate::base::limits::TURN_INPUTS_MAX;
use crate::base::sign::JournalKey;
use crate::base::time::Stamp;
use crate::context::World;
use crate::event::{Draft, Event, Record};
use crate::journal::proof::Committed;
use crate::journal::{Clock, IntentJournal};
use crate::policy::CatalogRunbooks;
use crate::policy::{Answer, Decision, Effect, Input, Now, decide, next_timer};
use crate::runbook::Trust;

/// What others may know of the turn without asking it.
#[derive(Default)]
pub(super) struct TurnState {
    /// mono ms of the last time the loop came round.
    beat_ms: AtomicU64,
    trust: RwLock<Option<Arc<Trust>>>,
}

/// The loop comes round at least this often.
const BEAT_MS: u64 = 1_000;
/// A turn that has not come round for this long hangs.
const HANG_MS: u64 = 20_000;

impl TurnState {
    pub fn makes_progress(&self) -> bool {
        let now = crate::journal::SystemClock.now().mono_ms;
        now.saturating_sub(self.beat_ms.load(Ordering::Relaxed)) < HANG_MS
    }
    fn beat(&self, now: Stamp) {
        self.beat_ms.store(now.mono_ms, Ordering::Relaxed);
    }
    /// The trust in force.
    pub fn trust(&self) -> Option<Arc<Trust>> {
        self.trust.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
    pub fn set_trust(&self, trust: Trust) {
        *self.trust.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::new(trust));
    }
}

/// How the turn ended.
pub(super) enum End {
    /// `process.stopped` is durable.
    Stopped,
    /// The journal could not be written.
    Sealed(String),
}

pub(super) struct Turn {
    pub world: World,
    pub journal: IntentJournal,
    pub clock: Arc<dyn Clock>,
    pub boot: BootId,
    pub node: NodeId,
    pub catalog: Arc<CatalogRunbooks>,
    pub dispatcher: Dispatcher,
    pub snapshots: Snapshots,
    pub state: Arc<TurnState>,
    state_folder: PathBuf,
    last_mono_ms: u64,
}

struct Batch {
    drafts: Vec<Draft>,
    first: Seq,
    effects: Vec<Effect>,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    stopping: bool,
}

impl Turn {
    #[expect(clippy::too_many_arguments, reason = "one place wires the turn together")]
    pub fn new(
        world: World,
        journal: IntentJournal,
        clock: Arc<dyn Clock>,
        (boot, node): (BootId, NodeId),
        catalog: Arc<CatalogRunbooks>,
        dispatcher: Dispatcher,
        snapshots: Snapshots,
        state: Arc<TurnState>,
        state_folder: PathBuf,
    ) -> Self {
        state.beat(clock.now());
        let last_mono_ms = 0;
        Self {
            world,
            journal,
            clock,
            boot,
            node,
            catalog,
            dispatcher,
            snapshots,
            state,
            state_folder,
            last_mono_ms,
        }
    }

    /// Runs until a stop is durable or the journal is sealed.
    pub fn run(mut self, inbox: &Receiver<Message>) -> End {
        loop {
            let messages = self.take(inbox);
            self.state.beat(self.clock.now());
            let stopping = match self.turn(messages) {
                Ok(stopping) => stopping,
                Err(error) => {
                    self.dispatcher.abandon();
                    return End::Sealed(error.to_string());
                }
            };
            if stopping {
                return End::Stopped;
            }
        }
    }

    /// Decides inputs at once, as the bootstrap does before anything else may speak.
    pub fn decide_now(&mut self, inputs: Vec<Input>) -> Result<(), crate::journal::Error> {
        self.turn(inputs.into_iter().map(Message::plain).collect()).map(|_| ())
    }

    /// Puts a catalog in force, as the bootstrap does.
    pub fn adopt(
        &mut self,
        input: Input,
        catalog: Arc<CatalogRunbooks>,
    ) -> Result<(), crate::journal::Error> {
        self.turn(vec![Message::catalog(input, catalog)]).map(|_| ())
    }

    fn take(&mut self, inbox: &Receiver<Message>) -> Vec<Message> {
        let mut messages = Vec::new();
        match inbox.recv_timeout(self.pause()) {
            Ok(message) => messages.push(message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::thread::park_timeout(Duration::from_millis(BEAT_MS)),
        }
        while messages.len() < TURN_INPUTS_MAX {
            match inbox.try_recv() {
                Ok(message) => messages.push(message),
                Err(_) => break,
            }
        }
        if next_timer(&self.world).is_some_and(|at| at <= self.world.elapsed_at(self.clock.now())) {
            messages.push(Message::plain(Input::Tick));
        }
        messages
    }

    fn pause(&self) -> Duration {
        let now = self.world.elapsed_at(self.clock.now());
        let due = next_timer(&self.world).map_or(BEAT_MS, |at| at.saturating_sub(now));
        Duration::from_millis(due.min(BEAT_MS))
    }

    fn turn(&mut self, messages: Vec<Message>) -> Result<bool, crate::journal::Error> {
        if messages.is_empty() {
            return Ok(false);
        }
        let mut batch = Batch {
            drafts: Vec::new(),
            first: self.world.next_seq,
            effects: Vec::new(),
            answers: Vec::new(),
            stopping: false,
        };
        for message in messages {
            match message {
                Message::Input { input, catalog, reply } => {
                    self.decide_one(*input, catalog, reply, &mut batch)
                }
                Message::RetryLock { incident, attempt, floors, asked } => {
                    self.dispatcher.acquire(incident, attempt, floors, asked, &self.world);
                }
            }
        }
        let committed = self.make_durable(&batch)?;
        let trust_in_force = committed.iter().any(|c| matches!(c.event(), Event::TrustChanged(_)));
        let other_key = batch.effects.iter().any(|effect| matches!(effect, Effect::RotateKey));
        self.dispatcher.carry_out(batch.effects, committed, &self.world, &*self.clock);
        if trust_in_force {
            self.refresh_trust();
        }
        if other_key {
            self.rotate_key()?;
        }
        for (reply, answer) in batch.answers {
            // Whoever asked may have gone; what they asked for is recorded all the same.
            let _ = reply.send(answer);
        }
        if batch.stopping || self.snapshots.due(self.world.next_seq) {
            self.take_snapshot();
        }
        Ok(batch.stopping)
    }

    fn decide_one(
        &mut self,
        input: Input,
        catalog: Option<Arc<CatalogRunbooks>>,
        reply: Option<oneshot::Sender<Answer>>,
        batch: &mut Batch,
    ) {
        if let Some(catalog) = catalog {
            self.dispatcher.remember(&catalog);
            self.catalog = catalog;
        }
        batch.stopping |= matches!(input, Input::Stopping(_));
        let space_low = self.journal.space() == crate::journal::Space::ReserveOnly;
        let now = Now { at: self.stamp(), boot: self.boot, node: self.node, space_low };
        let decision = decide(&mut self.world, &*self.catalog, input, now);
        let Decision { records, effects, answer, refused } = decision;
        for illegal in refused {
            tracing::error!(%illegal, "a rule decided something its lifecycle does not allow; it was not recorded");
        }
        batch.drafts.extend(records.into_iter().map(draft));
        batch.effects.extend(effects);
        if let Some(reply) = reply {
            batch.answers.push((reply, answer));
        }
    }

    /// One append for the whole batch. What the journal writes of itself is folded too.
    fn make_durable(&mut self, batch: &Batch) -> Result<Vec<Committed<Event>>, crate::journal::Error> {
        if batch.drafts.is_empty() {
            return Ok(Vec::new());
        }
        let appended = self.journal.append_essential(batch.drafts.clone())?;
        let expected = batch.first;
        if appended.committed.first().is_some_and(|c| c.seq() != expected) {
            let reason = format!("entries landed elsewhere than at seq {expected}: somebody else appends");
            return Err(crate::journal::Error::Sealed { reason });
        }
        for record in &appended.own {
            self.world.apply(record);
        }
        Ok(appended.committed)
    }

    fn stamp(&mut self) -> Stamp {
        let mut at = self.clock.now();
        at.mono_ms = at.mono_ms.max(self.last_mono_ms);
        self.last_mono_ms = at.mono_ms;
        at
    }

    fn refresh_trust(&self) {
        match super::content::trust_in_force(&self.journal, &self.world.trust) {
            Ok(trust) => self.state.set_trust(trust),
            Err(error) => tracing::error!(%error, "trust in force cannot be read; what was known stays"),
        }
    }

    /// Another key for the journal. It is on disk before the journal knows it, and takes the old one's place once the
    /// entry that brings it into force is durable: a crash at any moment leaves a key that can go on.
    fn rotate_key(&mut self) -> Result<(), crate::journal::Error> {
        let staged = JournalKey::generate().map_err(|e| format!("cannot make a key: {e}")).and_then(|key| {
            keys::stage_next(&self.state_folder, &key).map(|()| key).map_err(|e| e.to_string())
        });
        let key = match staged {
            Ok(key) => key,
            Err(reason) => {
                tracing::error!(reason, "the journal keeps its key");
                return self.turn(vec![Message::plain(Input::KeyRotationFailed(reason))]).map(|_| ());
            }
        };
        let id = key.id();
        let records = self.journal.rotate_key(key)?;
        records.iter().for_each(|record| self.world.apply(record));
        match keys::promote_next(&self.state_folder) {
            Ok(()) => tracing::info!(key = %id, "the journal is signed with another key"),
            // The next start finds it under its other name.
            Err(error) => tracing::error!(%error, "the new key could not be put in the old one's place"),
        }
        Ok(())
    }

    /// Writes the world down, so that the next open folds only what comes after.
    pub fn take_snapshot(&mut self) {
        match self.snapshots.take(&self.journal, &self.world) {
            Ok(records) => records.iter().for_each(|record| self.world.apply(record)),
            Err(error) => {
                tracing::warn!(%error, "no snapshot was taken; the next start folds from the one before")
            }
        }
    }
}

fn draft(record: Record) -> Draft {
    Draft { at: record.at, incident: record.incident, cause: record.cause, event: record.event }
}
