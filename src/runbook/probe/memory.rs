//! Probe kind `memory`, as written.

use serde::Deserialize;

use super::{Filled, ProcessProbe, Resolve, Spelling, Wrong, percent, whole};
use crate::event::plan::{LookPlan, MemoryLook};
use crate::runbook::planning::PlanError;

/// The machine's memory, or with `of` what a process holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryProbe {
    /// Of this process and its children. Without it: of the machine.
    #[serde(default)]
    pub of: Option<ProcessProbe>,
    /// With `of`: resident bytes at most.
    #[serde(default)]
    pub max_rss_bytes: Option<u64>,
    /// Without `of`: bytes that must be available.
    #[serde(default)]
    pub min_available_bytes: Option<u64>,
    /// Without `of`: the same in whole percent of all memory.
    #[serde(default)]
    #[schemars(range(min = 1, max = 99))]
    pub min_available_percent: Option<u8>,
}

impl Spelling for MemoryProbe {
    fn texts(&self) -> Vec<(String, &str, Filled)> {
        self.of.iter().map(|of| ("of".into(), of.name(), Filled::Yes)).collect()
    }
    fn problems(&self) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = self.of.as_ref().and_then(|of| of.wrong("of")).into_iter().collect();
        wrong.extend(whole("max_rss_bytes", self.max_rss_bytes));
        wrong.extend(whole("min_available_bytes", self.min_available_bytes));
        wrong.extend(percent("min_available_percent", self.min_available_percent));
        let system = self.min_available_bytes.is_some() || self.min_available_percent.is_some();
        if self.of.is_some() != self.max_rss_bytes.is_some() || self.of.is_some() == system {
            let help = "either `of` and `max_rss_bytes`, or `min_available_bytes` or `min_available_percent`";
            wrong.push(Wrong::new("", "not one question about memory", help));
        }
        wrong
    }
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        Ok(LookPlan::Memory(match &self.of {
            Some(of) => MemoryLook::Process {
                of: of.resolved(with)?,
                max_rss_bytes: self.max_rss_bytes.unwrap_or(u64::MAX),
            },
            None => MemoryLook::System {
                min_available_bytes: self.min_available_bytes,
                min_available_percent: self.min_available_percent,
            },
        }))
    }
    fn measures(&self) -> Option<&'static [&'static str]> {
        Some(match self.of {
            Some(_) => &["rss_bytes", "processes"],
            None => &["total_bytes", "available_bytes", "available_percent"],
        })
    }
    fn says(&self) -> String {
        let mut bounds = Vec::new();
        bounds.extend(self.max_rss_bytes.map(|bytes| format!("at most {bytes} bytes resident")));
        bounds.extend(self.min_available_bytes.map(|bytes| format!("{bytes} bytes available")));
        bounds.extend(self.min_available_percent.map(|percent| format!("{percent} % available")));
        let of = self.of.as_ref().map_or("the machine's memory".to_owned(), |of| {
            format!("the memory of {} and its children", of.says())
        });
        format!("{of}: {}", bounds.join(", "))
    }
}
