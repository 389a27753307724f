//! Whether it was seen to work before it goes live: what the policy asks for (RM-30).

use super::super::evidence::{self, Seen};
use super::super::model::Content;
use super::super::proposals::{SHIPPED, Wrong};
use super::super::trust::LiveEvidence;
use super::{Adoption, Case, Court};
use crate::base::digest::FileDigest;

impl Court<'_> {
    /// What is missing, if something is. Asked of runbooks, at their first adoption; what came with remediator was
    /// rehearsed by its own tests, with this very version.
    pub(super) fn unseen(&self, case: &Case<'_>, signer: Option<&str>) -> Option<Wrong> {
        let Content::Runbook(runbook) = case.content else { return None };
        let wanted = self.trust.policy().live_evidence;
        if wanted == LiveEvidence::None || case.adoption == Adoption::Before || signer == Some(SHIPPED) {
            return None;
        }
        let mend = format!("remediator runbook test {} --rehearse", case.path);
        let path = evidence::path(&runbook.proposal, &runbook.id);
        let missing = match evidence::read(self.folder, self.trust, &path, self.now_us) {
            Err(why) => why,
            Ok((_, signed)) if signed.untimely.is_some() => signed.untimely.unwrap_or_default(),
            Ok((evidence, _)) => {
                let kind = match evidence.seen {
                    Seen::Rehearsal { .. } => LiveEvidence::Rehearsal,
                    Seen::DryRuns { .. } => LiveEvidence::DryRuns,
                };
                let there = |digest: &FileDigest| {
                    self.folder.content_files().any(|(_, bytes)| FileDigest::of(bytes) == *digest)
                };
                let other = evidence.relies_on.iter().find(|(_, digest)| !there(digest));
                let other = other.map(|(name, _)| format!("{name} was changed since"));
                match evidence.falls_short(&case.digest, self.now_us).or(other) {
                    Some(why) => why,
                    None if wanted == LiveEvidence::Either || wanted == kind => return None,
                    None => format!("{path} is of another kind than the policy asks for"),
                }
            }
        };
        Some(Wrong::new("evidence", format!("nothing shows that it works: {missing}"), mend))
    }
}
