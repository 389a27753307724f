//! Proposals and the approvals of content: parsed, signed, by whom, and of exactly which bytes.
//! Not for judging a content file by them: that is `verified`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::cores;
use crate::base::digest::FileDigest;
use crate::base::limits::MESSAGE_BYTES_MAX;
use crate::base::signers::is_principal;
use crate::base::text::{for_shell, shown};

use super::checks::signed_text;
use super::content::ContentFolder;
use super::model::{Proposal, V1, is_id};
use super::problem::{Problem, Source};
use super::trust::{Role, Signed, Trust};
use super::yaml;

/// What an approver signs: `proposals/ID/approvals/PRINCIPAL.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Version of the format.
    pub v: V1,
    /// What is approved.
    pub action: ApprovalAction,
    /// The argument that was read.
    pub proposal: ProposalRef,
    /// The runbook that was read.
    pub runbook: Option<FileDigest>,
    /// Other content files that belong to it: path → digest.
    #[serde(default)]
    pub resolves: BTreeMap<String, FileDigest>,
    /// Until when it may be adopted for the first time, RFC 3339.
    pub adopt_before: String,
    /// Makes it unlike every other approval.
    pub nonce: String,
    /// Why.
    pub reason: String,
}

/// What is approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalAction {
    /// That these files run.
    Approve,
}

/// The proposal that an approval is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposalRef {
    /// Its id.
    pub id: String,
    /// Digest of its `proposal.yaml`.
    pub digest: FileDigest,
}

impl Approval {
    /// Whether this approval names a file of these bytes.
    pub fn covers(&self, digest: &FileDigest) -> bool {
        self.runbook.as_ref() == Some(digest) || self.resolves.values().any(|known| known == digest)
    }
}

/// Name of the author of files that came with remediator.
pub const SHIPPED: &str = "shipped";

/// A proposal with its approvals.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// Path of its file.
    pub path: String,
    /// The argument, and who signed it (`shipped` for one that came with remediator); else what is wrong.
    pub argument: Result<(Proposal, Signed), Wrong>,
    /// Its approvals by path: by whom and of what; else what is wrong.
    pub approvals: BTreeMap<String, Result<Approved, Wrong>>,
}

/// An approval with a signature that counts.
#[derive(Debug, Clone)]
pub struct Approved {
    /// Who approved.
    pub signed: Signed,
    /// What.
    pub approval: Approval,
    /// `adopt_before` as Unix µs.
    pub adopt_before_us: i64,
}

/// What is wrong, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The check that found it: a stable word.
    pub check: &'static str,
    /// Path of the value that is wrong (`steps[0].run`), where it is one.
    pub at: Option<String>,
    /// For people.
    pub problem: String,
    /// A command to type, or what to do where no single command does it.
    pub mend: String,
}

/// A problem with its excerpt and help, or what somebody else's parser said.
const WRONG_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

impl Wrong {
    /// A problem with its mend.
    pub fn new(check: &'static str, problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { check, at: None, problem: shown(&problem.into(), WRONG_BYTES_MAX), mend: mend.into() }
    }
    /// The same, at a value.
    pub fn at(self, path: String) -> Self {
        Self { at: Some(path), ..self }
    }
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (mend: {})", self.problem, self.mend)
    }
}

/// Reads every proposal of a folder, by id.
pub fn load(folder: &ContentFolder, trust: &Trust, now_us: i64) -> BTreeMap<String, Proposed> {
    let of = |(path, bytes)| {
        let path: &String = path;
        let id = path.strip_prefix("proposals/")?.strip_suffix("/proposal.yaml")?;
        (!id.contains('/')).then_some((id, path, bytes))
    };
    let found: Vec<(&str, &String, &Vec<u8>)> = folder.files.iter().filter_map(of).collect();
    let read = cores::map(&found, |(id, path, bytes)| {
        let argument = read_argument(folder, trust, path, id, bytes, now_us);
        let approvals = read_approvals(folder, trust, id, bytes, now_us);
        ((*id).to_owned(), Proposed { path: (*path).clone(), argument, approvals })
    });
    let mut all: BTreeMap<String, Proposed> = read.into_iter().collect();
    refuse_repeated_nonces(&mut all);
    all
}

fn read_argument(
    folder: &ContentFolder,
    trust: &Trust,
    path: &str,
    id: &str,
    bytes: &[u8],
    now_us: i64,
) -> Result<(Proposal, Signed), Wrong> {
    let lint = format!("remediator runbook lint {}", for_shell(path));
    let proposal =
        trust.memo().proposal(path, bytes).map_err(|e| Wrong::new("proposal", e.to_string(), &lint))?;
    if proposal.id != id {
        let problem = format!("{path} calls itself `{}` and stands in the folder of `{id}`", proposal.id);
        return Err(Wrong::new("proposal", problem, lint));
    }
    let digest = FileDigest::of(bytes);
    if trust.revoked().has_file(&digest) {
        let problem = format!("the proposal {path} is revoked");
        return Err(Wrong::new("revoked", problem, format!("write a new proposal instead of {path}")));
    }
    if trust.shipped().contains(&digest) {
        return Ok((proposal, Signed { principal: SHIPPED.into(), untimely: None }));
    }
    let sign = format!("remediator runbook sign {}", for_shell(path));
    let armored = folder
        .signature_of(path)
        .ok_or_else(|| Wrong::new("signature", format!("the proposal {path} is not signed"), &sign))?;
    let signed = trust.verify(Role::Proposal, bytes, armored, now_us);
    let signed =
        signed.map_err(|e| Wrong::new("signature", format!("the signature of {path}: {e}"), sign))?;
    Ok((proposal, signed))
}

