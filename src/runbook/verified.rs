//! `Verified<T>`: a content file whose signature and approval were checked. It is built here and nowhere else,
//! so that whoever holds one needs no further proof.
//! Not for why a whole catalog stands as it does (`catalog`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::digest::FileDigest;
use crate::base::glob;

use super::content::ContentFolder;
use super::model::{BlastRadius, Content, Proposal};
use super::proposals::{Approved, Proposed, SHIPPED, Wrong};
use super::reach::{self, Reach};
use super::trust::{Role, Signed, Trust};

/// A signed and approved content file.
///
/// ```compile_fail
/// # fn forge(runbook: remediator::runbook::Runbook) {
/// let forged = remediator::runbook::Verified {
///     content: std::sync::Arc::new(runbook),
///     digest: remediator::base::digest::FileDigest::of(b""),
///     signer: String::new(), approvers: vec![], proposal: String::new(),
/// };
/// # }
/// ```
#[derive(Debug, PartialEq)]
pub struct Verified<T> {
    content: Arc<T>,
    digest: FileDigest,
    signer: String,
    approvers: Vec<String>,
    proposal: String,
}

impl<T> Clone for Verified<T> {
    fn clone(&self) -> Self {
        self.with(Arc::clone(&self.content))
    }
}

impl<T> Verified<T> {
    /// The content.
    pub fn content(&self) -> &T {
        &self.content
    }
    /// Digest of the file's bytes.
    pub fn digest(&self) -> FileDigest {
        self.digest
    }
    /// Who signed it (`shipped` for what came with remediator).
    pub fn signer(&self) -> &str {
        &self.signer
    }
    /// Who approved it; `(self-approved)` is appended under the solo policy.
    pub fn approvers(&self) -> &[String] {
        &self.approvers
    }
    /// The proposal that argued for it.
    pub fn proposal(&self) -> &str {
        &self.proposal
    }
    fn with<U>(&self, content: Arc<U>) -> Verified<U> {
        Verified {
            content,
            digest: self.digest,
            signer: self.signer.clone(),
            approvers: self.approvers.clone(),
            proposal: self.proposal.clone(),
        }
    }
}

#[cfg(test)]
impl Verified<super::model::Runbook> {
    /// A proof without signatures, for tests of whoever asks for one.
    pub(crate) fn for_tests(digest: FileDigest) -> Self {
        let (path, bytes) = super::shipped::FILES
            .iter()
            .find(|(path, _)| path.ends_with("runbook.yaml"))
            .expect("a shipped runbook");
        let Ok(Content::Runbook(runbook)) = super::checks::read(path, bytes) else { panic!("it lints") };
        let (signer, proposal) = ("test".to_owned(), "test".to_owned());
        Self { content: Arc::new(*runbook), digest, signer, approvers: Vec::new(), proposal }
    }
}

impl Verified<Content> {
    /// The same proof, for the kind of content that it is.
    pub(super) fn narrow<U: Clone>(&self, pick: impl Fn(&Content) -> Option<&U>) -> Option<Verified<U>> {
        pick(&self.content).map(|content| self.with(Arc::new(content.clone())))
    }
}

/// What a content file is judged by.
pub(super) struct Court<'a> {
    pub folder: &'a ContentFolder,
    pub trust: &'a Trust,
    pub proposals: &'a BTreeMap<String, Proposed>,
    pub now_us: i64,
}

/// Whether a file was adopted before: then only revocation ends what was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Adoption {
    First,
    Before,
}

/// Everything that is missing for a proof, and who signed the bytes, if somebody did.
pub(super) struct Unproven {
    pub reasons: Vec<Wrong>,
    pub author: Option<String>,
}

