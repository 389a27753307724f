//! Counts of what happened since the read model began to follow: what `/metrics` shows as counters and histograms.
//! They begin at zero with each start, as counters may. Not for questions about the past: those are views.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::limits::CHANNELS_MAX;
use crate::context::World;
use crate::event::step::StepOutcome;
use crate::event::{Event, Record};

/// Upper bounds of step durations, in ms.
pub const STEP_BOUNDS_MS: [u64; 8] = [100, 500, 1_000, 5_000, 15_000, 60_000, 300_000, 1_800_000];
/// Upper bounds of an incident's life, in ms.
pub const INCIDENT_BOUNDS_MS: [u64; 8] =
    [1_000, 5_000, 15_000, 60_000, 300_000, 1_800_000, 7_200_000, 86_400_000];

/// How many values were at most each bound, how many there were, and their sum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Values within each bound, not cumulated.
    pub within: [u64; 8],
    /// All values.
    pub count: u64,
    /// Their sum, in ms.
    pub sum_ms: u64,
}

impl Histogram {
    fn add(&mut self, bounds: &[u64; 8], ms: u64) {
        if let Some(place) = bounds.iter().position(|bound| ms <= *bound) {
            self.within[place] += 1;
        }
        self.count += 1;
        self.sum_ms = self.sum_ms.saturating_add(ms);
    }
}

/// See the module. The words are those of entries; every set of them is closed or bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entries by kind.
    pub entries: BTreeMap<&'static str, u64>,
    /// Degradations by severity.
    pub degradations: BTreeMap<String, u64>,
    /// Attempts that ended, by outcome.
    pub attempts: BTreeMap<String, u64>,
    /// Steps that ended, by outcome.
    pub steps: BTreeMap<&'static str, u64>,
    /// How long steps took.
    pub step_ms: Histogram,
    /// Verifications by verdict.
    pub verifications: BTreeMap<String, u64>,
    /// Incidents that were closed, by how.
    pub closed: BTreeMap<String, u64>,
    /// How long they were open.
    pub incident_ms: Histogram,
    /// Tries to deliver a notice, by channel and what came of it: delivered, failed (tried again), refused, given up.
    pub notices: BTreeMap<(String, &'static str), u64>,
}

/// So many channels are told apart: a configuration that is read again may bring others each time.
const CHANNELS_COUNTED: usize = 2 * CHANNELS_MAX;

impl Tally {
    /// Counts what came of a notice; `world` has not folded it yet, and so still knows whose it was.
    pub(super) fn count_told(&mut self, record: &Record, world: &World) {
        let (notice, result) = match &record.event {
            Event::NoticeDelivered(delivered) => (delivered.notice, "delivered"),
            Event::NoticeFailed(failed) if failed.refused => (failed.notice, "refused"),
            Event::NoticeFailed(failed) if failed.retry_elapsed_ms.is_some() => (failed.notice, "failed"),
            Event::NoticeFailed(failed) => (failed.notice, "given_up"),
            _ => return,
        };
        let Some(waiting) = world.outbox.waiting.get(&notice) else { return };
        let channel = waiting.queued.channel.as_str();
        let known: BTreeSet<&str> = self.notices.keys().map(|(channel, _)| channel.as_str()).collect();
        let counted = known.contains(channel) || known.len() < CHANNELS_COUNTED;
        let channel = if counted { channel } else { "other" }.to_owned();
        *self.notices.entry((channel, result)).or_default() += 1;
    }

    /// Counts an entry; `world` has folded it already.
    pub(super) fn count(&mut self, record: &Record, world: &World) {
        *self.entries.entry(record.event.kind()).or_default() += 1;
        let one = |counts: &mut BTreeMap<String, u64>, word: String| *counts.entry(word).or_default() += 1;
        match &record.event {
            Event::DegradationSeen(seen) => one(&mut self.degradations, word(&seen.severity)),
            Event::AttemptEnded(ended) => one(&mut self.attempts, word(&ended.outcome)),
            Event::VerificationConcluded(concluded) => one(&mut self.verifications, word(&concluded.verdict)),
            Event::StepFinished(finished) => {
                *self.steps.entry(step_word(&finished.outcome)).or_default() += 1;
                self.step_ms.add(&STEP_BOUNDS_MS, finished.took_ms);
            }
            Event::IncidentClosed(closed) => {
                one(&mut self.closed, word(&closed.closure));
                let opened = record.incident.and_then(|id| world.incident(id)).map(|c| c.opened_time_us);
                let open_us = record.at.time_us.saturating_sub(opened.unwrap_or(record.at.time_us));
                self.incident_ms.add(&INCIDENT_BOUNDS_MS, u64::try_from(open_us / 1000).unwrap_or(0));
            }
            _ => {}
        }
    }
}

/// A unit variant as its JSON word.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "other".to_owned(),
    }
}

fn step_word(outcome: &StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Succeeded => "succeeded",
        StepOutcome::Exited(_) => "exited",
        StepOutcome::Signalled(_) => "signalled",
        StepOutcome::TimedOut => "timed_out",
        StepOutcome::NotStarted(_) => "not_started",
        StepOutcome::WouldNotDie => "would_not_die",
        StepOutcome::Refused(_) => "refused",
        StepOutcome::Failed { .. } => "failed",
    }
}
