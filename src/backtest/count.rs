//! What a candidate would have done, counted: attempts, limits that bound it, targets at once, conflicts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::answer::OVER;
use super::shelf::Shelf;
use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, IncidentId};
use crate::base::time::rfc3339;
use crate::context::World;
use crate::event::incident::IncidentMatched;
use crate::event::{Event, Record};
use crate::policy::Runbooks as _;

/// Words of candidates that say that a limit stands in the way, not the matcher.
const BLOCKS: &[&str] =
    &["attempts", "cooldown", "fingerprint_attempts", "frozen", "observe_only", "unresolved"];
/// Words of holds that keep every runbook back.
const HOLDS: &[&str] = &["attempts_at_once", "draining", "paused", "tainted"];

/// Incidents that are named; all are counted.
const LISTED_MAX: usize = 100;

/// Another runbook that wanted the same incidents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// How often the candidate was chosen although the other one was eligible.
    pub wins: u64,
    /// How often the other one was chosen although the candidate was eligible.
    pub loses: u64,
    /// Both have one priority and overlapping matchers: the newcomer would be refused.
    pub refused: bool,
}

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Attempts that would have been planned.
    pub planned: u64,
    /// Attempts that would have begun a step.
    pub fired: u64,
    /// Incidents on which it would have begun a step.
    pub incidents: u64,
    /// The first of them.
    pub on: Vec<IncidentId>,
    /// Attempts that a precondition would have ended.
    pub declined: u64,
    /// Distinct targets that its attempts would have acted on at one moment, at most.
    pub targets_at_once: u64,
    /// How its attempts would have ended: outcome → how often. `unknown`: nobody knows what the actions led to;
    /// `under_way`: history ends before they do.
    pub outcomes: BTreeMap<String, u64>,
    /// What would have kept it back: limit → how often.
    pub blocked: BTreeMap<String, u64>,
    /// Why it did not fit: part of its matcher → how often.
    pub not_matched: BTreeMap<String, u64>,
    /// Why it could not be resolved for a target, with one example each.
    pub unresolved: BTreeMap<String, u64>,
    /// Other runbooks that wanted the same incidents.
    pub conflicts: BTreeMap<String, Conflict>,
    /// When it would have begun a step first, RFC 3339.
    pub first: Option<String>,
    /// When it would have done so last, RFC 3339.
    pub last: Option<String>,
}

/// See the module.
pub(super) struct Count {
    candidate: Option<(String, FileDigest)>,
    active: BTreeMap<AttemptId, String>,
    begun: BTreeSet<AttemptId>,
    /// Attempts whose effect nobody knows.
    unknown: BTreeSet<AttemptId>,
    incidents: BTreeSet<IncidentId>,
    pub counted: Counted,
}

impl Count {
    pub fn new(candidate: Option<(String, FileDigest)>) -> Self {
        let (active, begun, unknown, incidents) = Default::default();
        Self { candidate, active, begun, unknown, incidents, counted: Counted::default() }
    }

    /// A simulated entry.
    pub fn note(&mut self, record: &Record, world: &World, shelf: &Shelf<'_>) {
        let Some((id, digest)) = self.candidate.clone() else { return };
        let Some(incident) = record.incident else { return };
        match &record.event {
            Event::IncidentMatched(matched) => self.matched(matched, &digest),
            Event::IncidentHeld(held) if HOLDS.contains(&held.reason.as_str()) => {
                let context = world.incident(incident);
                let fits = context.is_some_and(|context| {
                    let (offers, _) = shelf.offers(&context.signal.first, context.signal.count);
                    offers.iter().any(|offer| offer.digest == digest && offer.mismatch.is_none())
                });
                if fits {
                    *self.counted.blocked.entry(held.reason.clone()).or_default() += 1;
                }
            }
            Event::AttemptPlanned(planned) if planned.digest == digest && planned.runbook == id => {
                self.counted.planned += 1;
                self.active.insert(planned.attempt, planned.target.clone());
                let targets: BTreeSet<&String> = self.active.values().collect();
                self.counted.targets_at_once = self.counted.targets_at_once.max(targets.len() as u64);
            }
            Event::PreconditionsChecked(checked) if !checked.hold && self.is_active(&checked.attempt) => {
                self.counted.declined += 1;
            }
            Event::StepIntended(intended)
                if self.is_active(&intended.attempt) && self.begun.insert(intended.attempt) =>
            {
                self.fired(record, incident);
            }
            Event::VerificationConcluded(concluded) if concluded.evidence == OVER => {
                self.unknown.insert(concluded.attempt);
            }
            Event::AttemptEnded(ended) if self.active.remove(&ended.attempt).is_some() => {
                self.begun.remove(&ended.attempt);
                let word = serde_json::to_value(ended.outcome).ok();
                let word = word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
                let word = if self.unknown.remove(&ended.attempt) { "unknown".to_owned() } else { word };
                *self.counted.outcomes.entry(word).or_default() += 1;
            }
            _ => {}
        }
    }

    /// The end of history: what is under way stays so.
    pub fn finish(&mut self) {
        if !self.active.is_empty() {
            self.counted.outcomes.insert("under_way".into(), self.active.len() as u64);
        }
    }

    fn is_active(&self, attempt: &AttemptId) -> bool {
        self.active.contains_key(attempt)
    }

    fn fired(&mut self, record: &Record, incident: IncidentId) {
        let counted = &mut self.counted;
        counted.fired += 1;
        if self.incidents.insert(incident) {
            counted.incidents += 1;
            if counted.on.len() < LISTED_MAX {
                counted.on.push(incident);
            }
        }
        let at = rfc3339(record.at.time_us);
        counted.first.get_or_insert_with(|| at.clone());
        counted.last = Some(at);
    }

    fn matched(&mut self, matched: &IncidentMatched, digest: &FileDigest) {
        let Some(own) = matched.candidates.iter().find(|c| c.digest == *digest) else { return };
        let counted = &mut self.counted;
        let chosen = matched.digest == Some(*digest);
        if chosen {
            for other in matched.candidates.iter().filter(|c| c.eligible && c.digest != *digest) {
                counted.conflicts.entry(other.runbook.clone()).or_default().wins += 1;
            }
        } else if own.eligible {
            if let Some(other) = &matched.chosen {
                counted.conflicts.entry(other.clone()).or_default().loses += 1;
            }
        } else if BLOCKS.contains(&own.why.as_str()) {
            *counted.blocked.entry(own.why.clone()).or_default() += 1;
            if own.why == "unresolved" {
                *counted.unresolved.entry(own.detail.clone()).or_default() += 1;
            }
        } else {
            *counted.not_matched.entry(own.why.clone()).or_default() += 1;
        }
    }
}
