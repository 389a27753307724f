//! Probe kind `run`, as written: the same keys as a step that runs a program, checked where those are checked.

use super::{Filled, Resolve, Spelling, Wrong};
use crate::event::plan::LookPlan;
use crate::runbook::model::Run;
use crate::runbook::planning::PlanError;

/// As a step writes it.
pub type RunProbe = Run;

impl Spelling for Run {
    fn texts(&self) -> Vec<(String, &str, Filled)> {
        let argv = self.argv.iter().enumerate();
        let argv = argv.map(|(index, text)| (format!("argv[{index}]"), text.as_str(), Filled::Yes));
        let env = self.env.iter().map(|(name, text)| (format!("env.{name}"), text.as_str(), Filled::Yes));
        let cwd = std::iter::once(("cwd".to_owned(), self.cwd.as_str(), Filled::Yes));
        argv.chain(env).chain(cwd).collect()
    }
    fn problems(&self) -> Vec<Wrong> {
        Vec::new()
    }
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        with.program(self).map(|run| LookPlan::Run(Box::new(run)))
    }
    fn measures(&self) -> Option<&'static [&'static str]> {
        None
    }
    fn says(&self) -> String {
        format!("what {} says", serde_json::to_string(&self.argv).unwrap_or_default())
    }
}
