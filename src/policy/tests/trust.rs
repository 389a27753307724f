//! Trust levels: a runbook above the policy's asks, once let it acts once, refused or unanswered it goes to people.

use super::super::trust::{Decided, Elevate, may_ask};
use super::*;
use crate::context::ElevationState;
use crate::event::Cause;
use crate::event::elevation::{DeciderPlan, ElevationRequested, TrackRecord};
use crate::event::incident::IncidentHeld;

const MINUTE: u64 = 60_000;

/// One runbook that needs `needed`, under a policy that gives supervised.
fn above(needed: TrustLevel) -> Play {
    let mut shelf = shelf(plan(vec![step("a", true, false)], false));
    shelf.0[0].0.trust_level = needed;
    shelf.0[0].0.limits = OfferLimits { attempts: 100, window_ms: 86_400_000, cooldown_ms: 0 };
    let mut play = Play::new(shelf);
    let lifted = ConfigLoaded { fingerprint_attempts: 1_000, ..ConfigLoaded::default() };
    play.input(Input::ConfigLoaded(lifted));
    play
}

fn asks() -> Play {
    let mut play = above(TrustLevel::Collaborative);
    play.report();
    play.run(0);
    play
}

fn asked(play: &Play) -> (Seq, ElevationRequested) {
    let waiting = play.incident().asking().expect("a request that waits");
    (waiting.request, waiting.asked.clone())
}

fn elevate(play: &mut Play, by: &str, nonce: &str) -> Answer {
    let (request, asked) = asked(play);
    let incident = play.incident().id;
    let statement = SignedStatement { digest: FileDigest::of(b"s"), nonce: nonce.into() };
    let word = Elevate {
        incident,
        request,
        digest: asked.digest,
        by: by.into(),
        reason: "we look on".into(),
        statement,
    };
    play.input(Input::Elevated(Box::new(word)))
}

fn refuse(play: &mut Play) -> Answer {
    let incident = play.incident().id;
    play.input(Input::ElevationRefused { incident, by: "person:ann".into(), reason: "by hand".into() })
}

fn why(play: &Play) -> String {
    play.incident().chosen.as_ref().expect("a decision").matched.candidates[0].why.clone()
}

fn held(play: &Play) -> String {
    play.incident().held.as_ref().expect("a hold").reason.clone()
}

#[test]
fn one_above_the_policys_level_asks_and_acts_once_when_it_is_let() {
    let mut play = asks();
    let (_, request) = asked(&play);
    assert_eq!((request.needed, request.given), (TrustLevel::Collaborative, TrustLevel::Supervised));
    assert_eq!(request.until_elapsed_ms, play.world.elapsed_ms() + 30 * MINUTE);
    assert_eq!(play.incident().held.as_ref().map(|h| h.reason.as_str()), Some("elevation"));
    assert_eq!(play.count("notice.queued"), 1, "people are told that they are asked");
    play.run(5 * MINUTE);
    assert!(play.ran.is_empty());
    assert!(matches!(elevate(&mut play, "bob", "n"), Answer::Recorded(_)));
    play.run(2_000);
    assert_eq!((play.ran.len(), play.outcome()), (1, Some(Outcome::Healthy)));
    let planned = play.records.iter().find_map(|r| match &r.event {
        Event::AttemptPlanned(planned) => planned.elevation,
        _ => None,
    });
    let granted = play.records.iter().find(|r| r.event.kind() == "elevation.granted").expect("a grant");
    assert_eq!(planned, Some(granted.seq), "the attempt names the grant that it used");
    assert!(matches!(play.incident().elevations[0].state, ElevationState::Used { .. }));

    // The next time needs a word of its own.
    play.run(2 * MINUTE);
    play.report();
    play.run(1_000);
    assert_eq!((play.ran.len(), play.count("elevation.requested")), (1, 2));
    assert_eq!(elevate(&mut play, "bob", "n"), Answer::Nothing, "a statement is good once");
    assert!(matches!(elevate(&mut play, "bob", "m"), Answer::Recorded(_)));
}

