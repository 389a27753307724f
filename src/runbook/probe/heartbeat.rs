//! Probe kind `heartbeat`, as written.

use serde::Deserialize;

use super::{Filled, Resolve, Spelling, Wrong};
use crate::base::time::Span;
use crate::event::plan::{HeartbeatLook, LookPlan};
use crate::runbook::model::is_id;
use crate::runbook::planning::PlanError;

/// Whose sign of life. `remediator sentinel snippet` prints the line that gives it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatProbe {
    /// Its name in `POST /v1/heartbeats/NAME`.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
    pub name: String,
    /// Longest time since the last beat. After a start of the daemon everybody has this long, too.
    pub max_age: Span,
}

impl Spelling for HeartbeatProbe {
    fn texts(&self) -> Vec<(String, &str, Filled)> {
        vec![("name".into(), &self.name, Filled::No)]
    }
    fn problems(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if !is_id(&self.name) {
            wrong.push(Wrong::new("name", "not a name", "^[a-z][a-z0-9-]{1,62}$, such as nightly-backup"));
        }
        if self.max_age.ms() == 0 {
            wrong.push(Wrong::new(
                "max_age",
                "nobody can beat all the time",
                "write a span above 0, such as 5m",
            ));
        }
        wrong
    }
    fn plan(&self, _: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        Ok(LookPlan::Heartbeat(HeartbeatLook { name: self.name.clone(), max_age: self.max_age }))
    }
    fn measures(&self) -> Option<&'static [&'static str]> {
        Some(&["age_ms", "beats"])
    }
    fn says(&self) -> String {
        format!("a heartbeat {} in the last {}", self.name, self.max_age)
    }
}
