//! A blast radius of one process holds for steps that name what they reach.

use super::Lint;
use crate::runbook::model::BlastRadius;
use crate::runbook::reach::{self, Reach};

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook().filter(|r| r.blast_radius == BlastRadius::Process) else { return };
    for (path, step, action) in super::actions(runbook) {
        if reach::of(action) == Reach::Unnamed {
            let message = format!(
                "`{}` names no target, so no `may.targets` can bound it and its reach is not one process",
                step.id
            );
            let help = "let it say ${target} or name a service, or write `blast_radius: machine` here and in the \
                        proposal";
            lint.report(&path, message, help);
        }
    }
}