#[test]
fn within_the_policys_level_nobody_is_asked_and_one_that_may_act_is_preferred() {
    let mut play = above(TrustLevel::Collaborative);
    play.shelf.1.level = TrustLevel::Autonomous;
    play.report();
    play.run(2_000);
    assert_eq!((play.ran.len(), play.count("elevation.requested")), (1, 0));

    let mut play = above(TrustLevel::Collaborative);
    let mut other = play.shelf.0[0].clone();
    other.0 = Offer { priority: 1, ..offer("smaller", OfferStanding::Live) };
    play.shelf.0.push(other);
    play.report();
    play.run(2_000);
    assert_eq!(play.count("elevation.requested"), 0);
    assert_eq!(play.incident().attempt().map(|a| a.planned.runbook.as_str()), Some("smaller"));
}

#[test]
fn refused_or_unanswered_it_goes_to_people_and_does_not_ask_again() {
    let mut play = asks();
    assert!(matches!(refuse(&mut play), Answer::Recorded(_)));
    assert_eq!((play.incident().state, why(&play)), (IncidentState::Escalated, "elevation_refused".into()));
    assert_eq!(refuse(&mut play), Answer::Nothing);

    let mut play = asks();
    play.run(31 * MINUTE);
    assert_eq!((play.incident().state, why(&play)), (IncidentState::Escalated, "elevation_expired".into()));
    assert_eq!((play.count("elevation.requested"), play.count("elevation.expired")), (1, 1));
    assert!(play.ran.is_empty());

    // Another one does not ask behind a no; one that needs no more than the policy gives acts.
    let mut play = above(TrustLevel::Collaborative);
    let mut other = play.shelf.0[0].clone();
    other.0 =
        Offer { priority: 1, trust_level: TrustLevel::Collaborative, ..offer("other", OfferStanding::Live) };
    play.shelf.0.push(other);
    play.report();
    play.run(0);
    refuse(&mut play);
    assert_eq!((play.count("elevation.requested"), play.incident().state), (1, IncidentState::Escalated));
    play.shelf.0[1].0.trust_level = TrustLevel::Supervised;
    play.report();
    play.run(2_000);
    assert_eq!(play.ran.len(), 1);
}

#[test]
fn a_grant_that_cannot_be_used_at_once_waits_is_taken_back_or_runs_out() {
    let paused = || {
        let mut play = asks();
        play.input(Input::Paused(Paused { by: "bob".into(), reason: "wait".into() }));
        assert!(matches!(elevate(&mut play, "bob", "n"), Answer::Recorded(_)));
        play.run(1_000);
        assert!(play.ran.is_empty(), "a pause holds what was let");
        play
    };
    let resume = |play: &mut Play| {
        let statement = SignedStatement { digest: FileDigest::of(b"r"), nonce: "r".into() };
        play.input(Input::Resumed(Resumed { by: "bob".into(), reason: "go".into(), statement }));
        play.run(2_000);
    };
    let mut play = paused();
    resume(&mut play);
    assert_eq!(play.ran.len(), 1);

    let mut play = paused();
    assert!(matches!(refuse(&mut play), Answer::Recorded(_)), "less power is immediate");
    resume(&mut play);
    assert_eq!((play.ran.len(), why(&play)), (0, "elevation_refused".into()));

    // Neither a further report nor an order uses what has run out while nothing has decided the incident anew.
    let mut play = paused();
    play.at.mono_ms += 61 * MINUTE;
    play.world.control.paused = None;
    play.report();
    play.run(0);
    assert_eq!(play.ran.len(), 0);

    let mut play = paused();
    play.run(61 * MINUTE);
    resume(&mut play);
    assert_eq!((play.ran.len(), why(&play)), (0, "elevation_expired".into()));
}

