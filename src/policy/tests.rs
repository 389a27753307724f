//! Decisions against a small catalog: whole lives of incidents, hands and eyes played by a script, crashes at
//! every entry. No I/O, no real time.

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use super::*;
use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::{BootId, Fingerprint, IncidentId, NodeId, Receipt, Seq};
use crate::base::text::OutsideText;
use crate::base::time::{Span, Stamp};
use crate::context::{IncidentState, RemediationContext};
use crate::event::attempt::{Outcome, Resumption};
use crate::event::content::{CatalogLoaded, ConfigLoaded};
use crate::event::control::{Paused, Resumed, SignedStatement};
use crate::event::degradation::{DegradationRecovered, DegradationSeen, Severity, Source};
use crate::event::incident::Closure;
use crate::event::plan::*;
use crate::event::process::ProcessStarted;
use crate::event::step::{StepFinished, StepOutcome, TargetCleared};
use crate::event::verification::{Observation, Verdict};
use crate::event::{Event, Record};

/// A catalog of one or more runbooks for `service/PROCESS_DEAD`.
#[derive(Clone)]
struct Shelf(Vec<(Offer, Plan)>);

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
        limits: OfferLimits { attempts: 3, window_ms: 86_400_000, cooldown_ms: 30_000 },
        mismatch: None,
    }
}

fn shelf(plan: Plan) -> Shelf {
    Shelf(vec![(offer("process-dead", OfferStanding::Live), plan)])
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
            Effect::AcquireLocks { incident, attempt, floors, .. } => {
                let tokens = floors.into_iter().map(|(r, t)| (r, t + 1)).collect();
                self.input(Input::LockAnswered { incident, attempt, answer: LockAnswer::Granted(tokens) });
            }
            Effect::RunStep { incident, intent, .. } => self.run_step(incident, intent),
            Effect::Watch { incident, .. } => {
                let observation = self.observation();
                self.input(Input::Watched { incident, observation, looks: 3, over: true });
            }
            Effect::Deliver { notice, .. } => {
                self.input(Input::NoticeTried { notice, failure: None });
            }
            Effect::StopWatch { incident } => {
                self.effects.retain(|e| !matches!(e, Effect::Watch { incident: i, .. } if *i == incident));
            }
            Effect::ReleaseLocks { .. } | Effect::ForgetEdge { .. } => {}
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

#[test]
fn a_failure_is_healed_verified_watched_and_closed() {
    let mut play = Play::new(shelf(plan(vec![step("restart", true, false)], true)));
    play.looks = [Verdict::Failed, Verdict::Failed].into();
    play.report();
    play.run(120_000);
    assert_eq!(play.outcome(), Some(Outcome::Healthy));
    assert_eq!(play.incident().closed.as_ref().map(|c| c.closure), Some(Closure::Healed));
    let expected = [
        "degradation.seen",
        "incident.opened",
        "incident.matched",
        "attempt.planned",
        "attempt.preconditions_checked",
        "lock.requested",
        "lock.granted",
        "attempt.preconditions_checked",
        "step.intended",
        "step.finished",
        "verification.started",
        "verification.observed",
        "verification.concluded",
        "attempt.ended",
        "lock.released",
        "incident.closed",
    ];
    assert_eq!(play.kinds()[3..], expected);
    assert!(
        play.records.iter().skip(4).all(|r| r.cause.is_some()),
        "every entry after the report has its cause"
    );
    assert_eq!(play.count("notice.queued"), 0, "a verified success is quiet");
}

#[test]
fn the_same_trouble_is_one_incident_and_the_same_sender_id_one_receipt() {
    let mut play = Play::new(shelf(plan(vec![step("restart", true, false)], false)));
    play.report();
    play.report();
    play.report();
    assert_eq!((play.count("incident.opened"), play.incident().signal.count), (1, 3));
    let mut seen = play.seen("OTHER_CODE");
    seen.sender_id = Some("a-1".into());
    let first = play.input(Input::Reported(Box::new(seen.clone())));
    seen.receipt = Receipt(Uuid::from_u128(99));
    let again = play.input(Input::Reported(Box::new(seen)));
    let (
        Answer::Accepted { receipt: a, duplicate: false, .. },
        Answer::Accepted { receipt: b, duplicate: true, .. },
    ) = (first, again)
    else {
        panic!("{first:?} {again:?}")
    };
    assert_eq!(a, b);
}

#[test]
fn a_failing_step_is_taken_back_in_reverse_order() {
    let steps = vec![step("a", true, true), step("b", true, true), step("c", true, true)];
    let mut play = Play::new(shelf(plan(steps, false)));
    play.steps = [StepOutcome::Succeeded, StepOutcome::Succeeded, StepOutcome::Exited(1)].into();
    play.report();
    play.run(1_000);
    assert_eq!(play.ran, [(0, false), (1, false), (2, false), (2, true), (1, true), (0, true)]);
    assert_eq!(play.outcome(), Some(Outcome::FailedPartial));
    assert!(play.count("notice.queued") > 0, "a failure is announced");
}

#[test]
fn a_step_that_never_started_is_not_taken_back_and_changes_nothing() {
    let mut play = Play::new(shelf(plan(vec![step("a", false, true)], false)));
    play.steps = [StepOutcome::NotStarted("no such file".into())].into();
    play.report();
    play.run(1_000);
    assert_eq!((play.outcome(), play.ran.len()), (Some(Outcome::FailedBeforeMutation), 1));
}

#[test]
fn an_undo_that_fails_is_a_state_of_its_own() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, true)], false)));
    play.steps = [StepOutcome::Exited(1), StepOutcome::Exited(2)].into();
    play.report();
    play.run(1_000);
    let attempt = play.incident().attempt().expect("an attempt");
    assert_eq!(attempt.undo, Some(crate::event::attempt::UndoOutcome::Failed));
    let told =
        play.records.iter().any(|r| matches!(&r.event, Event::NoticeQueued(n) if n.topic == "undo_failed"));
    assert!(told, "it pages");
}

