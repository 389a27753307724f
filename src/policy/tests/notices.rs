//! What is told: backoff, refusals, escalations that reach nobody, subscribers, restarts.

use super::*;
use crate::event::notice::{NoticeFailed, NoticeQueued};

fn failed(reason: &str) -> Delivery {
    Delivery::Failed { reason: reason.into(), retry_after_ms: None }
}

fn refused() -> Delivery {
    Delivery::Refused { reason: "HTTP 410 gone".into() }
}

/// A trouble that no step helps, with an escalation on `pager`.
fn hopeless() -> Play {
    let mut plan = plan(vec![step("a", true, false)], false);
    plan.escalation.iter_mut().for_each(|rung| rung.channel = "pager".into());
    let mut play = Play::new(shelf(plan));
    play.steps = VecDeque::from(vec![StepOutcome::NotStarted("no such file".into()); 9]);
    play.look = Verdict::Failed;
    play
}

impl Play {
    fn queued(&self) -> Vec<NoticeQueued> {
        let queued = self.records.iter().filter_map(|r| match &r.event {
            Event::NoticeQueued(queued) => Some(queued.clone()),
            _ => None,
        });
        queued.collect()
    }
    fn failures(&self) -> Vec<(NoticeFailed, u64)> {
        let failures = self.records.iter().filter_map(|r| match &r.event {
            Event::NoticeFailed(failed) => Some((failed.clone(), r.at.mono_ms)),
            _ => None,
        });
        failures.collect()
    }
    fn topics(&self, topic: &str) -> Vec<NoticeQueued> {
        self.queued().into_iter().filter(|q| q.topic == topic).collect()
    }
    fn rung(&self) -> Option<u32> {
        self.incident().escalation.rung
    }
}

#[test]
fn tries_become_rarer_and_end_loudly_after_a_day() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.input(Input::ConfigLoaded(ConfigLoaded {
        announce: vec!["mail".into()],
        ..ConfigLoaded::default()
    }));
    play.steps = VecDeque::from(vec![StepOutcome::NotStarted("no".into()); 9]);
    play.deliveries = VecDeque::from(vec![failed("connection refused"); 2_000]);
    play.report();
    play.run(30 * 3_600_000);
    let first = play.failures()[0].0.notice;
    let tries: Vec<_> = play.failures().into_iter().filter(|(f, _)| f.notice == first).collect();
    let pauses: Vec<u64> = tries.windows(2).map(|two| two[1].1 - two[0].1).collect();
    assert!((1_000..=2_000).contains(&pauses[0]) && (4_000..=6_000).contains(&pauses[2]), "{pauses:?}");
    assert!(pauses.iter().all(|p| *p <= 300_000 + 75_000 + 1_000), "{pauses:?}");
    let last = &tries.last().expect("tries").0;
    assert_eq!(
        (last.retry_elapsed_ms, last.refused, last.reason.as_str()),
        (None, false, "connection refused")
    );
    let loud = play.topics("undeliverable");
    assert!(!loud.is_empty() && loud.iter().all(|q| q.channel == "log"), "{loud:?}");
    assert!(loud.iter().any(|q| q.text.contains("connection refused; it is given up")), "{loud:?}");
}

#[test]
fn a_receiver_that_asks_to_be_left_alone_is() {
    let mut play = hopeless();
    play.deliveries = [Delivery::Failed { reason: "HTTP 429".into(), retry_after_ms: Some(60_000) }].into();
    play.report();
    play.run(200_000);
    let (failed, at) = play.failures()[0].clone();
    let retry = failed.retry_elapsed_ms.expect("it is tried again");
    assert!(retry >= 60_000 && retry <= at + 76_000, "{failed:?}");
    assert!(play.world.outbox.waiting.is_empty());
}

#[test]
fn an_escalation_that_reaches_nobody_stays_where_it_is_and_is_loud() {
    let mut play = hopeless();
    play.deaf = Some("pager");
    // The announcement of the failed attempt goes to the log, which takes everything; the rung does not get through.
    play.report();
    while play.topics("escalation").is_empty() {
        play.run(500);
    }
    let notice = *play.world.outbox.waiting.keys().next().expect("the rung waits");
    for _ in 0..4 {
        play.input(Input::NoticeTried { notice, answer: failed("no route to host") });
    }
    play.run(3 * 3_600_000);
    assert_eq!(play.rung(), Some(0), "the second rung is due and must not be climbed");
    assert!(
        play.topics("undeliverable")
            .iter()
            .any(|q| q.channel == "log" && q.text.contains("no route to host"))
    );
    let held = play.records.iter().any(|r| match &r.event {
        Event::EscalationHeld(held) => held.undelivered == Some(notice),
        _ => false,
    });
    assert!(held, "the hold says which notice it waits for");
    play.deaf = None;
    play.input(Input::NoticeTried { notice, answer: Delivery::Delivered { said: "ok".into() } });
    play.run(3_600_000);
    assert_eq!(play.rung(), Some(1), "once it is delivered the escalation goes on");
}

