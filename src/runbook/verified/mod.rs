//! `Verified<T>`: a content file whose signature and approval were checked. It is built here and nowhere else,
//! so that whoever holds one needs no further proof. What is asked for is one file each: signature, bounds, approval,
//! evidence, backtest.
//! Not for why a whole catalog stands as it does (`catalog`).

mod approval;
mod backtest;
mod evidence;
mod signature;
mod within;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::digest::FileDigest;
use crate::base::text::for_shell;

use super::content::ContentFolder;
use super::model::Content;
use super::proposals::{Proposed, Wrong};
use super::trust::{Signed, Trust};

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

pub use approval::needed;
pub use within::within;

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

/// One file before the court.
struct Case<'a> {
    path: &'a str,
    bytes: &'a [u8],
    content: &'a Content,
    digest: FileDigest,
    adoption: Adoption,
}

impl<'a> Case<'a> {
    fn of((path, bytes, content): (&'a str, &'a [u8], &'a Arc<Content>), adoption: Adoption) -> Self {
        Self { path, bytes, content, digest: FileDigest::of(bytes), adoption }
    }
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
        let case = Case::of((path, bytes, content), adoption);
        self.not_revoked(&case).map_err(|wrong| Unproven { reasons: vec![wrong], author: None })?;
        let (author, unsigned) = match self.signer(&case) {
            Ok(signer) => (Some(signer), None),
            Err(wrong) => (None, Some(wrong)),
        };
        let approvers = self.approvers(&case, author.as_deref());
        let (approvers, unapproved) = match approvers {
            Ok(approvers) => (approvers, Vec::new()),
            Err(wrongs) => (Vec::new(), wrongs),
        };
        let unseen = self.unseen(&case, author.as_deref());
        let unbacktested = self.unbacktested(&case, author.as_deref());
        let missing = unseen.into_iter().chain(unbacktested);
        let reasons: Vec<Wrong> = unsigned.into_iter().chain(unapproved).chain(missing).collect();
        match author {
            Some(signer) if reasons.is_empty() => {
                let proposal = content.proposal().to_owned();
                Ok(Verified {
                    content: Arc::clone(content),
                    digest: case.digest,
                    signer,
                    approvers,
                    proposal,
                })
            }
            author => Err(Unproven { reasons, author }),
        }
    }

    fn not_revoked(&self, case: &Case<'_>) -> Result<(), Wrong> {
        if !self.trust.revoked().has_file(&case.digest) {
            return Ok(());
        }
        Err(Wrong::new(
            "revoked",
            "this file is revoked",
            format!("remove or change {}", for_shell(case.path)),
        ))
    }

    /// The argument for a file, and who makes it.
    fn argument(&self, case: &Case<'_>) -> Result<(&Proposed, &super::model::Proposal, String), Wrong> {
        let id = case.content.proposal();
        let Some(proposed) = self.proposals.get(id) else {
            let problem = format!("its proposal `{id}` does not exist");
            return Err(Wrong::new(
                "proposal",
                problem,
                format!("remediator propose {}", for_shell(case.path)),
            ));
        };
        let (proposal, by) = proposed.argument.as_ref().map_err(Wrong::clone)?;
        let sign = format!("remediator runbook sign {}", for_shell(&proposed.path));
        let proposer = timely(by.clone(), case.adoption, &sign)?;
        Ok((proposed, proposal, proposer))
    }
}

/// A key that is not valid now still counts for what was adopted while it was.
fn timely(signed: Signed, adoption: Adoption, mend: &str) -> Result<String, Wrong> {
    match signed.untimely {
        Some(why) if adoption == Adoption::First => Err(Wrong::new("validity", why, mend)),
        _ => Ok(signed.principal),
    }
}
