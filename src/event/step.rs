//! Steps as they happened, leftovers of a crash, tainted targets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, Seq};
use crate::base::text::OutsideText;

/// A step is about to be done. Durable before anything is done (invariant 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepIntended {
    /// The attempt.
    pub attempt: AttemptId,
    /// Index in the plan, from 0.
    pub step: u32,
    /// The step's undo rather than the step.
    pub undo: bool,
    /// Which try, from 1.
    pub try_no: u32,
    /// Digest of exactly what will be done.
    pub action: FileDigest,
    /// The entry that granted the lock it runs under.
    pub lock: Seq,
    /// The largest of that lock's tokens.
    pub token: u64,
    /// When it must be over, on the journal's own clock.
    pub deadline_elapsed_ms: u64,
}

/// The process of a step exists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepStarted {
    /// The attempt.
    pub attempt: AttemptId,
    /// Index in the plan.
    pub step: u32,
    /// The entry that intended it.
    pub intent: Seq,
    /// Its process id, which is also its group.
    pub pid: u32,
    /// Start time of that process in clock ticks since boot (field 22 of /proc/PID/stat).
    pub start_ticks: u64,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StepOutcome {
    /// It did what it should, as far as it can tell itself.
    Succeeded,
    /// It ended with this exit code.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// It ran into its timeout and was ended; its exit is confirmed.
    TimedOut,
    /// It could not be started.
    NotStarted(String),
    /// It ran into its timeout and would not die.
    WouldNotDie,
    /// The hand refused: a check failed immediately before (lock no longer held, proof expired).
    Refused(String),
}

/// A step is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepFinished {
    /// The attempt.
    pub attempt: AttemptId,
    /// Index in the plan.
    pub step: u32,
    /// The entry that intended it.
    pub intent: Seq,
    /// How.
    pub outcome: StepOutcome,
    /// Milliseconds from start to end.
    pub took_ms: u64,
    /// Standard output and error, in the order of arrival, cleaned and redacted.
    pub output: OutsideText,
    /// Output bytes that were not kept.
    pub output_dropped: u64,
}

/// What became of a process that a crashed daemon had left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeftOverFate {
    /// Its group was ended and the exit confirmed.
    Terminated,
    /// It had already gone.
    Gone,
    /// It could not be read.
    Unreadable,
    /// It would not die.
    WouldNotDie,
}

/// A step's process outlived the daemon that had started it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepLeftOver {
    /// The attempt.
    pub attempt: AttemptId,
    /// Index in the plan.
    pub step: u32,
    /// Its process id.
    pub pid: u32,
    /// What became of it.
    pub fate: LeftOverFate,
}

/// Something unknown may still be acting on this target: no attempt until a person clears it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetTainted {
    /// The target.
    pub target: String,
    /// Why.
    pub reason: String,
}

/// The target may be acted upon again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetCleared {
    /// The target.
    pub target: String,
    /// The principal who signed the statement.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The signed statement.
    pub statement: super::control::SignedStatement,
}
