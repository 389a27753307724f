//! Spelling of the step kind `run`: a program, never a shell string. Its checks are shared with services
//! (`checks::run`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Spelling, Texts};
use crate::event::plan::{ActionPlan, Rlimits};
use crate::runbook::model::home;
use crate::runbook::planning::{PlanError, Resolver};

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

fn zero() -> Vec<i32> {
    vec![0]
}

impl Spelling for Run {
    fn texts<'a>(&'a self, path: &str, texts: &mut Texts<'a>) {
        for (index, text) in self.argv.iter().enumerate() {
            texts.add(format!("{path}.argv[{index}]"), text);
        }
        for (name, text) in &self.env {
            texts.add(format!("{path}.env.{name}"), text);
        }
        texts.add(format!("{path}.cwd"), &self.cwd);
    }

    fn resolve(&self, resolver: &mut Resolver<'_>, what: &str) -> Result<ActionPlan, PlanError> {
        resolver.run(what, self).map(ActionPlan::Run)
    }

    fn say(&self) -> String {
        serde_json::to_string(&self.argv).unwrap_or_default()
    }

    fn details(&self) -> Vec<String> {
        let mut details = vec![format!("in {}", self.cwd)];
        details.extend(self.env.iter().map(|(name, value)| format!("with {name}={value}")));
        if !self.env_pass.is_empty() {
            details.push(format!("with the daemon's own {}", self.env_pass.join(", ")));
        }
        if self.ok_exit != zero() {
            let codes: Vec<String> = self.ok_exit.iter().map(i32::to_string).collect();
            details.push(format!("exit codes {} mean success", codes.join(", ")));
        }
        if self.rlimits != Rlimits::default() {
            let limits = serde_json::to_string(&self.rlimits).unwrap_or_default();
            details.push(format!("bounds of the kernel {limits}"));
        }
        details
    }
}
