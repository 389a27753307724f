//! The course of an attempt up to its first step and from its last: preconditions, lock, end (RM-8, RM-9, RM-13).

use std::collections::BTreeMap;

use super::desk::{Answer, Desk};
use super::effects::{Purpose, Ticket};
use super::input::LockAnswer;
use super::{escalation, held, notices, settle, steps, verification};
use crate::base::ids::{AttemptId, IncidentId, Seq};
use crate::base::limits::SUMMARY_BYTES_MAX;
use crate::base::text::{clean, clip};
use crate::context::{Attempt, AttemptState, RemediationContext};
use crate::event::attempt::{
    AttemptEnded, Outcome, Phase, PreconditionResult, PreconditionsChecked, Resumption,
};
use crate::event::incident::{Closure, IncidentClosed};
use crate::event::lock::{LockGranted, LockRefused, LockReleased, LockRequested};
use crate::event::verification::Observation;
use crate::runbook::expr::expect_vars;

/// An attempt was planned (or starts again): without preconditions it goes straight on.
pub(super) fn planned(desk: &mut Desk<'_>, id: IncidentId, cause: Seq) {
    if desk.attempt(id).is_some_and(|a| a.state == AttemptState::Cleared) {
        cleared(desk, id, cause);
    }
}

/// Preconditions were looked at.
pub(super) fn observed(desk: &mut Desk<'_>, ticket: &Ticket, observations: Vec<Observation>) -> Answer {
    let (id, phase, expected) = match ticket.purpose {
        Purpose::BeforeLock => (ticket.incident, Phase::BeforeLock, AttemptState::Preconditions),
        _ => (ticket.incident, Phase::UnderLock, AttemptState::Locked),
    };
    let fits = |a: &&Attempt| Some(a.id()) == ticket.attempt && a.state == expected;
    let (Some(incident), Some(attempt)) = (desk.incident(id), desk.attempt(id).filter(fits)) else {
        return Answer::Nothing;
    };
    let results = evaluate(desk, incident, attempt, observations);
    let hold = results.iter().all(|r| r.holds == Some(true));
    let failing = results.iter().find(|r| r.holds != Some(true)).map(describe);
    let checked = PreconditionsChecked { attempt: attempt.id(), phase, hold, results };
    let Some(seq) = desk.record(id, ticket.asked, checked) else { return Answer::Nothing };
    match (failing, phase) {
        (Some(reason), _) => end(desk, id, seq, Outcome::FailedBeforeMutation, reason),
        (None, Phase::BeforeLock) => cleared(desk, id, seq),
        (None, Phase::UnderLock) => proceed(desk, id, seq),
    }
    Answer::Recorded(seq)
}

fn evaluate(
    desk: &Desk<'_>,
    incident: &RemediationContext,
    attempt: &Attempt,
    observations: Vec<Observation>,
) -> Vec<PreconditionResult> {
    let plans = &attempt.planned.plan.preconditions;
    let first = &incident.signal.first;
    let questions: Vec<_> = plans
        .iter()
        .zip(&observations)
        .map(|(plan, seen)| (plan.expect.as_str(), expect_vars(first, seen)))
        .collect();
    let answers = desk.runbooks.evaluate(&questions);
    plans
        .iter()
        .zip(observations)
        .zip(answers)
        .map(|((plan, observation), answer)| {
            let (holds, error) = match answer {
                Ok(holds) => (Some(holds), None),
                Err(error) => (None, Some(clip(&clean(&error), SUMMARY_BYTES_MAX).to_owned())),
            };
            PreconditionResult { id: plan.id.clone(), observation, holds, error }
        })
        .collect()
}

fn describe(result: &PreconditionResult) -> String {
    let seen = &result.observation.evidence;
    match &result.error {
        Some(error) => format!("precondition `{}` could not be evaluated: {error}", result.id),
        None => format!("precondition `{}` does not hold: {seen}", result.id),
    }
}

/// Preconditions hold: a dry run ends here, anything else asks for its lock.
fn cleared(desk: &mut Desk<'_>, id: IncidentId, cause: Seq) {
    let Some(attempt) = desk.attempt(id) else { return };
    if attempt.planned.dry_run {
        let reason = "observe-only: the plan was recorded, nothing was run".into();
        end(desk, id, cause, Outcome::DryRun, reason);
        return;
    }
    request_lock(desk, id, cause);
}

/// Asks for the attempt's locks.
pub(super) fn request_lock(desk: &mut Desk<'_>, id: IncidentId, cause: Seq) {
    let Some(attempt) = desk.attempt(id) else { return };
    let plan = &attempt.planned.plan;
    let request =
        LockRequested { attempt: attempt.id(), resources: plan.locks.clone(), runtime: plan.runtime };
    desk.record(id, cause, request);
}

