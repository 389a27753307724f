//! What bounds acting, and what is loud when nothing may act.

use super::*;

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
    play.input(Input::Recovered(DegradationRecovered {
        fingerprint,
        target,
        source,
        evidence,
        receipt: None,
        sender_id: None,
    }));
    assert!(play.incident().is_closed());
}

#[test]
fn what_only_observes_is_planned_once_and_never_run() {
    let standing = OfferStanding::ObserveOnly("unsigned".into());
    let mut play = Play::new(Shelf(
        vec![(offer("process-dead", standing), plan(vec![step("a", true, false)], false))],
        Authority::default(),
    ));
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
fn a_drain_lets_what_runs_finish_begins_nothing_new_and_says_when_it_is_quiet() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.report();
    assert_eq!(play.world.active_attempts(), 1);
    let drain = || DrainStarted { by: "person:ann".into(), reason: "upgrade".into() };
    play.input(Input::DrainStarted(drain()));
    assert_eq!(play.world.control.drain.as_ref().map(|d| d.drained), Some(None), "one attempt runs");
    play.run(200_000);
    assert_eq!(play.outcome(), Some(Outcome::Healthy), "what ran was finished");
    let drained: Vec<_> = play.records.iter().filter(|r| matches!(r.event, Event::Drained(_))).collect();
    let ended = play.records.iter().find(|r| matches!(r.event, Event::AttemptEnded(_))).map(|r| r.seq);
    assert!(drained.len() == 1 && Some(drained[0].seq) > ended, "{drained:?}");
    let mut seen = play.seen("PROCESS_DEAD");
    seen.target = "other".into();
    seen.fingerprint = Fingerprint::of("service", "PROCESS_DEAD", "other");
    play.input(Input::Reported(Box::new(seen)));
    play.run(60_000);
    assert_eq!(play.world.active_attempts(), 0, "nothing new is begun");
    play.input(Input::Resumed(Resumed {
        by: "ann".into(),
        reason: "done".into(),
        statement: SignedStatement { digest: FileDigest::of(b"s"), nonce: "n1".into() },
    }));
    assert_eq!((play.world.control.drain.clone(), play.world.active_attempts()), (None, 1));
}

#[test]
fn a_broken_lock_is_known_its_token_has_grown_and_its_statement_is_good_once() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.report();
    play.run(1);
    let ordered = || LockBreakOrdered {
        resource: "service/web".into(),
        token: 1,
        by: "ann".into(),
        reason: "it hangs".into(),
        statement: SignedStatement { digest: FileDigest::of(b"s"), nonce: "n1".into() },
    };
    assert!(matches!(play.input(Input::BreakOrdered(ordered())), Answer::Recorded(_)));
    let broken = LockBroken { resource: "service/web".into(), token: 2, holder: "somebody".into() };
    play.input(Input::LockBreakEnded(Ok(broken)));
    let machine = &play.world.machine;
    assert_eq!(machine.tokens["service/web"], 2);
    assert!(machine.locks.breaks["service/web"].ended.is_some());
    assert!(machine.locks.held.values().all(|lock| lock.broken.is_some()));
    assert_eq!(play.input(Input::BreakOrdered(ordered())), Answer::Nothing, "a statement is good once");
}

