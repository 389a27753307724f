//! A step for several targets: canary first, bounded beside each other, stopped at a ratio, nobody left behind.

use std::collections::BTreeSet;

use super::*;

/// One step for each of `n` targets, and one after the group.
fn grouped(
    n: u32,
    canary: u32,
    at_once: u32,
    stop_percent: u32,
    change: impl Fn(StepPlan) -> StepPlan,
) -> Shelf {
    let targets: Vec<String> = (0..n).map(|t| format!("web-{t}")).collect();
    let mut steps: Vec<StepPlan> =
        (0..n).map(|t| change(step(&format!("each[web-{t}]"), true, true))).collect();
    steps.push(step("after", true, false));
    let mut plan = plan(steps, false);
    let id = "each".into();
    plan.groups = vec![GroupPlan { id, first: 0, per_target: 1, targets, canary, at_once, stop_percent }];
    shelf(plan)
}

/// How many steps ran beside each other at most, and the order in which they were intended.
fn beside(play: &Play) -> (usize, Vec<u32>) {
    let (mut open, mut most, mut order) = (BTreeSet::new(), 0, Vec::new());
    for record in &play.records {
        match &record.event {
            Event::StepIntended(i) if !i.undo => {
                open.insert(record.seq);
                order.push(i.step);
            }
            Event::StepFinished(f) => {
                open.remove(&f.intent);
            }
            _ => {}
        }
        most = most.max(open.len());
    }
    (most, order)
}

#[test]
fn canaries_go_first_and_alone_then_so_many_at_once() {
    let mut play = Play::new(grouped(6, 2, 3, 0, |s| s));
    play.report();
    while play.count("step.finished") < 2 {
        assert!(play.act());
        if play.count("step.finished") < 2 {
            let running = play.incident().attempt().map_or(0, |a| a.running.len());
            assert!(
                running <= 1 && play.count("step.intended") <= 2,
                "nobody else before the canaries are through"
            );
        }
    }
    play.run(200_000);
    let (most, order) = beside(&play);
    assert_eq!((most, order), (3, vec![0, 1, 2, 3, 4, 5, 6]));
    assert_eq!(play.outcome(), Some(Outcome::Healthy));
}

#[test]
fn a_canary_that_fails_stops_everything_whatever_may_fail() {
    let mut play = Play::new(grouped(6, 1, 6, 90, |s| s));
    play.steps = [StepOutcome::Exited(1)].into();
    play.report();
    play.run(1_000);
    assert_eq!(play.ran, [(0, false), (0, true)]);
    assert_eq!(play.outcome(), Some(Outcome::FailedPartial));
}

#[test]
fn too_many_failures_let_nothing_further_begin_and_what_was_done_is_taken_back() {
    let fails = |times: usize| {
        let mut play = Play::new(grouped(6, 0, 2, 34, |s| s));
        play.steps = std::iter::repeat_n(StepOutcome::Exited(1), times).collect();
        play.report();
        play.run(1_000);
        play
    };
    // Two of six are 33 percent, three are too many.
    let play = fails(2);
    assert!(play.ran.contains(&(6, false)), "it goes on after the group: {:?}", play.ran);
    let told = |r: &Record| matches!(&r.event, Event::NoticeQueued(n) if n.text.contains("2 of 6 targets failed: web-0"));
    assert!(play.records.iter().any(told), "that some failed is said");
    let play = fails(3);
    let begun: Vec<u32> = play.ran.iter().filter(|(_, undo)| !undo).map(|(step, _)| *step).collect();
    assert_eq!(begun, [0, 1, 2, 3], "the one that ran beside it ended, nobody else began");
    let undone: Vec<u32> = play.ran.iter().filter(|(_, undo)| *undo).map(|(step, _)| *step).collect();
    assert_eq!(undone, [3, 2, 1, 0]);
    let reason = play.incident().attempt().and_then(|a| a.ended.clone()).map(|e| e.1).unwrap_or_default();
    assert!(reason.contains("3 of 6 targets failed"), "{reason}");
}

#[test]
fn a_process_that_would_not_die_ends_the_attempt_once_the_others_have_ended() {
    let mut play = Play::new(grouped(4, 0, 3, 90, |s| s));
    play.steps = [StepOutcome::WouldNotDie].into();
    play.report();
    while play.count("step.finished") < 1 {
        assert!(play.act());
    }
    assert_eq!(play.outcome(), None, "two others still run");
    play.run(1_000);
    assert_eq!((play.ran.len(), play.outcome()), (3, Some(Outcome::AbortedDeadline)));
    assert!(
        play.world.machine.tainted.contains_key("web") && play.world.machine.tainted.contains_key("web-0")
    );
}

#[test]
fn a_crash_at_every_entry_of_a_group_repeats_nobody_who_must_not_be() {
    super::recovery::crash_everywhere(
        || Play::new(grouped(4, 1, 3, 0, |s| StepPlan { idempotent: false, undo: None, ..s })),
        |play, cut| {
            let mut times = BTreeMap::new();
            play.ran
                .iter()
                .filter(|(step, _)| *step < 4)
                .for_each(|(step, _)| *times.entry(*step).or_insert(0) += 1);
            assert!(times.values().all(|n| *n == 1), "cut at {cut}: {times:?}");
            assert!(play.incident().is_closed(), "cut at {cut}: {:?}", play.kinds());
        },
    );
}

#[test]
fn a_crash_at_every_entry_of_a_group_repeats_the_repeatable_once_and_ends() {
    super::recovery::crash_everywhere(
        || Play::new(grouped(4, 1, 3, 0, |s| s)),
        |play, cut| {
            let mut times = BTreeMap::new();
            play.ran.iter().for_each(|(step, _)| *times.entry(*step).or_insert(0) += 1);
            assert!(times.values().all(|n| *n <= 2), "cut at {cut}: {times:?}");
            assert!(play.incident().is_closed(), "cut at {cut}: {:?}", play.kinds());
            assert!(beside(play).0 <= 6, "cut at {cut}");
        },
    );
}

#[test]
fn a_crash_at_every_entry_of_a_failing_group_takes_nobody_back_twice() {
    super::recovery::crash_everywhere(
        || {
            let mut play = Play::new(grouped(3, 0, 3, 0, |s| s));
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
            assert!(undone.values().all(|times| *times == 1), "cut at {cut}: {undone:?}");
        },
    );
}
