//! The eyes themselves: started, lost, blind. What they see is a degradation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;

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