#[test]
fn a_key_is_rotated_three_times_a_day_and_a_refusal_is_on_record() {
    let mut play = Play::new(shelf(plan(Vec::new(), false)));
    let order = |play: &mut Play, n: u32| {
        play.input(Input::KeyRotationOrdered(KeyRotationOrdered {
            by: "ann".into(),
            reason: "lost a backup".into(),
            statement: SignedStatement { digest: FileDigest::of(b"s"), nonce: format!("n{n}") },
        }))
    };
    for n in 0..3 {
        assert!(matches!(order(&mut play, n), Answer::Recorded(_)), "{n}");
        // The turn appends this one itself.
        let record = Record {
            seq: play.world.next_seq,
            at: play.at,
            boot: BootId(Uuid::from_u128(1)),
            node: NodeId(Uuid::nil()),
            incident: None,
            cause: None,
            event: KeyRotated {
                public_key: JournalKey::from_seed(&[n as u8 + 1; 32]).public(),
                retires: JournalKey::from_seed(&[9; 32]).id(),
                possession: String::new(),
            }
            .into(),
        };
        play.world.apply(&record);
        play.records.push(record);
    }
    assert_eq!(order(&mut play, 2), Answer::Nothing, "a statement is good once");
    assert!(matches!(order(&mut play, 3), Answer::TooSoon(_)));
    assert_eq!(play.count("control.key_rotation_refused"), 1);
    play.pass(25 * 3_600_000);
    assert!(matches!(order(&mut play, 4), Answer::Recorded(_)));
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
    let mut shelf = Shelf((0..100).map(mismatched).collect(), Authority::default());
    shelf.0.push((offer("last", OfferStanding::Live), plan(vec![step("a", true, false)], false)));
    let mut play = Play::new(shelf);
    play.report();
    let matched = &play.incident().chosen.as_ref().expect("a trace").matched;
    assert_eq!(matched.chosen.as_deref(), Some("last"));
    assert_eq!((matched.candidates.len(), matched.more), (33, 68), "the chosen one is always in it");
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

/// An attempt that asks for its lock while somebody else has it.
fn waiting(lock_timeout: Span) -> Play {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.input(Input::ConfigLoaded(ConfigLoaded { lock_timeout, ..ConfigLoaded::default() }));
    play.locked = true;
    play.report();
    play
}

#[test]
fn whoever_waits_long_for_a_lock_asks_ever_less_often() {
    let mut play = waiting(Span::from_secs(300));
    play.run(120_000);
    let refused = play.records.iter().filter(|r| matches!(r.event, Event::LockRefused(_)));
    let at: Vec<u64> = refused.map(|r| r.at.mono_ms).collect();
    assert!((12..=18).contains(&at.len()), "{} refusals within two minutes", at.len());
    assert!(at[1] - at[0] <= 500, "the first pause is short");
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] <= 10_500), "no pause is longer than 10 s: {at:?}");
    play.locked = false;
    play.run(10_500);
    assert_eq!(play.count("lock.granted"), 1);
}

#[test]
fn a_lock_that_this_daemon_gives_back_is_asked_for_at_once() {
    let mut play = Play::new(shelf(plan(vec![step("a", true, false)], false)));
    play.report();
    while play.count("lock.granted") == 0 {
        assert!(play.act());
    }
    play.exclusive = true;
    let mut seen = play.seen("PROCESS_DEAD");
    seen.target = "other".into();
    seen.fingerprint = Fingerprint::of("service", "PROCESS_DEAD", "other");
    play.input(Input::Reported(Box::new(seen)));
    let first = play.records.iter().find_map(|r| match &r.event {
        Event::LockGranted(granted) => Some(granted.attempt),
        _ => None,
    });
    // Its pauses have grown long by the time the other one ends.
    while play.count("lock.released") == 0 {
        play.looks.push_back(Verdict::Failed);
        play.run(500);
    }
    let at = |want: &dyn Fn(&Event) -> bool| {
        play.records.iter().filter(|r| want(&r.event)).map(|r| r.at.mono_ms).next_back()
    };
    let freed = at(&|e| matches!(e, Event::LockReleased(e) if Some(e.attempt) == first));
    let had = at(&|e| matches!(e, Event::LockGranted(e) if Some(e.attempt) != first));
    assert!(freed.is_some() && had == freed, "freed at {freed:?}, had at {had:?}");
    assert!(play.count("lock.refused") > 2);
}

#[test]
fn an_attempt_that_ends_without_its_lock_gives_back_what_it_may_have_got() {
    let mut play = waiting(Span::from_secs(5));
    while play.act() {}
    let id = play.incident().attempt().expect("an attempt").id();
    play.effects.clear();
    play.pass(6_000);
    assert_eq!(play.outcome(), Some(Outcome::FailedBeforeMutation));
    assert!(play.effects.contains(&Effect::ReleaseLocks { attempt: id }), "{:?}", play.effects);
}
