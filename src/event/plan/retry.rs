//! When a failed step is tried again: typed by failure, after a pause that grows, with jitter that every replay
//! computes alike. Not for whether a step may be repeated at all (policy).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::StepPlan;
use crate::base::digest::Blake3;
use crate::base::ids::AttemptId;
use crate::base::time::Span;
use crate::event::step::{Failure, StepOutcome};

/// How the pause before a retry grows, and which failures are tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryPlan {
    /// Each pause is this many times the one before.
    pub factor: u32,
    /// Longest pause.
    pub max_delay: Span,
    /// The pause is shortened by up to this many percent of itself.
    pub jitter_percent: u32,
    /// Failures that are tried again. Empty = all.
    pub on: Vec<Failure>,
}

impl StepPlan {
    /// Milliseconds to let pass before a try (the first is 1). Pure: the jitter is a digest of attempt, step and try.
    pub fn pause_ms(&self, attempt: AttemptId, step: u32, try_no: u32) -> u64 {
        let Some(retries_before) = try_no.checked_sub(2) else { return 0 };
        let Some(retry) = &self.retry else { return self.retry_delay.ms() };
        let growth = u64::from(retry.factor).saturating_pow(retries_before);
        let pause = self.retry_delay.ms().saturating_mul(growth).min(retry.max_delay.ms());
        let room = u128::from(pause) * u128::from(retry.jitter_percent.min(100)) / 100;
        let seed = Blake3::of(format!("retry {attempt} {step} {try_no}").as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&seed.as_bytes()[..8]);
        let shorter = u128::from(u64::from_be_bytes(first)) % (room + 1);
        pause - u64::try_from(shorter).unwrap_or(0)
    }

    /// Whether its runbook wants this failure to be tried again.
    pub fn retries_on(&self, outcome: &StepOutcome) -> bool {
        let Some(failure) = outcome.failure() else { return false };
        self.retry.as_ref().is_none_or(|retry| retry.on.is_empty() || retry.on.contains(&failure))
    }
}