#[test]
fn retries_are_for_idempotent_steps_only() {
    for (idempotent, runs) in [(true, 2), (false, 1)] {
        let retried = StepPlan { retries: 1, ..step("a", idempotent, false) };
        let mut play = Play::new(shelf(plan(vec![retried], false)));
        play.steps = [StepOutcome::Exited(1)].into();
        play.report();
        play.run(1_000);
        assert_eq!(play.ran.len(), runs, "idempotent: {idempotent}");
    }
}

#[test]
fn good_looks_that_are_too_few_prove_nothing_and_bad_ones_prove_failure() {
    for (look, outcome) in [(Verdict::Failed, Outcome::Failed), (Verdict::Unknown, Outcome::Inconclusive)] {
        let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
        play.look = look;
        play.report();
        play.run(20_000);
        assert_eq!(play.outcome(), Some(outcome));
    }
}

#[test]
fn cooldown_then_attempts_then_people() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.look = Verdict::Failed;
    play.report();
    play.run(10_000);
    assert_eq!(play.incident().held.as_ref().map(|h| h.reason.as_str()), Some("cooldown"));
    play.run(200_000);
    assert_eq!(play.incident().attempts.len(), 3, "three attempts, then no more");
    assert_eq!(play.incident().state, IncidentState::Escalated);
    let why = &play.incident().chosen.as_ref().expect("a trace").matched.candidates[0].why;
    assert_eq!(why, "attempts");
    // A restart resets nothing (X4).
    play.crash();
    play.report();
    play.run(30_000);
    assert_eq!(play.incident().attempts.len(), 3);
    // The second rung comes after a fresh look, and a look that cannot tell holds it (X3).
    play.look = Verdict::Unknown;
    play.run(900_000);
    assert_eq!(play.incident().escalation.rung, Some(0));
    assert!(play.count("incident.escalation_held") > 1);
    play.look = Verdict::Failed;
    play.run(900_000);
    assert_eq!(play.incident().escalation.rung, Some(1));
    play.look = Verdict::Healthy;
    play.run(3_600_000);
    assert_eq!(play.incident().closed.as_ref().map(|c| c.closure), Some(Closure::RecoveredUnaided));
}