#[test]
fn only_the_request_and_the_bytes_that_were_read_are_let_and_not_by_who_signed_them() {
    let mut play = asks();
    let (request, asked) = asked(&play);
    let incident = play.incident().id;
    let word = |request, digest| {
        let statement = SignedStatement { digest: FileDigest::of(b"s"), nonce: "n".into() };
        let (by, reason) = ("bob".into(), "yes".into());
        Input::Elevated(Box::new(Elevate { incident, request, digest, by, reason, statement }))
    };
    let other = FileDigest::of(b"edited");
    assert!(
        matches!(play.input(word(request, other)), Answer::NotNow(why) if why.contains("another request"))
    );
    let older = word(request - 1, asked.digest);
    assert!(matches!(play.input(older), Answer::NotNow(why) if why.contains("another request")));
    assert!(matches!(elevate(&mut play, "alice", "n"), Answer::NotNow(why) if why.contains("who signed")));
    assert_eq!(play.count("elevation.granted"), 0);
    // The bytes change after the word was given: the grant is for the old ones, and the new ones ask anew.
    play.input(Input::Paused(Paused { by: "bob".into(), reason: "wait".into() }));
    assert!(matches!(elevate(&mut play, "bob", "n"), Answer::Recorded(_)));
    play.shelf.0[0].0.digest = other;
    let statement = SignedStatement { digest: FileDigest::of(b"r"), nonce: "r".into() };
    play.input(Input::Resumed(Resumed { by: "bob".into(), reason: "go".into(), statement }));
    play.run(2_000);
    assert_eq!((play.ran.len(), play.count("elevation.requested")), (0, 2));
    // Solo says that one person may do both, and it shows.
    play.shelf.1.solo = true;
    assert!(matches!(elevate(&mut play, "alice", "m"), Answer::Recorded(_)));
    let by = |r: &Record| match &r.event {
        Event::ElevationGranted(granted) => Some(granted.by.clone()),
        _ => None,
    };
    assert_eq!(play.records.iter().rev().find_map(by).as_deref(), Some("alice (self-approved)"));
}

#[test]
fn the_record_raises_and_lowers_what_may_be_asked_for() {
    // Autonomous is two levels above what the policy gives: only a good record reaches that far.
    let mut play = above(TrustLevel::Autonomous);
    play.report();
    play.run(0);
    assert_eq!((play.count("elevation.requested"), why(&play)), (0, "trust_level".into()));
    assert_eq!(play.incident().state, IncidentState::Escalated);

    let mut play = above(TrustLevel::Supervised);
    for _ in 0..20 {
        play.report();
        play.run(2 * MINUTE);
        assert!(play.incident().is_closed(), "healed, and its watch is over");
    }
    let digest = play.shelf.0[0].0.digest;
    let good = TrackRecord { successes: 20, failures: 0, overrides: 0 };
    assert_eq!(play.world.records.of(digest, play.world.elapsed_ms()), good);
    play.shelf.0[0].0.trust_level = TrustLevel::Autonomous;
    play.report();
    play.run(0);
    assert_eq!(asked(&play).1.record, good);
    // Three refusals: two are made up for by twenty successes, the third is not.
    for _ in 0..3 {
        refuse(&mut play);
        let incident = play.incident().id;
        play.input(Input::Closed { incident, by: "person:ann".into(), reason: "by hand".into() });
        play.report();
        play.run(0);
        if play.incident().asking().is_none() {
            break;
        }
    }
    assert_eq!(why(&play), "trust_level", "{:?}", play.world.records.of(digest, play.world.elapsed_ms()));
    // Other bytes, another record.
    assert_eq!(play.world.records.of(FileDigest::of(b"edited"), 0), TrackRecord::default());
}

