//! Carrying out effects of durable entries: looks, locks, steps, notices. The only place where a permit is asked
//! for, with the proofs that it takes. Decides nothing: whatever comes of an effect goes back to the turn.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::decider;
use super::inbox::Message;
use super::looks::{About, Looks};
use super::observers::AttemptIndex;
use crate::action::{Basis, Hands, Permit, Programs};
use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, IncidentId, NodeId, Seq};
use crate::base::text::OutsideText;
use crate::context::World;
use crate::coordination::{Broken, Held, Holder, LockProof, MachineLock};
use crate::event::Event;
use crate::event::elevation::DeciderPlan;
use crate::event::lock::{LockBreakFailed, LockBroken, LockGranted};
use crate::event::step::{StepFinished, StepIntended, StepOutcome};
use crate::journal::Clock;
use crate::journal::proof::Committed;
use crate::notify::{self, Channels};
use crate::policy::CatalogRunbooks;
use crate::policy::{Effect, Input, LockAnswer};
use crate::runbook::{Runbook, Verified};
use crate::sentinel::Watch;

/// Running steps get this long between TERM and KILL when the journal is sealed.
const ABANDON_GRACE: Duration = Duration::from_secs(2);
/// Deciders that run at once; the others wait for their turn.
const DECIDERS_MAX: usize = 4;

pub(super) struct Dispatcher {
    pub node: NodeId,
    pub turn: crossbeam_channel::Sender<Message>,
    pub hands: Hands,
    pub locks: MachineLock,
    pub looks: Looks,
    pub runtime: tokio::runtime::Handle,
    pub attempts: AttemptIndex,
    pub sentinels: Arc<Watch>,
    pub channels: Channels,
    /// Runs the policy's decider, only so many at once.
    programs: Programs,
    deciders: Arc<tokio::sync::Semaphore>,
    /// Live runbooks of this and earlier catalogs, for attempts planned from them.
    verified: BTreeMap<FileDigest, Verified<Runbook>>,
    waiting: BTreeMap<AttemptId, Vec<Held>>,
    proofs: BTreeMap<AttemptId, Arc<LockProof>>,
}

impl Dispatcher {
    #[expect(clippy::too_many_arguments, reason = "one place wires the hands together")]
    pub fn new(
        node: NodeId,
        turn: crossbeam_channel::Sender<Message>,
        hands: Hands,
        locks: MachineLock,
        looks: Looks,
        runtime: tokio::runtime::Handle,
        attempts: AttemptIndex,
        sentinels: Arc<Watch>,
        channels: Channels,
        programs: Programs,
    ) -> Self {
        let deciders = Arc::new(tokio::sync::Semaphore::new(DECIDERS_MAX));
        let (verified, waiting, proofs) = Default::default();
        Self {
            node,
            turn,
            hands,
            locks,
            looks,
            runtime,
            attempts,
            sentinels,
            channels,
            programs,
            deciders,
            verified,
            waiting,
            proofs,
        }
    }

    /// Keeps the proofs of a catalog's live runbooks.
    pub fn remember(&mut self, catalog: &CatalogRunbooks) {
        for runbook in catalog.live() {
            self.verified.insert(runbook.digest(), runbook);
        }
    }
    /// Keeps the proof of one runbook, for an attempt that an earlier process planned.
    pub fn remember_one(&mut self, runbook: Verified<Runbook>) {
        self.verified.insert(runbook.digest(), runbook);
    }

    /// Carries out the effects of one durable batch.
    pub fn carry_out(
        &mut self,
        effects: Vec<Effect>,
        committed: Vec<Committed<Event>>,
        world: &World,
        clock: &dyn Clock,
    ) {
        let mut intents: BTreeMap<Seq, Committed<StepIntended>> = BTreeMap::new();
        for entry in &committed {
            if let (Some(incident), Event::DegradationSeen(seen)) = (entry.incident(), entry.event())
                && let Some(subject) = seen.subject
            {
                self.attempts.joined(incident, subject);
                self.looks.joined(incident, subject);
            }
            if let Some(granted) = entry.narrow::<LockGranted>() {
                self.prove_lock(&granted);
            }
            if let Some(intended) = entry.narrow::<StepIntended>() {
                intents.insert(intended.seq(), intended);
            }
        }
        let now = world.elapsed_at(clock.now());
        for effect in effects {
            match effect {
                Effect::RunStep { incident, intent, not_before_elapsed_ms } => {
                    if let Some(proof) = intents.remove(&intent) {
                        self.run_step(incident, proof, world, wait(not_before_elapsed_ms, now), now);
                    }
                }
                other => self.carry_out_other(other, world, now),
            }
        }
    }

