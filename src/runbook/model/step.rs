//! One step of a runbook and what takes it back. One struct per step kind and one line in each list below.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::time::Span;
use crate::event::plan::{Rlimits, ServiceVerb};

/// One step: exactly one of `run` and `service`.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique in the runbook.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
    pub id: String,
    /// Run a program.
    #[serde(default)]
    pub run: Option<Run>,
    /// Start, stop or restart a supervised service.
    #[serde(default)]
    pub service: Option<ServiceStep>,
    /// TERM after this, KILL after 1.5 times this.
    pub timeout: Span,
    /// Try again when it fails. Only for an idempotent step.
    #[serde(default)]
    pub retry: Option<Retry>,
    /// Doing it twice is as good as once. Default false.
    #[serde(default)]
    pub idempotent: bool,
    /// What takes it back: `{run: …}` or `{service: …}`.
    #[serde(default)]
    pub undo: Option<Undo>,
    /// The undo is safe even when nobody knows whether the step happened. Default false.
    #[serde(default)]
    pub undo_when_unknown: bool,
    /// Why it cannot be taken back.
    #[serde(default)]
    pub irreversible: Option<String>,
}

/// What takes a step back: exactly one of `run` and `service`.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// Run a program.
    #[serde(default)]
    pub run: Option<Run>,
    /// Start, stop or restart a supervised service.
    #[serde(default)]
    pub service: Option<ServiceStep>,
}

/// The one thing that a step or an undo does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action<'a> {
    /// Run a program.
    Run(&'a Run),
    /// Act on a service.
    Service(&'a ServiceStep),
}

impl Action<'_> {
    /// Every step kind, as written.
    pub const WORDS: [&'static str; 2] = ["run", "service"];
}

/// Kind of a step, as a proposal lists it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    /// Run a program.
    Run,
    /// Start, stop or restart a supervised service.
    Service,
}

impl Action<'_> {
    /// Its kind.
    pub fn kind(&self) -> StepKind {
        match self {
            Self::Run(_) => StepKind::Run,
            Self::Service(_) => StepKind::Service,
        }
    }
}

fn one<'a>(run: &'a Option<Run>, service: &'a Option<ServiceStep>) -> Option<Action<'a>> {
    match (run, service) {
        (Some(run), None) => Some(Action::Run(run)),
        (None, Some(service)) => Some(Action::Service(service)),
        _ => None,
    }
}

impl Step {
    /// What it does; none when it says nothing or several things.
    pub fn action(&self) -> Option<Action<'_>> {
        one(&self.run, &self.service)
    }
}

impl Undo {
    /// What it does; none when it says nothing or several things.
    pub fn action(&self) -> Option<Action<'_>> {
        one(&self.run, &self.service)
    }
}

/// A program: argv, never a shell string.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Program (an absolute path) and arguments; placeholders are resolved inside an element, never split.
    #[schemars(length(min = 1, max = 64))]
    pub argv: Vec<String>,
    /// Environment; placeholders are resolved.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Names taken over from the daemon's own environment, where set there.
    #[serde(default)]
    pub env_pass: Vec<String>,
    /// Working directory. Default `${home}`.
    #[serde(default = "home")]
    pub cwd: String,
    /// Bounds that the kernel keeps.
    #[serde(default)]
    pub rlimits: Rlimits,
    /// Exit codes that mean success. Default 0.
    #[serde(default = "zero")]
    pub ok_exit: Vec<i32>,
}

pub(super) fn home() -> String {
    "${home}".to_owned()
}

fn zero() -> Vec<i32> {
    vec![0]
}

/// What to do with a supervised service: its id, or a placeholder that gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceStep {
    /// Start it unless it runs.
    Start(String),
    /// Stop it.
    Stop(String),
    /// Stop, then start.
    Restart(String),
}

impl ServiceStep {
    /// Verb and service.
    pub fn parts(&self) -> (ServiceVerb, &str) {
        match self {
            Self::Start(service) => (ServiceVerb::Start, service),
            Self::Stop(service) => (ServiceVerb::Stop, service),
            Self::Restart(service) => (ServiceVerb::Restart, service),
        }
    }
}

/// How often a failed step is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Further tries.
    #[schemars(range(min = 1, max = 10))]
    pub times: u32,
    /// Pause before each. Default 1s.
    #[serde(default = "one_second")]
    pub delay: Span,
}

fn one_second() -> Span {
    Span::from_secs(1)
}