/// The lock was granted or not.
pub(super) fn lock_answered(
    desk: &mut Desk<'_>,
    id: IncidentId,
    attempt: AttemptId,
    answer: LockAnswer,
) -> Answer {
    let fits = |a: &&Attempt| a.id() == attempt && a.state == AttemptState::Locking;
    let Some(cause) = desk.attempt(id).filter(fits).map(|a| a.last_seq) else { return Answer::Nothing };
    match answer {
        LockAnswer::Refused { resource, reason } => {
            desk.note(Some(id), Some(cause), LockRefused { attempt, resource, reason })
        }
        LockAnswer::Granted(tokens) => {
            let Some(seq) = desk.record(id, cause, LockGranted { attempt, tokens }) else {
                return Answer::Nothing;
            };
            proceed(desk, id, seq);
            Answer::Recorded(seq)
        }
    }
}

/// The lock is held and nothing is to be looked at any more: the first step, or what a boot decided.
fn proceed(desk: &mut Desk<'_>, id: IncidentId, cause: Seq) {
    let Some(attempt) = desk.attempt(id) else { return };
    match (attempt.state, attempt.resumption) {
        (AttemptState::Undoing, _) => steps::next_undo(desk, id, cause),
        (AttemptState::Ready, Some(Resumption::Verify)) => verification::start(desk, id, cause, false),
        (AttemptState::Ready, Some(Resumption::VerifyFirst)) => verification::start(desk, id, cause, true),
        (AttemptState::Ready, Some(Resumption::StepAgain)) => {
            let again: Vec<u32> = attempt.interrupted.iter().map(|r| r.intended.step).collect();
            for step in again {
                steps::intend(desk, id, cause, step);
            }
        }
        (AttemptState::Ready, _) => steps::go_to(desk, id, cause, attempt.planned.skips),
        _ => {}
    }
}

/// Ends an attempt: lock given back, people told unless it is a verified success, and what comes next.
pub(super) fn end(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, outcome: Outcome, reason: String) {
    let Some(attempt) = desk.attempt(id) else { return };
    let (attempt_id, runbook, undo) = (attempt.id(), attempt.planned.runbook.clone(), attempt.undo);
    let declined = attempt.state == AttemptState::Declined;
    let ended = AttemptEnded { attempt: attempt_id, outcome, reason: reason.clone(), undo };
    let Some(seq) = desk.record(id, cause, ended.clone()) else { return };
    notices::outcome(desk, id, seq, &ended);
    release(desk, id, seq, "ended");
    match outcome {
        Outcome::Healthy => after_healing(desk, id, seq, reason),
        Outcome::HealedOutcomeUnknown => {
            notices::attempt_ended(desk, id, seq, &runbook, outcome, &reason, undo);
            after_healing(desk, id, seq, reason);
        }
        _ => {
            notices::attempt_ended(desk, id, seq, &runbook, outcome, &reason, undo);
            match (declined, outcome) {
                (_, Outcome::DryRun) => {
                    escalation::begin(desk, id, seq, format!("`{runbook}` only observes"))
                }
                (true, _) => escalation::look_first(desk, id, seq, reason),
                _ => settle::settle(desk, id, seq),
            }
        }
    }
    settle::settle_waiting(desk, seq, held::ATTEMPTS_AT_ONCE);
}

fn after_healing(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, evidence: String) {
    let watched =
        |i: &RemediationContext| i.watch.as_ref().is_some_and(|w| w.until_elapsed_ms > w.since_elapsed_ms);
    if !desk.incident(id).is_some_and(watched) {
        let closure = closure(desk, id);
        close(desk, id, cause, closure, evidence);
    }
}

/// How an incident that was healed is closed.
pub(super) fn closure(desk: &Desk<'_>, id: IncidentId) -> Closure {
    match desk.attempt(id).and_then(|a| a.ended.as_ref()) {
        Some((Outcome::HealedOutcomeUnknown, _)) => Closure::HealedOutcomeUnknown,
        _ => Closure::Healed,
    }
}

/// Gives the attempt's lock back, if it holds one.
pub(super) fn release(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, reason: &str) {
    if let Some(attempt) = desk.attempt(id).filter(|a| a.lock.is_some()) {
        let released = LockReleased { attempt: attempt.id(), reason: reason.into() };
        desk.record(id, cause, released);
    }
}

/// Closes an incident.
pub(super) fn close(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, closure: Closure, evidence: String) {
    let Some(incident) = desk.incident(id) else { return };
    let mut parents = BTreeMap::from([("opened".to_owned(), incident.opened_seq)]);
    if let Some(attempt) = incident.attempt() {
        parents.insert("attempt".into(), attempt.planned_seq);
    }
    desk.record(id, cause, IncidentClosed { closure, evidence, parents });
}
