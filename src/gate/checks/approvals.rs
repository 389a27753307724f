//! An approval that counted does not vanish or become another while what it approved stays as it is: it is revoked, by
//! somebody who may.

use crate::base::digest::FileDigest;
use crate::base::text::for_shell;
use crate::runbook::proposals::Approved;

use super::super::finding::Finding;
use super::super::judge::Case;

/// See the module.
pub fn check(case: &Case<'_>, findings: &mut Vec<Finding>) {
    // Nothing of the past is judged unless an approval is touched.
    if !case.change.touched.iter().any(|path| path.contains("/approvals/")) {
        return;
    }
    for proposed in case.before().proposals().values() {
        let counted =
            proposed.approvals.iter().filter_map(|(path, approved)| Some((path, approved.as_ref().ok()?)));
        for (path, approved) in counted.filter(|(path, _)| case.change.touched.contains(*path)) {
            if let Some(left) = left_behind(case, approved) {
                let by = &approved.signed.principal;
                let message =
                    format!("the approval of {left} by `{by}` is taken away while the file stays as it was");
                let mend = format!(
                    "git restore --staged --worktree {path}; or take it back for good: remediator proposal revoke {}",
                    approved.approval.proposal.id,
                    path = for_shell(&case.change.path(path))
                );
                findings.push(Finding::of("approvals", case.change.path(path), message, mend));
            }
        }
    }
}

/// A file of the approval's proposal that was approved, is still there with the same bytes, and is not approved by the same
/// person any more. Under another proposal the approval never counted.
fn left_behind<'a>(case: &'a Case<'_>, approved: &Approved) -> Option<&'a str> {
    let proposal = &approved.approval.proposal.id;
    let after = case.catalog.proposals().get(proposal);
    let is_of_it = |path: &str, bytes: &[u8]| {
        case.trust.content(path, bytes).is_ok_and(|content| content.proposal() == proposal)
    };
    let still = |digest: &FileDigest| {
        let all = after.into_iter().flat_map(|proposed| proposed.approvals.values()).flatten();
        let own = all.filter(|now| now.signed.principal == approved.signed.principal);
        own.into_iter().any(|now| now.approval.covers(digest))
    };
    let mut files =
        case.change.after.content_files().filter(|(path, bytes)| case.change.before.get(path) == Some(bytes));
    files
        .find(|(path, bytes)| {
            let digest = FileDigest::of(bytes);
            approved.approval.covers(&digest) && !still(&digest) && is_of_it(path, bytes)
        })
        .map(|(path, _)| path)
}