#[test]
fn nothing_that_fits_is_loud_and_recovery_closes_it() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    let seen = play.seen("SOMETHING_ELSE");
    let fingerprint = seen.fingerprint;
    play.input(Input::Reported(Box::new(seen)));
    play.run(1_000);
    assert_eq!((play.incident().state, play.count("notice.queued")), (IncidentState::Escalated, 1));
    let source = Source::Sentinel("web".into());
    let (target, evidence) = ("web".to_owned(), "answers".to_owned());
    play.input(Input::Recovered(DegradationRecovered { fingerprint, target, source, evidence }));
    assert!(play.incident().is_closed());
}

#[test]
fn what_only_observes_is_planned_once_and_never_run() {
    let standing = OfferStanding::ObserveOnly("unsigned".into());
    let mut play =
        Play::new(Shelf(vec![(offer("process-dead", standing), plan(vec![step("a", true, false)], false))]));
    play.report();
    play.run(60_000);
    play.report();
    play.run(60_000);
    assert_eq!((play.outcome(), play.ran.len()), (Some(Outcome::DryRun), 0));
    assert_eq!(play.incident().attempts.len(), 1);
    assert_eq!(play.incident().state, IncidentState::Escalated);
}

#[test]
fn a_pause_holds_and_a_resume_lets_go_once() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.input(Input::Paused(Paused { by: "person:ann".into(), reason: "look".into() }));
    play.report();
    play.run(60_000);
    assert_eq!((play.ran.len(), play.incident().state), (0, IncidentState::Held));
    let resumed = || Resumed {
        by: "ann".into(),
        reason: "done".into(),
        statement: SignedStatement { digest: FileDigest::of(b"s"), nonce: "n1".into() },
    };
    play.input(Input::Resumed(resumed()));
    play.run(60_000);
    assert_eq!(play.outcome(), Some(Outcome::Healthy));
    assert_eq!(play.input(Input::Resumed(resumed())), Answer::Nothing, "a statement is good once");
}

#[test]
fn a_nearly_full_disk_begins_nothing_new_and_goes_on_by_itself() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.space_low = true;
    play.report();
    play.run(30_000);
    assert_eq!(play.ran.len(), 0);
    play.space_low = false;
    play.run(30_000);
    assert_eq!(play.outcome(), Some(Outcome::Healthy));
}

#[test]
fn a_relapse_during_the_watch_reopens() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.report();
    play.run(20_000);
    assert_eq!(play.incident().state, IncidentState::Watching);
    play.report();
    play.run(60_000);
    assert_eq!((play.incident().relapses, play.incident().attempts.len()), (1, 2));
}

#[test]
fn a_precondition_that_no_longer_holds_stops_before_anything_is_changed() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], true)));
    play.report();
    play.run(5_000);
    assert_eq!((play.outcome(), play.ran.len()), (Some(Outcome::FailedBeforeMutation), 0));
    assert_eq!(play.incident().closed.as_ref().map(|c| c.closure), Some(Closure::RecoveredUnaided));
}

#[test]
fn two_attempts_at_once_and_the_third_waits_its_turn() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    for target in ["one", "two", "three"] {
        let mut seen = play.seen("PROCESS_DEAD");
        seen.target = target.into();
        seen.fingerprint = Fingerprint::of("service", "PROCESS_DEAD", target);
        play.input(Input::Reported(Box::new(seen)));
    }
    assert_eq!(play.world.active_attempts(), 2);
    play.run(200_000);
    assert_eq!(play.ran.len(), 3, "all were healed in the end");
}

