//! What the loader refuses for its text: syntax, schema, limits, secrets, ids, what cannot be read at all.

use super::super::finding::{Finding, Level};
use super::super::judge::Case;

/// See the module.
pub fn check(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let refused = case.catalog.entries().flat_map(|entry| &entry.problems);
    for problem in refused.chain(case.catalog.unreadable().values().flatten()) {
        let finding = Finding::of_problem(case.change.path(&problem.file), problem);
        match case.level_of(&problem.file) {
            Level::Error => findings.push(finding),
            Level::Note => findings.push(finding.note()),
        }
    }
}
