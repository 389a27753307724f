//! Requests for more trust as an incident holds them, and the track record of runbooks that they rest on (RM-31).
//! Not for: what a record lets a runbook ask for, and who may answer (policy).

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::RemediationContext;
use super::incident::attempt_of;
use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, Seq};
use crate::base::limits::{RECORD_MARKS_MAX, RECORD_MS_MAX, RECORDS_MAX};
use crate::event::Event;
use crate::event::attempt::Outcome;
use crate::event::elevation::{ElevationRequested, TrackRecord};
use crate::event::incident::Closure;

/// Who answered a request when no person did.
pub const DECIDER: &str = "decider";

/// A request and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Elevation {
    /// Its entry.
    pub request: Seq,
    /// What was asked.
    pub asked: ElevationRequested,
    /// What became of it.
    pub state: ElevationState,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElevationState {
    /// Nobody has answered.
    Waiting,
    /// It may, once.
    Granted {
        /// The entry that says so.
        seq: Seq,
        /// Who granted it.
        by: String,
        /// Until this moment of the journal's clock.
        until_elapsed_ms: u64,
    },
    /// An attempt has used it.
    Used {
        /// The entry that granted it.
        seq: Seq,
        /// Who granted it.
        by: String,
        /// Which attempt.
        attempt: AttemptId,
    },
    /// It may not.
    Refused {
        /// Who refused it.
        by: String,
        /// Why.
        reason: String,
    },
    /// Nobody answered in time, or nobody used it in time.
    Expired,
}

impl Elevation {
    /// Whether it waits for its answer, or to be used.
    pub fn is_open(&self) -> bool {
        matches!(self.state, ElevationState::Waiting | ElevationState::Granted { .. })
    }
}

impl RemediationContext {
    /// The request that waits for an answer. There is at most one.
    pub fn asking(&self) -> Option<&Elevation> {
        self.elevations.iter().rev().find(|e| e.state == ElevationState::Waiting)
    }
    /// The last request of a runbook of these bytes.
    pub fn elevation(&self, digest: FileDigest) -> Option<&Elevation> {
        self.elevations.iter().rev().find(|e| e.asked.digest == digest)
    }

