//! Probe kind `disk`, as written.

use serde::Deserialize;

use super::{Filled, Resolve, Spelling, Wrong, absolute, percent, whole};
use crate::event::plan::{DiskLook, LookPlan};
use crate::runbook::placeholder::Place;
use crate::runbook::planning::PlanError;

/// Which file system, and what must be left of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiskProbe {
    /// Any path on it, absolute; placeholders are resolved.
    pub path: String,
    /// Bytes that must be free for ordinary users.
    #[serde(default)]
    pub min_free_bytes: Option<u64>,
    /// The same in whole percent of all bytes.
    #[serde(default)]
    #[schemars(range(min = 1, max = 99))]
    pub min_free_percent: Option<u8>,
    /// Inodes that must be free, in whole percent of all. File systems without a fixed number always have enough.
    #[serde(default)]
    #[schemars(range(min = 1, max = 99))]
    pub min_free_inodes_percent: Option<u8>,
}

impl Spelling for DiskProbe {
    fn texts(&self) -> Vec<(String, &str, Filled)> {
        vec![("path".into(), &self.path, Filled::Yes)]
    }
    fn problems(&self) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = absolute("path", &self.path).into_iter().collect();
        wrong.extend(whole("min_free_bytes", self.min_free_bytes));
        wrong.extend(percent("min_free_percent", self.min_free_percent));
        wrong.extend(percent("min_free_inodes_percent", self.min_free_inodes_percent));
        if self.min_free_bytes.is_none()
            && self.min_free_percent.is_none()
            && self.min_free_inodes_percent.is_none()
        {
            wrong.push(Wrong::new("", "nothing is asked of the disk", "such as `min_free_percent: 10`"));
        }
        wrong
    }
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        Ok(LookPlan::Disk(DiskLook {
            path: with.text(&self.path, Place::Path)?,
            min_free_bytes: self.min_free_bytes,
            min_free_percent: self.min_free_percent,
            min_free_inodes_percent: self.min_free_inodes_percent,
        }))
    }
    fn measures(&self) -> Option<&'static [&'static str]> {
        Some(&["total_bytes", "free_bytes", "free_percent", "free_inodes", "free_inodes_percent"])
    }
    fn says(&self) -> String {
        let mut bounds = Vec::new();
        bounds.extend(self.min_free_bytes.map(|bytes| format!("{bytes} bytes")));
        bounds.extend(self.min_free_percent.map(|percent| format!("{percent} % of its bytes")));
        bounds.extend(self.min_free_inodes_percent.map(|percent| format!("{percent} % of its inodes")));
        format!("the disk of {} with {} free", self.path, bounds.join(", "))
    }
}
