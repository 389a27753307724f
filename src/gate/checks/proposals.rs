//! A proposal that the change brings can be read. That it is signed and approved is asked of what relies on it.

use super::super::finding::Finding;
use super::super::judge::Case;

/// See the module.
pub fn check(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let used = |id: &str| {
        case.catalog.entries().filter_map(|entry| entry.content()).any(|content| content.proposal() == id)
    };
    for (id, proposed) in case.catalog.proposals() {
        let signature = format!("{}.sig", proposed.path);
        let touched = [&proposed.path, &signature].into_iter().any(|path| case.change.touched.contains(path));
        let Err(wrong) = &proposed.argument else { continue };
        // What relies on it says the same, at its own place.
        if touched && !used(id) {
            let path = case.change.path(&proposed.path);
            let finding = Finding::of(wrong.check, path, wrong.problem.clone(), wrong.mend.clone());
            // A draft may wait for its signature; nothing rests on it yet.
            findings.push(if wrong.check == "signature" { finding.note() } else { finding });
        }
    }
}