/// Where the argument of a proposal stands.
pub fn path_of(id: &str) -> String {
    format!("proposals/{id}/proposal.yaml")
}

/// Reads one `proposal.yaml`; the error is the first problem with its place.
pub fn parse_proposal(path: &str, bytes: &[u8]) -> Result<Proposal, Problem> {
    let text = signed_text(path, bytes)?;
    let source = Source { file: path, text };
    let proposal: Proposal = yaml::typed(source)?;
    let wrong = |message: String| Err(Source { file: path, text }.problem((0, 0), "proposal", message));
    let empty =
        [("title", &proposal.title), ("failure_class", &proposal.failure_class), ("undo", &proposal.undo)];
    if let Some((key, _)) = empty.iter().find(|(_, text)| text.trim().is_empty()) {
        return wrong(format!("`{key}` says nothing"));
    }
    if !is_id(&proposal.id) {
        return wrong(format!("`{}` is not an id", crate::base::text::clip(&proposal.id, 64)));
    }
    if proposal.may.targets.is_empty() {
        return wrong("`may.targets` is empty; write [\"*\"] for any".to_owned());
    }
    Ok(proposal)
}

fn read_approvals(
    folder: &ContentFolder,
    trust: &Trust,
    id: &str,
    proposal: &[u8],
    now_us: i64,
) -> BTreeMap<String, Result<Approved, Wrong>> {
    let start = format!("proposals/{id}/approvals/");
    let below = folder.files.range(start.clone()..).take_while(|(path, _)| path.starts_with(&start));
    let json = below.filter(|(path, _)| path.ends_with(".json"));
    json.map(|(path, bytes)| {
        let name = &path[start.len()..path.len() - ".json".len()];
        (path.clone(), read_approval(folder, trust, (path, name), bytes, (id, proposal), now_us))
    })
    .collect()
}

fn read_approval(
    folder: &ContentFolder,
    trust: &Trust,
    (path, name): (&str, &str),
    bytes: &[u8],
    (id, proposal): (&str, &[u8]),
    now_us: i64,
) -> Result<Approved, Wrong> {
    let again = format!("remediator proposal approve {id}");
    let wrong = |problem: String| Wrong::new("approval", format!("the approval {path} {problem}"), &again);
    let text = signed_text(path, bytes).map_err(|p| Wrong::new("approval", p.to_string(), &again))?;
    let approval: Approval = serde_json::from_str(text).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    if trust.revoked().has_file(&FileDigest::of(bytes)) {
        return Err(Wrong { check: "revoked", ..wrong("is revoked".into()) });
    }
    let armored = folder.signature_of(path).ok_or_else(|| wrong("is not signed".into()))?;
    let signed = trust
        .verify(Role::Approval, bytes, armored, now_us)
        .map_err(|e| wrong(format!("does not count: {e}")))?;
    if !is_principal(name) || signed.principal != name {
        return Err(wrong(format!(
            "is signed by `{}`, not by the person it is named after",
            signed.principal
        )));
    }
    if approval.proposal.id != id {
        return Err(wrong(format!("is for the proposal `{}`", approval.proposal.id)));
    }
    if approval.proposal.digest != FileDigest::of(proposal) {
        return Err(Wrong { check: "drift", ..wrong("is for another version of the proposal".into()) });
    }
    if approval.nonce.len() < 16 || approval.nonce.len() > 128 || approval.reason.trim().is_empty() {
        return Err(wrong("lacks a nonce of 16 to 128 characters, or a reason".into()));
    }
    let adopt_before = approval.adopt_before.parse::<jiff::Timestamp>();
    let adopt_before_us = adopt_before
        .map_err(|e| wrong(format!("has no RFC 3339 time in `adopt_before`: {e}")))?
        .as_microsecond();
    Ok(Approved { signed, approval, adopt_before_us })
}

/// A nonce that stands in two approvals shows that one was copied: neither counts.
fn refuse_repeated_nonces(all: &mut BTreeMap<String, Proposed>) {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, approved) in all.values().flat_map(|p| &p.approvals) {
        if let Ok(approved) = approved {
            users.entry(approved.approval.nonce.clone()).or_default().push(path.clone());
        }
    }
    for (id, proposed) in all {
        for (path, approved) in &mut proposed.approvals {
            let nonce = approved.as_ref().map(|a| a.approval.nonce.clone()).unwrap_or_default();
            if let Some(paths) = users.get(&nonce).filter(|paths| paths.len() > 1) {
                let problem = format!("the approval {path} has the nonce of another ({})", paths.join(", "));
                *approved = Err(Wrong::new("approval", problem, format!("remediator proposal approve {id}")));
            }
        }
    }
}
