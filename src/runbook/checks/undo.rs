//! A step that cannot be repeated says how it is taken back, or why it cannot be (RM-6, RM-45).

use super::Lint;

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    for (index, step) in runbook.steps.iter().enumerate() {
        let path = format!("steps[{index}]");
        let reason = step.irreversible.as_deref();
        if reason.is_some_and(|reason| reason.trim().is_empty()) {
            lint.report(
                &format!("{path}.irreversible"),
                "no reason is given",
                "say why it cannot be taken back",
            );
        }
        if reason.is_some() && step.undo.is_some() {
            let message = format!("step `{}` has an undo and says that there is none", step.id);
            lint.report(&format!("{path}.undo"), message, "keep `undo` or `irreversible`");
        }
        let natural = step.action().is_some_and(|action| action.spelling().has_natural_undo());
        if !step.may_repeat() && step.undo.is_none() && !natural && reason.is_none() {
            let message =
                format!("step `{}` may not be repeated, and nothing says how it is taken back", step.id);
            lint.report(
                &path,
                message,
                "write `undo: …`, or `irreversible: WHY`, or `idempotent: true` if it is",
            );
        }
        if step.undo_when_unknown && step.undo.is_none() && (!natural || reason.is_some()) {
            let help = "write the undo, or leave `undo_when_unknown` out";
            lint.report(&format!("{path}.undo_when_unknown"), "there is no undo", help);
        }
    }
}
