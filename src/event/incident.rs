//! The life of an incident: opened, matched, held, escalated, watched, closed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, Fingerprint, Seq};
use crate::base::time::Span;

use super::verification::Observation;

/// A fingerprint without an open incident was reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentOpened {
    /// The trouble.
    pub fingerprint: Fingerprint,
    /// Part of the system.
    pub subsystem: String,
    /// The code.
    pub code: String,
    /// What is degraded.
    pub target: String,
}

/// The same trouble was reported again while its incident was open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentCoalesced {
    /// Reports so far, this one included.
    pub count: u64,
}

/// Which runbook was chosen, and why each candidate was or was not (RM-5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentMatched {
    /// The chosen runbook's id.
    pub chosen: Option<String>,
    /// Its digest.
    pub digest: Option<FileDigest>,
    /// At most [`crate::base::limits::TRACE_CANDIDATES_MAX`] candidates, best first.
    pub candidates: Vec<Candidate>,
    /// Candidates left out of the list.
    pub more: u32,
    /// Runbooks in the catalog whose matcher names another subsystem or code.
    pub not_candidates: u32,
}

/// One runbook that was considered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Its id.
    pub runbook: String,
    /// Its digest.
    pub digest: FileDigest,
    /// Its priority.
    pub priority: i32,
    /// Whether it could have been chosen.
    pub eligible: bool,
    /// Stable word for why or why not: `matched`, `lower_priority`, `target`, `severity`, `when`, `observe_only`,
    /// `cooldown`, `attempts`, `frozen`, `tainted`, `platform`, `credentials`, `escalated`.
    pub why: String,
    /// The same for people, with the values that were compared.
    pub detail: String,
}

/// Nothing is done for this incident now, and why (X14).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentHeld {
    /// Stable word: `paused`, `no_runbook`, `limits`, `fingerprint_attempts`, `attempts_at_once`, `observe_only`,
    /// `clock`, `not_actionable`.
    pub reason: String,
    /// For people, with what mends it.
    pub detail: String,
    /// When it is looked at again, on the journal's own clock.
    pub until_elapsed_ms: Option<u64>,
}

/// A rung was climbed: people were told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentEscalated {
    /// Which rung, from 0.
    pub rung: u32,
    /// Of how many.
    pub rungs: u32,
    /// Why.
    pub reason: String,
    /// When the next one is due, on the journal's own clock.
    pub next_elapsed_ms: Option<u64>,
}

/// A rung was due, and the fresh look before it could not tell: the escalation stays where it is (X3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EscalationHeld {
    /// The rung that was due.
    pub rung: u32,
    /// What was seen.
    pub observation: Observation,
    /// When it is looked at again, on the journal's own clock.
    pub next_elapsed_ms: u64,
    /// The notice of the rung before that nobody has taken yet: who was not told cannot have failed to react (X3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undelivered: Option<Seq>,
}

/// One look during the regression watch (RM-19). Recorded on change and at the end, not at every look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchObserved {
    /// What was seen.
    pub observation: Observation,
    /// Looks so far.
    pub looks: u32,
}

/// The trouble came back during the watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentRelapsed {
    /// What was seen.
    pub evidence: String,
    /// How long after the healing.
    pub after: Span,
}

/// A person who may ordered a failed attempt again, from the step at which it failed. The attempt that follows is
/// planned from what is in force now; what differs from before stands here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RerunOrdered {
    /// The attempt that had failed.
    pub of: AttemptId,
    /// Its runbook.
    pub runbook: String,
    /// Id of the step that is begun with.
    pub from: String,
    /// Steps before it, which stand and are not done again.
    pub skips: u32,
    /// The principal who signed the statement.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The signed statement.
    pub statement: super::control::SignedStatement,
    /// What is different from the failed attempt.
    pub differences: Vec<InputDifference>,
}

/// One input that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputDifference {
    /// Which: `runbook`, `catalog`, `locks`, `verification`, `relies_on`, or `step ID`.
    pub what: String,
    /// As it was; none = it was not there.
    pub before: Option<String>,
    /// As it is; none = it is gone.
    pub now: Option<String>,
}

/// How an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Closure {
    /// Verified, and it stayed good for the whole watch.
    Healed,
    /// It went away without us, as an independent look showed.
    RecoveredUnaided,
    /// Healthy, but nobody knows whether the interrupted step did it (RM-12).
    HealedOutcomeUnknown,
    /// A person said that it is over; nobody looked.
    ClosedByPerson,
    /// Free text: kept, never acted upon.
    NotActionable,
}

/// The incident is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentClosed {
    /// How.
    pub closure: Closure,
    /// What was seen.
    pub evidence: String,
    /// Further parents by name, such as `verification` → seq.
    pub parents: BTreeMap<String, Seq>,
}