/// The recorded story up to each entry, a crash, and the rest: every prefix must end somewhere sensible.
fn crash_everywhere(make: impl Fn() -> Play, check: impl Fn(&Play, usize)) {
    let mut whole = make();
    whole.report();
    whole.run(400_000);
    let from = whole.records.iter().position(|r| r.event.kind() == "attempt.planned").expect("planned");
    for cut in from + 1..=whole.records.len() {
        let mut play = make();
        play.records = whole.records[..cut].to_vec();
        play.at = whole.records[cut - 1].at;
        play.steps.clear();
        play.looks.clear();
        let intended = |r: &Record| matches!(&r.event, Event::StepIntended(i) if !i.undo);
        play.ran = play.records.iter().filter(|r| intended(r)).map(|_| (0, false)).collect();
        play.crash();
        play.run(400_000);
        check(&play, cut);
    }
}

#[test]
fn a_crash_at_every_entry_runs_a_non_idempotent_step_at_most_once() {
    let make = || Play::new(shelf(plan(vec![step("a", false, false)], true)));
    let start = || {
        let mut play = make();
        play.looks = [Verdict::Failed, Verdict::Failed].into();
        play
    };
    crash_everywhere(
        || {
            let mut play = start();
            play.look = Verdict::Healthy;
            play
        },
        |play, cut| {
            assert!(play.ran.len() <= 1, "cut at {cut}: {:?}", play.kinds());
            assert!(
                play.incident().is_closed(),
                "cut at {cut}: {:?} {:?}",
                play.incident().state,
                play.kinds()
            );
        },
    );
}

#[test]
fn a_crash_at_every_entry_repeats_an_idempotent_step_at_most_once_per_crash() {
    crash_everywhere(
        || Play::new(shelf(plan(vec![step("a", true, false)], false))),
        |play, cut| {
            assert!(play.ran.len() <= 2, "cut at {cut}");
            assert!(play.incident().is_closed(), "cut at {cut}: {:?}", play.kinds());
        },
    );
}

/// A crash right after the intent of a step that must not be repeated.
fn crashed_in_step(first: StepPlan, look: Verdict) -> Play {
    let mut play = Play::new(shelf(plan(vec![first], false)));
    play.report();
    while play.count("step.intended") == 0 {
        assert!(play.act(), "the step is intended");
    }
    play.look = look;
    play.crash();
    play
}

#[test]
fn an_unknown_outcome_is_looked_at_first() {
    let mut play = crashed_in_step(step("a", false, false), Verdict::Healthy);
    play.run(100_000);
    assert_eq!((play.outcome(), play.ran.len()), (Some(Outcome::HealedOutcomeUnknown), 0));
    assert_eq!(play.incident().closed.as_ref().map(|c| c.closure), Some(Closure::HealedOutcomeUnknown));
    let attempt = play.incident().attempt().expect("an attempt");
    assert_eq!(attempt.resumption, Some(Resumption::VerifyFirst));
}

#[test]
fn an_unknown_outcome_that_is_not_healthy_freezes_the_runbook_for_a_day() {
    let mut play = crashed_in_step(step("a", false, false), Verdict::Failed);
    play.run(100_000);
    assert_eq!((play.incident().state, play.ran.len()), (IncidentState::Frozen, 0));
    assert!(play.world.machine.frozen_for("process-dead", "web").is_some());
    play.crash();
    play.run(1_000);
    assert_eq!(play.incident().state, IncidentState::Frozen, "a second crash does not thaw it");
    play.run(24 * 3_600_000);
    assert_eq!(play.world.machine.frozen_for("process-dead", "web"), None);
}