impl Court<'_> {
    /// The proof, or everything that is missing for it.
    pub(super) fn verify(
        &self,
        path: &str,
        bytes: &[u8],
        content: &Arc<Content>,
        adoption: Adoption,
    ) -> Result<Verified<Content>, Unproven> {
        let digest = FileDigest::of(bytes);
        if self.trust.revoked().has_file(&digest) {
            let reasons = vec![Wrong::new("this file is revoked", format!("remove or change {path}"))];
            return Err(Unproven { reasons, author: None });
        }
        let signer = self.signer(path, bytes, &digest, adoption);
        let approvers = self.approvers(content, &digest, signer.as_deref().ok(), adoption);
        match (signer, approvers) {
            (Ok(signer), Ok(approvers)) => Ok(Verified {
                content: Arc::clone(content),
                digest,
                signer,
                approvers,
                proposal: content.proposal().to_owned(),
            }),
            (signer, approvers) => {
                let (author, unsigned) = match signer {
                    Ok(author) => (Some(author), None),
                    Err(wrong) => (None, Some(wrong)),
                };
                let reasons = unsigned.into_iter().chain(approvers.err().into_iter().flatten()).collect();
                Err(Unproven { reasons, author })
            }
        }
    }

    fn signer(
        &self,
        path: &str,
        bytes: &[u8],
        digest: &FileDigest,
        adoption: Adoption,
    ) -> Result<String, Wrong> {
        if self.trust.shipped().contains(digest) {
            return Ok(SHIPPED.into());
        }
        let sign = format!("remediator runbook sign {path}");
        let armored = self.folder.signature_of(path).ok_or_else(|| Wrong::new("it is not signed", &sign))?;
        let signed = self.trust.verify(Role::Runbook, bytes, armored, self.now_us);
        let signed = signed.map_err(|e| Wrong::new(format!("its signature does not count: {e}"), &sign))?;
        timely(signed, adoption, &sign)
    }

    fn approvers(
        &self,
        content: &Content,
        digest: &FileDigest,
        signer: Option<&str>,
        adoption: Adoption,
    ) -> Result<Vec<String>, Vec<Wrong>> {
        let id = content.proposal();
        let Some(proposed) = self.proposals.get(id) else {
            let problem = format!("its proposal `{id}` does not exist");
            return Err(vec![Wrong::new(problem, format!("write proposals/{id}/proposal.yaml"))]);
        };
        let (proposal, by) = proposed.argument.as_ref().map_err(|wrong| vec![wrong.clone()])?;
        let sign = format!("remediator runbook sign {}", proposed.path);
        let proposer = timely(by.clone(), adoption, &sign).map_err(|wrong| vec![wrong])?;
        within(proposal, content).map_err(|problem| {
            let mend = format!("change the file, or propose more in {} and have it approved", proposed.path);
            vec![Wrong::new(problem, mend)]
        })?;
        let authors = [Some(proposer.as_str()), signer];
        let (mut approvers, mut wrongs) = (Vec::new(), Vec::new());
        for (path, approved) in &proposed.approvals {
            let judged =
                approved.clone().and_then(|a| self.approver(path, &a, content, digest, &authors, adoption));
            match judged {
                Ok(approver) => approvers.push(approver),
                Err(wrong) => wrongs.push(wrong),
            }
        }
        if !approvers.is_empty() {
            return Ok(approvers);
        }
        if wrongs.is_empty() {
            wrongs.push(Wrong::new("nobody has approved it", format!("remediator runbook approve {id}")));
        }
        Err(wrongs)
    }

    fn approver(
        &self,
        path: &str,
        approved: &Approved,
        content: &Content,
        digest: &FileDigest,
        authors: &[Option<&str>],
        adoption: Adoption,
    ) -> Result<String, Wrong> {
        let again = format!("remediator runbook approve {}", content.proposal());
        if !approved.approval.covers(digest) {
            let problem =
                format!("the approval {path} is of other bytes: the file was changed since, or is not in it");
            return Err(Wrong::new(problem, again));
        }
        if adoption == Adoption::First && self.now_us >= approved.adopt_before_us {
            let until = &approved.approval.adopt_before;
            return Err(Wrong::new(format!("the approval {path} had to be adopted before {until}"), again));
        }
        let approver = timely(approved.signed.clone(), adoption, &again)?;
        if !authors.contains(&Some(approver.as_str())) {
            return Ok(approver);
        }
        if !self.trust.policy().solo {
            let problem = format!("`{approver}` wrote and approved it; somebody else has to approve");
            return Err(Wrong::new(problem, by_another(&again)));
        }
        match solo_forbids(content) {
            Some((why, otherwise)) => {
                let problem = format!("`{approver}` wrote and approved it, and {why}");
                Err(Wrong::new(problem, format!("{}, or {otherwise}", by_another(&again))))
            }
            None => Ok(format!("{approver} (self-approved)")),
        }
    }
}

