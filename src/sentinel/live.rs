//! What a sentinel sees just now, for people who look at it. Not the truth about anything: that is the journal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;

use super::LastEdge;
use crate::event::plan::SentinelPlan;
use crate::event::verification::{Observation, Verdict};

/// What one sentinel has seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    last: Option<(Instant, Observation)>,
    looks: u64,
    latest_late: Duration,
    most_late: Duration,
}

/// One sentinel at work, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "SentinelView")]
pub struct Live {
    /// Its id.
    pub sentinel: String,
    /// What it reports: subsystem, code and target.
    pub subsystem: String,
    /// The code.
    pub code: String,
    /// The target.
    pub target: String,
    /// Whether what it published last is a degradation.
    pub degraded: bool,
    /// What it reports is free text: nothing acts on it.
    pub free_text: bool,
    /// Pause between looks.
    pub every_ms: u64,
    /// Looks so far.
    pub looks: u64,
    /// The last look; none yet.
    pub verdict: Option<Verdict>,
    /// What it saw.
    pub evidence: Option<String>,
    /// What it measured.
    pub values: BTreeMap<String, i64>,
    /// How long ago.
    pub looked_ms_ago: Option<u64>,
    /// How much later than planned the last look began.
    pub late_ms: u64,
    /// The most that one began late.
    pub late_ms_max: u64,
}

impl Seen {
    pub(super) fn note(&mut self, observation: &Observation, late: Duration, now: Instant) {
        self.last = Some((now, observation.clone()));
        self.looks += 1;
        self.latest_late = late;
        self.most_late = self.most_late.max(late);
    }

    pub(super) fn live(&self, plan: &SentinelPlan, edge: LastEdge, now: Instant) -> Live {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let seen = self.last.as_ref().map(|(_, seen)| seen);
        Live {
            sentinel: plan.id.clone(),
            subsystem: plan.subsystem.clone(),
            code: plan.code.clone(),
            target: plan.target.clone(),
            degraded: edge == LastEdge::Bad,
            free_text: plan.probe.look.is_free_text(),
            every_ms: plan.every.ms(),
            looks: self.looks,
            verdict: seen.map(|seen| seen.verdict),
            evidence: seen.map(|seen| seen.evidence.clone()),
            values: seen.map(|seen| seen.values.clone()).unwrap_or_default(),
            looked_ms_ago: self.last.as_ref().map(|(at, _)| ms(now.saturating_duration_since(*at))),
            late_ms: ms(self.latest_late),
            late_ms_max: ms(self.most_late),
        }
    }
}
