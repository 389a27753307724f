//! An attempt whose outcome nobody knows: taken back where that is declared safe, else frozen for a person or a
//! day (RM-12, RM-46). The crash itself never counts as a proven failure.

use super::desk::Desk;
use super::{attempt, notices};
use crate::base::ids::{IncidentId, Seq};
use crate::event::attempt::{AttemptFrozen, AttemptThawed, Outcome, UndoStarted};

/// The look after an unknown outcome did not say healthy.
pub(super) fn undo_or_freeze(desk: &mut Desk<'_>, id: IncidentId, cause: Seq) {
    let Some(found) = desk.attempt(id) else { return };
    let unknown: Vec<u32> = found.interrupted.iter().map(|r| r.intended.step).collect();
    let plans: Vec<_> = unknown.iter().filter_map(|s| found.planned.plan.steps.get(*s as usize)).collect();
    if plans.is_empty() {
        return;
    }
    let safe = plans.iter().all(|s| s.undo_when_unknown && s.undo.is_some());
    let names: Vec<&str> = plans.iter().map(|s| s.id.as_str()).collect();
    let names = names.join("`, `");
    let reason = format!("a crash hid the outcome of step `{names}`, and the target is not healthy");
    if safe && found.lock.is_some() {
        let mut steps: Vec<u32> = found.begun_steps();
        steps.retain(|s| !unknown.contains(s));
        steps.retain(|s| found.planned.plan.steps.get(*s as usize).is_some_and(|p| p.undo.is_some()));
        steps.extend(unknown);
        steps.reverse();
        let undo = UndoStarted { attempt: found.id(), reason, steps };
        if let Some(seq) = desk.record(id, cause, undo) {
            super::steps::next_undo(desk, id, seq);
        }
        return;
    }
    freeze(desk, id, cause, reason);
}

/// Freezes the attempt and its runbook for this target, loudly.
pub(super) fn freeze(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, reason: String) {
    let until_elapsed_ms = desk.now() + desk.world.config.frozen_for.ms();
    let Some(found) = desk.attempt(id) else { return };
    let (attempt_id, runbook) = (found.id(), found.planned.runbook.clone());
    let event = AttemptFrozen { attempt: attempt_id, reason: reason.clone(), until_elapsed_ms };
    let Some(seq) = desk.record(id, cause, event) else { return };
    attempt::release(desk, id, seq, "frozen");
    let text = format!("`{runbook}` is frozen for this target until a person looks: {reason}");
    notices::queue(desk, Some(id), seq, "frozen", text);
}

/// The time of a freeze is over.
pub(super) fn thaw(desk: &mut Desk<'_>, id: IncidentId) {
    let Some(found) = desk.attempt(id) else { return };
    let (attempt_id, cause) = (found.id(), found.last_seq);
    let reason = "nobody came within the time limit".to_owned();
    let thawed =
        AttemptThawed { attempt: attempt_id, by: "time".into(), reason: reason.clone(), statement: None };
    if let Some(seq) = desk.record(id, cause, thawed) {
        attempt::end(desk, id, seq, Outcome::Interrupted, reason);
    }
}