#[test]
fn a_person_thaws_with_a_statement_that_is_good_once() {
    let mut play = crashed_in_step(step("a", false, false), Verdict::Failed);
    play.run(100_000);
    let incident = play.incident().id;
    let statement = SignedStatement { digest: FileDigest::of(b"s"), nonce: "n".into() };
    let thaw =
        || Input::Thawed { incident, by: "ann".into(), reason: "ok".into(), statement: statement.clone() };
    assert!(matches!(play.input(thaw()), Answer::Recorded(_)));
    assert_eq!(play.incident().attempts[0].ended.as_ref().map(|e| e.0), Some(Outcome::Interrupted));
    assert_eq!(play.input(thaw()), Answer::Nothing);
}

#[test]
fn a_person_clears_a_target_and_closes_what_is_at_rest() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.steps = [StepOutcome::WouldNotDie].into();
    play.report();
    play.run(100_000);
    assert_eq!(play.incident().held.as_ref().map(|h| h.reason.as_str()), Some("tainted"));
    let statement = SignedStatement { digest: FileDigest::of(b"s"), nonce: "n".into() };
    let (target, by, reason) = ("web".to_owned(), "ann".to_owned(), "gone".to_owned());
    play.input(Input::Cleared(TargetCleared { target, by, reason, statement }));
    play.run(100_000);
    assert_eq!(play.outcome(), Some(Outcome::Healthy));
    let seen = play.seen("SOMETHING_ELSE");
    play.input(Input::Reported(Box::new(seen)));
    let incident = play.incident().id;
    play.input(Input::Closed { incident, by: "person:ann".into(), reason: "known".into() });
    assert_eq!(play.incident().closed.as_ref().map(|c| c.closure), Some(Closure::ClosedByPerson));
}

#[test]
fn an_unknown_outcome_is_taken_back_where_that_is_declared_safe() {
    let safe = StepPlan { undo_when_unknown: true, ..step("a", false, true) };
    let mut play = crashed_in_step(safe, Verdict::Failed);
    play.run(20_000);
    assert_eq!(play.ran, [(0, true)]);
    let attempt = play.incident().attempts.first().expect("an attempt");
    assert_eq!(attempt.undo, Some(crate::event::attempt::UndoOutcome::Done));
}

#[test]
fn a_step_that_does_not_report_back_taints_its_target() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.report();
    while play.count("step.intended") == 0 {
        assert!(play.act());
    }
    play.effects.clear();
    play.pass(60_000);
    assert!(play.world.machine.tainted.contains_key("web"));
    assert_eq!(play.outcome(), Some(Outcome::AbortedDeadline));
}

#[test]
fn every_state_that_waits_for_somebody_has_a_deadline() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], true)));
    play.looks = [Verdict::Failed, Verdict::Failed].into();
    play.report();
    loop {
        let attempt = play.incident().attempt().expect("an attempt");
        if attempt.state == crate::context::AttemptState::Ended {
            break;
        }
        assert!(next_timer(&play.world).is_some(), "no deadline in {:?}", attempt.state);
        if !play.act() {
            play.pass(500);
        }
    }
}

#[test]
fn the_fold_of_what_was_recorded_is_the_world_that_decided() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, true), step("b", false, false)], true)));
    play.looks = [Verdict::Failed, Verdict::Failed, Verdict::Unknown].into();
    play.report();
    play.run(50_000);
    play.crash();
    play.run(50_000);
    let mut world = World::new(Blake3::ZERO);
    for record in &play.records {
        let data = record.event.data().expect("written");
        let event = Event::parse(record.event.kind(), record.event.kv(), &data).expect("read");
        world.apply(&Record { event, ..record.clone() });
    }
    assert_eq!(world, play.world);
    let bytes = world.snapshot().expect("a snapshot");
    assert_eq!(World::from_snapshot(&bytes).expect("read back"), world);
    assert!(world.alarms.is_empty());
}

#[test]
fn an_illegal_entry_freezes_its_incident_and_the_fold_goes_on() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.report();
    play.run(200_000);
    let closed = play.incident().id;
    let stray = play.records.iter().find(|r| r.event.kind() == "step.finished").expect("one").clone();
    let seq = play.world.next_seq;
    let stray = Record { seq, ..stray };
    play.world.apply(&stray);
    play.records.push(stray);
    assert_eq!(play.world.alarms.len(), 1);
    assert!(play.world.incident(closed).is_some_and(|i| i.alarm.is_some()));
    play.report();
    play.run(200_000);
    assert_ne!(play.incident().id, closed, "the same trouble opens another incident");
}