    fn carry_out_other(&mut self, effect: Effect, world: &World, now: u64) {
        match effect {
            Effect::Observe { ticket, probes, not_before_elapsed_ms } => {
                let about = about(world, ticket.incident);
                self.looks.once(ticket, probes, wait(not_before_elapsed_ms, now), about);
            }
            Effect::Watch { incident, probe, every, until_elapsed_ms } => {
                let lasts = wait(until_elapsed_ms, now);
                self.looks.watch(incident, probe, every, lasts, about(world, incident));
            }
            Effect::StopWatch { incident } => self.looks.stop_watch(incident),
            Effect::AcquireLocks { incident, attempt, floors, asked, not_before_elapsed_ms } => {
                let delay = wait(not_before_elapsed_ms, now);
                match delay.is_zero() {
                    true => self.acquire(incident, attempt, floors, asked, world),
                    false => self.after(delay, Message::RetryLock { incident, attempt, floors, asked }),
                }
            }
            Effect::ReleaseLocks { attempt } => {
                self.waiting.remove(&attempt);
                self.proofs.remove(&attempt);
                self.attempts.forget(attempt);
            }
            Effect::BreakLock { resource, token, floor } => self.break_lock(resource, token, floor),
            Effect::AskDecider { incident, request, decider, question } => {
                self.ask_decider(incident, request, decider, question);
            }
            Effect::Deliver { notice, not_before_elapsed_ms } => {
                self.deliver(notice, world, wait(not_before_elapsed_ms, now));
            }
            Effect::ForgetEdge { subsystem, code, target } => {
                self.sentinels.forget_edge(&subsystem, &code, &target);
            }
            // The turn's own, or done above.
            Effect::RotateKey | Effect::RunStep { .. } => {}
        }
    }

    /// Tries to get locks, once; what comes of it goes back to the turn.
    pub fn acquire(
        &mut self,
        incident: IncidentId,
        attempt: AttemptId,
        floors: BTreeMap<String, u64>,
        asked: Seq,
        world: &World,
    ) {
        if !world.machine.locks.still_asks(attempt, asked) {
            // Nobody would give back a lock that is taken for an attempt that ended or has it.
            return;
        }
        let since = crate::journal::SystemClock.now().time_us;
        let holder = Holder { pid: std::process::id(), node: self.node, attempt, since };
        let answer = match self.locks.try_acquire_all(&floors, &holder) {
            Ok(held) => {
                let tokens = held.iter().map(|h| (h.resource().to_owned(), h.token())).collect();
                self.waiting.insert(attempt, held);
                LockAnswer::Granted(tokens)
            }
            Err(error) => LockAnswer::Refused {
                resource: error.resource().unwrap_or_default().to_owned(),
                reason: error.to_string(),
            },
        };
        self.tell(Input::LockAnswered { incident, attempt, answer });
    }

    fn break_lock(&self, resource: String, token: u64, floor: u64) {
        let since = crate::journal::SystemClock.now().time_us;
        let attempt = AttemptId(uuid::Uuid::nil());
        let breaker = Holder { pid: std::process::id(), node: self.node, attempt, since };
        let ended = match self.locks.break_lock(&resource, token, floor, &breaker) {
            Ok(Broken { token, holder }) => Ok(LockBroken { resource, token, holder }),
            Err(error) => {
                tracing::error!(resource, token, %error, "the lock was not broken");
                Err(LockBreakFailed { resource, reason: error.to_string() })
            }
        };
        self.tell(Input::LockBreakEnded(ended));
    }

    fn prove_lock(&mut self, granted: &Committed<LockGranted>) {
        let attempt = granted.event().attempt;
        let Some(held) = self.waiting.remove(&attempt) else { return };
        match LockProof::new(held, granted) {
            Ok(proof) => {
                self.proofs.insert(attempt, Arc::new(proof));
            }
            Err(error) => tracing::error!(%attempt, %error, "the lock that was granted is not held"),
        }
    }

