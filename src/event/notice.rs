//! What people are told: an outbox that is a fold. Queued until delivered, refused for good or given up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, Seq};
use crate::event::attempt::{Outcome, UndoOutcome};
use crate::event::degradation::Severity;

/// Something is to be told. Its id is the seq of this entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeQueued {
    /// Which channel.
    pub channel: String,
    /// Stable word for what it is about: `escalation`, `attempt_ended`, `frozen`, `tainted`, `trust`, `healed`,
    /// `undeliverable`, `outcome`, `step`, `test`.
    pub topic: String,
    /// What it says.
    pub text: String,
    /// The trouble that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<NoticeAbout>,
    /// How an attempt ended, for programs that subscribed to that (RM-50).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<NoticeOutcome>,
}

impl NoticeQueued {
    /// Topic of a notice that a person sent to see whether a channel works: tried once.
    pub const TEST: &'static str = "test";

    /// What a person sends through a channel to see whether it works.
    pub fn test(channel: &str, by: &str) -> Self {
        let text = format!("a test, asked for by {by}: this channel works if you can read this");
        Self { channel: channel.into(), topic: Self::TEST.into(), text, about: None, outcome: None }
    }
}

/// The trouble that a notice is about, as it stood when the notice was queued: the same at every try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeAbout {
    /// Part of the system.
    pub subsystem: String,
    /// The code.
    #[schemars(extend("pattern" = "^[A-Z][A-Z0-9_]{2,40}$"))]
    pub code: String,
    /// What is degraded.
    pub target: String,
    /// The worst severity reported so far.
    pub severity: Severity,
}

/// How an attempt ended, as its subscribers are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeOutcome {
    /// The attempt.
    pub attempt: AttemptId,
    /// Seq of its `attempt.ended` entry.
    pub entry: Seq,
    /// Seq of its `attempt.planned` entry.
    pub planned: Seq,
    /// Id of the runbook.
    pub runbook: String,
    /// Digest of that runbook.
    pub digest: FileDigest,
    /// It was only planned.
    pub dry_run: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// For people: what was tried and what came of it.
    pub reason: String,
    /// How taking back went, when there was anything to take back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<UndoOutcome>,
    /// From plan to end, ms on the journal's own clock.
    pub took_ms: u64,
}

/// The channel took it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeDelivered {
    /// Seq of the queued notice.
    pub notice: Seq,
    /// Which try, from 1.
    pub try_no: u32,
    /// What the receiver said: the receipt.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
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
    /// The receiver will never take it: no further try would change that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

/// What came of one try. Three answers: nothing else can be said about a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver took it.
    Delivered {
        /// What it said.
        said: String,
    },
    /// It did not this time.
    Failed {
        /// Why, in the words of whoever said no.
        reason: String,
        /// How long the receiver asks to be left alone, ms.
        retry_after_ms: Option<u64>,
    },
    /// It never will.
    Refused {
        /// Why, in the words of whoever said no.
        reason: String,
    },
}
