//! The RemediationContext (RM-50): one incident as a fold, in the four parts that every face shows by name:
//! originating signal, chosen runbook, intermediate state, verification results.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Elevation;
use super::Illegal;
use super::attempt::{Attempt, VerificationState};
use crate::base::ids::{AttemptId, Fingerprint, IncidentId, Seq, SubjectId};
use crate::base::limits::SEALED_SUBJECTS_MAX;
use crate::event::attempt::Outcome;
use crate::event::degradation::{DegradationSeen, Severity};
use crate::event::incident::{IncidentClosed, IncidentHeld, IncidentMatched, IncidentOpened};
use crate::event::{Event, Record};

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// Something must be decided.
    Open,
    /// Nothing is done now, for a recorded reason.
    Held,
    /// An attempt is under way.
    Remediating,
    /// People have been told; rungs follow.
    Escalated,
    /// Healed; a relapse reopens it.
    Watching,
    /// An attempt's outcome is unknown; waits for a person or its time limit.
    Frozen,
    /// Over.
    Closed,
}

/// The originating signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// The report that opened the incident.
    pub first: DegradationSeen,
    /// Its entry.
    pub first_seq: Seq,
    /// The last report of the same trouble.
    pub last_seq: Seq,
    /// Reports so far.
    pub count: u64,
    /// The worst severity among them.
    pub severity: Severity,
    /// The sentinel said that it is good again, and nothing bad was reported since.
    pub recovered_seq: Option<Seq>,
    /// Whom or what the reports are about: what comes of them is sealed as they are.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub subjects: BTreeSet<SubjectId>,
}

/// The chosen runbook and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The decision trace.
    pub matched: IncidentMatched,
    /// Its entry.
    pub seq: Seq,
}

/// How far people were told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Escalation {
    /// The last rung climbed.
    pub rung: Option<u32>,
    /// Of how many.
    pub rungs: u32,
    /// When the next one is due, on the journal's clock.
    pub next_elapsed_ms: Option<u64>,
    /// Why it began.
    pub reason: String,
}

/// The regression watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchState {
    /// The healed attempt.
    pub attempt: AttemptId,
    /// When it began, on the journal's clock.
    pub since_elapsed_ms: u64,
    /// When it ends.
    pub until_elapsed_ms: u64,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemediationContext {
    /// Its id.
    pub id: IncidentId,
    /// The trouble.
    pub fingerprint: Fingerprint,
    /// Where it stands.
    pub state: IncidentState,
    /// The entry that opened it.
    pub opened_seq: Seq,
    /// When, on the journal's clock.
    pub opened_elapsed_ms: u64,
    /// When, Unix µs.
    pub opened_time_us: i64,
    /// Its last entry.
    pub last_seq: Seq,
    /// When that was, Unix µs.
    pub last_time_us: i64,
    /// Originating signal.
    pub signal: Signal,
    /// Chosen runbook.
    pub chosen: Option<Choice>,
    /// Intermediate state: the attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// Requests for more trust, oldest first.
    pub elevations: Vec<Elevation>,
    /// Why nothing is done now.
    pub held: Option<IncidentHeld>,
    /// How far people were told.
    pub escalation: Escalation,
    /// The regression watch.
    pub watch: Option<WatchState>,
    /// Relapses so far.
    pub relapses: u32,
    /// The entry that asked for the look before the next rung: an answer to an older one is ignored.
    pub look_asked: Option<Seq>,
    /// How it ended.
    pub closed: Option<IncidentClosed>,
    /// An entry that its lifecycle did not allow froze this incident for good.
    pub alarm: Option<String>,
}

impl RemediationContext {
    /// A new incident.
    pub fn new(
        id: IncidentId,
        opened: &IncidentOpened,
        cause: (Seq, DegradationSeen),
        record: &Record,
        now: u64,
    ) -> Self {
        let (first_seq, first) = cause;
        let severity = first.severity;
        let subjects = first.subject.into_iter().collect();
        Self {
            id,
            fingerprint: opened.fingerprint,
            state: IncidentState::Open,
            opened_seq: record.seq,
            opened_elapsed_ms: now,
            opened_time_us: record.at.time_us,
            last_seq: record.seq,
            last_time_us: record.at.time_us,
            signal: Signal {
                first,
                first_seq,
                last_seq: first_seq,
                count: 1,
                severity,
                recovered_seq: None,
                subjects,
            },
            chosen: None,
            attempts: Vec::new(),
            elevations: Vec::new(),
            held: None,
            escalation: Escalation::default(),
            watch: None,
            relapses: 0,
            look_asked: None,
            closed: None,
            alarm: None,
        }
    }

