//! `World`: everything that a decision may read, as a fold of the journal.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clock::ElapsedClock;
use super::control::Control;
use super::incident::{IncidentState, RemediationContext, attempt_of};
use super::{Attempt, Frozen, History, Illegal, Machine, Outbox, Senders, TrackRecords};
use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::{AttemptId, BootId, Fingerprint, IncidentId, NodeId, Seq};
use crate::base::limits::CLOSED_INCIDENTS_MAX;
use crate::base::time::Stamp;
use crate::event::attempt::Outcome;
use crate::event::content::{CatalogLoaded, ConfigLoaded};
use crate::event::degradation::DegradationSeen;
use crate::event::incident::Closure;
use crate::event::{Cause, Event, Record};

/// Version of this fold: a snapshot of another version is not used.
pub const FOLD_VERSION: u32 = crate::base::formats::FOLD;

/// Trust files in force.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Trust {
    /// Name → digest.
    pub files: BTreeMap<String, FileDigest>,
    /// Name → blob.
    pub blobs: BTreeMap<String, Blake3>,
    /// Why a newer version on disk is not in force, and its digests.
    pub refused: Option<(BTreeMap<String, FileDigest>, String)>,
    /// Versions that were in force before and were replaced: their signatures are spent.
    pub former: BTreeSet<FileDigest>,
}

impl Trust {
    /// What comes into force; what it replaces is spent.
    fn replace(&mut self, files: &BTreeMap<String, FileDigest>, blobs: &BTreeMap<String, Blake3>) {
        let replaced = self.files.iter().filter(|(name, digest)| files.get(*name) != Some(digest));
        self.former.extend(replaced.map(|(_, digest)| *digest));
        (self.files, self.blobs, self.refused) = (files.clone(), blobs.clone(), None);
    }
}

/// An entry whose lifecycle did not allow it: the incident is frozen, the open goes on (invariant 11).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alarm {
    /// The entry.
    pub seq: Seq,
    /// What is wrong.
    pub what: String,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// Chain hash of the genesis entry: derived ids start from it.
    pub genesis: Blake3,
    /// This machine.
    pub node: Option<NodeId>,
    /// Seq that the next entry will have.
    pub next_seq: Seq,
    /// The journal's own clock.
    pub clock: ElapsedClock,
    /// The running (or last) process start.
    pub boot: Option<BootId>,
    /// Whether the last process stopped in order.
    pub stopped_cleanly: bool,
    /// Why it runs observe-only.
    pub observe_only: Option<String>,
    /// Configuration in force.
    pub config: ConfigLoaded,
    /// Catalog in force and the entry that loaded it.
    pub catalog: Option<(Seq, CatalogLoaded)>,
    /// Live content → the entry at which it was first live, in that order of adoption.
    pub adopted: BTreeMap<FileDigest, Seq>,
    /// `kind/id` → the entry at which it was live for the first time, whatever its bytes.
    pub first_live: BTreeMap<String, Seq>,
    /// Trust in force.
    pub trust: Trust,
    /// People's word in force.
    pub control: Control,
    /// Open incidents and the last closed ones.
    pub incidents: BTreeMap<IncidentId, RemediationContext>,
    /// Fingerprints with an open incident.
    pub open: BTreeMap<Fingerprint, IncidentId>,
    /// Incidents with an attempt under way.
    remediating: BTreeSet<IncidentId>,
    /// Incidents that wait for a moment, or for an attempt: those that a timer can be for.
    timed: BTreeSet<IncidentId>,
    closed_order: VecDeque<IncidentId>,
    /// Reports that are about to open an incident (by seq), until the next entry.
    last_seen: Option<(Seq, DegradationSeen)>,
    /// Attempts as they count towards limits.
    pub history: History,
    /// What runbooks have done, as far as it counts for trust.
    pub records: TrackRecords,
    /// What is known of this machine.
    pub machine: Machine,
    /// What people are still to be told.
    pub outbox: Outbox,
    /// Senders' ids.
    pub senders: Senders,
    /// Entries that their lifecycle did not allow (the last 64).
    pub alarms: VecDeque<Alarm>,
}

impl World {
    /// Nothing is known but whose journal it is.
    pub fn new(genesis: Blake3) -> Self {
        Self {
            genesis,
            node: None,
            next_seq: 0,
            clock: ElapsedClock::default(),
            boot: None,
            stopped_cleanly: true,
            observe_only: None,
            config: ConfigLoaded::default(),
            catalog: None,
            adopted: BTreeMap::new(),
            first_live: BTreeMap::new(),
            trust: Trust::default(),
            control: Control::default(),
            incidents: BTreeMap::new(),
            open: BTreeMap::new(),
            remediating: BTreeSet::new(),
            timed: BTreeSet::new(),
            closed_order: VecDeque::new(),
            last_seen: None,
            history: History::default(),
            records: TrackRecords::default(),
            machine: Machine::default(),
            outbox: Outbox::default(),
            senders: Senders::default(),
            alarms: VecDeque::new(),
        }
    }

