//! A plan: a runbook made so exact for one target that whoever carries it out has nothing left to decide.
//! Recovery after a crash uses the plan in the journal, never the current file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::time::Span;

/// Everything that an attempt will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Looks that must hold before and under the lock.
    pub preconditions: Vec<PreconditionPlan>,
    /// Lock resources, sorted, resolved.
    pub locks: Vec<String>,
    /// Steps in order.
    pub steps: Vec<StepPlan>,
    /// How success is told.
    pub verification: VerificationPlan,
    /// Who is told when it does not help, and when.
    pub escalation: Vec<RungPlan>,
    /// Longest the whole attempt may take.
    pub runtime: Span,
}

/// A look whose result must satisfy an expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Running it twice is as good as once.
    pub idempotent: bool,
    /// What takes it back.
    pub undo: Option<ActionPlan>,
    /// The undo may be run even when nobody knows whether the step happened.
    pub undo_when_unknown: bool,
    /// Why it cannot be taken back.
    pub irreversible: Option<String>,
}

/// What a hand does. One variant per step kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ActionPlan {
    /// Run a program.
    Run(RunPlan),
    /// Start, stop or restart a supervised service.
    Service(ServicePlan),
}

impl ActionPlan {
    /// Digest of exactly what will be done: SHA-256 of its canonical JSON.
    pub fn digest(&self) -> FileDigest {
        FileDigest::of(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }
}

/// A program to run: argv, never a shell string (X8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunPlan {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Exactly the environment of the process (the allow-list, resolved), besides REMEDIATOR_STEP.
    pub env: BTreeMap<String, String>,
    /// Names taken over from the daemon's own environment, where set there.
    pub env_pass: Vec<String>,
    /// Working directory (absolute).
    pub cwd: String,
    /// Resource limits.
    pub rlimits: Rlimits,
    /// Exit codes that mean success.
    pub ok_exit: Vec<i32>,
}

/// Bounds the kernel keeps for a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rlimits {
    /// Open files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
    /// Address space in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// CPU seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_secs: Option<u64>,
    /// Largest file it may write, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_mib: Option<u64>,
}

/// What to do with a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceVerb {
    /// Start it unless it runs.
    Start,
    /// Stop it: TERM to its group, KILL when the time is over, exit confirmed.
    Stop,
    /// Stop, then start.
    Restart,
}

/// A supervised service, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServicePlan {
    /// What to do.
    pub verb: ServiceVerb,
    /// The service's id.
    pub service: String,
    /// Digest of the service's content file.
    pub digest: FileDigest,
    /// How it is started.
    pub start: RunPlan,
    /// Time between TERM and KILL when stopping.
    pub stop_timeout: Span,
}

/// A look at a target. One variant per probe kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbePlan {
    /// What is looked at.
    pub look: LookPlan,
    /// A look that takes longer is *unknown*, unless that proves something: an http service that took the
    /// connection and did not answer has failed.
    pub timeout: Span,
}

/// One variant per probe kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LookPlan {
    /// Is a process there and not a zombie?
    Process(ProcessLook),
    /// Does a URL answer as expected?
    Http(HttpLook),
}

/// Which process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProcessLook {
    /// A service that remediator supervises.
    Service(String),
    /// A process whose pid stands in a file.
    PidFile(String),
    /// Processes whose name (first 15 bytes, as in /proc/PID/comm) is this.
    Name(String),
}

/// Which answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpLook {
    /// http:// or https:// URL.
    pub url: String,
    /// Status codes that mean healthy.
    pub expect_status: Vec<u16>,
    /// Text that the first 64 KiB of the body must contain.
    pub expect_body: Option<String>,
}

/// How success is told (RM-19): after `settle`, `successes` consecutive good looks within `within`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
