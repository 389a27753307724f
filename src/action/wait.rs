//! Step kind `wait`: lets time pass, or looks until it is healthy. Ends at once when it is asked to.

use std::time::{Duration, Instant};

use super::pace::Pace;
use super::run::Done;
use super::{Context, group};
use crate::base::time::Span;
use crate::event::plan::{ProbePlan, WaitPlan};
use crate::event::step::{Failure, StepOutcome};
use crate::event::verification::{Observation, Verdict};

/// Waits.
pub(super) fn carry_out(context: &Context<'_>, plan: &WaitPlan, pace: &Pace<'_>) -> Done {
    match plan {
        WaitPlan::For(span) => {
            let end = Instant::now() + span.to_std();
            pace.pass(span.to_std());
            match pace.over(false) {
                Some(StepOutcome::TimedOut) if Instant::now() >= end => done(span),
                Some(outcome) => Done::new(outcome),
                None => done(span),
            }
        }
        WaitPlan::Until { probe, successes, every, within } => {
            until_healthy(context, probe, *successes, every.to_std(), *within, pace)
        }
    }
}

fn done(span: &Span) -> Done {
    Done::saying(StepOutcome::Succeeded, &format!("waited {span}\n"))
}

fn until_healthy(
    context: &Context<'_>,
    probe: &ProbePlan,
    successes: u32,
    every: Duration,
    within: Span,
    pace: &Pace<'_>,
) -> Done {
    let end = Instant::now() + within.to_std();
    let (mut good, mut looks) = (0, 0u64);
    let mut last = "nothing was seen".to_owned();
    loop {
        if let Some(seen) = look(context, probe, end.min(pace.until()), pace) {
            looks += 1;
            good = if seen.verdict == Verdict::Healthy { good + 1 } else { 0 };
            last = seen.evidence;
        }
        if good >= successes {
            let words = format!("healthy after {looks} looks: {last}\n");
            return Done::saying(StepOutcome::Succeeded, &words);
        }
        if let Some(outcome) = pace.over(false) {
            return Done::saying(outcome, &format!("{looks} looks, the last: {last}\n"));
        }
        if Instant::now() >= end {
            let why = format!("not healthy within {within}: {last}");
            return Done::new(StepOutcome::Failed { failure: Failure::NotHealthy, why, began: false });
        }
        pace.pass(every.min(end.saturating_duration_since(Instant::now())));
    }
}

/// One look on a thread of its own: whoever cancels does not wait for it. None when it has to be given up.
fn look(context: &Context<'_>, probe: &ProbePlan, end: Instant, pace: &Pace<'_>) -> Option<Observation> {
    let (mut ready, tell) = std::io::pipe().ok()?;
    let (send, receive) = std::sync::mpsc::channel();
    let (eye, probe) = (context.look.clone(), probe.clone());
    let thread = std::thread::Builder::new().name("wait look".to_owned()).spawn(move || {
        let _ = send.send(eye(&probe));
        // Closing our end wakes whoever waits.
        drop(tell);
    });
    thread.ok()?;
    loop {
        let fds = [Some(std::os::fd::AsFd::as_fd(&ready)), Some(pace.cancel().fd())];
        let [seen, cancelled] = group::wait_readable(fds, Some(end));
        if seen {
            let _ = std::io::Read::read(&mut ready, &mut [0; 1]);
            return receive.recv().ok();
        }
        if cancelled || Instant::now() >= end {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::action::testing::Bench;
    use crate::event::plan::{ActionPlan, LookPlan, ProcessLook};

    fn seen(verdict: Verdict) -> Observation {
        Observation { verdict, evidence: format!("{verdict:?}"), values: Default::default() }
    }

    fn until(within_ms: u64, successes: u32) -> ActionPlan {
        let look = LookPlan::Process(ProcessLook::Service("x".into()));
        let probe = Box::new(ProbePlan { look, timeout: Span::from_secs(1) });
        let (every, within) = (Span::from_ms(1), Span::from_ms(within_ms));
        ActionPlan::Wait(WaitPlan::Until { probe, successes, every, within })
    }

    #[test]
    fn it_waits_as_long_as_it_says() {
        let bench = Bench::new();
        let done = bench.finish(ActionPlan::Wait(WaitPlan::For(Span::from_ms(50))), 5_000);
        assert_eq!((done.outcome, done.output.as_str()), (StepOutcome::Succeeded, "waited 50ms\n"));
        assert!(done.took_ms >= 50);
        let done = bench.finish(ActionPlan::Wait(WaitPlan::For(Span::from_secs(60))), 50);
        assert_eq!(done.outcome, StepOutcome::TimedOut);
    }

    #[test]
    fn it_looks_until_enough_looks_in_a_row_are_healthy() {
        let looks = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&looks);
        let bench = Bench::looking(Arc::new(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
            1 | 3.. => seen(Verdict::Healthy),
            0 => seen(Verdict::Failed),
            _ => seen(Verdict::Unknown),
        }));
        let done = bench.finish(until(10_000, 2), 20_000);
        assert_eq!(done.outcome, StepOutcome::Succeeded, "{}", done.output);
        assert_eq!(looks.load(Ordering::SeqCst), 5, "the unknown one begins the row anew");
    }

    #[test]
    fn what_does_not_become_healthy_in_time_has_failed_and_changed_nothing() {
        let bench = Bench::looking(Arc::new(|_| seen(Verdict::Unknown)));
        let outcome = bench.finish(until(40, 1), 20_000).outcome;
        let StepOutcome::Failed { failure: Failure::NotHealthy, why, began: false } = outcome else {
            panic!("{outcome:?}")
        };
        assert!(why.contains("within 40ms: Unknown"), "{why}");
    }

    #[test]
    fn it_ends_at_once_when_asked_also_in_the_middle_of_a_look() {
        let (enter, entered) = std::sync::mpsc::sync_channel(1);
        let (leave, left) = std::sync::mpsc::channel::<()>();
        let left = std::sync::Mutex::new(left);
        let bench = Bench::looking(Arc::new(move |_| {
            let _ = enter.try_send(());
            let _ = left.lock().unwrap().recv();
            seen(Verdict::Healthy)
        }));
        for action in [ActionPlan::Wait(WaitPlan::For(Span::from_secs(60))), until(60_000, 1)] {
            let looks = matches!(&action, ActionPlan::Wait(WaitPlan::Until { .. }));
            bench.begin(action, 60_000);
            if looks {
                entered.recv().unwrap();
            }
            bench.hands.cancel(bench.attempt, 0, Duration::ZERO);
            let done = bench.wait_finished();
            bench.told.lock().unwrap().clear();
            // Asked before its thread had begun, a step is refused; else it ends in the middle.
            let refused = matches!(done.outcome, StepOutcome::Refused(_));
            let failed = matches!(done.outcome, StepOutcome::Failed { failure: Failure::Cancelled, .. });
            assert!(failed || refused && !looks, "{:?}", done.outcome);
        }
        drop(leave);
    }
}
