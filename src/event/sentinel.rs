//! The eyes themselves: started, lost, blind. What they see is a degradation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::control::SignedStatement;
use super::degradation::Source;
use crate::base::digest::{Blake3, FileDigest};

/// A sentinel watches from here on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentinelStarted {
    /// Its id.
    pub sentinel: String,
    /// Digest of its content file.
    pub digest: FileDigest,
}

/// It died or hangs; a degradation of its own follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentinelLost {
    /// Its id.
    pub sentinel: String,
    /// What was seen of its end.
    pub reason: String,
}

/// It cannot tell for longer than it should: neither healthy nor failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentinelBlind {
    /// Its id.
    pub sentinel: String,
    /// What it says.
    pub evidence: String,
}

/// Somebody who may lets an external sentinel report (RM-3). A further grant of the same name takes its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentinelGranted {
    /// Its name.
    pub sentinel: String,
    /// What it may speak of; no wildcards.
    pub subsystems: Vec<String>,
    /// BLAKE3 of its token: 32 random bytes that nobody can guess, and that stand nowhere else.
    pub token: Blake3,
    /// The principal whose `control@remediator` signature was accepted.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The signed statement.
    pub statement: SignedStatement,
}

/// A person takes the grant of an external sentinel back: its token counts no longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentinelGrantRevoked {
    /// Its name.
    pub sentinel: String,
    /// Who (`person:NAME`).
    pub by: String,
    /// Why.
    pub reason: String,
}

/// A heartbeat was heard for the first time since the daemon's start, or since it was missed. The beats in between
/// are no entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatHeard {
    /// Its name.
    pub heartbeat: String,
    /// Whose token it came with.
    pub by: Source,
    /// When its sender lived, by its own clock (Unix ms).
    pub at_ms: u64,
}
