//! The catalog as decisions see it: `runbook::Catalog` behind `policy::Runbooks`.

use super::runbooks::{Offer, OfferLimits, OfferStanding, Planned, Runbooks};
use super::trust::Authority;
use crate::event::content::Standing;
use crate::event::degradation::DegradationSeen;
use crate::event::elevation::DeciderPlan;
use crate::runbook::{
    Catalog, Considered, Kind, LoadContext, PlanFor, Platform, Runbook, Trust, Verdict, Verified, expr,
};

/// A catalog in force.
pub struct CatalogRunbooks(pub Catalog);

impl CatalogRunbooks {
    /// Before the first catalog is loaded.
    pub fn nothing() -> Self {
        let context = LoadContext {
            now_us: 0,
            adopted: Default::default(),
            first_live: Default::default(),
            home: String::new(),
            platform: Platform::Linux,
            credentials: Default::default(),
        };
        Self(Catalog::load(Default::default(), &Trust::none(), &context))
    }
    /// The proofs of all live runbooks.
    pub fn live(&self) -> impl Iterator<Item = Verified<Runbook>> + '_ {
        self.0.entries().filter_map(|entry| entry.verified().cloned())
    }
}

impl Runbooks for CatalogRunbooks {
    fn offers(&self, seen: &DegradationSeen, count: u64) -> (Vec<Offer>, u32) {
        let matches = self.0.candidates(seen, count);
        (matches.considered.into_iter().map(offer).collect(), matches.not_candidates)
    }

    fn plan(&self, runbook: &str, seen: &DegradationSeen, dry_run: bool) -> Result<Planned, String> {
        let entry = self.0.get(Kind::Runbook, runbook).ok_or("it is not in the catalog any more")?;
        let purpose = if dry_run { PlanFor::DryRun } else { PlanFor::Live };
        let resolved = self.0.plan(entry, seen, purpose).map_err(|error| error.to_string())?;
        let proposal = entry.content().map(|content| content.proposal().to_owned());
        Ok(Planned {
            plan: resolved.plan,
            relies_on: resolved.relies_on,
            signer: entry.signer().unwrap_or("(not verified)").to_owned(),
            proposal: proposal.unwrap_or_default(),
            approvers: entry.approvers().to_vec(),
        })
    }

    fn authority(&self) -> Authority {
        let policy = self.0.trust().policy();
        let decider = policy.elevation.decider.as_ref().map(|decider| DeciderPlan {
            argv: decider.argv.clone(),
            timeout: decider.timeout,
            up_to: decider.up_to,
        });
        Authority {
            level: policy.trust_level,
            answer_within: policy.elevation.answer_within,
            good_for: policy.elevation.good_for,
            solo: policy.solo,
            decider,
        }
    }

    fn evaluate(&self, questions: &[(&str, serde_json::Value)]) -> Vec<Result<bool, String>> {
        let jobs: Vec<_> = questions.iter().map(|(source, vars)| (*source, vars)).collect();
        expr::evaluate(&jobs).into_iter().map(|answer| answer.map_err(|error| error.to_string())).collect()
    }
}

fn offer(considered: Considered<'_>) -> Offer {
    let Considered { entry, runbook, verdict } = considered;
    let standing = match entry.standing {
        Standing::Live => OfferStanding::Live,
        Standing::ObserveOnly | Standing::Refused => {
            OfferStanding::ObserveOnly(entry.reason().unwrap_or_else(|| "it is not live".into()))
        }
    };
    let declared = runbook.limits();
    let limits = OfferLimits {
        attempts: declared.attempts,
        window_ms: declared.window.ms(),
        cooldown_ms: declared.cooldown.ms(),
    };
    let mismatch = match verdict {
        Verdict::Matched => None,
        Verdict::NotMatched { why, detail } => Some((why.to_owned(), detail)),
    };
    Offer {
        runbook: entry.id.clone(),
        digest: entry.digest,
        priority: runbook.priority,
        standing,
        trust_level: runbook.trust_level,
        limits,
        mismatch,
    }
}
