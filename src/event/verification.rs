//! Verification as it happened (RM-18, RM-19, RM-20).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::ids::AttemptId;
use crate::base::limits::VALUE_NAME_BYTES_MAX;

/// What a look can say. No evidence is *unknown*: never healthy, never failed (X2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Proven good.
    Healthy,
    /// Proven bad.
    Failed,
    /// Cannot be told.
    Unknown,
}

/// One look and what it saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// What it says.
    pub verdict: Verdict,
    /// For people, cleaned and redacted.
    pub evidence: String,
    /// Named values for expressions (no floats: ms, bytes, counts, codes).
    pub values: BTreeMap<String, i64>,
}

/// Whether a look may name a value so: it stands in expressions and becomes the name of an attribute.
pub fn is_value_name(name: &str) -> bool {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.len() <= VALUE_NAME_BYTES_MAX
        && name.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && name.bytes().all(rest)
}

/// Verification began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationStarted {
    /// The attempt.
    pub attempt: AttemptId,
    /// A look because a step's outcome is unknown, rather than after the last step.
    pub outcome_unknown: bool,
    /// First look, on the journal's own clock.
    pub first_look_elapsed_ms: u64,
    /// End of the window, on the journal's own clock.
    pub until_elapsed_ms: u64,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationObserved {
    /// The attempt.
    pub attempt: AttemptId,
    /// What it saw.
    pub observation: Observation,
    /// Consecutive good looks so far.
    pub consecutive: u32,
    /// Needed.
    pub needed: u32,
}

/// Verification came to its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerificationConcluded {
    /// The attempt.
    pub attempt: AttemptId,
    /// The answer.
    pub verdict: Verdict,
    /// Looks taken.
    pub looks: u32,
    /// The last thing seen.
    pub evidence: String,
}
