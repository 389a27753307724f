//! Probe kind `process`, as written; also names the process of `memory` and `fd`.

use serde::Deserialize;

use super::{Filled, Resolve, Spelling, Wrong};
use crate::event::plan::{LookPlan, ProcessLook};
use crate::runbook::placeholder::Place;
use crate::runbook::planning::PlanError;

/// Which process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProcessProbe {
    /// A service that remediator supervises.
    Service(String),
    /// The process whose pid stands in this file.
    PidFile(String),
    /// Processes of this name (the first 15 bytes, as in /proc/PID/comm).
    Name(String),
}

impl ProcessProbe {
    /// The text that names it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Service(text) | Self::PidFile(text) | Self::Name(text) => text,
        }
    }

    /// What is wrong with it, at a key.
    pub(super) fn wrong(&self, at: &'static str) -> Option<Wrong> {
        match self {
            Self::PidFile(file) if !super::is_absolute(file) => {
                let help = "begin it with / or ${home}";
                Some(Wrong::new(at, "the pid file must be an absolute path", help))
            }
            _ if self.name().is_empty() => {
                Some(Wrong::new(at, "the name is empty", "name what is looked at"))
            }
            _ => None,
        }
    }

    /// The process that it means.
    pub(in crate::runbook) fn resolved(&self, with: &mut dyn Resolve) -> Result<ProcessLook, PlanError> {
        match self {
            Self::Service(text) => with.live_service(text).map(ProcessLook::Service),
            Self::PidFile(text) => with.text(text, Place::Path).map(ProcessLook::PidFile),
            Self::Name(text) => with.text(text, Place::Name).map(ProcessLook::Name),
        }
    }
}

impl Spelling for ProcessProbe {
    fn texts(&self) -> Vec<(String, &str, Filled)> {
        vec![(String::new(), self.name(), Filled::Yes)]
    }
    fn problems(&self) -> Vec<Wrong> {
        self.wrong("").into_iter().collect()
    }
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        self.resolved(with).map(LookPlan::Process)
    }
    fn measures(&self) -> Option<&'static [&'static str]> {
        Some(&["running", "stopped", "zombies"])
    }
    fn says(&self) -> String {
        match self {
            Self::Service(id) => format!("the process of service {id}"),
            Self::PidFile(path) => format!("the process named in {path}"),
            Self::Name(name) => format!("processes called {name}"),
        }
    }
}
