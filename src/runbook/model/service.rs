//! A process that remediator itself supervises, as written.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::time::Span;
use crate::event::plan::Rlimits;

use super::{Kind, Probe, V1};

/// A process that remediator starts, stops and watches over. Only `${home}` may stand in its texts.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Version of the format.
    pub v: V1,
    /// `service`.
    #[schemars(extend("const" = "service"))]
    pub kind: Kind,
    /// Unique among services; degradations name it as their target.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
    pub id: String,
    /// What it is, in one line for people.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// The proposal that argues for it. Also read as `__proposalDerivedFrom`.
    #[serde(alias = "__proposalDerivedFrom")]
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
    pub proposal: String,
    /// Program (an absolute path) and arguments.
    #[schemars(length(min = 1, max = 64))]
    pub argv: Vec<String>,
    /// Environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Names taken over from the daemon's own environment, where set there.
    #[serde(default)]
    pub env_pass: Vec<String>,
    /// Working directory. Default `${home}`.
    #[serde(default = "super::home")]
    pub cwd: String,
    /// Bounds that the kernel keeps.
    #[serde(default)]
    pub rlimits: Rlimits,
    /// Time between TERM and KILL when it is stopped. Default 10s.
    #[serde(default = "ten_seconds")]
    pub stop_timeout: Span,
    /// How its health is told: `http` or `process`.
    pub probe: Probe,
}

pub(super) fn ten_seconds() -> Span {
    Span::from_secs(10)
}
