//! What people told the remediator to do. Less power needs only a token, more needs a signature.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// No new attempt starts from here on; running ones finish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paused {
    /// Who (`person:NAME`, or `file:state/PAUSED`).
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Attempts may start again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resumed {
    /// The principal whose `control@remediator` signature was accepted.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The signed statement.
    pub statement: SignedStatement,
}

/// A statement that somebody with the role `control@remediator` signed. It is good once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedStatement {
    /// Digest of its bytes.
    pub digest: crate::base::digest::FileDigest,
    /// Its nonce.
    pub nonce: String,
}
