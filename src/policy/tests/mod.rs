//! Decisions against a small catalog, hands and eyes played by a script. No I/O, no real time.

mod groups;
mod limits;
mod lives;
mod notices;
mod recovery;
mod reruns;
mod trust;

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use super::*;
use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::{BootId, Fingerprint, IncidentId, NodeId, Receipt, Seq};
use crate::base::sign::JournalKey;
use crate::base::text::OutsideText;
use crate::base::time::{Span, Stamp};
use crate::context::{IncidentState, RemediationContext};
use crate::event::attempt::{Outcome, Resumption};
use crate::event::content::{CatalogLoaded, ConfigLoaded};
use crate::event::control::{DrainStarted, KeyRotationOrdered, Paused, Resumed, SignedStatement};
use crate::event::degradation::{DegradationRecovered, DegradationSeen, Severity, Source};
use crate::event::elevation::TrustLevel;
use crate::event::incident::Closure;
use crate::event::journal::KeyRotated;
use crate::event::lock::{LockBreakOrdered, LockBroken};
use crate::event::notice::Delivery;
use crate::event::plan::*;
use crate::event::process::ProcessStarted;
use crate::event::step::{Failure, StepFinished, StepOutcome, TargetCleared};
use crate::event::verification::{Observation, Verdict};
use crate::event::{Event, Record};

/// A catalog of one or more runbooks for `service/PROCESS_DEAD`.
#[derive(Clone)]
struct Shelf(Vec<(Offer, Plan)>, Authority);

impl Runbooks for Shelf {
    fn offers(&self, seen: &DegradationSeen, _: u64) -> (Vec<Offer>, u32) {
        match seen.code.as_str() {
            "PROCESS_DEAD" => (self.0.iter().map(|(offer, _)| offer.clone()).collect(), 0),
            _ => (Vec::new(), self.0.len() as u32),
        }
    }
    fn plan(&self, runbook: &str, _: &DegradationSeen, _: bool) -> Result<Planned, String> {
        let (_, plan) = self.0.iter().find(|(o, _)| o.runbook == runbook).ok_or("gone")?;
        let people = ("alice".into(), "why".into(), vec!["bob".into()]);
        let (signer, proposal, approvers) = people;
        Ok(Planned { plan: plan.clone(), signer, proposal, approvers, relies_on: Vec::new() })
    }
    fn authority(&self) -> Authority {
        self.1.clone()
    }
    fn evaluate(&self, questions: &[(&str, serde_json::Value)]) -> Vec<Result<bool, String>> {
        questions.iter().map(|(_, v)| Ok(v["observed"]["verdict"] != "healthy")).collect()
    }
}

fn probe() -> ProbePlan {
    ProbePlan { look: LookPlan::Process(ProcessLook::Service("web".into())), timeout: Span::from_secs(1) }
}

fn run(word: &str) -> ActionPlan {
    ActionPlan::Run(RunPlan {
        argv: vec!["/bin/true".into(), word.into()],
        env: BTreeMap::new(),
        env_pass: Vec::new(),
        cwd: "/".into(),
        rlimits: Rlimits::default(),
        ok_exit: vec![0],
    })
}

fn step(id: &str, idempotent: bool, undo: bool) -> StepPlan {
    StepPlan {
        id: id.into(),
        action: run(id),
        timeout: Span::from_secs(10),
        retries: 0,
        retry_delay: Span::from_ms(0),
        retry: None,
        idempotent,
        undo: undo.then(|| run("undo")),
        undo_when_unknown: false,
        irreversible: None,
    }
}

fn plan(steps: Vec<StepPlan>, preconditions: bool) -> Plan {
    let expect = "observed.verdict != \"healthy\"".to_owned();
    let precondition = PreconditionPlan { id: "still-dead".into(), probe: probe(), expect };
    Plan {
        preconditions: if preconditions { vec![precondition] } else { Vec::new() },
        locks: vec!["service/web".into()],
        steps,
        groups: Vec::new(),
        verification: VerificationPlan {
            probe: probe(),
            settle: Span::from_ms(0),
            successes: 2,
            every: Span::from_secs(1),
            within: Span::from_secs(5),
            watch: Span::from_secs(60),
            watch_every: Span::from_secs(5),
        },
        escalation: vec![
            RungPlan { after: Span::from_ms(0), channel: "log".into(), message: "first".into() },
            RungPlan { after: Span::from_secs(600), channel: "log".into(), message: "second".into() },
        ],
        runtime: Span::from_secs(120),
    }
}

