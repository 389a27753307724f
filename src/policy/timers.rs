//! Time passing: holds that end, deadlines of each attempt state, freezes that are over. Timers are not state:
//! the next one is computed from the world.

use super::desk::{Answer, Desk};
use super::{attempt, freeze, notices, settle, steps, verification};
use crate::base::ids::IncidentId;
use crate::base::limits::KILL_AT_TIMEOUT_PERCENT;
use crate::context::{Attempt, AttemptState, IncidentState, RemediationContext, World};
use crate::event::attempt::Outcome;
use crate::event::step::TargetTainted;

/// Time allowed on top of what hands and eyes bound themselves, before the attempt is ended without them.
const GRACE_MS: u64 = 30_000;

/// When something is due next, on the journal's own clock.
pub fn next_timer(world: &World) -> Option<u64> {
    world.timed_incidents().filter_map(|incident| due(world, incident)).min()
}

fn due(world: &World, incident: &RemediationContext) -> Option<u64> {
    match incident.state {
        _ if incident.alarm.is_some() => None,
        IncidentState::Held => incident
            .held
            .as_ref()
            .filter(|h| h.reason != super::held::LOOK_FIRST)
            .and_then(|h| h.until_elapsed_ms),
        IncidentState::Remediating => incident.attempt().map(|a| deadline(world, a)),
        IncidentState::Frozen => {
            incident.attempt().and_then(|a| world.machine.frozen.get(&a.id())).map(|f| f.until_elapsed_ms)
        }
        _ => None,
    }
}

/// The deadline of the state that an attempt is in (RM-9).
fn deadline(world: &World, a: &Attempt) -> u64 {
    let since = a.since_elapsed_ms;
    match a.state {
        AttemptState::Preconditions | AttemptState::Locked => since + world.config.preconditions_timeout.ms(),
        AttemptState::Locking => since + world.config.lock_timeout.ms(),
        AttemptState::Executing | AttemptState::Undoing => {
            let each = a.running.values().map(|running| {
                let step = a.planned.plan.steps.get(running.intended.step as usize);
                let timeout = step.map_or(0, |step| step.timeout.ms());
                let intended = running.intended.deadline_elapsed_ms;
                intended + timeout * (KILL_AT_TIMEOUT_PERCENT - 100) / 100 + GRACE_MS
            });
            each.min().unwrap_or(since + GRACE_MS)
        }
        AttemptState::Verifying => {
            let until = a.verification.as_ref().map_or(since, |v| v.until_elapsed_ms);
            let plan = &a.planned.plan.verification;
            until + plan.probe.timeout.ms() + plan.every.ms() + GRACE_MS
        }
        _ => since + GRACE_MS,
    }
}

/// Something is due.
pub(super) fn tick(desk: &mut Desk<'_>) -> Answer {
    let now = desk.now();
    let mut overdue: Vec<_> = desk
        .world
        .timed_incidents()
        .filter(|i| due(desk.world, i).is_some_and(|at| at <= now))
        .map(|i| (i.opened_seq, i.id))
        .collect();
    overdue.sort();
    for (_, id) in overdue {
        let Some(incident) = desk.incident(id) else { continue };
        match incident.state {
            IncidentState::Held => {
                let cause = incident.last_seq;
                settle::settle(desk, id, cause);
            }
            IncidentState::Frozen => freeze::thaw(desk, id),
            IncidentState::Remediating => out_of_time(desk, id),
            _ => {}
        }
    }
    Answer::Nothing
}

fn out_of_time(desk: &mut Desk<'_>, id: IncidentId) {
    let Some(a) = desk.attempt(id) else { return };
    let (state, cause, target) = (a.state, a.last_seq, a.planned.target.clone());
    match state {
        AttemptState::Verifying => verification::out_of_time(desk, id),
        AttemptState::Executing | AttemptState::Undoing => {
            let reason = "a step did not report back in time; something may still be acting".to_owned();
            let Some(seq) = desk.record(id, cause, TargetTainted { target, reason: reason.clone() }) else {
                return;
            };
            notices::queue(desk, Some(id), seq, "tainted", reason.clone());
            attempt::end(desk, id, seq, Outcome::AbortedDeadline, reason);
        }
        _ => {
            let reason = format!("ran out of time {}", describe(state));
            steps::begin_undo(desk, id, cause, Outcome::AbortedDeadline, reason);
        }
    }
}

fn describe(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Preconditions | AttemptState::Locked => "while its preconditions were looked at",
        AttemptState::Locking => "while it waited for its lock",
        _ => "between two states",
    }
}
