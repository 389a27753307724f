//! The argument for a runbook: what fails, what may be done about it, what can go wrong.

use serde::Deserialize;

use super::{BlastRadius, Limits, ModelTier, StepKind, V1};

/// The argument for content files; approvals are about one of these and the files it is for.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Version of the format.
    pub v: V1,
    /// The name of its folder under `proposals/`.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,62}$"))]
    pub id: String,
    /// What is proposed, in one line.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// Which kind of failure it is about.
    #[schemars(length(min = 1, max = 512))]
    pub failure_class: String,
    /// What shows that it happens: incidents, journal entries, measurements.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// What its content files may do at most.
    pub may: May,
    /// What can go wrong.
    pub risks: Vec<String>,
    /// How it is taken back.
    #[schemars(length(min = 1, max = 2048))]
    pub undo: String,
}

/// What content files of a proposal may do at most.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct May {
    /// Step kinds. Empty for a proposal of services or sentinels only.
    #[serde(default)]
    pub steps: Vec<StepKind>,
    /// Targets, `*` for any.
    pub targets: Vec<String>,
    /// The largest thing that may be affected.
    pub blast_radius: BlastRadius,
    /// Credentials, by name. Default: none.
    #[serde(default)]
    pub credentials: Vec<String>,
    /// The largest model that may be asked. Default tier1.
    #[serde(default)]
    pub model_tier: ModelTier,
    /// At most so many attempts and so long a runtime, at least so long a window and cooldown. Default: whatever the
    /// runbook says, which its approvers see.
    #[serde(default)]
    pub limits: Option<Limits>,
}