fn offer(id: &str, standing: OfferStanding) -> Offer {
    Offer {
        runbook: id.into(),
        digest: FileDigest::of(id.as_bytes()),
        priority: 100,
        standing,
        trust_level: TrustLevel::Supervised,
        limits: OfferLimits { attempts: 3, window_ms: 86_400_000, cooldown_ms: 30_000 },
        mismatch: None,
    }
}

fn shelf(plan: Plan) -> Shelf {
    Shelf(vec![(offer("process-dead", OfferStanding::Live), plan)], Authority::default())
}

/// The script of hands and eyes, and everything recorded so far.
struct Play {
    world: World,
    shelf: Shelf,
    at: Stamp,
    boot: u128,
    records: Vec<Record>,
    effects: VecDeque<Effect>,
    looks: VecDeque<Verdict>,
    /// What a look says when the script is at its end.
    look: Verdict,
    steps: VecDeque<StepOutcome>,
    ran: Vec<(u32, bool)>,
    receipts: u128,
    space_low: bool,
    /// What comes of the first tries to deliver; then everything is delivered.
    deliveries: VecDeque<Delivery>,
    /// Somebody else holds whatever is asked for.
    locked: bool,
    /// A lock that another attempt of this journal holds is refused, as on a real machine.
    exclusive: bool,
    /// A channel whose receiver says nothing, ever.
    deaf: Option<&'static str>,
    forgotten: u32,
}

impl Play {
    fn new(shelf: Shelf) -> Self {
        let mut play = Self {
            world: World::new(Blake3::ZERO),
            shelf,
            at: Stamp { time_us: 1_000_000_000, mono_ms: 1_000 },
            boot: 0,
            records: Vec::new(),
            effects: VecDeque::new(),
            looks: VecDeque::new(),
            look: Verdict::Healthy,
            steps: VecDeque::new(),
            ran: Vec::new(),
            receipts: 0,
            space_low: false,
            deliveries: VecDeque::new(),
            locked: false,
            exclusive: false,
            deaf: None,
            forgotten: 0,
        };
        play.boot();
        play.input(Input::ConfigLoaded(ConfigLoaded::default()));
        let loaded = CatalogLoaded::new(Blake3::ZERO, BTreeMap::new(), BTreeMap::new());
        play.input(Input::CatalogLoaded { loaded, live: Vec::new() });
        play
    }

    fn boot(&mut self) {
        self.boot += 1;
        self.effects.clear();
        self.input(Input::Started(ProcessStarted {
            version: "0".into(),
            pid: 1,
            system_boot: "boot".into(),
            clean: false,
            observe_only: None,
        }));
    }

    fn input(&mut self, input: Input) -> Answer {
        let (boot, node) = (BootId(Uuid::from_u128(self.boot)), NodeId(Uuid::nil()));
        let decision = decide(
            &mut self.world,
            &self.shelf,
            input,
            Now { at: self.at, boot, node, space_low: self.space_low },
        );
        assert!(decision.refused.is_empty(), "a rule broke a lifecycle: {:?}", decision.refused);
        self.records.extend(decision.records);
        self.effects.extend(decision.effects);
        decision.answer
    }

    fn pass(&mut self, ms: u64) {
        self.at.mono_ms += ms;
        self.at.time_us += ms as i64 * 1000;
        if next_timer(&self.world).is_some_and(|at| at <= self.world.elapsed_at(self.at)) {
            self.input(Input::Tick);
        }
    }

    fn seen(&mut self, code: &str) -> DegradationSeen {
        self.receipts += 1;
        DegradationSeen {
            subject: None,
            receipt: Receipt(Uuid::from_u128(self.receipts)),
            subsystem: "service".into(),
            code: code.into(),
            target: "web".into(),
            severity: Severity::Error,
            summary: "gone".into(),
            detail: None,
            attributes: BTreeMap::new(),
            observed_at: None,
            source: Source::Sentinel("web".into()),
            sender_id: None,
            fingerprint: Fingerprint::of("service", code, "web"),
            actionable: true,
        }
    }

    fn report(&mut self) -> Answer {
        let seen = self.seen("PROCESS_DEAD");
        self.input(Input::Reported(Box::new(seen)))
    }

    fn observation(&mut self) -> Observation {
        let verdict = self.looks.pop_front().unwrap_or(self.look);
        Observation { verdict, evidence: format!("{verdict:?}"), values: BTreeMap::new() }
    }

