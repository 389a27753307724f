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
        argv.map(|(i, text)| (format!("argv[{i}]"), text.as_str(), Filled::Elsewhere)).collect()
    }
    fn problems(&self) -> Vec<Wrong> {
        Vec::new()
    }
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        with.program(self).map(|run| LookPlan::Run(Box::new(run)))
    }
    fn says(&self) -> String {
        format!("what {} says", serde_json::to_string(&self.argv).unwrap_or_default())
    }
}
