//! How an incident lives: healed, failed, taken back, relapsed, coalesced.

use super::*;
use crate::event::sentinel::{SentinelBlind, SentinelLost, SentinelStarted};

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
    // The sentinel has not seen it: should it break again at once, it must say so again.
    assert_eq!(play.forgotten, 1);
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

/// One step of each kind that starts no program.
fn kinds() -> Vec<StepPlan> {
    let file = |work| FilePlan { root: "/srv/app".into(), work, max_bytes: 10, max_files: 1 };
    let there = FileWork::Restore { from: "good".into(), to: "data".into() };
    let http = HttpPlan {
        method: HttpMethod::Post,
        url: "http://127.0.0.1:1/".into(),
        headers: BTreeMap::new(),
        body: None,
        expect_status: vec![200],
        max_body: 0,
        redirects: 0,
    };
    let signal = SignalPlan { send: SignalName::Hup, to: ProcessLook::Service("web".into()), at_most: 1 };
    let notify = NotifyPlan { channel: "log".into(), message: "look at web".into() };
    let actions = [
        ActionPlan::Http(http),
        ActionPlan::Signal(signal),
        ActionPlan::Wait(WaitPlan::For(Span::from_secs(1))),
        ActionPlan::File(file(there)),
        ActionPlan::Notify(notify),
    ];
    let planned = actions.into_iter().enumerate().map(|(n, action)| StepPlan {
        idempotent: action.is_harmless(),
        undo: action.natural_undo(),
        action,
        ..step(&format!("s{n}"), false, false)
    });
    planned.collect()
}

#[test]
fn a_crash_at_every_entry_repeats_no_step_of_any_kind_that_must_not_be() {
    super::recovery::crash_everywhere(
        || Play::new(shelf(plan(kinds(), false))),
        |play, cut| {
            let mut tries = BTreeMap::new();
            play.ran.iter().for_each(|(step, _)| *tries.entry(*step).or_insert(0) += 1);
            for (step, times) in tries {
                let most = if matches!(step, 2 | 4) { 2 } else { 1 };
                assert!(times <= most, "cut at {cut}: step {step} ran {times} times: {:?}", play.kinds());
            }
            assert!(play.incident().is_closed(), "cut at {cut}: {:?}", play.kinds());
        },
    );
}

#[test]
fn a_crash_at_every_entry_takes_back_at_most_once_what_is_known_how_to() {
    super::recovery::crash_everywhere(
        || {
            let mut play = Play::new(shelf(plan(kinds(), false)));
            play.look = Verdict::Failed;
            play
        },
        |play, cut| {
            let undone = play.records.iter().filter_map(|r| match &r.event {
                Event::StepIntended(i) if i.undo => Some((i.attempt, i.step)),
                _ => None,
            });
            let undone: Vec<_> = undone.collect();
            assert!(undone.iter().all(|(_, step)| *step == 3), "cut at {cut}: {undone:?}");
            let attempts: std::collections::BTreeSet<_> = undone.iter().collect();
            assert_eq!(attempts.len(), undone.len(), "cut at {cut}: {undone:?}");
        },
    );
}

#[test]
fn a_notice_of_a_step_is_queued_before_the_step_has_its_outcome_and_delivered() {
    let mut play = Play::new(shelf(plan(kinds().split_off(4), false)));
    play.report();
    play.run(1_000);
    let kinds = play.kinds();
    let queued = kinds.iter().position(|kind| *kind == "notice.queued").expect("queued");
    assert_eq!(kinds[queued + 1], "step.finished");
    let told = |r: &Record| matches!(&r.event, Event::NoticeQueued(n) if n.topic == "step" && n.text == "look at web");
    assert!(told(&play.records[queued]));
    assert_eq!(play.count("notice.delivered"), play.count("notice.queued"));
}

#[test]
fn a_crash_at_every_entry_tells_people_at_least_once() {
    super::recovery::crash_everywhere(
        || Play::new(shelf(plan(kinds().split_off(4), false))),
        |play, cut| {
            let told = |r: &&Record| matches!(&r.event, Event::NoticeQueued(n) if n.topic == "step");
            assert!(play.records.iter().filter(told).count() >= 1, "cut at {cut}");
            assert!(play.world.outbox.waiting.is_empty(), "cut at {cut}: everything is delivered");
        },
    );
}

fn failed(failure: Failure, began: bool) -> StepOutcome {
    StepOutcome::Failed { failure, why: "x".into(), began }
}

#[test]
fn failures_are_tried_again_by_their_kind() {
    let on = |on: &[Failure]| {
        Some(RetryPlan { factor: 1, max_delay: Span::from_secs(9), jitter_percent: 0, on: on.to_vec() })
    };
    let cases = [
        (StepOutcome::Exited(1), on(&[Failure::Exit]), 2),
        (StepOutcome::Exited(1), on(&[Failure::Timeout]), 1),
        (StepOutcome::TimedOut, on(&[Failure::Timeout]), 2),
        (failed(Failure::Http5xx, true), on(&[Failure::Http5xx, Failure::Connect]), 2),
        (failed(Failure::Http4xx, true), on(&[Failure::Http5xx, Failure::Connect]), 1),
        (failed(Failure::Connect, false), None, 2),
        (failed(Failure::Cancelled, true), None, 1),
        (StepOutcome::Refused("no".into()), None, 1),
    ];
    for (outcome, retry, runs) in cases {
        let retried = StepPlan { retries: 1, retry, ..step("a", true, false) };
        let mut play = Play::new(shelf(plan(vec![retried], false)));
        play.steps = [outcome.clone()].into();
        play.report();
        play.run(1_000);
        assert_eq!(play.ran.len(), runs, "{outcome:?}");
    }
    // What certainly changed nothing may be tried again though it must not be repeated.
    for (began, runs) in [(false, 2), (true, 1)] {
        let retried = StepPlan { retries: 1, ..step("a", false, false) };
        let mut play = Play::new(shelf(plan(vec![retried], false)));
        play.steps = [failed(Failure::Connect, began)].into();
        play.report();
        play.run(1_000);
        assert_eq!(play.ran.len(), runs, "began: {began}");
    }
}

