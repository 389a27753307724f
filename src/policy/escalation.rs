//! Telling people, rung by rung, with a fresh look before each further rung. What cannot be told holds (X3).

use super::desk::{Answer, Desk};
use super::effects::Ticket;
use super::held::LOOK_FIRST;
use super::{attempt, notices, settle};
use crate::base::ids::{IncidentId, Seq};
use crate::context::{ESCALATION, IncidentState, RemediationContext};
use crate::event::incident::{Closure, EscalationHeld, IncidentEscalated};
use crate::event::plan::RungPlan;
use crate::event::verification::{Observation, Verdict};

/// After the last rung looks go on, ever rarer, up to this pause.
const LOOK_PAUSE_MS_MAX: u64 = 3_600_000;

/// Nothing that may act is left: people are told, or after the first rung's pause will be.
pub(super) fn begin(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, reason: String) {
    let now = desk.now();
    let Some(incident) = desk.incident(id) else { return };
    if incident.escalation.rung.is_some() {
        // People know already; the further rungs go on from where they are.
        climb_again(desk, id, cause, reason);
        return;
    }
    let wait = rungs(incident)[0].after.ms();
    if wait > 0 && !incident.attempts.is_empty() {
        let detail = format!("{reason}; people are told unless it is good again by then");
        settle::hold(desk, id, cause, LOOK_FIRST, detail, Some(now + wait));
    } else {
        climb(desk, id, cause, 0, reason);
    }
}

/// A precondition declined: perhaps it is good already, so look before anything else.
pub(super) fn look_first(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, reason: String) {
    let now = desk.now();
    settle::hold(desk, id, cause, LOOK_FIRST, reason, Some(now));
}

/// The fresh look before a rung.
pub(super) fn observed(desk: &mut Desk<'_>, ticket: &Ticket, mut observations: Vec<Observation>) -> Answer {
    let (id, now) = (ticket.incident, desk.now());
    let Some(observation) = observations.pop() else { return Answer::Nothing };
    let Some(incident) = desk.incident(id) else { return Answer::Nothing };
    let waits = incident.state == IncidentState::Held
        && incident.held.as_ref().is_some_and(|h| h.reason == LOOK_FIRST)
        || incident.state == IncidentState::Escalated;
    if !waits || incident.look_asked != Some(ticket.asked) {
        return Answer::Nothing;
    }
    let next = incident.escalation.rung.map_or(0, |rung| rung + 1);
    let reason = incident.held.as_ref().map_or(incident.escalation.reason.clone(), |h| h.detail.clone());
    let rung_left = (next as usize) < rungs(incident).len();
    // Who was not told cannot have failed to react: the next rung waits until the one before was delivered (X3).
    let undelivered = desk.world.outbox.undelivered.get(&id).and_then(|all| all.keys().next().copied());
    let may_climb = rung_left && undelivered.is_none();
    match (observation.verdict, incident.state) {
        (Verdict::Healthy, _) => {
            attempt::close(desk, id, ticket.asked, Closure::RecoveredUnaided, observation.evidence);
        }
        (Verdict::Failed, _) if may_climb => climb(desk, id, ticket.asked, next, reason),
        (Verdict::Unknown, IncidentState::Held) if may_climb => climb(desk, id, ticket.asked, next, reason),
        (_, IncidentState::Held) if undelivered.is_some() => {
            let until = now + look_pause(desk, incident, rung_left, now);
            settle::hold(desk, id, ticket.asked, LOOK_FIRST, reason, Some(until));
        }
        (_, IncidentState::Held) => climb_again(desk, id, ticket.asked, reason),
        _ => {
            let pause = look_pause(desk, incident, rung_left, now);
            let undelivered = undelivered.filter(|_| rung_left);
            let held = EscalationHeld { rung: next, observation, next_elapsed_ms: now + pause, undelivered };
            return desk.note(Some(id), Some(ticket.asked), held);
        }
    }
    Answer::Nothing
}

fn look_pause(desk: &Desk<'_>, incident: &RemediationContext, rung_left: bool, now: u64) -> u64 {
    let every = desk.world.config.reprobe_every.ms();
    if rung_left {
        return every;
    }
    let age = now.saturating_sub(incident.opened_elapsed_ms);
    every.max(age.min(LOOK_PAUSE_MS_MAX))
}

fn climb(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, rung: u32, reason: String) {
    let now = desk.now();
    let Some(incident) = desk.incident(id) else { return };
    let all = rungs(incident);
    let Some(plan) = all.get(rung as usize).cloned() else { return };
    let probed = !incident.attempts.is_empty();
    let pause =
        all.get(rung as usize + 1).map_or(desk.world.config.reprobe_every.ms(), |next| next.after.ms());
    let seen = &incident.signal.first;
    let text = format!("{} [{}/{} {}] {reason}", plan.message, seen.subsystem, seen.code, seen.target);
    let escalated = IncidentEscalated {
        rung,
        rungs: all.len() as u32,
        reason,
        next_elapsed_ms: probed.then_some(now + pause),
    };
    if let Some(seq) = desk.record(id, cause, escalated) {
        match plan.channel.as_str() {
            // What names nobody in particular is for everybody who is told of everything.
            notices::LOG => notices::queue(desk, Some(id), seq, ESCALATION, text),
            channel => notices::queue_on(desk, channel, Some(id), seq, ESCALATION, text),
        }
    }
}

fn climb_again(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, reason: String) {
    let Some(incident) = desk.incident(id) else { return };
    let last = rungs(incident).len() as u32 - 1;
    let rung = incident.escalation.rung.map_or(0, |rung| rung.min(last));
    climb(desk, id, cause, rung, reason);
}

/// The runbook's rungs; without a runbook one rung on the log.
fn rungs(incident: &RemediationContext) -> Vec<RungPlan> {
    match incident.attempt().map(|a| &a.planned.plan.escalation) {
        Some(rungs) if !rungs.is_empty() => rungs.clone(),
        _ => vec![RungPlan {
            after: crate::base::time::Span::from_ms(0),
            channel: "log".into(),
            message: "a person is needed:".into(),
        }],
    }
}
