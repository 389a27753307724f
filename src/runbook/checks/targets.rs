//! Steps for several targets: there are some, each has a lock of its own, and what may fail is bounded.

use std::collections::BTreeSet;

use super::Lint;
use crate::base::limits::GROUP_TARGETS_MAX;
use crate::runbook::model::Targets;

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    for (index, step) in runbook.steps.iter().enumerate() {
        if let Some(targets) = &step.targets {
            one(lint, &format!("steps[{index}].targets"), targets);
        }
    }
}

fn one(lint: &mut Lint, path: &str, targets: &Targets) {
    let count = targets.list.len();
    if count == 0 || count > GROUP_TARGETS_MAX {
        let message = format!("{count} targets; 1 to {GROUP_TARGETS_MAX} are allowed");
        lint.report(&format!("{path}.list"), message, "name each: an empty list never means all");
    }
    let mut seen = BTreeSet::new();
    for (index, name) in targets.list.iter().enumerate() {
        if name.is_empty() || !seen.insert(name) {
            lint.report(&format!("{path}.list[{index}]"), "empty, or there twice", "name each target once");
        }
    }
    if count > 1 && !targets.lock.contains("${each}") {
        let help = "such as service/${each}: what one lock is for may not be done twice at once";
        lint.report(&format!("{path}.lock"), "the targets have no locks of their own", help);
    }
    if targets.at_once == 0 || targets.at_once as usize > GROUP_TARGETS_MAX {
        let message = format!("{} at once; 1 to {GROUP_TARGETS_MAX} are allowed", targets.at_once);
        lint.report(&format!("{path}.at_once"), message, "write how many may be worked on at once");
    }
    if targets.canary as usize > count {
        let message = format!("{} canaries of {count} targets", targets.canary);
        lint.report(&format!("{path}.canary"), message, "write at most as many as there are targets");
    }
    if targets.stop_percent > 99 {
        let help = "write 0 to 99: when all have failed, the step has";
        lint.report(&format!("{path}.stop_percent"), "nothing would ever stop it", help);
    }
    if let Some(until) = &targets.check {
        until.check(lint, &format!("{path}.check"));
    }
}