#[test]
fn what_is_refused_for_good_holds_too_until_a_restart_tries_anew() {
    let mut play = hopeless();
    play.deaf = Some("pager");
    play.report();
    while play.topics("escalation").is_empty() {
        play.run(500);
    }
    let notice = *play.world.outbox.waiting.keys().next().expect("the rung waits");
    play.input(Input::NoticeTried { notice, answer: refused() });
    let (failure, _) = play.failures().pop().expect("a failure");
    assert!(failure.refused && failure.retry_elapsed_ms.is_none());
    play.run(2 * 3_600_000);
    assert_eq!((play.rung(), play.topics("escalation").len()), (Some(0), 1));
    assert!(play.topics("undeliverable").iter().any(|q| q.text.contains("refused for good")));
    play.deaf = None;
    play.crash();
    assert_eq!(play.topics("escalation").len(), 2, "what was wrong with the channel may have been mended");
    play.run(2 * 3_600_000);
    assert_eq!(play.rung(), Some(1));
}

#[test]
fn subscribers_are_told_of_every_outcome_and_what_was_waiting_survives_a_crash() {
    let mut play = Play::new(shelf(plan(vec![step("restart", true, false)], false)));
    play.input(Input::ConfigLoaded(ConfigLoaded {
        outcomes: vec!["hook".into()],
        ..ConfigLoaded::default()
    }));
    play.deliveries = [failed("HTTP 500")].into();
    play.report();
    while play.count("notice.failed") == 0 {
        play.run(500);
    }
    let told = play.topics("outcome");
    let outcome = told[0].outcome.clone().expect("an outcome");
    assert_eq!(
        (told.len(), outcome.outcome, outcome.runbook.as_str()),
        (1, Outcome::Healthy, "process-dead")
    );
    assert_eq!(play.records[outcome.entry as usize].event.kind(), "attempt.ended");
    assert_eq!(play.records[outcome.planned as usize].event.kind(), "attempt.planned");
    assert_eq!(told[0].about.as_ref().map(|a| a.target.as_str()), Some("web"));
    play.crash();
    play.run(5_000);
    assert!(play.world.outbox.waiting.is_empty());
    assert_eq!((play.count("notice.queued"), play.count("notice.delivered")), (1, 1));
}

#[test]
fn a_full_outbox_gives_up_its_oldest_notice_and_no_rung() {
    let mut play = hopeless();
    play.deaf = Some("pager");
    play.report();
    while play.topics("escalation").is_empty() {
        play.run(500);
    }
    play.effects.clear();
    let rung = *play.world.outbox.waiting.keys().next_back().expect("the rung waits");
    for n in 0..crate::base::limits::NOTICES_WAITING_MAX {
        play.input(Input::NoticeTest(NoticeQueued::test("log", &n.to_string())));
    }
    assert_eq!(play.world.outbox.waiting.len(), crate::base::limits::NOTICES_WAITING_MAX);
    assert!(play.world.outbox.waiting.contains_key(&rung));
    assert_eq!(play.count("notice.failed"), 1);
}

#[test]
fn a_test_is_tried_once_by_whoever_asked_and_is_never_loud() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    let Answer::Recorded(notice) = play.input(Input::NoticeTest(NoticeQueued::test("pager", "person:ann")))
    else {
        panic!("not recorded")
    };
    assert!(play.effects.is_empty(), "nobody but the asker delivers it");
    play.input(Input::NoticeTried { notice, answer: failed("no route to host") });
    let (failure, _) = play.failures().pop().expect("a failure");
    assert_eq!((failure.notice, failure.retry_elapsed_ms), (notice, None));
    play.input(Input::NoticeTest(NoticeQueued::test("pager", "person:ann")));
    play.crash();
    play.run(5_000);
    assert!(play.world.outbox.waiting.is_empty(), "nobody waits any more for what comes of it");
    assert_eq!((play.count("notice.queued"), play.count("notice.delivered")), (2, 0));
}

