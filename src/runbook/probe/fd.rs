//! Probe kind `fd`, as written.

use serde::Deserialize;

use super::{Filled, ProcessProbe, Resolve, Spelling, Wrong, percent, whole};
use crate::event::plan::{FdLook, LookPlan};
use crate::runbook::planning::PlanError;

/// Open file descriptors of a process and its children; the one that has most counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FdProbe {
    /// Which process.
    pub of: ProcessProbe,
    /// Most that may be open, in whole percent of the process's own limit. Default 80, unless `max_open` is set.
    #[serde(default)]
    #[schemars(range(min = 1, max = 99))]
    pub max_percent: Option<u8>,
    /// Most that may be open.
    #[serde(default)]
    pub max_open: Option<u64>,
}

impl FdProbe {
    fn percent(&self) -> Option<u8> {
        self.max_percent.or(if self.max_open.is_none() { Some(80) } else { None })
    }
}

impl Spelling for FdProbe {
    fn texts(&self) -> Vec<(String, &str, Filled)> {
        vec![("of".into(), self.of.name(), Filled::Yes)]
    }
    fn problems(&self) -> Vec<Wrong> {
        let of = self.of.wrong("of").into_iter();
        of.chain(percent("max_percent", self.max_percent)).chain(whole("max_open", self.max_open)).collect()
    }
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        let of = self.of.resolved(with)?;
        Ok(LookPlan::Fd(FdLook { of, max_percent: self.percent(), max_open: self.max_open }))
    }
    fn measures(&self) -> Option<&'static [&'static str]> {
        Some(&["open_files", "limit_files", "used_percent"])
    }
    fn says(&self) -> String {
        let mut bounds = Vec::new();
        bounds.extend(self.max_open.map(|open| open.to_string()));
        bounds.extend(self.percent().map(|percent| format!("{percent} % of its limit")));
        format!("open files of {}: at most {}", self.of.says(), bounds.join(" and "))
    }
}
