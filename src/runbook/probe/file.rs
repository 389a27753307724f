//! Probe kind `file`, as written.

use serde::Deserialize;

use super::{Filled, Resolve, Spelling, Wrong, absolute, whole};
use crate::base::time::Span;
use crate::event::plan::{FileLook, GrowthLook, LookPlan};
use crate::runbook::placeholder::Place;
use crate::runbook::planning::PlanError;

/// Which file, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileProbe {
    /// Absolute path; placeholders are resolved. A symbolic link is followed.
    pub path: String,
    /// Whether it must be there. `false`: it must not. Default true.
    #[serde(default = "yes")]
    pub exists: bool,
    /// Longest time since it was last written.
    #[serde(default)]
    pub max_age: Option<Span>,
    /// Smallest size in bytes.
    #[serde(default)]
    pub min_size_bytes: Option<u64>,
    /// Largest size in bytes.
    #[serde(default)]
    pub max_size_bytes: Option<u64>,
    /// How much it may, or must, grow.
    #[serde(default)]
    pub growth: Option<Growth>,
}

/// How much a file may, or must, grow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// Measured over at least this time; until the daemon has looked for so long, the growth is unknown.
    pub over: Span,
    /// Least growth in bytes in that time.
    #[serde(default)]
    pub min_bytes: Option<u64>,
    /// Most growth in bytes in that time.
    #[serde(default)]
    pub max_bytes: Option<u64>,
}

fn yes() -> bool {
    true
}

impl FileProbe {
    fn asks_more(&self) -> bool {
        self.max_age.is_some()
            || self.min_size_bytes.is_some()
            || self.max_size_bytes.is_some()
            || self.growth.is_some()
    }
}

impl Spelling for FileProbe {
    fn texts(&self) -> Vec<(String, &str, Filled)> {
        vec![("path".into(), &self.path, Filled::Yes)]
    }
    fn problems(&self) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = absolute("path", &self.path).into_iter().collect();
        wrong.extend(whole("min_size_bytes", self.min_size_bytes));
        wrong.extend(whole("max_size_bytes", self.max_size_bytes));
        if !self.exists && self.asks_more() {
            let help = "leave the other bounds out, or `exists`";
            wrong.push(Wrong::new(
                "exists",
                "a file that must not be there has no age, size or growth",
                help,
            ));
        }
        if let Some(growth) = &self.growth {
            wrong.extend(whole("growth", growth.min_bytes).or(whole("growth", growth.max_bytes)));
            if growth.over.ms() == 0 || growth.min_bytes.is_none() && growth.max_bytes.is_none() {
                let help = "such as `growth: {over: 1m, max_bytes: 1000000}`";
                wrong.push(Wrong::new("growth", "growth needs a time and a bound", help));
            }
        }
        wrong
    }
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        let growth = self.growth.as_ref().map(|growth| GrowthLook {
            over: growth.over,
            min_bytes: growth.min_bytes,
            max_bytes: growth.max_bytes,
        });
        Ok(LookPlan::File(Box::new(FileLook {
            path: with.text(&self.path, Place::Path)?,
            exists: self.exists,
            max_age: self.max_age,
            min_size_bytes: self.min_size_bytes,
            max_size_bytes: self.max_size_bytes,
            growth,
        })))
    }
    fn measures(&self) -> Option<&'static [&'static str]> {
        Some(&["exists", "size_bytes", "age_ms", "growth_bytes"])
    }
    fn says(&self) -> String {
        let mut words = format!("the file {} {}", self.path, if self.exists { "there" } else { "not there" });
        for (name, bound) in [("at least", self.min_size_bytes), ("at most", self.max_size_bytes)] {
            words += &bound.map(|bytes| format!(", {name} {bytes} bytes")).unwrap_or_default();
        }
        words += &self.max_age.map(|age| format!(", written in the last {age}")).unwrap_or_default();
        if let Some(growth) = &self.growth {
            for (name, bound) in [("at least", growth.min_bytes), ("at most", growth.max_bytes)] {
                let say = |bytes| format!(", growing {name} {bytes} bytes in {}", growth.over);
                words += &bound.map(say).unwrap_or_default();
            }
        }
        words
    }
}