#[test]
fn pauses_before_retries_grow_up_to_a_cap_with_jitter_that_a_replay_repeats() {
    let attempt = crate::base::ids::AttemptId(Uuid::from_u128(7));
    let retry = |jitter_percent| {
        let (factor, max_delay) = (3, Span::from_secs(10));
        StepPlan {
            retries: 5,
            retry_delay: Span::from_secs(1),
            retry: Some(RetryPlan { factor, max_delay, jitter_percent, on: Vec::new() }),
            ..step("a", true, false)
        }
    };
    let pauses = |plan: &StepPlan, step| (1..=5).map(|n| plan.pause_ms(attempt, step, n)).collect::<Vec<_>>();
    assert_eq!(pauses(&retry(0), 0), [0, 1_000, 3_000, 9_000, 10_000]);
    let (jittered, again) = (pauses(&retry(50), 0), pauses(&retry(50), 0));
    assert_eq!(jittered, again);
    for (n, (with, without)) in jittered.iter().zip(pauses(&retry(0), 0)).enumerate() {
        assert!(*with <= without && *with >= without / 2, "try {}: {with} of {without}", n + 1);
    }
    assert_ne!(jittered, pauses(&retry(50), 1), "steps side by side do not come at once");

    let mut play = Play::new(shelf(plan(vec![retry(0)], false)));
    play.steps = (0..4).map(|_| StepOutcome::Exited(1)).collect();
    play.report();
    for (ms, ran) in [(900, 1), (200, 2), (2_500, 2), (600, 3), (9_000, 4)] {
        play.run(ms);
        assert_eq!(play.ran.len(), ran, "after {ms} ms more");
    }
}

#[test]
fn a_lost_sentinels_incident_is_over_once_it_looks_again() {
    let mut play = Play::new(shelf(plan(vec![step("restart", true, false)], false)));
    let digest = crate::base::digest::FileDigest::of(b"eye");
    let started = || SentinelStarted { sentinel: "eye".into(), digest };
    play.input(Input::Sentinel(Box::new(started().into())));
    assert_eq!(play.count("degradation.recovered"), 0, "nothing was lost");
    let lost = SentinelLost { sentinel: "eye".into(), reason: "it hangs".into() };
    play.input(Input::Sentinel(Box::new(lost.into())));
    let fingerprint = Fingerprint::of("remediator", "SENTINEL_LOST", "eye");
    assert!(play.world.open.contains_key(&fingerprint));
    play.input(Input::Sentinel(Box::new(started().into())));
    assert!(!play.world.open.contains_key(&fingerprint));
    assert_eq!(play.count("incident.closed"), 1);
}

#[test]
fn a_blind_sentinels_incident_is_over_once_it_can_tell_again() {
    let mut play = Play::new(shelf(plan(vec![step("restart", true, false)], false)));
    let sees = || Input::SentinelSees { sentinel: "eye".into(), evidence: "HTTP 200".into() };
    assert_eq!(play.input(sees()), Answer::Nothing, "nobody said that it is blind");
    let blind = || SentinelBlind { sentinel: "eye".into(), evidence: "no answer".into() };
    play.input(Input::Sentinel(Box::new(blind().into())));
    let fingerprint = Fingerprint::of("remediator", "SENTINEL_BLIND", "eye");
    assert!(play.world.open.contains_key(&fingerprint));
    assert!(play.world.machine.sentinels["eye"].is_blind());
    play.input(sees());
    assert!(!play.world.open.contains_key(&fingerprint));
    assert_eq!(play.incident().closed.as_ref().map(|c| c.closure), Some(Closure::RecoveredUnaided));
    assert_eq!(play.world.machine.sentinels["eye"].trouble, None);
    // One that a person closed meanwhile: the sentinel is not shown as blind for ever.
    play.input(Input::Sentinel(Box::new(blind().into())));
    let id = play.incident().id;
    play.input(Input::Closed { incident: id, by: "person:ann".into(), reason: "known".into() });
    play.input(sees());
    assert_eq!(play.world.machine.sentinels["eye"].trouble, None);
    // One that was left open by a process before this one.
    play.input(Input::Sentinel(Box::new(blind().into())));
    play.crash();
    let digest = crate::base::digest::FileDigest::of(b"eye");
    play.input(Input::Sentinel(Box::new(SentinelStarted { sentinel: "eye".into(), digest }.into())));
    assert!(play.world.open.contains_key(&fingerprint), "a start shows nothing");
    play.input(sees());
    assert!(!play.world.open.contains_key(&fingerprint));
}
