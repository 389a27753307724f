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

/// No new attempt starts from here on, until what runs is finished and somebody resumes: the way to a quiet machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrainStarted {
    /// Who (`person:NAME`).
    pub by: String,
    /// Why.
    pub reason: String,
}

/// While draining, the last attempt that was under way has ended: nothing is acted upon now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drained {
    /// The entry that started the drain.
    pub started: crate::base::ids::Seq,
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

/// Someone who may ordered a new key for the journal. The key itself is in `journal.key_rotated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotationOrdered {
    /// The principal whose `control@remediator` signature was accepted.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The signed statement.
    pub statement: SignedStatement,
}

/// The journal keeps the key that it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotationRefused {
    /// Who wanted another, as far as known.
    pub by: String,
    /// Why not.
    pub reason: String,
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
