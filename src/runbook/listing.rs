//! What is said of content files and proposals in a list, as data: the same for `runbook list`, `proposal list` and the
//! HTTP interface. Not for printing, nor for judging (`verified`, the catalog).

use schemars::JsonSchema;
use serde::Serialize;

use super::counted::{self, Quorum};
use super::problem::Problem;
use super::{Catalog, Entry};
use crate::base::digest::FileDigest;
use crate::base::text::for_shell;
use crate::event::content::Standing;

/// Every content file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ContentList {
    /// Version of this shape.
    pub v: u32,
    /// Files with an id, by kind and id.
    pub files: Vec<Line>,
    /// Files without.
    pub unreadable: Vec<Unreadable>,
}

/// One file in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ContentFile")]
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
#[derive(Debug, Serialize, JsonSchema)]
pub struct Reason {
    /// For people.
    pub problem: String,
    /// A command to type.
    pub mend: String,
}

/// A file without an id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UnreadableFile")]
pub struct Unreadable {
    /// Its path.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Every proposal.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ProposalList {
    /// Version of this shape.
    pub v: u32,
    /// By id.
    pub proposals: Vec<ProposalLine>,
}

/// One proposal in a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ProposalSummary")]
pub struct ProposalLine {
    /// Its id: the name of its folder.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Path of its file.
    pub path: String,
    /// `draft`, `signed`, `approved` or `refused`.
    pub standing: &'static str,
    /// How many approvals there are, of how many.
    pub quorum: Quorum,
    /// Whose signature of the argument counts.
    pub signer: Option<String>,
    /// The content files that name it.
    pub files: Vec<String>,
    /// Whose approvals count for a file of it.
    pub approvers: Vec<String>,
    /// Why it is a draft or refused.
    pub problem: Option<String>,
    /// What mends that.
    pub mend: Option<String>,
}

/// Every content file of a catalog.
pub fn contents(catalog: &Catalog) -> ContentList {
    ContentList { v: 1, files: catalog.entries().map(line).collect(), unreadable: unreadable(catalog) }
}

/// Every proposal of a catalog.
pub fn proposals(catalog: &Catalog) -> ProposalList {
    ProposalList { v: 1, proposals: catalog.proposals().keys().map(|id| proposal(catalog, id)).collect() }
}

/// The line of an entry.
pub fn line(entry: &Entry) -> Line {
    let problems = entry.problems.iter().map(|p| Reason {
        problem: format!("{}:{}:{}: {}", p.file, p.line, p.column, p.message),
        mend: format!("remediator runbook lint {}", for_shell(&p.file)),
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
    let first = |problems: &Vec<Problem>| problems.first().map(ToString::to_string).unwrap_or_default();
    let all = catalog.unreadable().iter();
    all.map(|(path, problems)| Unreadable { path: path.clone(), problem: first(problems) }).collect()
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Live => "live",
        Standing::ObserveOnly => "observe_only",
        Standing::Refused => "refused",
    }
}

fn proposal(catalog: &Catalog, id: &str) -> ProposalLine {
    let proposed = &catalog.proposals()[id];
    let approvals = counted::approvals(catalog, id);
    let quorum = counted::quorum(catalog, id, &approvals);
    let (argued, wrong) = (proposed.argument.as_ref().ok(), proposed.argument.as_ref().err());
    ProposalLine {
        id: id.to_owned(),
        title: argued.map(|(proposal, _)| proposal.title.clone()).unwrap_or_default(),
        path: proposed.path.clone(),
        standing: counted::standing(proposed, quorum),
        quorum,
        signer: argued.map(|(_, signed)| signed.principal.clone()),
        files: counted::files_of(catalog, id).into_iter().map(|entry| entry.path.clone()).collect(),
        approvers: approvals.into_iter().filter(|line| line.counts).map(|line| line.principal).collect(),
        problem: wrong.map(|wrong| wrong.problem.clone()),
        mend: wrong.map(|wrong| wrong.mend.clone()),
    }
}
