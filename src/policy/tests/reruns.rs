//! A failed attempt that a person orders again: from the failed step, with what differs, once per statement.

use super::*;
use crate::event::incident::RerunOrdered;

/// Two steps without undo, of which the second failed; then people have it.
fn failed_at_second(undo: bool) -> Play {
    let steps = vec![step("a", true, undo), step("b", true, undo), step("c", true, undo)];
    let mut shelf = shelf(plan(steps, false));
    shelf.0[0].0.limits.attempts = 1;
    let mut play = Play::new(shelf);
    play.steps = [StepOutcome::Succeeded, StepOutcome::Exited(1)].into();
    play.look = Verdict::Failed;
    play.report();
    play.run(60_000);
    assert_eq!(play.incident().state, IncidentState::Escalated);
    assert_eq!(play.outcome(), Some(Outcome::FailedPartial));
    play.look = Verdict::Healthy;
    play
}

fn rerun(play: &mut Play, from: Option<&str>, nonce: &str) -> Answer {
    let incident = play.incident().id;
    let statement = SignedStatement { digest: FileDigest::of(b"s"), nonce: nonce.into() };
    let (by, reason) = ("ann".into(), "mended".into());
    play.input(Input::Rerun { incident, from: from.map(str::to_owned), by, reason, statement })
}

fn order(play: &Play) -> RerunOrdered {
    let order = |r: &Record| match &r.event {
        Event::RerunOrdered(order) => Some(order.clone()),
        _ => None,
    };
    play.records.iter().rev().find_map(order).expect("an order")
}

#[test]
fn it_begins_with_the_failed_step_and_says_who_why_and_what_differs() {
    let mut play = failed_at_second(false);
    let ran = play.ran.len();
    play.shelf.0[0].1.steps[1].action = run("better");
    play.shelf.0[0].0.digest = FileDigest::of(b"edited");
    assert!(matches!(rerun(&mut play, None, "n"), Answer::Recorded(_)));
    // Healed while it is watched, so that the incident is the same one still.
    play.run(30_000);
    assert_eq!(play.ran[ran..], [(1, false), (2, false)]);
    assert_eq!(play.outcome(), Some(Outcome::Healthy));
    let order = order(&play);
    assert_eq!(
        (order.by.as_str(), order.reason.as_str(), order.from.as_str(), order.skips),
        ("ann", "mended", "b", 1)
    );
    assert_eq!(order.of, play.incident().attempts[0].id());
    let what: Vec<&str> = order.differences.iter().map(|d| d.what.as_str()).collect();
    assert_eq!(what, ["runbook", "step b"]);
    assert!(order.differences[1].now.as_deref().is_some_and(|now| now.contains("better")));
    let planned = play.records.iter().rposition(|r| r.event.kind() == "attempt.planned").expect("planned");
    assert_eq!(play.records[planned - 1].event.kind(), "incident.rerun_ordered");
}

#[test]
fn what_was_taken_back_or_changed_is_done_again_and_never_skipped() {
    let mut play = failed_at_second(true);
    assert!(matches!(rerun(&mut play, Some("b"), "n"), Answer::NotNow(why) if why.contains("taken back")));
    assert!(matches!(rerun(&mut play, Some("x"), "n"), Answer::NotNow(why) if why.contains("no such step")));
    assert!(matches!(rerun(&mut play, None, "n"), Answer::Recorded(_)));
    assert_eq!((order(&play).from.as_str(), order(&play).skips), ("a", 0));

    let mut play = failed_at_second(false);
    play.shelf.0[0].1.steps[0].action = run("another");
    assert!(matches!(rerun(&mut play, None, "n"), Answer::Recorded(_)));
    assert_eq!((order(&play).from.as_str(), order(&play).skips), ("a", 0));

    let mut play = failed_at_second(false);
    assert!(matches!(rerun(&mut play, Some("a"), "n"), Answer::Recorded(_)), "earlier is always possible");
    assert_eq!(order(&play).skips, 0);
}

#[test]
fn it_needs_rest_a_live_runbook_and_a_statement_that_was_not_used() {
    let mut play = failed_at_second(false);
    play.shelf.0[0].0.standing = OfferStanding::ObserveOnly("unsigned".into());
    assert!(matches!(rerun(&mut play, None, "n"), Answer::NotNow(why) if why.contains("not live")));
    play.shelf.0[0].0.standing = OfferStanding::Live;
    play.input(Input::Paused(Paused { by: "bob".into(), reason: "wait".into() }));
    assert!(matches!(rerun(&mut play, None, "n"), Answer::NotNow(why) if why.contains("nothing may begin")));
    let statement = SignedStatement { digest: FileDigest::of(b"r"), nonce: "r".into() };
    play.input(Input::Resumed(Resumed { by: "bob".into(), reason: "go".into(), statement }));
    assert!(matches!(rerun(&mut play, None, "n"), Answer::Recorded(_)));
    assert!(matches!(rerun(&mut play, None, "m"), Answer::NotNow(why) if why.contains("not at rest")));
    play.look = Verdict::Failed;
    play.run(60_000);
    assert_eq!(rerun(&mut play, None, "n"), Answer::Nothing, "good once");
    assert_eq!(play.count("incident.rerun_ordered"), 1);
}

#[test]
fn a_crash_at_every_entry_of_it_ends_somewhere_sensible_and_skips_what_stands() {
    let mut whole = failed_at_second(false);
    let from = whole.records.len();
    rerun(&mut whole, None, "n");
    whole.run(400_000);
    assert!(whole.incident().is_closed());
    for cut in from + 2..=whole.records.len() {
        let mut play = failed_at_second(false);
        play.records = whole.records[..cut].to_vec();
        play.at = whole.records[cut - 1].at;
        play.steps.clear();
        play.ran.clear();
        play.crash();
        play.run(400_000);
        assert!(play.incident().is_closed(), "cut at {cut}: {:?}", play.kinds());
        assert!(play.ran.iter().all(|(step, _)| *step > 0), "cut at {cut}: {:?}", play.ran);
    }
}