    /// The attempt under way or last ended.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }
    /// An attempt by id.
    pub fn attempt_by_id(&self, id: AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|a| a.id() == id)
    }
    /// Verification results, newest attempt first.
    pub fn verifications(&self) -> impl Iterator<Item = &VerificationState> {
        self.attempts.iter().rev().filter_map(|a| a.verification.as_ref())
    }
    /// Whether it is over.
    pub fn is_closed(&self) -> bool {
        self.state == IncidentState::Closed
    }

    /// The state that `event` leads to: the transition table of an incident.
    pub fn next(&self, event: &Event) -> Result<IncidentState, Illegal> {
        use IncidentState as S;
        let state = self.state;
        let next = match (state, event) {
            _ if self.alarm.is_some() => return self.illegal(event),
            (S::Closed, Event::LockReleased(_) | Event::NoticeQueued(_)) => S::Closed,
            (S::Closed, _) => return self.illegal(event),
            (_, Event::IncidentCoalesced(_) | Event::NoticeQueued(_)) => state,
            (_, Event::DegradationSeen(_) | Event::DegradationRecovered(_) | Event::TargetTainted(_)) => {
                state
            }
            (S::Open | S::Held | S::Escalated, Event::IncidentMatched(_) | Event::RerunOrdered(_)) => state,
            (S::Open | S::Held | S::Escalated, Event::ElevationRequested(_) | Event::ElevationGranted(_)) => {
                state
            }
            (S::Open | S::Held | S::Escalated, Event::ElevationRefused(_) | Event::DeciderAbstained(_)) => {
                state
            }
            (S::Open | S::Held | S::Escalated, Event::ElevationExpired(_)) => state,
            (S::Open | S::Held | S::Escalated, Event::AttemptPlanned(_)) => S::Remediating,
            (S::Open | S::Held | S::Escalated, Event::IncidentHeld(_)) => S::Held,
            (S::Open | S::Held | S::Escalated, Event::IncidentEscalated(_)) => S::Escalated,
            (S::Frozen, Event::IncidentEscalated(_)) => S::Frozen,
            (S::Escalated | S::Frozen, Event::EscalationHeld(_)) => state,
            (S::Remediating, Event::AttemptEnded(ended)) => self.after_attempt(ended.outcome),
            (S::Remediating, Event::AttemptFrozen(_)) => S::Frozen,
            (S::Frozen, Event::AttemptThawed(_)) => S::Remediating,
            (S::Frozen, Event::AttemptResumed(_)) => S::Frozen,
            (S::Frozen, Event::AttemptEnded(_)) => S::Open,
            (S::Watching, Event::WatchObserved(_)) => S::Watching,
            (S::Watching, Event::IncidentRelapsed(_)) => S::Open,
            (S::Remediating, Event::IncidentClosed(_)) => return self.illegal(event),
            (_, Event::IncidentClosed(_)) => S::Closed,
            (_, Event::LockReleased(_) | Event::StepLeftOver(_)) => state,
            (S::Remediating, event) if of_attempt(event) => S::Remediating,
            _ => return self.illegal(event),
        };
        Ok(next)
    }

    fn after_attempt(&self, outcome: Outcome) -> IncidentState {
        match outcome {
            Outcome::Healthy | Outcome::HealedOutcomeUnknown => IncidentState::Watching,
            _ => IncidentState::Open,
        }
    }

    fn illegal<T>(&self, event: &Event) -> Result<T, Illegal> {
        let state = format!("for incident {} in state {:?}", self.id, self.state);
        Err(Illegal { kind: event.kind(), state })
    }

    /// Whether this record may follow: its own table and that of the attempt it names.
    pub fn check(&self, record: &Record) -> Result<(), Illegal> {
        self.next(&record.event)?;
        if let Err(what) = self.check_elevation(&record.event) {
            let state = format!("{what}, in incident {}", self.id);
            return Err(Illegal { kind: record.event.kind(), state });
        }
        match attempt_of(&record.event) {
            Some(id) if !matches!(record.event, Event::AttemptPlanned(_)) => match self.attempt_by_id(id) {
                Some(attempt) => attempt.next(&record.event).map(|_| ()),
                None => {
                    let state = format!("for attempt {id}, which incident {} does not have", self.id);
                    Err(Illegal { kind: record.event.kind(), state })
                }
            },
            _ => Ok(()),
        }
    }

    /// Folds an entry that [`Self::check`] allows.
    pub fn apply(&mut self, record: &Record, now: u64) -> Result<(), Illegal> {
        self.check(record)?;
        let next = self.next(&record.event)?;
        if let (Some(id), false) =
            (attempt_of(&record.event), matches!(record.event, Event::AttemptPlanned(_)))
            && let Some(attempt) = self.attempts.iter_mut().find(|a| a.id() == id)
        {
            attempt.apply(&record.event, record.seq, now)?;
        }
        self.apply_elevation(&record.event, record.seq);
        self.apply_own(record, now);
        if next != IncidentState::Held {
            self.held = None;
        }
        self.state = next;
        self.last_seq = record.seq;
        self.last_time_us = record.at.time_us;
        Ok(())
    }

    fn apply_own(&mut self, record: &Record, now: u64) {
        match &record.event {
            Event::DegradationSeen(seen) => {
                self.signal.count += 1;
                self.signal.last_seq = record.seq;
                self.signal.severity = self.signal.severity.max(seen.severity);
                self.signal.recovered_seq = None;
                // One beyond the bound tells that there are too many.
                if self.signal.subjects.len() <= SEALED_SUBJECTS_MAX {
                    self.signal.subjects.extend(seen.subject);
                }
            }
            Event::DegradationRecovered(_) => self.signal.recovered_seq = Some(record.seq),
            Event::IncidentMatched(matched) => {
                self.chosen = Some(Choice { matched: matched.clone(), seq: record.seq });
            }
            Event::AttemptPlanned(planned) => {
                self.attempts.push(Attempt::new(planned.clone(), record.seq, now));
            }
            Event::IncidentHeld(held) => {
                self.held = Some(held.clone());
                self.look_asked = Some(record.seq);
            }
            Event::IncidentEscalated(escalated) => {
                self.look_asked = Some(record.seq);
                self.escalation = Escalation {
                    rung: Some(escalated.rung),
                    rungs: escalated.rungs,
                    next_elapsed_ms: escalated.next_elapsed_ms,
                    reason: escalated.reason.clone(),
                };
            }
            Event::EscalationHeld(held) => {
                self.escalation.next_elapsed_ms = Some(held.next_elapsed_ms);
                self.look_asked = Some(record.seq);
            }
            Event::AttemptEnded(ended)
                if matches!(ended.outcome, Outcome::Healthy | Outcome::HealedOutcomeUnknown) =>
            {
                let watch =
                    self.attempt_by_id(ended.attempt).map_or(0, |a| a.planned.plan.verification.watch.ms());
                self.watch = Some(WatchState {
                    attempt: ended.attempt,
                    since_elapsed_ms: now,
                    until_elapsed_ms: now + watch,
                });
                self.escalation = Escalation::default();
            }
            Event::IncidentRelapsed(_) => {
                self.relapses += 1;
                self.watch = None;
            }
            Event::IncidentClosed(closed) => {
                self.closed = Some(closed.clone());
                self.watch = None;
            }
            _ => {}
        }
    }
}

/// The attempt that an event speaks of.
pub fn attempt_of(event: &Event) -> Option<AttemptId> {
    Some(match event {
        Event::AttemptPlanned(e) => e.attempt,
        Event::PreconditionsChecked(e) => e.attempt,
        Event::AttemptResumed(e) => e.attempt,
        Event::UndoStarted(e) => e.attempt,
        Event::AttemptFrozen(e) => e.attempt,
        Event::AttemptThawed(e) => e.attempt,
        Event::AttemptEnded(e) => e.attempt,
        Event::LockRequested(e) => e.attempt,
        Event::LockGranted(e) => e.attempt,
        Event::LockRefused(e) => e.attempt,
        Event::LockReleased(e) => e.attempt,
        Event::StepIntended(e) => e.attempt,
        Event::StepStarted(e) => e.attempt,
        Event::StepFinished(e) => e.attempt,
        Event::VerificationStarted(e) => e.attempt,
        Event::VerificationObserved(e) => e.attempt,
        Event::VerificationConcluded(e) => e.attempt,
        _ => return None,
    })
}

fn of_attempt(event: &Event) -> bool {
    attempt_of(event).is_some()
}
