//! A runbook that goes leaves a note behind: which it was, why it went, and what does its work now.

use crate::base::text::for_shell;
use crate::runbook::{Entry, Kind, retired};

use super::super::finding::Finding;
use super::super::judge::Case;

/// See the module.
pub fn check(case: &Case<'_>, findings: &mut Vec<Finding>) {
    let gone = |path: &&String| path.starts_with("runbooks/") && case.change.after.get(path).is_none();
    if !case.change.touched.iter().any(|path| gone(&path) || case.change.after.files.contains_key(path)) {
        return;
    }
    // A path that holds something else now may have held a runbook before.
    let touched = |entry: &&Entry| case.change.touched.contains(&entry.path);
    for old in case.before().entries().filter(|entry| entry.kind == Kind::Runbook).filter(touched) {
        if case.catalog.get(Kind::Runbook, &old.id).is_some() || stays(case, &old.path) {
            continue;
        }
        let proposal = old.content().map_or(old.id.as_str(), |content| content.proposal());
        let path = retired::path(proposal, &old.id);
        let mend = format!(
            "remediator runbook retire {} --reason WHY, then git add {}",
            old.id,
            for_shell(&case.change.path(&path))
        );
        let problem = match case.change.after.get(&path) {
            None => format!("the runbook `{}` is gone, and {path} does not say why", old.id),
            Some(bytes) => match retired::parse(&path, bytes) {
                Err(problem) => problem.to_string(),
                Ok(note) if note.digest == old.digest && note.runbook == old.id => continue,
                Ok(_) => format!("{path} is about another version of the runbook `{}`", old.id),
            },
        };
        findings.push(Finding::of("retirement", case.change.path(&old.path), problem, mend));
    }
}

/// Whether its file is still there and only cannot be read any more: that is told elsewhere.
fn stays(case: &Case<'_>, path: &str) -> bool {
    case.change.after.files.contains_key(path) && case.catalog.unreadable().contains_key(path)
}
