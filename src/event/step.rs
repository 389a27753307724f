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
    /// A step that is no program did not do what it should.
    Failed {
        /// What kind of failure.
        failure: Failure,
        /// What was tried and what came of it.
        why: String,
        /// Something may have been changed. False: it is certain that nothing was.
        began: bool,
    },
}

impl StepOutcome {
    /// What kind of failure it is; none for a success and for what is never tried again whatever a runbook says.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Succeeded | Self::WouldNotDie | Self::Refused(_) => None,
            Self::Exited(_) => Some(Failure::Exit),
            Self::Signalled(_) => Some(Failure::Signal),
            Self::TimedOut => Some(Failure::Timeout),
            Self::NotStarted(_) => Some(Failure::NotStarted),
            Self::Failed { failure: Failure::Cancelled, .. } => None,
            Self::Failed { failure, .. } => Some(*failure),
        }
    }

    /// Whether something may have been changed; false only where it is certain that nothing was.
    pub fn began(&self) -> bool {
        match self {
            Self::NotStarted(_) | Self::Refused(_) => false,
            Self::Failed { began, .. } => *began,
            _ => true,
        }
    }
}

/// Kinds of failure, as a runbook's `retry.on` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// A program ended with an exit code that means no success.
    Exit,
    /// A signal ended a program.
    Signal,
    /// It ran into its timeout.
    Timeout,
    /// It could not be started.
    NotStarted,
    /// No connection came about: nothing was sent.
    Connect,
    /// The connection broke, or what came over it was no answer.
    Transport,
    /// An answer from 400 to 499.
    #[serde(rename = "http_4xx")]
    Http4xx,
    /// An answer from 500 to 599.
    #[serde(rename = "http_5xx")]
    Http5xx,
    /// Another answer that was not expected.
    HttpStatus,
    /// What was waited for did not become healthy in time.
    NotHealthy,
    /// No process is there to be signalled.
    NoProcess,
    /// More processes are there than declared.
    ManyProcesses,
    /// A file is not there, is in the way, or could not be worked on.
    File,
    /// It was asked to end. Never tried again.
    Cancelled,
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