    fn run_step(
        &mut self,
        incident: IncidentId,
        intent: Committed<StepIntended>,
        world: &World,
        delay: Duration,
        now: u64,
    ) {
        let (attempt, step, seq) = (intent.event().attempt, intent.event().step, intent.seq());
        self.attempts.remember(attempt, incident, about(world, incident));
        match self.permit(incident, intent, world, now) {
            Ok(permit) if delay.is_zero() => self.hands.run(permit),
            Ok(permit) => {
                let hands = self.hands.clone();
                self.runtime.spawn(async move {
                    tokio::time::sleep(delay).await;
                    hands.run(permit);
                });
            }
            Err(why) => {
                tracing::error!(%incident, %attempt, step, why, "the step was refused");
                let finished = StepFinished {
                    attempt,
                    step,
                    intent: seq,
                    outcome: StepOutcome::Refused(why),
                    took_ms: 0,
                    output: OutsideText::Text(String::new()),
                    output_dropped: 0,
                };
                self.tell(Input::StepFinished { incident, finished });
            }
        }
    }

    fn permit(
        &self,
        incident: IncidentId,
        intent: Committed<StepIntended>,
        world: &World,
        now_elapsed_ms: u64,
    ) -> Result<Permit, String> {
        let said = intent.event();
        let attempt = world.attempt(incident, said.attempt).ok_or("the attempt is not known")?;
        let step = attempt.planned.plan.steps.get(said.step as usize).ok_or("the plan has no such step")?;
        let planned = attempt.planned.digest;
        let runbook = self.verified.get(&planned).ok_or_else(|| {
            format!("runbook {planned} cannot be verified any more: sign and approve it again")
        })?;
        let lock = self.proofs.get(&said.attempt).ok_or("its lock is not held")?;
        let basis = Basis { runbook, planned, step, lock, now_elapsed_ms };
        Permit::issue(intent, &basis).map_err(|refusal| refusal.to_string())
    }

    fn deliver(&self, notice: Seq, world: &World, delay: Duration) {
        let Some(waiting) = world.outbox.waiting.get(&notice) else { return };
        let (incident, queued) = (waiting.incident, waiting.queued.clone());
        let message = notify::Message { node: self.node, notice, incident, queued };
        let (turn, channels) = (self.turn.clone(), self.channels.clone());
        self.runtime.spawn(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            let answer = channels.deliver(&message).await;
            let told = Message::plain(Input::NoticeTried { notice, answer });
            // The inbox may be full; no thread that others need may wait for it. Gone only when the daemon stops.
            let _ = tokio::task::spawn_blocking(move || turn.send(told)).await;
        });
    }

    fn ask_decider(&self, incident: IncidentId, request: Seq, decider: DeciderPlan, question: String) {
        let (turn, programs, places) = (self.turn.clone(), self.programs.clone(), Arc::clone(&self.deciders));
        self.runtime.spawn(async move {
            let Ok(_place) = places.acquire_owned().await else { return };
            let asking = move || {
                let timeout = Duration::from_millis(decider.timeout.ms());
                let decided = decider::read(programs.ask(decider.argv, &question, timeout));
                // Gone only when the daemon stops; after the next start the program is asked again.
                let _ = turn.send(Message::plain(Input::Decided { incident, request, decided }));
            };
            let _ = tokio::task::spawn_blocking(asking).await;
        });
    }

    fn after(&self, delay: Duration, message: Message) {
        let turn = self.turn.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = turn.send(message);
        });
    }

    /// From the turn's own thread: a full inbox must not block it, so another thread waits in its place.
    fn tell(&self, input: Input) {
        if let Err(error) = self.turn.try_send(Message::plain(input)) {
            let (turn, message) = (self.turn.clone(), error.into_inner());
            self.runtime.spawn_blocking(move || turn.send(message));
        }
    }

    /// The journal is sealed: running steps are ended, nothing else is done.
    pub fn abandon(&mut self) {
        self.hands.cancel_all(ABANDON_GRACE);
        self.hands.wait_quiet(ABANDON_GRACE * 3);
    }
}

fn wait(not_before_elapsed_ms: u64, now: u64) -> Duration {
    Duration::from_millis(not_before_elapsed_ms.saturating_sub(now))
}

/// Whom or what an incident is about.
fn about(world: &World, incident: IncidentId) -> About {
    world.incident(incident).map(|incident| incident.signal.subjects.clone()).unwrap_or_default()
}
