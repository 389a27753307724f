//! An eye: which look, how often, and what it reports at an edge.

use serde::Deserialize;

use crate::base::time::Span;
use crate::event::degradation::Severity;

use super::{Kind, Probe, V1};

/// An eye: looks again and again, and reports only when the answer changes for good.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sentinel {
    /// Version of the format.
    pub v: V1,
    /// `sentinel`.
    #[schemars(extend("const" = "sentinel"))]
    pub kind: Kind,
    /// Unique among sentinels.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
    pub id: String,
    /// What it watches, in one line for people.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// The proposal that argues for it. Also read as `__proposalDerivedFrom`.
    #[serde(alias = "__proposalDerivedFrom")]
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
    pub proposal: String,
    /// The look.
    pub probe: Probe,
    /// Pause between looks. Default 5s.
    #[serde(default = "five_seconds")]
    pub every: Span,
    /// Consecutive failed looks before it reports. Default 2.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 1000))]
    pub failures: u32,
    /// Consecutive healthy looks before it reports recovery. Default 2.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 1000))]
    pub successes: u32,
    /// Consecutive looks that tell nothing before it says that it is blind. Default 5.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 1000))]
    pub unknowns: u32,
    /// What it reports.
    pub report: Report,
}

/// What a sentinel reports.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Part of the system.
    #[schemars(length(min = 1, max = 128))]
    pub subsystem: String,
    /// The code.
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]{2,40}$"))]
    pub code: String,
    /// What is degraded.
    #[schemars(length(min = 1, max = 128))]
    pub target: String,
    /// How bad. Default error.
    #[serde(default = "error")]
    pub severity: Severity,
    /// One line.
    #[schemars(length(min = 1, max = 512))]
    pub summary: String,
}

fn five_seconds() -> Span {
    Span::from_secs(5)
}
fn two() -> u32 {
    2
}
fn five() -> u32 {
    5
}
fn error() -> Severity {
    Severity::Error
}
