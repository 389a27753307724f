//! Whether it was seen to work before it goes live: what the policy asks for (RM-30).

use super::super::evidence::{self, Evidence, Seen};
use super::super::model::{Content, Runbook};
use super::super::policy::LiveEvidence;
use super::super::proposals::{SHIPPED, Wrong};
use super::super::reach::{self, Reach};
use super::{Adoption, Case, Court};
use crate::base::digest::FileDigest;
use crate::base::text::for_shell;

impl Court<'_> {
    /// What is missing, if something is. Asked of runbooks, at their first adoption; what came with remediator was
    /// rehearsed by its own tests, with this very version.
    pub(super) fn unseen(&self, case: &Case<'_>, signer: Option<&str>) -> Option<Wrong> {
        let Content::Runbook(runbook) = case.content else { return None };
        let wanted = self.trust.policy().live_evidence;
        if wanted == LiveEvidence::None || case.adoption == Adoption::Before || signer == Some(SHIPPED) {
            return None;
        }
        let mend = format!("remediator runbook test {} --rehearse", for_shell(case.path));
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
                let without = without(runbook, &evidence);
                match evidence.falls_short(&case.digest, self.now_us).or(other).or(without) {
                    Some(why) => why,
                    None if wanted == LiveEvidence::Either || wanted == kind => return None,
                    None => format!("{path} is of another kind than the policy asks for"),
                }
            }
        };
        Some(Wrong::new("evidence", format!("nothing shows that it works: {missing}"), mend))
    }
}

/// A service that a step names and that the rehearsal says nothing about: neither the real one's file nor one of the copy.
fn without(runbook: &Runbook, evidence: &Evidence) -> Option<String> {
    let Seen::Rehearsal { .. } = evidence.seen else { return None };
    let mut named = runbook.steps.iter().filter_map(|step| match reach::of(step.action()?) {
        Reach::Service(id) if !id.contains("${") => Some(id),
        _ => None,
    });
    let copied = |id: &str| runbook.rehearsal.as_ref().is_some_and(|r| r.services.contains_key(id));
    let known = |id: &str| evidence.relies_on.contains_key(&format!("service/{id}"));
    let lacking = named.find(|id| !known(id) && !copied(id))?;
    Some(format!("it was rehearsed without service/{lacking}, which it acts on"))
}
