//! What the loader would not run, and why: unsigned, not approved, approved as other bytes, outside its proposal, its
//! author's own approval, revoked, too late, in another one's place. With what changed since the base.

use crate::event::content::Standing;
use crate::runbook::difference;
use crate::runbook::problem::Source;
use crate::runbook::proposals::Wrong;
use crate::runbook::{Catalog, Entry, yaml};

use super::super::finding::Finding;
use super::super::judge::Case;

/// See the module.
pub fn check(case: &Case<'_>, findings: &mut Vec<Finding>) {
    tell(case, &case.catalog, false, findings);
    // New files also have to stand under the trust that the change brings: it may take away what the base gave.
    if let Some(after) = case.catalog_after() {
        tell(case, &after, true, findings);
    }
}

fn tell(case: &Case<'_>, catalog: &Catalog, touched_only: bool, findings: &mut Vec<Finding>) {
    for entry in
        catalog.entries().filter(|entry| entry.standing != Standing::Live && entry.problems.is_empty())
    {
        let touched = case.change.touched.contains(&entry.path);
        if touched_only && !touched {
            continue;
        }
        let blamed = case.blames(entry);
        for wrong in &entry.reasons {
            let finding = finding(case, catalog, entry, wrong);
            findings.push(if blamed || argued_in_vain(case, entry, wrong) {
                finding
            } else {
                finding.note()
            });
        }
    }
}

/// The change argues for a file that lay there before, or signs it, and nothing comes of it: too late, or its place is taken.
fn argued_in_vain(case: &Case<'_>, entry: &Entry, wrong: &Wrong) -> bool {
    let Some(content) = entry.content().filter(|_| matches!(wrong.check, "adopt_before" | "overlap")) else {
        return false;
    };
    let (own, signature) = (format!("proposals/{}/", content.proposal()), format!("{}.sig", entry.path));
    case.change.touched.iter().any(|path| path.starts_with(&own) || *path == signature)
}

fn finding(case: &Case<'_>, catalog: &Catalog, entry: &Entry, wrong: &Wrong) -> Finding {
    let path = case.change.path(&entry.path);
    let bytes = catalog.folder().get(&entry.path).unwrap_or_default();
    let at = place(&entry.path, bytes, wrong.at.as_deref().unwrap_or("proposal"));
    let mut finding = Finding::of(wrong.check, path, wrong.problem.clone(), wrong.mend.clone()).at(at);
    if wrong.check == "drift" {
        let old = case.before().get(entry.kind, &entry.id).and_then(|old| case.change.before.get(&old.path));
        // What is new did not drift; what is as it was is approved in another version.
        let old = old.filter(|old| *old != bytes);
        finding.difference = old.map(|old| difference::say(old, bytes)).unwrap_or_default();
    }
    finding
}

/// Line and column of a value of a file.
fn place(file: &str, bytes: &[u8], at: &str) -> (u64, u64) {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    yaml::outline(Source { file, text }).map_or((0, 0), |outline| outline.positions.of(at))
}
