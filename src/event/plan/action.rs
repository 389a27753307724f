//! What a hand does, resolved: one variant per step kind. Its digest is what an intent promises.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FilePlan, HttpPlan, NotifyPlan, ProcessLook, SignalPlan, WaitPlan};
use crate::base::digest::FileDigest;
use crate::base::time::Span;

/// What a hand does. One variant per step kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ActionPlan {
    /// Run a program.
    Run(RunPlan),
    /// Start, stop or restart a supervised service.
    Service(ServicePlan),
    /// Send a request.
    Http(HttpPlan),
    /// Send a signal to a process.
    Signal(SignalPlan),
    /// Let time pass, or wait for something.
    Wait(WaitPlan),
    /// Work on files below one folder.
    File(FilePlan),
    /// Tell people.
    Notify(NotifyPlan),
}

impl ActionPlan {
    /// Digest of exactly what will be done: SHA-256 of its canonical JSON.
    pub fn digest(&self) -> FileDigest {
        FileDigest::of(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }

    /// It changes nothing that could be taken back, so doing it twice is as good as once.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::Wait(_) | Self::Notify(_))
    }

    /// What takes it back where its runbook says nothing: only where that is certain to be the exact opposite.
    pub fn natural_undo(&self) -> Option<Self> {
        match self {
            Self::File(plan) => {
                plan.work.natural_undo().map(|work| Self::File(FilePlan { work, ..plan.clone() }))
            }
            _ => None,
        }
    }

    /// The lock of the service that it acts on: whoever acts on one holds this, whatever its runbook declares.
    pub fn lock(&self) -> Option<String> {
        match self {
            Self::Service(service) => Some(format!("service/{}", service.service)),
            Self::Signal(signal) => match &signal.to {
                ProcessLook::Service(service) => Some(format!("service/{service}")),
                ProcessLook::PidFile(_) | ProcessLook::Name(_) => None,
            },
            _ => None,
        }
    }

    /// One line for people.
    pub fn say(&self) -> String {
        match self {
            Self::Run(run) => format!("run {}", run.argv.join(" ")),
            Self::Service(service) => {
                let verb = match service.verb {
                    ServiceVerb::Start => "start",
                    ServiceVerb::Stop => "stop",
                    ServiceVerb::Restart => "restart",
                };
                format!("{verb} service {}", service.service)
            }
            Self::Http(http) => format!("{} {}", http.method.word(), http.url),
            Self::Signal(signal) => format!("send {} to {}", signal.send.word(), signal.to.say()),
            Self::Wait(WaitPlan::For(span)) => format!("wait {span}"),
            Self::Wait(WaitPlan::Until { within, .. }) => format!("wait until healthy, at most {within}"),
            Self::File(file) => format!("{} below {}", file.work.say(), file.root),
            Self::Notify(notify) => format!("tell {}: {}", notify.channel, notify.message),
        }
    }
}

/// A program to run: argv, never a shell string (X8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
