//! Which approvals of a proposal count for which of its files, and why not: the catalog's own judgement, told for each
//! approval. Not for judging (`verified`).

use schemars::JsonSchema;
use serde::Serialize;

use super::listing::Reason;
use super::proposals::{Approval, Approved, Proposed, SHIPPED, Wrong};
use super::{Catalog, Content, Entry, verified};
use crate::base::digest::FileDigest;

/// One approval.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApprovalView")]
pub struct Line {
    /// Its path.
    pub path: String,
    /// Who it is by, as its name says.
    pub principal: String,
    /// Why it was given.
    pub reason: Option<String>,
    /// Until when its files have to be adopted for the first time.
    pub adopt_before: Option<String>,
    /// Digest of its bytes: what a revocation names.
    pub digest: FileDigest,
    /// Whether it counts for any file.
    pub counts: bool,
    /// Those that it counts for.
    pub files: Vec<String>,
    /// Why it does not count, for those where it does not.
    pub problems: Vec<Reason>,
}

/// How many approvals there are, of how many that are needed, for the file that lacks most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Quorum {
    /// So many count.
    pub reached: usize,
    /// So many are needed.
    pub needed: usize,
}

impl Quorum {
    /// None yet.
    const NONE: Self = Self { reached: 0, needed: 1 };

    /// Whether more are needed.
    pub fn is_short(self) -> bool {
        self.reached < self.needed
    }
}

/// The content files that name a proposal.
pub fn files_of<'c>(catalog: &'c Catalog, id: &str) -> Vec<&'c Entry> {
    catalog.entries().filter(|e| e.content().is_some_and(|c| c.proposal() == id)).collect()
}

/// Every approval of a proposal.
pub fn approvals(catalog: &Catalog, id: &str) -> Vec<Line> {
    let Some(proposed) = catalog.proposals().get(id) else { return Vec::new() };
    let files = files_of(catalog, id);
    proposed.approvals.iter().map(|(path, approved)| line(catalog, path, approved, &files)).collect()
}

fn line(catalog: &Catalog, path: &str, approved: &Result<Approved, Wrong>, files: &[&Entry]) -> Line {
    let bytes = catalog.folder().get(path).unwrap_or_default();
    let written: Option<Approval> = serde_json::from_slice(bytes).ok();
    let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
    let mut line = Line {
        path: path.to_owned(),
        principal: name.to_owned(),
        reason: written.as_ref().map(|approval| approval.reason.clone()),
        adopt_before: written.map(|approval| approval.adopt_before),
        digest: FileDigest::of(bytes),
        counts: false,
        files: Vec::new(),
        problems: Vec::new(),
    };
    match approved {
        Err(wrong) => line.problems.push(reason(wrong)),
        Ok(_) => {
            for entry in files {
                match catalog.counts(entry, path) {
                    Ok(()) => line.files.push(entry.path.clone()),
                    Err(wrong) => {
                        let problem = format!("{}: {}", entry.path, wrong.problem);
                        line.problems.push(Reason { problem, mend: wrong.mend });
                    }
                }
            }
        }
    }
    line.counts = !line.files.is_empty();
    line
}

fn reason(wrong: &Wrong) -> Reason {
    Reason { problem: wrong.problem.clone(), mend: wrong.mend.clone() }
}

/// How many approvals a file has, and needs.
pub fn quorum_of(catalog: &Catalog, entry: &Entry, approvals: &[Line]) -> Quorum {
    let reached = approvals.iter().filter(|line| line.files.contains(&entry.path)).count();
    let policy = catalog.trust().policy();
    let more = |content: &Content| verified::needed(content, policy).map_or(1, |(needed, _)| needed);
    let ours = entry.author() == Some(SHIPPED);
    let needed = entry.content().filter(|_| !ours).map_or(1, more).max(1);
    Quorum { reached, needed }
}

/// The same for the file that lacks most.
pub fn quorum(catalog: &Catalog, id: &str, approvals: &[Line]) -> Quorum {
    let each = files_of(catalog, id).into_iter().map(|entry| quorum_of(catalog, entry, approvals));
    let lacks = |quorum: &Quorum| (quorum.needed.saturating_sub(quorum.reached), quorum.needed);
    each.max_by_key(lacks).unwrap_or(Quorum::NONE)
}

/// `draft`, `signed`, `approved` or `refused`: what has been done for it.
pub fn standing(proposed: &Proposed, quorum: Quorum) -> &'static str {
    match &proposed.argument {
        Err(wrong) if ["proposal", "revoked"].contains(&wrong.check) => "refused",
        Err(_) => "draft",
        Ok(_) if quorum.reached == 0 => "signed",
        Ok(_) => "approved",
    }
}

/// The same for people: `approved 1 of 2`, `approved by 2, 1 needed`.
pub fn say(standing: &str, quorum: Quorum) -> String {
    match standing {
        "approved" if quorum.reached > quorum.needed => {
            format!("approved by {}, {} needed", quorum.reached, quorum.needed)
        }
        "approved" => format!("approved {} of {}", quorum.reached, quorum.needed),
        other => other.to_owned(),
    }
}
