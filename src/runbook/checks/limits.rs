//! Limits are written where a step destroys something, and can be kept.

use super::Lint;
use crate::runbook::model::Step;

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    let destructive = runbook.steps.iter().find(|step| !step.may_repeat());
    if let (Some(step), None) = (destructive, &runbook.limits) {
        let message = format!("step `{}` may not be repeated, and the runbook writes no limits", step.id);
        lint.report("", message, "write `limits: {attempts: 3, window: 24h, cooldown: 30s, runtime: 2m}`");
    }
    let limits = runbook.limits();
    if !(1..=1000).contains(&limits.attempts) {
        lint.report(
            "limits.attempts",
            "attempts must be 1 to 1000",
            "write how often it may run within the window",
        );
    }
    if limits.window.ms() == 0 {
        lint.report("limits.window", "the window is empty", "write a span above 0, such as 24h");
    }
    let steps_ms = runbook.steps.iter().fold(0u64, |sum, step| sum.saturating_add(lasts_ms(step)));
    if limits.runtime.ms() < steps_ms {
        let message =
            format!("the runtime of {} is shorter than its steps' timeouts together", limits.runtime);
        lint.report(
            "limits.runtime",
            message,
            format!("write at least {steps_ms}ms, or shorten the timeouts"),
        );
    }
}

/// The longest time that a step may take, for all of its targets.
fn lasts_ms(step: &Step) -> u64 {
    let once = step.timeout.ms();
    let Some(targets) = &step.targets else { return once };
    let check = targets.check.as_ref().map_or(0, |until| until.within.ms());
    let canary = u64::from(targets.canary).min(targets.list.len() as u64);
    let rest = (targets.list.len() as u64 - canary).div_ceil(u64::from(targets.at_once.max(1)));
    once.saturating_add(check).saturating_mul(canary + rest)
}