#[test]
fn a_sentinel_that_is_lost_is_itself_a_degradation() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    let lost = crate::event::sentinel::SentinelLost { sentinel: "web".into(), reason: "it panicked".into() };
    play.input(Input::Sentinel(Box::new(lost.into())));
    let first = &play.incident().signal.first;
    assert_eq!((first.subsystem.as_str(), first.code.as_str()), ("remediator", "SENTINEL_LOST"));
    assert_eq!(play.incident().state, IncidentState::Escalated, "and it is loud");
}

#[test]
fn a_wall_clock_that_steps_back_is_recorded_once_and_moves_no_window() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.look = Verdict::Failed;
    play.report();
    play.run(10_000);
    let held = play.incident().held.clone();
    play.at.time_us -= 3_600_000_000;
    play.report();
    play.report();
    assert_eq!(play.count("process.clock_stepped"), 1);
    assert_eq!(play.incident().held, held, "the cooldown is where it was");
}

#[test]
fn a_decision_trace_keeps_32_candidates_in_full_and_counts_the_rest() {
    let mismatched = |n: usize| {
        let mut offer = offer(&format!("rb-{n:03}"), OfferStanding::Live);
        offer.mismatch = Some(("target".into(), "another target".into()));
        (offer, plan(vec![step("a", true, false)], false))
    };
    let mut shelf = Shelf((0..100).map(mismatched).collect());
    shelf.0.push((offer("last", OfferStanding::Live), plan(vec![step("a", true, false)], false)));
    let mut play = Play::new(shelf);
    play.report();
    let matched = &play.incident().chosen.as_ref().expect("a trace").matched;
    assert_eq!(matched.chosen.as_deref(), Some("last"));
    assert_eq!((matched.candidates.len(), matched.more), (33, 68), "the chosen one is always in it");
}

#[test]
fn a_crash_at_every_entry_takes_a_step_back_at_most_once() {
    let steps = || vec![step("a", false, true), step("b", false, true)];
    crash_everywhere(
        || {
            let mut play = Play::new(shelf(plan(steps(), false)));
            play.look = Verdict::Failed;
            play
        },
        |play, cut| {
            let mut undone = BTreeMap::new();
            for record in &play.records {
                if let Event::StepIntended(i) = &record.event
                    && i.undo
                {
                    *undone.entry((i.attempt, i.step)).or_insert(0) += 1;
                }
            }
            assert!(undone.values().all(|times| *times == 1), "cut at {cut}: {undone:?} {:?}", play.kinds());
        },
    );
}

#[test]
fn trouble_that_keeps_coming_back_is_announced_only() {
    let mut shelf = shelf(plan(vec![step("a", true, false)], false));
    shelf.0[0].0.limits = OfferLimits { attempts: 100, window_ms: 86_400_000, cooldown_ms: 0 };
    let mut play = Play::new(shelf);
    for times in 1..=4 {
        play.report();
        play.run(120_000);
        assert_eq!(play.count("attempt.planned"), times.min(3));
    }
    assert_eq!(play.incident().state, IncidentState::Escalated);
    let why = &play.incident().chosen.as_ref().expect("a trace").matched.candidates[0].why;
    assert_eq!(why, "fingerprint_attempts");
}

#[test]
fn what_is_not_actionable_is_kept_and_opens_nothing() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    let words = DegradationSeen { actionable: false, ..play.seen("PROCESS_DEAD") };
    assert!(matches!(play.input(Input::Reported(Box::new(words))), Answer::Accepted { .. }));
    play.run(10_000);
    assert_eq!((play.count("degradation.seen"), play.count("incident.opened")), (1, 0));
}