#[test]
fn a_failure_a_relapse_and_a_person_who_takes_over_are_in_the_record() {
    let mut play = above(TrustLevel::Supervised);
    let digest = play.shelf.0[0].0.digest;
    let record = |play: &Play| play.world.records.of(digest, play.world.elapsed_ms());
    play.shelf.0[0].0.limits.attempts = 1;
    play.look = Verdict::Failed;
    play.report();
    play.run(20_000);
    let failures = record(&play).failures;
    assert!(failures > 0 && record(&play).successes == 0, "{:?}", record(&play));
    let incident = play.incident().id;
    play.input(Input::Closed { incident, by: "person:ann".into(), reason: "by hand".into() });
    assert_eq!(record(&play).overrides, 1);
    play.shelf.0[0].0.limits.attempts = 100;
    play.look = Verdict::Healthy;
    play.report();
    play.run(3_000);
    assert_eq!(play.incident().state, IncidentState::Watching);
    assert_eq!(record(&play).successes, 0, "not before its watch is over");
    play.report();
    assert_eq!(record(&play).failures, failures + 1, "it came back");
}

fn with_decider(up_to: TrustLevel) -> Play {
    let mut play = above(TrustLevel::Collaborative);
    let decider = DeciderPlan { argv: vec!["/bin/decide".into()], timeout: Span::from_secs(5), up_to };
    play.shelf.1.decider = Some(decider);
    play.report();
    play.run(0);
    play
}

fn decide(play: &mut Play, request: Seq, decided: Decided) -> Answer {
    let incident = play.incident().id;
    play.input(Input::Decided { incident, request, decided })
}

#[test]
fn a_decider_is_asked_first_within_its_bounds_and_people_when_it_does_not_answer() {
    let mut play = with_decider(TrustLevel::Collaborative);
    let question = play.effects.iter().find_map(|e| match e {
        Effect::AskDecider { question, .. } => Some(question.clone()),
        _ => None,
    });
    let question: serde_json::Value = serde_json::from_str(&question.expect("it is asked")).expect("JSON");
    assert_eq!(question["needed"], "collaborative");
    assert_eq!(question["signal"]["code"], "PROCESS_DEAD");
    assert_eq!(play.count("notice.queued"), 0);
    let (request, _) = asked(&play);
    assert!(matches!(decide(&mut play, request, Decided::Abstain("busy".into())), Answer::Recorded(_)));
    assert_eq!(play.count("notice.queued"), 1);
    assert!(matches!(decide(&mut play, request, Decided::Grant("day".into())), Answer::Recorded(_)));
    play.run(2_000);
    assert_eq!(play.ran.len(), 1);

    let mut play = with_decider(TrustLevel::Collaborative);
    let (request, _) = asked(&play);
    assert_eq!(
        decide(&mut play, request + 7, Decided::Grant("day".into())),
        Answer::Nothing,
        "an older question"
    );
    assert!(matches!(decide(&mut play, request, Decided::Refuse("night".into())), Answer::Recorded(_)));
    assert_eq!(why(&play), "elevation_refused");
    let digest = play.shelf.0[0].0.digest;
    assert_eq!(play.world.records.of(digest, 0), TrackRecord::default(), "only people override");

    let play = with_decider(TrustLevel::Supervised);
    assert!(
        !play.effects.iter().any(|e| matches!(e, Effect::AskDecider { .. })),
        "it may not grant this much"
    );
    assert_eq!(play.count("notice.queued"), 1);
}

