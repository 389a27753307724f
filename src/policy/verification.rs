//! Has it helped? Looks at the target by something other than the action (RM-18, RM-19, RM-20).

use super::desk::{Answer, Desk};
use super::effects::Ticket;
use super::{attempt, freeze, steps};
use crate::base::ids::{IncidentId, Seq};
use crate::context::{Attempt, AttemptState};
use crate::event::attempt::Outcome;
use crate::event::verification::{
    Observation, Verdict, VerificationConcluded, VerificationObserved, VerificationStarted,
};

/// Begins: after the last step, or because a step's outcome is unknown.
pub(super) fn start(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, outcome_unknown: bool) {
    let now = desk.now();
    let Some(attempt) = desk.attempt(id) else { return };
    let plan = &attempt.planned.plan.verification;
    let first_look_elapsed_ms = now + plan.settle.ms();
    let started = VerificationStarted {
        attempt: attempt.id(),
        outcome_unknown,
        first_look_elapsed_ms,
        until_elapsed_ms: first_look_elapsed_ms + plan.within.ms(),
    };
    desk.record(id, cause, started);
}

/// One look.
pub(super) fn observed(desk: &mut Desk<'_>, ticket: &Ticket, mut observations: Vec<Observation>) -> Answer {
    let id = ticket.incident;
    let fits = |a: &&Attempt| Some(a.id()) == ticket.attempt && a.state == AttemptState::Verifying;
    let Some(attempt) = desk.attempt(id).filter(fits) else { return Answer::Nothing };
    let (Some(state), Some(observation)) = (attempt.verification.as_ref(), observations.pop()) else {
        return Answer::Nothing;
    };
    let needed = attempt.planned.plan.verification.successes;
    let healthy = observation.verdict == Verdict::Healthy;
    let consecutive = if healthy { state.consecutive + 1 } else { 0 };
    let (looks, until, attempt_id) = (state.looks + 1, state.until_elapsed_ms, attempt.id());
    let verdict = conclude(observation.verdict, consecutive >= needed, desk.now() >= until);
    let evidence = observation.evidence.clone();
    // The last look stands in the conclusion; the effect of another `observed` would be a further look.
    if let Some(verdict) = verdict {
        let concluded = VerificationConcluded { attempt: attempt_id, verdict, looks, evidence };
        let Some(seq) = desk.record(id, ticket.asked, concluded) else { return Answer::Nothing };
        concluded_with(desk, id, seq, verdict);
        return Answer::Recorded(seq);
    }
    let event = VerificationObserved { attempt: attempt_id, observation, consecutive, needed };
    desk.note(Some(id), Some(ticket.asked), event)
}

/// The answer, once there is one. Good looks that do not reach the count in time prove nothing (X2).
fn conclude(last: Verdict, enough: bool, window_over: bool) -> Option<Verdict> {
    match (last, enough, window_over) {
        (Verdict::Healthy, true, _) => Some(Verdict::Healthy),
        (Verdict::Failed, _, true) => Some(Verdict::Failed),
        (_, _, true) => Some(Verdict::Unknown),
        _ => None,
    }
}

/// The window and its grace are over and no look came back.
pub(super) fn out_of_time(desk: &mut Desk<'_>, id: IncidentId) {
    let Some(attempt) = desk.attempt(id) else { return };
    let looks = attempt.verification.as_ref().map_or(0, |v| v.looks);
    let (attempt_id, cause) = (attempt.id(), attempt.last_seq);
    let evidence = "no look came back in time".to_owned();
    let concluded = VerificationConcluded { attempt: attempt_id, verdict: Verdict::Unknown, looks, evidence };
    if let Some(seq) = desk.record(id, cause, concluded) {
        concluded_with(desk, id, seq, Verdict::Unknown);
    }
}

fn concluded_with(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, verdict: Verdict) {
    let Some(attempt) = desk.attempt(id) else { return };
    let unknown_outcome = attempt.verification.as_ref().is_some_and(|v| v.outcome_unknown);
    match (verdict, unknown_outcome) {
        (Verdict::Healthy, false) => {
            attempt::end(desk, id, cause, Outcome::Healthy, "verified healthy".into());
        }
        (Verdict::Healthy, true) => {
            let reason = "healthy, but a crash hid the outcome of a step".into();
            attempt::end(desk, id, cause, Outcome::HealedOutcomeUnknown, reason);
        }
        (_, true) => freeze::undo_or_freeze(desk, id, cause),
        (Verdict::Failed, false) => {
            let reason = "verification failed: the target is still bad".into();
            steps::begin_undo(desk, id, cause, Outcome::Failed, reason);
        }
        (Verdict::Unknown, false) => {
            let reason = "verification could not tell whether it helped".into();
            attempt::end(desk, id, cause, Outcome::Inconclusive, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_enough_good_looks_are_healthy_and_only_a_bad_last_look_is_failed() {
        use Verdict::{Failed, Healthy, Unknown};
        assert_eq!(conclude(Healthy, true, false), Some(Healthy));
        assert_eq!(conclude(Healthy, true, true), Some(Healthy));
        assert_eq!(conclude(Healthy, false, false), None);
        assert_eq!(conclude(Healthy, false, true), Some(Unknown));
        assert_eq!(conclude(Failed, false, false), None);
        assert_eq!(conclude(Failed, false, true), Some(Failed));
        assert_eq!(conclude(Unknown, false, true), Some(Unknown));
    }
}
