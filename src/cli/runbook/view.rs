//! What `list` and `show` say of a content file, as data. Not for printing.

use serde::Serialize;

use crate::base::digest::FileDigest;
use crate::event::content::Standing;
use crate::runbook::{Catalog, Entry};

/// One file in a list.
#[derive(Debug, Serialize)]
pub struct Line {
    /// `kind/id`.
    pub name: String,
    /// Title.
    pub title: String,
    /// Path in the content folder.
    pub path: String,
    /// Digest of its bytes.
    pub digest: FileDigest,
    /// `live`, `observe_only` or `refused`.
    pub standing: &'static str,
    /// The proposal that argues for it.
    pub proposal: Option<String>,
    /// Who signed it, also when that alone does not make it live.
    pub signer: Option<String>,
    /// Who approved it.
    pub approvers: Vec<String>,
    /// Why it is not live.
    pub reasons: Vec<Reason>,
}

/// Why, and what mends it.
#[derive(Debug, Serialize)]
pub struct Reason {
    /// For people.
    pub problem: String,
    /// A command to type.
    pub mend: String,
}

/// A file without an id.
#[derive(Debug, Serialize)]
pub struct Unreadable {
    /// Its path.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

/// The line of an entry.
pub fn line(entry: &Entry) -> Line {
    let problems = entry.problems.iter().map(|p| Reason {
        problem: format!("{}:{}:{}: {}", p.file, p.line, p.column, p.message),
        mend: format!("remediator runbook lint {}", p.file),
    });
    let wrongs = entry.reasons.iter().map(|w| Reason { problem: w.problem.clone(), mend: w.mend.clone() });
    Line {
        name: entry.name(),
        title: entry.title().to_owned(),
        path: entry.path.clone(),
        digest: entry.digest,
        standing: standing(entry.standing),
        proposal: entry.content().map(|c| c.proposal().to_owned()),
        signer: entry.author().map(str::to_owned),
        approvers: entry.approvers().to_vec(),
        reasons: problems.chain(wrongs).collect(),
    }
}

/// Files that have no id.
pub fn unreadable(catalog: &Catalog) -> Vec<Unreadable> {
    let first = |problems: &Vec<crate::runbook::problem::Problem>| {
        problems.first().map(ToString::to_string).unwrap_or_default()
    };
    catalog
        .unreadable()
        .iter()
        .map(|(path, p)| Unreadable { path: path.clone(), problem: first(p) })
        .collect()
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Live => "live",
        Standing::ObserveOnly => "observe_only",
        Standing::Refused => "refused",
    }
}
