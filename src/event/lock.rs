//! MachineLock as it happened (RM-13).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::control::SignedStatement;
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

/// Someone who may ordered that a lock no longer counts, whoever holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockBreakOrdered {
    /// The resource.
    pub resource: String,
    /// The token that is held; a holder with another one is not meant.
    pub token: u64,
    /// The principal whose `control@remediator` signature was accepted.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The signed statement.
    pub statement: SignedStatement,
}

/// It no longer counts: whoever held it is refused by their token from here on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockBroken {
    /// The resource.
    pub resource: String,
    /// The token of the break: larger than the one that was held, smaller than the next holder's.
    pub token: u64,
    /// Who held it, as far as known.
    pub holder: String,
}

/// It still counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockBreakFailed {
    /// The resource.
    pub resource: String,
    /// Why.
    pub reason: String,
}
