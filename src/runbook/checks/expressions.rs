//! Expressions compile under the rules and speak only of names that exist where they stand.

use super::Lint;
use crate::base::limits::PRECONDITIONS_MAX;
use crate::runbook::expr::{self, EXPECT_NAMES, WHEN_NAMES};

const HELP: &str = "see docs/adding.md, Expressions: no floats, one macro level over lists, at most 1 KiB";

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    if let Some(Err(error)) = runbook.matcher.when.as_deref().map(|when| expr::check(when, WHEN_NAMES, None))
    {
        lint.report("matcher.when", error.to_string(), HELP);
    }
    if runbook.preconditions.len() > PRECONDITIONS_MAX {
        let message =
            format!("{} preconditions; at most {PRECONDITIONS_MAX} are allowed", runbook.preconditions.len());
        lint.report("preconditions", message, "keep those that decide whether it may act");
    }
    for (index, condition) in runbook.preconditions.iter().enumerate() {
        let values = condition.probe.measures();
        if let Err(error) = expr::check(&condition.expect, EXPECT_NAMES, values) {
            lint.report(&format!("preconditions[{index}].expect"), error.to_string(), HELP);
        }
    }
}
