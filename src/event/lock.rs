//! MachineLock as it happened (RM-13).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::ids::AttemptId;
use crate::base::time::Span;

/// An attempt asked for its locks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockRequested {
    /// The attempt.
    pub attempt: AttemptId,
    /// Resource names, sorted.
    pub resources: Vec<String>,
    /// Expected longest time of holding them.
    pub runtime: Span,
}

/// All of them were granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockGranted {
    /// The attempt.
    pub attempt: AttemptId,
    /// Resource → fencing token. Tokens of a resource only grow.
    pub tokens: BTreeMap<String, u64>,
}

/// They were not granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockRefused {
    /// The attempt.
    pub attempt: AttemptId,
    /// The resource that could not be had.
    pub resource: String,
    /// Who holds it, as far as known, or what went wrong.
    pub reason: String,
}

/// They were given back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockReleased {
    /// The attempt.
    pub attempt: AttemptId,
    /// `ended`, or `process_died` when the kernel did it.
    pub reason: String,
}
