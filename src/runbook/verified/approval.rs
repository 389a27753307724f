//! Who approved a content file: of exactly these bytes, in time, none of its authors, and as many as its reach asks for.

use std::sync::Arc;

use super::super::model::{BlastRadius, Content};
use super::super::policy::Policy;
use super::super::proposals::{Approved, Proposed, SHIPPED, Wrong};
use super::{Adoption, Case, Court, timely, within};

impl Court<'_> {
    /// Everybody whose approval counts, when they are enough.
    pub(super) fn approvers(&self, case: &Case<'_>, signer: Option<&str>) -> Result<Vec<String>, Vec<Wrong>> {
        let (proposed, proposer) = self.argued(case)?;
        let authors = [Some(proposer.as_str()), signer];
        let (mut approvers, mut wrongs) = (Vec::new(), Vec::new());
        for (path, approved) in &proposed.approvals {
            match approved.clone().and_then(|approved| self.approver(path, &approved, case, &authors)) {
                Ok(approver) => approvers.push(approver),
                Err(wrong) => wrongs.push(wrong),
            }
        }
        let again = again(case.content);
        if approvers.is_empty() {
            if wrongs.is_empty() {
                wrongs.push(Wrong::new("approval", "nobody has approved it", again));
            }
            return Err(wrongs);
        }
        // What came with remediator was argued for and tried by its makers: the operator is the second.
        match needed(case.content, self.trust.policy()).filter(|_| signer != Some(SHIPPED)) {
            Some((needed, why)) if approvers.len() < needed => {
                let problem =
                    format!("{why}, so {needed} people have to approve it; so far: {}", approvers.join(", "));
                wrongs.push(Wrong::new("quorum", problem, by_another(&again)));
                Err(wrongs)
            }
            _ => Ok(approvers),
        }
    }

    /// The argument that the file stays within, and who makes it.
    fn argued(&self, case: &Case<'_>) -> Result<(&Proposed, String), Vec<Wrong>> {
        let (proposed, proposal, proposer) = self.argument(case).map_err(|wrong| vec![wrong])?;
        let outside = within(proposal, case.content);
        if outside.is_empty() {
            return Ok((proposed, proposer));
        }
        let mend = format!("change the file, or propose more in {} and have it approved", proposed.path);
        let wrong = |(at, problem): (String, String)| Wrong::new("within", problem, &mend).at(at);
        Err(outside.into_iter().map(wrong).collect())
    }

    /// Whether one approval counts for a file, whatever else it lacks. The error is the first thing in its way.
    pub(in super::super) fn counts(
        &self,
        file: (&str, &[u8], &Arc<Content>),
        adoption: Adoption,
        path: &str,
    ) -> Result<(), Wrong> {
        let case = Case::of(file, adoption);
        self.not_revoked(&case)?;
        let first = |wrongs: Vec<Wrong>| wrongs.into_iter().next();
        let nothing = || Wrong::new("approval", "there is no such approval", again(case.content));
        let (proposed, proposer) =
            self.argued(&case).map_err(|wrongs| first(wrongs).unwrap_or_else(nothing))?;
        let approved = proposed.approvals.get(path).ok_or_else(nothing)?.clone()?;
        let signer = self.signer(&case).ok();
        self.approver(path, &approved, &case, &[Some(proposer.as_str()), signer.as_deref()]).map(drop)
    }

    fn approver(
        &self,
        path: &str,
        approved: &Approved,
        case: &Case<'_>,
        authors: &[Option<&str>],
    ) -> Result<String, Wrong> {
        let again = again(case.content);
        if !approved.approval.covers(&case.digest) {
            let problem =
                format!("the approval {path} is of other bytes: the file was changed since, or is not in it");
            return Err(Wrong::new("drift", problem, again));
        }
        if case.adoption == Adoption::First && self.now_us >= approved.adopt_before_us {
            let until = &approved.approval.adopt_before;
            let problem = format!("the approval {path} had to be adopted before {until}");
            return Err(Wrong::new("adopt_before", problem, again));
        }
        let approver = timely(approved.signed.clone(), case.adoption, &again)?;
        if !authors.contains(&Some(approver.as_str())) {
            return Ok(approver);
        }
        if !self.trust.policy().solo {
            let problem = format!("`{approver}` wrote and approved it; somebody else has to approve");
            return Err(Wrong::new("author", problem, by_another(&again)));
        }
        match solo_forbids(case.content) {
            Some((why, otherwise)) => {
                let problem = format!("`{approver}` wrote and approved it, and {why}");
                Err(Wrong::new("author", problem, format!("{}, or {otherwise}", by_another(&again))))
            }
            None => Ok(format!("{approver} (self-approved)")),
        }
    }
}

fn again(content: &Content) -> String {
    format!("remediator proposal approve {}", content.proposal())
}

/// The same person approving once more would change nothing.
fn by_another(again: &str) -> String {
    format!("have somebody else approve it, with their own key: {again}")
}

/// How many people have to approve, where one is not enough, and why.
pub fn needed(content: &Content, policy: &Policy) -> Option<(usize, &'static str)> {
    let Content::Runbook(runbook) = content else { return None };
    let fleet = (runbook.blast_radius == BlastRadius::Fleet)
        .then_some((policy.approvals.fleet, "it may reach a whole fleet"));
    let last = runbook.steps.iter().any(|step| step.irreversible.is_some());
    let last = last.then_some((policy.approvals.irreversible, "one of its steps cannot be taken back"));
    fleet
        .into_iter()
        .chain(last)
        .max_by_key(|(needed, _)| *needed)
        .map(|(needed, why)| (needed as usize, why))
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
