//! A plan: a runbook made so exact for one target that whoever carries it out has nothing left to decide.
//! Recovery after a crash uses the plan in the journal, never the current file.

mod action;
mod group;
mod look;
mod retry;
mod work;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use action::{ActionPlan, Rlimits, RunPlan, ServicePlan, ServiceVerb};
pub use group::GroupPlan;
pub use look::{
    DiskLook, FdLook, FileLook, GrowthLook, HeartbeatLook, HttpLook, LogLook, LogWords, LookPlan, MemoryLook,
    ProbePlan, ProcessLook, ServiceLook, SetpointLook, TcpLook,
};
pub use retry::RetryPlan;
pub use work::{FilePlan, FileWork, HttpMethod, HttpPlan, NotifyPlan, SignalName, SignalPlan, WaitPlan};

use crate::base::digest::FileDigest;
use crate::base::time::Span;

/// Everything that an attempt will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Looks that must hold before and under the lock.
    pub preconditions: Vec<PreconditionPlan>,
    /// Lock resources, sorted, resolved.
    pub locks: Vec<String>,
    /// Steps in order.
    pub steps: Vec<StepPlan>,
    /// Steps that are done for several targets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupPlan>,
    /// How success is told.
    pub verification: VerificationPlan,
    /// Who is told when it does not help, and when.
    pub escalation: Vec<RungPlan>,
    /// Longest the whole attempt may take.
    pub runtime: Span,
}

/// A look whose result must satisfy an expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreconditionPlan {
    /// Its name in the runbook.
    pub id: String,
    /// The look.
    pub probe: ProbePlan,
    /// CEL over `observed` and `event`; must be true.
    pub expect: String,
}

/// One step, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepPlan {
    /// Its id in the runbook.
    pub id: String,
    /// What is done.
    pub action: ActionPlan,
    /// TERM after this, KILL after 1.5 times this.
    pub timeout: Span,
    /// How often it may be tried again when it failed (only if idempotent).
    pub retries: u32,
    /// Pause before a retry.
    pub retry_delay: Span,
    /// How the pause grows, and which failures are tried again. None = it stays, and all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPlan>,
    /// Running it twice is as good as once.
    pub idempotent: bool,
    /// What takes it back.
    pub undo: Option<ActionPlan>,
    /// The undo may be run even when nobody knows whether the step happened.
    pub undo_when_unknown: bool,
    /// Why it cannot be taken back.
    pub irreversible: Option<String>,
}

/// How success is told (RM-19): after `settle`, `successes` consecutive good looks within `within`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationPlan {
    /// The look; never the action's own result (RM-18).
    pub probe: ProbePlan,
    /// Pause before the first look.
    pub settle: Span,
    /// Consecutive good looks needed.
    pub successes: u32,
    /// Pause between looks.
    pub every: Span,
    /// Time for all of it, after settling.
    pub within: Span,
    /// How long a relapse reopens the incident. Zero = no watch.
    pub watch: Span,
    /// Pause between looks during the watch.
    pub watch_every: Span,
}

/// One rung of an escalation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RungPlan {
    /// Pause after the rung before (the first: after the failure).
    pub after: Span,
    /// Channel that tells people.
    pub channel: String,
    /// What it says.
    pub message: String,
}

/// A sentinel, resolved: which look, how often, and what is reported at an edge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentinelPlan {
    /// Its id.
    pub id: String,
    /// Digest of its content file.
    pub digest: FileDigest,
    /// The look.
    pub probe: ProbePlan,
    /// Pause between looks.
    pub every: Span,
    /// Consecutive failed looks that make the bad edge.
    pub failures: u32,
    /// Consecutive healthy looks that make the good edge.
    pub successes: u32,
    /// Consecutive unknown looks after which the sentinel says that it is blind.
    pub unknowns: u32,
    /// What it reports.
    pub subsystem: String,
    /// The code of the report.
    pub code: String,
    /// The target of the report.
    pub target: String,
    /// The severity of the report.
    pub severity: super::degradation::Severity,
    /// The summary of the report.
    pub summary: String,
}
