//! Steps do exactly one thing each, within bounds; only what may be repeated is retried.

use super::Lint;
use crate::base::limits::{RETRY_DELAY_MS_MAX, STEPS_MAX};
use crate::event::step::Failure;
use crate::runbook::model::{Action, Retry};

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    if runbook.steps.is_empty() || runbook.steps.len() > STEPS_MAX {
        let message = format!("{} steps; 1 to {STEPS_MAX} are allowed", runbook.steps.len());
        lint.report("steps", message, "a longer procedure is several runbooks");
    }
    let kinds = format!("write one of: {}", Action::WORDS.join(", "));
    for (path, step, action) in super::actions(runbook) {
        action.spelling().check(lint, &path, step.timeout);
    }
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
            retries(lint, &path, retry);
            if !step.may_repeat() {
                let help =
                    "say `idempotent: true` if doing it twice is as good as once; else leave `retry` out";
                lint.report(&format!("{path}.retry"), "only an idempotent step may be retried", help);
            }
        }
    }
}

fn retries(lint: &mut Lint, path: &str, retry: &Retry) {
    let numbers = [("times", retry.times, 1..=10), ("factor", retry.factor, 1..=10)];
    for (name, number, range) in numbers {
        if !range.contains(&number) {
            let help = "write a number from 1 to 10";
            lint.report(&format!("{path}.retry.{name}"), format!("{number} is not from 1 to 10"), help);
        }
    }
    if retry.jitter_percent > 100 {
        let help = "write a number from 0 to 100";
        lint.report(&format!("{path}.retry.jitter_percent"), "more than all of the pause", help);
    }
    for (name, span) in [("delay", retry.delay), ("max_delay", retry.max_delay)] {
        if span.ms() > RETRY_DELAY_MS_MAX {
            lint.report(&format!("{path}.retry.{name}"), "longer than an hour", "write at most 1h");
        }
    }
    if retry.on.contains(&Failure::Cancelled) {
        let help = "name other failures, or leave `on` out";
        lint.report(&format!("{path}.retry.on"), "what was cancelled is never tried again", help);
    }
}