#[test]
fn what_names_nobody_in_particular_is_told_on_every_channel_that_announces() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    let announce = vec!["log".to_owned(), "chat".to_owned()];
    play.input(Input::ConfigLoaded(ConfigLoaded { announce, ..ConfigLoaded::default() }));
    let seen = play.seen("SOMETHING_ELSE");
    play.input(Input::Reported(Box::new(seen)));
    play.run(1_000);
    let told = play.topics("escalation");
    assert_eq!(told.iter().map(|q| q.channel.as_str()).collect::<Vec<_>>(), ["log", "chat"]);
    assert_eq!(
        told[0].about.as_ref().map(|a| (a.code.as_str(), a.severity)),
        Some(("SOMETHING_ELSE", Severity::Error))
    );
    assert!(play.world.outbox.undelivered.is_empty());
}

#[test]
fn a_rung_counts_only_when_every_channel_has_taken_it() {
    let mut plan = plan(vec![step("a", true, false)], false);
    plan.escalation.iter_mut().for_each(|rung| rung.channel = "log".into());
    let mut play = Play::new(shelf(plan));
    let announce = vec!["log".to_owned(), "chat".to_owned()];
    play.input(Input::ConfigLoaded(ConfigLoaded { announce, ..ConfigLoaded::default() }));
    play.steps = VecDeque::from(vec![StepOutcome::NotStarted("no such file".into()); 9]);
    play.look = Verdict::Failed;
    play.deaf = Some("chat");
    play.report();
    play.run(3 * 3_600_000);
    assert_eq!(play.rung(), Some(0));
    let waiting: Vec<_> =
        play.world.outbox.waiting.iter().map(|(seq, n)| (*seq, n.queued.topic.clone())).collect();
    for (notice, _) in waiting.iter().filter(|(_, topic)| topic == "escalation") {
        play.input(Input::NoticeTried {
            notice: *notice,
            answer: Delivery::Delivered { said: String::new() },
        });
    }
    play.deaf = None;
    play.run(3_600_000);
    assert_eq!(play.rung(), Some(1));
}

#[test]
fn a_closed_incident_waits_for_no_rung() {
    let mut play = hopeless();
    play.deaf = Some("pager");
    play.report();
    while play.topics("escalation").is_empty() {
        play.run(500);
    }
    assert_eq!(play.world.outbox.undelivered.len(), 1);
    let incident = play.incident().id;
    play.input(Input::Closed { incident, by: "person:ann".into(), reason: "known".into() });
    assert!(play.world.outbox.undelivered.is_empty());
    assert!(!play.world.outbox.waiting.is_empty(), "what is waiting is still told");
    let notice = *play.world.outbox.waiting.keys().next().expect("the rung waits");
    play.pass(25 * 3_600_000);
    play.input(Input::NoticeTried { notice, answer: failed("no route to host") });
    let (failure, _) = play.failures().pop().expect("a failure");
    assert_eq!((failure.notice, failure.retry_elapsed_ms), (notice, None), "a day is over");
}

#[test]
fn a_step_that_tells_on_a_channel_that_refuses_is_loud_and_the_attempt_goes_on() {
    let notify = NotifyPlan { channel: "chat".into(), message: "look at web".into() };
    let tell = StepPlan { action: ActionPlan::Notify(notify), ..step("tell", true, false) };
    let mut play = Play::new(shelf(plan(vec![tell, step("restart", true, false)], false)));
    play.deliveries = [refused()].into();
    play.report();
    play.run(10_000);
    assert_eq!((play.outcome(), play.topics("step").len()), (Some(Outcome::Healthy), 1));
    let loud = play.topics("undeliverable");
    assert_eq!(loud.iter().map(|q| q.channel.as_str()).collect::<Vec<_>>(), ["log"]);
    assert!(
        loud[0].text.contains("`chat` does not take `look at web`: HTTP 410 gone; it is given up"),
        "{loud:?}"
    );
}

#[test]
fn the_same_recovery_twice_is_one_entry_and_one_receipt() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    let seen = play.seen("SOMETHING_ELSE");
    let fingerprint = seen.fingerprint;
    play.input(Input::Reported(Box::new(seen)));
    let recover = |play: &mut Play, n: u128| {
        let answer = play.input(Input::Recovered(DegradationRecovered {
            fingerprint,
            target: "web".into(),
            source: Source::Sentinel("alerts".into()),
            evidence: "resolved".into(),
            receipt: Some(Receipt(Uuid::from_u128(n))),
            sender_id: Some("group/c0ffee/resolved".into()),
        }));
        let Answer::Accepted { receipt, seq, duplicate } = answer else { panic!("not accepted") };
        (receipt, seq, duplicate)
    };
    let (receipt, seq, first) = recover(&mut play, 101);
    assert!(!first && play.incident().is_closed());
    assert_eq!(recover(&mut play, 102), (receipt, seq, true));
    play.crash();
    assert_eq!(recover(&mut play, 103), (receipt, seq, true), "a restart forgets nothing");
    assert_eq!(play.count("degradation.recovered"), 1);
}
