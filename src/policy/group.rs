//! A step for several targets: canaries first and alone, then so many at once, and nothing further once too many have
//! failed. It is over when everybody is; what runs is never left behind. Not for single steps (`steps`).

use super::desk::Desk;
use super::{attempt, notices, steps, verification};
use crate::base::ids::{IncidentId, Seq};
use crate::base::limits::SUMMARY_BYTES_MAX;
use crate::base::text::clip;
use crate::context::{Attempt, AttemptState};
use crate::event::attempt::Outcome;
use crate::event::plan::GroupPlan;
use crate::event::step::StepOutcome;

/// How far it is with one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Waiting(u32),
    Running,
    Next(u32),
    Failed(u32),
    Done,
}

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
struct Move {
    start: Vec<u32>,
    running: u32,
    stopped: bool,
    failed: Vec<u32>,
}

/// Goes on with the group of a step: begins what may begin, or ends it.
pub(super) fn go_on(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, step: u32) {
    let Some(found) = desk.attempt(id) else { return };
    let Some(group) = found.planned.plan.group_of(step).cloned() else { return };
    let judged = judge(found, &group);
    for step in &judged.start {
        let goes_on = |a: &Attempt| matches!(a.state, AttemptState::Ready | AttemptState::Executing);
        if desk.attempt(id).is_some_and(goes_on) {
            steps::intend(desk, id, cause, *step);
        }
    }
    if judged.running > 0 || !judged.start.is_empty() {
        return;
    }
    let Some(found) = desk.attempt(id) else { return };
    let failures = describe(found, &group, &judged.failed);
    if judged.stopped {
        stop(desk, id, cause, failures);
    } else {
        over(desk, id, cause, &group, failures);
    }
}

/// Whether somebody of the group of a step still runs.
pub(super) fn others_run(desk: &Desk<'_>, id: IncidentId) -> bool {
    desk.attempt(id).is_some_and(|a| !a.running.is_empty())
}

fn judge(a: &Attempt, group: &GroupPlan) -> Move {
    let lanes: Vec<Lane> = (0..group.len()).map(|target| lane(a, group, target)).collect();
    let canaries = &lanes[..lanes.len().min(group.canary as usize)];
    let failed: Vec<u32> =
        lanes.iter().filter_map(|l| if let Lane::Failed(step) = l { Some(*step) } else { None }).collect();
    let canary_failed = canaries.iter().any(|lane| matches!(lane, Lane::Failed(_)));
    let too_many = failed.len() as u64 * 100 > u64::from(group.stop_percent) * lanes.len() as u64;
    let would_not_die = a.done.iter().any(|done| done.outcome == StepOutcome::WouldNotDie);
    let stopped = canary_failed || too_many || would_not_die;
    let running = lanes.iter().filter(|lane| **lane == Lane::Running).count() as u32;
    let mut start = Vec::new();
    if !stopped {
        let still_canaries = canaries.iter().any(|lane| *lane != Lane::Done);
        let (open, at_once) = if still_canaries { (canaries, 1) } else { (&lanes[..], group.at_once) };
        let room = at_once.saturating_sub(running) as usize;
        let begun = open.iter().filter_map(|l| if let Lane::Next(step) = l { Some(*step) } else { None });
        let waiting =
            open.iter().filter_map(|l| if let Lane::Waiting(step) = l { Some(*step) } else { None });
        start = begun.chain(waiting).take(room).collect();
    }
    Move { start, running, stopped, failed }
}

fn lane(a: &Attempt, group: &GroupPlan, target: u32) -> Lane {
    let steps = group.steps_of(target);
    if a.running.values().any(|r| steps.contains(&r.intended.step)) {
        return Lane::Running;
    }
    for step in steps.clone() {
        match a.done.iter().rev().find(|done| done.step == step && !done.undo).map(|done| &done.outcome) {
            Some(StepOutcome::Succeeded) => {}
            Some(_) => return Lane::Failed(step),
            None if step == steps.start => return Lane::Waiting(step),
            None => return Lane::Next(step),
        }
    }
    Lane::Done
}

/// Too many have failed, and nobody runs any more.
fn stop(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, failures: String) {
    let Some(found) = desk.attempt(id) else { return };
    let outcomes: Vec<&StepOutcome> = found.done.iter().map(|done| &done.outcome).collect();
    if outcomes.contains(&&StepOutcome::WouldNotDie) {
        attempt::end(desk, id, cause, Outcome::AbortedDeadline, failures);
    } else {
        steps::begin_undo(desk, id, cause, Outcome::FailedPartial, failures);
    }
}

/// Everybody is through, or few enough have failed. That some have is said (RM-4).
fn over(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, group: &GroupPlan, failures: String) {
    if !failures.is_empty() {
        notices::queue(desk, Some(id), cause, "step", failures);
    }
    let steps = desk.attempt(id).map_or(0, |a| a.planned.plan.steps.len() as u32);
    if group.end() < steps {
        steps::go_to(desk, id, cause, group.end());
    } else {
        verification::start(desk, id, cause, false);
    }
}

/// Which targets failed and how; empty when none did.
fn describe(a: &Attempt, group: &GroupPlan, failed: &[u32]) -> String {
    if failed.is_empty() {
        return String::new();
    }
    let each = failed.iter().map(|step| {
        let outcome =
            a.done.iter().rev().find(|done| done.step == *step && !done.undo).map(|done| &done.outcome);
        let how = outcome.map(steps::describe).unwrap_or_default();
        format!("{} {how}", group.target_of(*step).unwrap_or("?"))
    });
    let each: Vec<String> = each.collect();
    let (of, all) = (failed.len(), group.len());
    let text = format!("step `{}`: {of} of {all} targets failed: {}", group.id, each.join("; "));
    clip(&text, SUMMARY_BYTES_MAX).to_owned()
}
