//! How an incident lives: healed, failed, taken back, relapsed, coalesced.

use super::*;

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
fn a_sentinel_that_is_lost_is_itself_a_degradation() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    let lost = crate::event::sentinel::SentinelLost { sentinel: "web".into(), reason: "it panicked".into() };
    play.input(Input::Sentinel(Box::new(lost.into())));
    let first = &play.incident().signal.first;
    assert_eq!((first.subsystem.as_str(), first.code.as_str()), ("remediator", "SENTINEL_LOST"));
    assert_eq!(play.incident().state, IncidentState::Escalated, "and it is loud");
}