    /// Elapsed time after the last entry, ms.
    pub fn elapsed_ms(&self) -> u64 {
        self.clock.elapsed_ms()
    }
    /// Elapsed time at a moment of the running process, ms.
    pub fn elapsed_at(&self, at: Stamp) -> u64 {
        self.clock.elapsed_at(at)
    }
    /// An incident that is still held.
    pub fn incident(&self, id: IncidentId) -> Option<&RemediationContext> {
        self.incidents.get(&id)
    }
    /// An attempt and its incident.
    pub fn attempt(&self, incident: IncidentId, attempt: AttemptId) -> Option<&Attempt> {
        self.incident(incident)?.attempt_by_id(attempt)
    }
    /// Incidents that are not closed, oldest first by id order of opening.
    pub fn open_incidents(&self) -> impl Iterator<Item = &RemediationContext> {
        self.open.values().filter_map(|id| self.incidents.get(id))
    }
    /// Attempts that are not over.
    pub fn active_attempts(&self) -> usize {
        self.remediating.len()
    }
    /// Incidents that a timer can be for; with many open ones these are few.
    pub fn timed_incidents(&self) -> impl Iterator<Item = &RemediationContext> {
        self.timed.iter().filter_map(|id| self.incidents.get(id))
    }
    /// BLAKE3 of the snapshot's bytes that this state gives.
    pub fn snapshot(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
    /// The state that [`Self::snapshot`] wrote.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Whether an entry may follow: asked before the append (invariant 11).
    pub fn check(&self, record: &Record) -> Result<(), Illegal> {
        let illegal = |state: String| Err(Illegal { kind: record.event.kind(), state });
        if record.seq != self.next_seq {
            return illegal(format!("at seq {} where {} is next", record.seq, self.next_seq));
        }
        match (&record.event, record.incident) {
            (Event::IncidentOpened(opened), Some(_)) if self.open.contains_key(&opened.fingerprint) => {
                illegal(format!("while fingerprint {} has an open incident", opened.fingerprint))
            }
            (Event::IncidentOpened(_), Some(_)) if self.last_seen.is_none() => {
                illegal("without a report right before it".into())
            }
            (Event::IncidentOpened(_), Some(_)) => Ok(()),
            (_, Some(id)) => match self.incidents.get(&id) {
                Some(incident) => incident.check(record),
                None if attempt_of(&record.event).is_none() => Ok(()),
                None => illegal(format!("for incident {id}, which is not known")),
            },
            (event, None) if attempt_of(event).is_some() => illegal("without an incident".into()),
            _ => Ok(()),
        }
    }

    /// Folds one committed entry. Total: an illegal one freezes its incident and raises an alarm.
    pub fn apply(&mut self, record: &Record) {
        self.clock.apply(record);
        let now = self.clock.elapsed_ms();
        self.next_seq = record.seq + 1;
        self.node = Some(record.node);
        self.boot = Some(record.boot);
        self.machine.apply(record);
        self.apply_process(record);
        self.apply_history(record, now);
        match (&record.event, record.incident) {
            (Event::IncidentOpened(opened), Some(id)) => self.open_incident(id, opened.clone(), record, now),
            (_, Some(id)) => self.apply_incident(id, record, now),
            (event, None) if attempt_of(event).is_some() => {
                self.alarm(record.seq, "an attempt without an incident".into())
            }
            _ => {}
        }
        // Only a report of an incident that is not known can be followed by its opening.
        let unknown = record.incident.is_some_and(|id| !self.incidents.contains_key(&id));
        self.last_seen = match &record.event {
            Event::DegradationSeen(seen) if unknown => Some((record.seq, seen.clone())),
            _ => None,
        };
    }

    fn apply_process(&mut self, record: &Record) {
        let (seq, now) = (record.seq, self.clock.elapsed_ms());
        self.control.apply(&record.event, seq, now);
        match &record.event {
            Event::Genesis(genesis) => {
                self.trust.replace(&genesis.trust, &genesis.trust_blobs);
            }
            Event::ProcessStarted(started) => {
                self.stopped_cleanly = false;
                self.observe_only = started.observe_only.clone();
            }
            Event::ProcessStopped(_) => self.stopped_cleanly = true,
            Event::ConfigLoaded(config) => self.config = config.clone(),
            Event::ContentAdopted(adopted) => {
                for digest in &adopted.digests {
                    self.adopted.entry(*digest).or_insert(seq);
                }
            }
            Event::CatalogLoaded(catalog) => {
                catalog.remember_live(seq, &mut self.first_live);
                self.catalog = Some((seq, catalog.clone()));
            }
            Event::TrustChanged(changed) => {
                self.trust.replace(&changed.files, &changed.blobs);
            }
            Event::TrustRefused(refused) => {
                self.trust.refused = Some((refused.files.clone(), refused.reason.clone()));
            }
            Event::TrustRestored(_) => self.trust.refused = None,
            Event::DegradationSeen(seen) => {
                if let Some(id) = &seen.sender_id {
                    self.senders.remember(&seen.source.to_string(), id, seen.receipt, seq, now);
                }
            }
            Event::DegradationRecovered(recovered) => {
                if let (Some(id), Some(receipt)) = (&recovered.sender_id, recovered.receipt) {
                    self.senders.remember(&recovered.source.to_string(), id, receipt, seq, now);
                }
            }
            Event::NoticeQueued(queued) => self.outbox.queue(seq, queued.clone(), record.incident, now),
            Event::NoticeDelivered(delivered) => self.outbox.delivered(delivered.notice),
            Event::NoticeFailed(failed) => self.outbox.failed(failed),
            Event::IncidentClosed(_) => {
                if let Some(id) = record.incident {
                    self.outbox.closed(id);
                }
            }
            _ => {}
        }
    }

    /// Limits count from the intent, so a crash after it cannot hide the attempt.
    fn apply_history(&mut self, record: &Record, now: u64) {
        let Some(incident) = record.incident.and_then(|id| self.incidents.get(&id)) else { return };
        self.records.apply(incident, &record.event, now);
        // The sentinel is told to forget what it reported, and will not say that it is good again.
        if matches!(&record.event, Event::IncidentClosed(closed) if closed.closure == Closure::RecoveredUnaided)
        {
            self.machine.forget_edge(incident.fingerprint);
        }
        let attempt = attempt_of(&record.event).and_then(|id| incident.attempt_by_id(id));
        let Some(attempt) = attempt else { return };
        let planned = &attempt.planned;
        match &record.event {
            Event::StepIntended(_) if !attempt.touched() => {
                self.history.touch(&planned.runbook, &planned.target, incident.fingerprint, now);
            }
            Event::AttemptEnded(ended) if !planned.dry_run => {
                let verified = ended.outcome == Outcome::Healthy;
                self.history.end(&planned.runbook, &planned.target, verified, now);
                if matches!(ended.outcome, Outcome::Healthy | Outcome::HealedOutcomeUnknown) {
                    self.machine.forget_edge(incident.fingerprint);
                }
                self.machine.frozen.remove(&planned.attempt);
            }
            Event::AttemptFrozen(frozen) => {
                let frozen = Frozen {
                    attempt: planned.attempt,
                    incident: record.incident,
                    runbook: planned.runbook.clone(),
                    target: planned.target.clone(),
                    reason: frozen.reason.clone(),
                    until_elapsed_ms: frozen.until_elapsed_ms,
                };
                self.machine.frozen.insert(frozen.attempt, frozen);
            }
            _ => {}
        }
    }

    fn open_incident(
        &mut self,
        id: IncidentId,
        opened: crate::event::incident::IncidentOpened,
        record: &Record,
        now: u64,
    ) {
        let caused_by = match record.cause {
            Some(Cause::Seq(seq)) => Some(seq),
            _ => None,
        };
        match self.last_seen.take() {
            Some(seen) if caused_by == Some(seen.0) => {
                let context = RemediationContext::new(id, &opened, seen, record, now);
                self.open.insert(opened.fingerprint, id);
                self.incidents.insert(id, context);
            }
            _ => self.alarm(record.seq, format!("incident {id} opened without the report that caused it")),
        }
    }

    fn apply_incident(&mut self, id: IncidentId, record: &Record, now: u64) {
        let Some(incident) = self.incidents.get_mut(&id) else {
            if attempt_of(&record.event).is_some() {
                self.alarm(record.seq, format!("incident {id} is not known"));
            }
            return;
        };
        let before = incident.state;
        if let Err(illegal) = incident.apply(record, now) {
            incident.alarm = Some(format!("seq {}: {illegal}", record.seq));
            incident.state = IncidentState::Frozen;
            self.index(id, IncidentState::Closed, false);
            self.alarm(record.seq, illegal.to_string());
            return;
        }
        let waits = incident.held.as_ref().is_some_and(|h| h.until_elapsed_ms.is_some());
        let (state, fingerprint, over) = (incident.state, incident.fingerprint, incident.is_closed());
        self.index(id, state, waits);
        if over && before != IncidentState::Closed {
            self.open.remove(&fingerprint);
            self.closed_order.push_back(id);
            while self.closed_order.len() > CLOSED_INCIDENTS_MAX {
                if let Some(oldest) = self.closed_order.pop_front() {
                    self.incidents.remove(&oldest);
                }
            }
        }
    }

    fn index(&mut self, id: IncidentId, state: IncidentState, waits: bool) {
        let put = |set: &mut BTreeSet<IncidentId>, in_it: bool| match in_it {
            true => set.insert(id),
            false => set.remove(&id),
        };
        let active = state == IncidentState::Remediating;
        put(&mut self.remediating, active);
        put(&mut self.timed, active || waits || state == IncidentState::Frozen);
    }

    fn alarm(&mut self, seq: Seq, what: String) {
        self.alarms.push_back(Alarm { seq, what });
        if self.alarms.len() > 64 {
            self.alarms.pop_front();
        }
    }
}
