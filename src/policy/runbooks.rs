//! What a decision needs to know of the catalog: offers for a report, a plan for a choice, the value of an
//! expression. `runbook::Catalog` is the real one; tests hand in a small one.

use super::trust::Authority;
use crate::base::digest::FileDigest;
use crate::event::degradation::DegradationSeen;
use crate::event::elevation::TrustLevel;
use crate::event::plan::Plan;

/// The catalog as decisions see it.
pub trait Runbooks {
    /// Runbooks whose literal matcher names the report's subsystem and code, best first, each with the verdict
    /// of the rest of its matcher; and how many others there are.
    fn offers(&self, seen: &DegradationSeen, count: u64) -> (Vec<Offer>, u32);
    /// Resolves a runbook for a report. The error is for people: what is missing and how to mend it.
    fn plan(&self, runbook: &str, seen: &DegradationSeen, dry_run: bool) -> Result<Planned, String>;
    /// What the policy in force says of trust levels.
    fn authority(&self) -> Authority;
    /// Values of boolean expressions, in order.
    fn evaluate(&self, questions: &[(&str, serde_json::Value)]) -> Vec<Result<bool, String>>;
}

/// A runbook that could be chosen.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Its id.
    pub runbook: String,
    /// Its digest.
    pub digest: FileDigest,
    /// Higher goes first.
    pub priority: i32,
    /// Whether it may act.
    pub standing: OfferStanding,
    /// The trust that it needs.
    pub trust_level: TrustLevel,
    /// Its limits.
    pub limits: OfferLimits,
    /// Why the rest of its matcher does not fit: stable word and detail.
    pub mismatch: Option<(String, String)>,
}

/// Whether a runbook may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferStanding {
    /// It may.
    Live,
    /// It may only be planned, and why.
    ObserveOnly(String),
}

/// Limits that a runbook declares.
#[derive(Debug, Clone, Copy)]
pub struct OfferLimits {
    /// Attempts per target within the window.
    pub attempts: u32,
    /// The window, ms.
    pub window_ms: u64,
    /// Pause after an attempt's end, ms.
    pub cooldown_ms: u64,
}

/// A runbook resolved for a report.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What will be done.
    pub plan: Plan,
    /// Who signed the runbook.
    pub signer: String,
    /// The proposal that argued for it.
    pub proposal: String,
    /// Who approved it.
    pub approvers: Vec<String>,
    /// Other content that it resolves to: `kind/id digest`.
    pub relies_on: Vec<String>,
}
