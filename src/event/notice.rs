//! What people are told: an outbox that is a fold. Queued until delivered or given up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::ids::Seq;

/// Something is to be told. Its id is the seq of this entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeQueued {
    /// Which channel.
    pub channel: String,
    /// Stable word for what it is about: `escalation`, `attempt_ended`, `frozen`, `tainted`, `trust`, `healed`, `step`.
    pub topic: String,
    /// What it says.
    pub text: String,
}

/// The channel took it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeDelivered {
    /// Seq of the queued notice.
    pub notice: Seq,
    /// Which try, from 1.
    pub try_no: u32,
}

/// The channel did not take it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeFailed {
    /// Seq of the queued notice.
    pub notice: Seq,
    /// Which try, from 1.
    pub try_no: u32,
    /// Why.
    pub reason: String,
    /// When it is tried again, on the journal's own clock; none = given up, loudly.
    pub retry_elapsed_ms: Option<u64>,
}