fn timely(signed: Signed, adoption: Adoption, mend: &str) -> Result<String, Wrong> {
    match signed.untimely {
        Some(why) if adoption == Adoption::First => Err(Wrong::new(why, mend)),
        _ => Ok(signed.principal),
    }
}

/// The same person approving once more would change nothing.
fn by_another(again: &str) -> String {
    format!("have somebody else approve it, with their own key: {again}")
}

/// Why the solo policy does not reach as far as this, and what would make it.
fn solo_forbids(content: &Content) -> Option<(&'static str, &'static str)> {
    match content {
        Content::Runbook(runbook) if runbook.blast_radius == BlastRadius::Fleet => {
            Some(("the solo policy never covers the radius fleet", "narrow its `blast_radius`"))
        }
        Content::Runbook(runbook) if !runbook.is_reversible() => Some((
            "the solo policy covers only steps that are idempotent or have an undo",
            "give every step an `undo`, or `idempotent: true` where that is so",
        )),
        _ => None,
    }
}

/// Whether a content file stays within what its proposal argued for.
fn within(proposal: &Proposal, content: &Content) -> Result<(), String> {
    let Content::Runbook(runbook) = content else { return Ok(()) };
    let may = &proposal.may;
    if runbook.blast_radius > may.blast_radius {
        return Err("its blast radius is larger than its proposal argues for".into());
    }
    let undo = |step: &super::model::Step| step.undo.as_ref().and_then(|u| u.action()).map(|a| a.kind());
    let kinds = runbook.steps.iter().flat_map(|s| s.action().map(|a| a.kind()).into_iter().chain(undo(s)));
    for kind in kinds {
        if !may.steps.contains(&kind) {
            return Err(format!("its proposal does not argue for steps of the kind {kind:?}").to_lowercase());
        }
    }
    let matched = runbook.matcher.target.as_deref().unwrap_or("*");
    let steps = || runbook.steps.iter();
    let listed = steps().filter_map(|step| step.targets.as_ref()).flat_map(|t| &t.list);
    let undos = steps().filter_map(|step| step.undo.as_ref()?.action());
    let services =
        steps().filter_map(|step| step.action()).chain(undos).filter_map(|action| match reach::of(action) {
            Reach::Service(service) => Some(service),
            // `${target}` and `${each}` are among the others; what is unnamed is bound by the blast radius (lint).
            Reach::Target | Reach::Nothing | Reach::Unnamed => None,
        });
    // What an event will say cannot be told here: it may be anything.
    let named = listed.map(String::as_str).chain(services).map(|text| match text {
        "${target}" | "${each}" => matched,
        text if text.contains("${") => "*",
        text => text,
    });
    for target in std::iter::once(matched).chain(named) {
        if !may.targets.iter().any(|allowed| lies_within(target, allowed)) {
            return Err(format!("its proposal does not argue for the targets `{target}`"));
        }
    }
    Ok(())
}

/// Whether every target that fits `inner` fits `outer`; where that is hard to tell: no.
fn lies_within(inner: &str, outer: &str) -> bool {
    // `*` in the inner glob read as a character fits `*` of the outer one, rightly, but also `?`, wrongly.
    inner == outer || (glob::matches(outer, inner) && !(inner.contains('*') && outer.contains('?')))
}
