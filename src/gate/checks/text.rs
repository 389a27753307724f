//! What the loader refuses for its text: syntax, schema, limits, secrets, ids, what cannot be read at all.

use crate::event::content::Standing;

use super::super::finding::{Finding, Level};
use super::super::judge::Case;

/// See the module.
pub fn check(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let refused = case.catalog.entries().flat_map(|entry| &entry.problems);
    for problem in refused.chain(case.catalog.unreadable().values().flatten()) {
        let finding = Finding::of_problem(case.change.path(&problem.file), problem);
        match case.level_of(&problem.file) {
            Level::Note if !was_live(case, &problem.file) => findings.push(finding.note()),
            _ => findings.push(finding),
        }
    }
}

/// Whether a file was live: then what refuses it now is the change's doing, such as another one with its id.
fn was_live(case: &Case<'_>, path: &str) -> bool {
    case.before().entries().any(|entry| entry.path == path && entry.standing == Standing::Live)
}