    /// Whether the entry speaks of a request that can still be answered (or, for an attempt, of a grant not yet used).
    pub(super) fn check_elevation(&self, event: &Event) -> Result<(), &'static str> {
        let known = |request: &Seq| self.elevations.iter().find(|e| e.request == *request);
        let fits = match event {
            Event::ElevationGranted(e) => {
                known(&e.request).is_some_and(|e| e.state == ElevationState::Waiting)
            }
            Event::ElevationRefused(e) => known(&e.request).is_some_and(Elevation::is_open),
            Event::DeciderAbstained(e) => {
                known(&e.request).is_some_and(|e| e.state == ElevationState::Waiting)
            }
            Event::ElevationExpired(e) => known(&e.request).is_some_and(Elevation::is_open),
            Event::AttemptPlanned(planned) => planned.elevation.is_none_or(|grant| {
                let state = self.elevation(planned.digest).map(|e| &e.state);
                matches!(state, Some(ElevationState::Granted { seq, .. }) if *seq == grant)
            }),
            _ => true,
        };
        if fits { Ok(()) } else { Err("of a request that nobody waits for any more") }
    }

    pub(super) fn apply_elevation(&mut self, event: &Event, seq: Seq) {
        let mut set = |request: Seq, state: ElevationState| {
            if let Some(elevation) = self.elevations.iter_mut().find(|e| e.request == request) {
                elevation.state = state;
            }
        };
        match event {
            Event::ElevationRequested(asked) => {
                // Asked again after a restart: an answer to the older question is none.
                self.elevations.retain(|e| e.state != ElevationState::Waiting);
                let (asked, state) = (asked.clone(), ElevationState::Waiting);
                self.elevations.push(Elevation { request: seq, asked, state });
            }
            Event::ElevationGranted(granted) => {
                let (by, until_elapsed_ms) = (granted.by.clone(), granted.until_elapsed_ms);
                set(granted.request, ElevationState::Granted { seq, by, until_elapsed_ms });
            }
            Event::ElevationRefused(refused) => {
                let (by, reason) = (refused.by.clone(), refused.reason.clone());
                set(refused.request, ElevationState::Refused { by, reason });
            }
            Event::ElevationExpired(expired) => set(expired.request, ElevationState::Expired),
            Event::AttemptPlanned(planned) => {
                let granted = self.elevations.iter_mut().rev().find(|e| e.asked.digest == planned.digest);
                if let (Some(_), Some(elevation)) = (planned.elevation, granted)
                    && let ElevationState::Granted { seq, by, .. } = &elevation.state
                {
                    let (seq, by, attempt) = (*seq, by.clone(), planned.attempt);
                    elevation.state = ElevationState::Used { seq, by, attempt };
                }
            }
            _ => {}
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mark {
    Success,
    Failure,
    Override,
}

/// Track records by the digest of the runbook: who edits it begins anew.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TrackRecords(BTreeMap<FileDigest, VecDeque<(u64, Mark)>>);

impl TrackRecords {
    /// What counts of these bytes at this moment of the journal's clock.
    pub fn of(&self, digest: FileDigest, now: u64) -> TrackRecord {
        let mut record = TrackRecord::default();
        for (at, mark) in self.0.get(&digest).into_iter().flatten() {
            if at + RECORD_MS_MAX > now {
                match mark {
                    Mark::Success => record.successes += 1,
                    Mark::Failure => record.failures += 1,
                    Mark::Override => record.overrides += 1,
                }
            }
        }
        record
    }

    /// Folds an entry of an incident, as the incident was before it.
    pub(super) fn apply(&mut self, incident: &RemediationContext, event: &Event, now: u64) {
        if let Some((digest, mark)) = mark(incident, event) {
            self.add(digest, mark, now);
        }
    }

    fn add(&mut self, digest: FileDigest, mark: Mark, now: u64) {
        let marks = self.0.entry(digest).or_default();
        marks.retain(|(at, _)| at + RECORD_MS_MAX > now);
        marks.push_back((now, mark));
        if marks.len() > RECORD_MARKS_MAX {
            marks.pop_front();
        }
        if self.0.len() > RECORDS_MAX {
            let last = |marks: &VecDeque<(u64, Mark)>| marks.back().map_or(0, |(at, _)| *at);
            let oldest = self.0.iter().min_by_key(|(_, marks)| last(marks)).map(|(digest, _)| *digest);
            if let Some(oldest) = oldest {
                self.0.remove(&oldest);
            }
        }
    }
}

fn mark(incident: &RemediationContext, event: &Event) -> Option<(FileDigest, Mark)> {
    let attempt = match event {
        Event::IncidentRelapsed(_) => incident.attempt_by_id(incident.watch.as_ref()?.attempt),
        event => match attempt_of(event) {
            Some(id) => incident.attempt_by_id(id),
            None => incident.attempt(),
        },
    };
    let acted = attempt.filter(|a| !a.planned.dry_run);
    let healed =
        acted.and_then(|a| a.ended.as_ref()).is_some_and(|(outcome, _)| *outcome == Outcome::Healthy);
    let mark = match event {
        Event::ElevationRefused(refused) => {
            let asked = incident.elevations.iter().find(|e| e.request == refused.request)?;
            return (refused.by != DECIDER).then_some((asked.asked.digest, Mark::Override));
        }
        // A success that comes back bad is a failure; one that stays good for the whole watch is a success.
        Event::IncidentRelapsed(_) => Mark::Failure,
        Event::IncidentClosed(closed) if closed.closure == Closure::Healed && healed => Mark::Success,
        Event::IncidentClosed(closed) if closed.closure == Closure::ClosedByPerson && !healed => {
            Mark::Override
        }
        Event::AttemptEnded(ended) if ended.outcome == Outcome::Failed => Mark::Failure,
        Event::AttemptThawed(thawed) if thawed.statement.is_some() => Mark::Override,
        _ => return None,
    };
    Some((acted?.planned.digest, mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_forgets_what_is_old_and_stays_bounded() {
        let mut records = TrackRecords::default();
        let (a, b) = (FileDigest::of(b"a"), FileDigest::of(b"b"));
        records.add(a, Mark::Success, 0);
        records.add(a, Mark::Failure, 10);
        records.add(b, Mark::Override, 10);
        assert_eq!(records.of(a, 10), TrackRecord { successes: 1, failures: 1, overrides: 0 });
        assert_eq!(records.of(a, RECORD_MS_MAX), TrackRecord { successes: 0, failures: 1, overrides: 0 });
        for _ in 0..2 * RECORD_MARKS_MAX {
            records.add(a, Mark::Success, 20);
        }
        assert_eq!(records.of(a, 20).successes as usize, RECORD_MARKS_MAX);
        for n in 0..2 * RECORDS_MAX {
            records.add(FileDigest::of(n.to_string().as_bytes()), Mark::Success, 30);
        }
        assert_eq!(records.0.len(), RECORDS_MAX);
        assert_eq!(records.of(b, 30), TrackRecord::default(), "the longest unused one goes first");
    }
}