    /// Carries out the next effect that is due. False when there is none.
    fn act(&mut self) -> bool {
        let now = self.world.elapsed_at(self.at);
        let due = |e: &Effect| match e {
            Effect::Observe { not_before_elapsed_ms: at, .. }
            | Effect::AcquireLocks { not_before_elapsed_ms: at, .. }
            | Effect::RunStep { not_before_elapsed_ms: at, .. }
            | Effect::Deliver { not_before_elapsed_ms: at, .. } => *at <= now,
            Effect::Watch { until_elapsed_ms: at, .. } => *at <= now,
            Effect::StopWatch { .. } | Effect::ReleaseLocks { .. } | Effect::ForgetEdge { .. } => true,
            Effect::BreakLock { .. } | Effect::RotateKey => true,
            // The script answers itself.
            Effect::AskDecider { .. } => false,
        };
        let Some(index) = self.effects.iter().position(due) else { return false };
        let Some(effect) = self.effects.remove(index) else { return false };
        self.carry_out(effect);
        true
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Observe { ticket, probes, .. } => {
                let observations = probes.iter().map(|_| self.observation()).collect();
                self.input(Input::Observed { ticket, observations });
            }
            Effect::AcquireLocks { incident, attempt, floors, asked, .. } => {
                if !self.world.machine.locks.still_asks(attempt, asked) {
                    return;
                }
                let held = &self.world.machine.locks.held;
                if self.locked || self.exclusive && floors.keys().any(|resource| held.contains_key(resource))
                {
                    let (resource, reason) = ("service/web".into(), "held by somebody".into());
                    let answer = LockAnswer::Refused { resource, reason };
                    self.input(Input::LockAnswered { incident, attempt, answer });
                    return;
                }
                let tokens = floors.into_iter().map(|(r, t)| (r, t + 1)).collect();
                self.input(Input::LockAnswered { incident, attempt, answer: LockAnswer::Granted(tokens) });
            }
            Effect::RunStep { incident, intent, .. } => self.run_step(incident, intent),
            Effect::Watch { incident, .. } => {
                let observation = self.observation();
                self.input(Input::Watched { incident, observation, looks: 3, over: true });
            }
            Effect::Deliver { notice, .. } => {
                let waiting = self.world.outbox.waiting.get(&notice);
                if waiting.is_some_and(|n| self.deaf == Some(n.queued.channel.as_str())) {
                    return;
                }
                let delivered = Delivery::Delivered { said: String::new() };
                let answer = self.deliveries.pop_front().unwrap_or(delivered);
                self.input(Input::NoticeTried { notice, answer });
            }
            Effect::StopWatch { incident } => {
                self.effects.retain(|e| !matches!(e, Effect::Watch { incident: i, .. } if *i == incident));
            }
            Effect::ForgetEdge { subsystem, code, target } => {
                self.forgotten += 1;
                // What a sentinel is told to forget nobody else remembers: it would be shown as degraded for ever.
                let forgotten = Some(Fingerprint::of(&subsystem, &code, &target));
                assert!(self.world.machine.sentinels.values().all(|sentinel| sentinel.degraded != forgotten));
            }
            Effect::ReleaseLocks { .. } => {}
            Effect::BreakLock { .. } | Effect::RotateKey | Effect::AskDecider { .. } => {}
        }
    }

    fn run_step(&mut self, incident: IncidentId, intent: Seq) {
        let record = &self.records[intent as usize];
        let Event::StepIntended(intended) = record.event.clone() else { panic!("not an intent") };
        self.ran.push((intended.step, intended.undo));
        let outcome = self.steps.pop_front().unwrap_or(StepOutcome::Succeeded);
        let finished = StepFinished {
            attempt: intended.attempt,
            step: intended.step,
            intent,
            outcome,
            took_ms: 5,
            output: OutsideText::Text(String::new()),
            output_dropped: 0,
        };
        self.input(Input::StepFinished { incident, finished });
    }

    /// Acts until nothing is due, letting time pass at most `ms`.
    fn run(&mut self, ms: u64) {
        let mut left = ms;
        loop {
            while self.act() {}
            if left == 0 {
                return;
            }
            let by = left.min(500);
            left -= by;
            self.pass(by);
        }
    }

    fn incident(&self) -> &RemediationContext {
        self.world.incidents.values().max_by_key(|i| i.opened_seq).expect("an incident")
    }
    fn outcome(&self) -> Option<Outcome> {
        self.incident().attempt().and_then(|a| a.ended.as_ref()).map(|(o, _)| *o)
    }
    fn kinds(&self) -> Vec<&'static str> {
        self.records.iter().map(|r| r.event.kind()).collect()
    }
    fn count(&self, kind: &str) -> usize {
        self.kinds().iter().filter(|k| **k == kind).count()
    }

    /// The daemon dies and starts again: what is in the journal is all there is.
    fn crash(&mut self) {
        let mut world = World::new(Blake3::ZERO);
        self.records.iter().for_each(|r| world.apply(r));
        self.world = world;
        self.boot();
        self.input(Input::LeftOversFound(LeftOvers::default()));
        self.input(Input::Booted);
    }
}