#[test]
fn after_a_crash_the_question_is_still_there_and_a_decider_is_asked_again() {
    let mut play = asks();
    play.crash();
    assert_eq!(play.count("elevation.requested"), 1);
    assert!(matches!(elevate(&mut play, "bob", "n"), Answer::Recorded(_)));
    play.run(2_000);
    assert_eq!(play.ran.len(), 1);

    let mut play = with_decider(TrustLevel::Autonomous);
    let (request, before) = asked(&play);
    play.crash();
    let (again, after) = asked(&play);
    assert!(again > request);
    assert_eq!(before.until_elapsed_ms, after.until_elapsed_ms, "the time to answer does not begin anew");
    assert!(
        play.effects.iter().any(|e| matches!(e, Effect::AskDecider { request, .. } if *request == again))
    );
    assert_eq!(decide(&mut play, request, Decided::Grant("day".into())), Answer::Nothing);
    assert!(matches!(decide(&mut play, again, Decided::Grant("day".into())), Answer::Recorded(_)));

    // A pause that holds the incident meanwhile does not make the question forgotten.
    let mut play = with_decider(TrustLevel::Autonomous);
    play.input(Input::Paused(Paused { by: "bob".into(), reason: "wait".into() }));
    held_by_the_pause(&mut play);
    let asks = play.count("elevation.requested");
    play.crash();
    assert_eq!(play.count("elevation.requested"), asks + 1);
    let (again, _) = asked(&play);
    assert!(
        play.effects.iter().any(|e| matches!(e, Effect::AskDecider { request, .. } if *request == again))
    );
    assert!(matches!(decide(&mut play, again, Decided::Grant("day".into())), Answer::Recorded(_)));
    assert_eq!((play.ran.len(), held(&play)), (0, "paused".into()), "a pause holds what was let");
}

/// As when the incident was decided anew during the pause.
fn held_by_the_pause(play: &mut Play) {
    let by_pause = IncidentHeld { reason: "paused".into(), detail: "by bob".into(), until_elapsed_ms: None };
    let incident = play.incident();
    let (id, cause) = (incident.id, incident.last_seq);
    let record = Record {
        seq: play.world.next_seq,
        incident: Some(id),
        cause: Some(Cause::Seq(cause)),
        event: by_pause.into(),
        ..play.records.last().expect("a record").clone()
    };
    play.world.apply(&record);
    play.records.push(record);
    assert_eq!(held(play), "paused");
}

#[test]
fn a_decider_is_not_asked_again_when_the_time_to_answer_is_over() {
    let mut play = with_decider(TrustLevel::Autonomous);
    play.input(Input::Paused(Paused { by: "bob".into(), reason: "wait".into() }));
    play.run(61 * MINUTE);
    let asks = play.count("elevation.requested");
    play.crash();
    assert_eq!((play.count("elevation.requested"), held(&play)), (asks, "paused".into()));
}

#[test]
fn an_ordered_attempt_asks_for_no_less() {
    let mut play = above(TrustLevel::Supervised);
    play.look = Verdict::Failed;
    play.shelf.0[0].0.limits.attempts = 1;
    play.report();
    play.run(20_000);
    assert_eq!(play.incident().state, IncidentState::Escalated);
    play.shelf.0[0].0.trust_level = TrustLevel::Collaborative;
    let incident = play.incident().id;
    let statement = SignedStatement { digest: FileDigest::of(b"s"), nonce: "n".into() };
    let (by, reason) = ("ann".into(), "again".into());
    let order = Input::Rerun { incident, from: None, by, reason, statement };
    assert!(matches!(play.input(order), Answer::NotNow(why) if why.contains("more trust")));
}

/// The table of docs/trust-levels.md is what the function does.
#[test]
fn the_published_table_is_the_function() {
    let page = include_str!("../../../docs/trust-levels.md");
    let level = |word: &str| {
        let found = TrustLevel::ALL.into_iter().find(|level| level.word() == word);
        found.unwrap_or_else(|| panic!("`{word}` is no level"))
    };
    let rows = page.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = |n: usize| cells.get(n)?.parse::<u32>().ok();
        let record = TrackRecord { successes: number(1)?, failures: number(2)?, overrides: number(3)? };
        Some((level(cells[0]), record, level(cells[4])))
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() >= 12, "the table is gone: {} rows", rows.len());
    for (given, record, most) in rows {
        assert_eq!(may_ask(given, &record), most, "{given} with {record:?}");
    }
}
