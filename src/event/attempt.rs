//! The attempt machine of RM-9, as it happened.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, Seq};

use super::plan::Plan;
use super::verification::Observation;

/// A runbook was resolved for a target; from here on the plan counts, not the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptPlanned {
    /// Its id.
    pub attempt: AttemptId,
    /// The runbook's id.
    pub runbook: String,
    /// Its digest.
    pub digest: FileDigest,
    /// Who signed it (`shipped` for shipped ones).
    pub signer: String,
    /// The proposal that argued for it.
    pub proposal: String,
    /// Who approved it; `(self-approved)` is appended under the solo policy.
    pub approvers: Vec<String>,
    /// The catalog entry it was taken from.
    pub catalog: Seq,
    /// Other content files that it resolves to: `kind/id digest`.
    pub relies_on: Vec<String>,
    /// What it acts on.
    pub target: String,
    /// Plan only, nothing is run (observe-only).
    pub dry_run: bool,
    /// Steps that an earlier attempt did and that are not done again: the first one is the one behind them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skips: u32,
    /// The grant that it uses up: the runbook needs more trust than the policy gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elevation: Option<Seq>,
    /// What will be done.
    pub plan: Plan,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Where in the attempt preconditions were looked at (RM-8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before the lock.
    BeforeLock,
    /// Under the lock.
    UnderLock,
}

/// Preconditions were looked at, with what was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreconditionsChecked {
    /// The attempt.
    pub attempt: AttemptId,
    /// Before or under the lock.
    pub phase: Phase,
    /// Whether all of them hold.
    pub hold: bool,
    /// Each with what was seen.
    pub results: Vec<PreconditionResult>,
}

/// One precondition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreconditionResult {
    /// Its name.
    pub id: String,
    /// What was seen.
    pub observation: Observation,
    /// What the expression gave; none when it could not be evaluated.
    pub holds: Option<bool>,
    /// Why it could not.
    pub error: Option<String>,
}

/// What was decided at boot for an attempt that a crash had interrupted (RM-12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resumption {
    /// Nothing had been intended: from the top, once.
    StartAgain,
    /// The last step has its outcome: verify.
    Verify,
    /// An idempotent step without an outcome: again, once.
    StepAgain,
    /// A step without an outcome that must not be repeated: look first.
    VerifyFirst,
    /// The undo was under way: it goes on.
    UndoOn,
    /// It was interrupted before and is not tried again.
    GiveUp,
    /// It stays frozen.
    StayFrozen,
}

/// A decision at boot for an open attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptResumed {
    /// The attempt.
    pub attempt: AttemptId,
    /// What is done with it.
    pub resumption: Resumption,
    /// Why, for people.
    pub reason: String,
}

/// Done steps are being taken back, last first (RM-45).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoStarted {
    /// The attempt.
    pub attempt: AttemptId,
    /// Why.
    pub reason: String,
    /// Indexes of the steps to take back, in the order in which that happens.
    pub steps: Vec<u32>,
}

/// Nobody knows what happened; the runbook is frozen for this target (RM-46).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptFrozen {
    /// The attempt.
    pub attempt: AttemptId,
    /// Why.
    pub reason: String,
    /// Until when at most, on the journal's own clock.
    pub until_elapsed_ms: u64,
}

/// A person, or the time limit, ended the freeze.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptThawed {
    /// The attempt.
    pub attempt: AttemptId,
    /// A principal, or `time`.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The signed statement that a person made.
    pub statement: Option<super::control::SignedStatement>,
}

/// How an attempt ended (RM-9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Verified.
    Healthy,
    /// Verified to have failed.
    Failed,
    /// Nobody can tell.
    Inconclusive,
    /// It stopped before anything was changed.
    FailedBeforeMutation,
    /// Some steps were done, a later one failed.
    FailedPartial,
    /// A crash interrupted it and it was not taken up again.
    Interrupted,
    /// It ran out of time.
    AbortedDeadline,
    /// It was only planned.
    DryRun,
    /// Healthy, but nobody knows whether the interrupted step did it (RM-12).
    HealedOutcomeUnknown,
}

/// An attempt is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttemptEnded {
    /// The attempt.
    pub attempt: AttemptId,
    /// How.
    pub outcome: Outcome,
    /// For people: what was tried and what came of it.
    pub reason: String,
    /// How the undo went, when there was one.
    pub undo: Option<UndoOutcome>,
}

/// How taking back went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UndoOutcome {
    /// All of it was taken back.
    Done,
    /// Some of it could not be: a state of its own that pages (RM-45).
    Failed,
}
