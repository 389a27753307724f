//! Only what stays on one machine may be essential: quarantine comes later for it (RM-6, RM-21).

use super::Lint;
use crate::runbook::model::BlastRadius;

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    if runbook.essential && runbook.blast_radius != BlastRadius::Machine {
        lint.report(
            "essential",
            "essential without machine radius",
            "write `blast_radius: machine`, or drop `essential`",
        );
    }
}
