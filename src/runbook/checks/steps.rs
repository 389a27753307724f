//! Steps do exactly one thing each, within bounds; only what may be repeated is retried.

use super::Lint;
use crate::base::limits::STEPS_MAX;
use crate::runbook::model::Action;

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    if runbook.steps.is_empty() || runbook.steps.len() > STEPS_MAX {
        let message = format!("{} steps; 1 to {STEPS_MAX} are allowed", runbook.steps.len());
        lint.report("steps", message, "a longer procedure is several runbooks");
    }
    let kinds = format!("write one of: {}", Action::WORDS.join(", "));
    for (index, step) in runbook.steps.iter().enumerate() {
        let path = format!("steps[{index}]");
        if step.action().is_none() {
            lint.report(&path, format!("step `{}` must do exactly one thing", step.id), kinds.as_str());
        }
        if step.undo.as_ref().is_some_and(|undo| undo.action().is_none()) {
            lint.report(&format!("{path}.undo"), "an undo must do exactly one thing", kinds.as_str());
        }
        if step.timeout.ms() == 0 {
            lint.report(
                &format!("{path}.timeout"),
                "a step needs time",
                "write a timeout above 0, such as 20s",
            );
        }
        if let Some(retry) = &step.retry {
            if !step.idempotent {
                let help =
                    "say `idempotent: true` if doing it twice is as good as once; else leave `retry` out";
                lint.report(&format!("{path}.retry"), "only an idempotent step may be retried", help);
            }
            if !(1..=10).contains(&retry.times) {
                lint.report(
                    &format!("{path}.retry.times"),
                    "retry 1 to 10 times",
                    "write a number from 1 to 10",
                );
            }
        }
    }
}
