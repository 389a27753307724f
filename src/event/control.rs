//! What people told the remediator to do. Less power needs only a token, more needs a signature.

use serde::{Deserialize, Serialize};

/// No new attempt starts from here on; running ones finish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paused {
    /// Who (`person:NAME`, or `file:state/PAUSED`).
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Attempts may start again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resumed {
    /// The principal whose `control@remediator` signature was accepted.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Digest of the signed statement.
    pub statement: crate::base::digest::FileDigest,
    /// Its nonce: a statement is good once.
    pub nonce: String,
}
