//! What a crash leaves: a decision for every attempt, nothing non-idempotent twice, one fold for all.

use super::*;

/// The recorded story up to each entry, a crash, and the rest: every prefix must end somewhere sensible.
pub(super) fn crash_everywhere(make: impl Fn() -> Play, check: impl Fn(&Play, usize)) {
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
        let ran = |r: &Record| match &r.event {
            Event::StepIntended(i) if !i.undo => Some((i.step, false)),
            _ => None,
        };
        play.ran = play.records.iter().filter_map(ran).collect();
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
fn a_step_that_was_tried_again_and_ended_is_known_at_the_next_crash() {
    let mut play = crashed_in_step(step("a", true, false), Verdict::Healthy);
    while play.count("verification.started") == 0 {
        assert!(play.act(), "the step is tried again and ends");
    }
    assert_eq!(play.ran, [(0, false)]);
    play.crash();
    play.run(100_000);
    let attempt = play.incident().attempt().expect("an attempt");
    assert_eq!(attempt.resumption, Some(Resumption::Verify));
    assert_eq!((play.outcome(), play.ran.len()), (Some(Outcome::Healthy), 1));
}

#[test]
fn a_frozen_runbook_does_not_act_on_its_target_for_another_trouble_either() {
    let mut play = crashed_in_step(step("a", false, false), Verdict::Failed);
    play.run(100_000);
    assert_eq!(play.incident().state, IncidentState::Frozen);
    let mut other = play.seen("PROCESS_DEAD");
    other.subsystem = "another".into();
    other.fingerprint = Fingerprint::of("another", "PROCESS_DEAD", "web");
    play.input(Input::Reported(Box::new(other)));
    play.run(100_000);
    assert_eq!((play.count("attempt.planned"), play.incident().state), (1, IncidentState::Escalated));
    let why = &play.incident().chosen.as_ref().expect("a trace").matched.candidates[0].why;
    assert_eq!(why, "frozen");
}
