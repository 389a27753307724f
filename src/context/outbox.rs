//! What people are still to be told: a fold of notices queued, delivered and failed, and of escalations that have
//! reached nobody.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::ids::{IncidentId, Seq};
use crate::event::notice::{NoticeFailed, NoticeQueued};

/// Topic of a notice that a rung sends.
pub const ESCALATION: &str = "escalation";

/// A notice that was not delivered yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// What is to be told.
    pub queued: NoticeQueued,
    /// About which incident.
    pub incident: Option<IncidentId>,
    /// When it was queued, on the journal's clock.
    pub queued_elapsed_ms: u64,
    /// Tries so far.
    pub tries: u32,
    /// The last failure.
    pub last_error: Option<String>,
    /// When it is tried again, on the journal's clock.
    pub retry_elapsed_ms: Option<u64>,
}

/// What a rung says, while its channel has not taken it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undelivered {
    /// No further try is made: refused for good, or too often failed.
    pub given_up: bool,
    /// What it says.
    pub queued: NoticeQueued,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    /// Waiting notices by the seq that queued them.
    pub waiting: BTreeMap<Seq, Notice>,
    /// Incidents with a rung that has not reached everybody it was for (X3): notice → what it says.
    pub undelivered: BTreeMap<IncidentId, BTreeMap<Seq, Undelivered>>,
    /// Given up, loudly.
    pub given_up: u64,
}

impl Outbox {
    /// A notice was queued.
    pub fn queue(&mut self, seq: Seq, queued: NoticeQueued, incident: Option<IncidentId>, now: u64) {
        if let Some(id) = incident.filter(|_| queued.topic == ESCALATION) {
            let of_incident = self.undelivered.entry(id).or_default();
            // What is said anew on a channel takes the place of what it did not take before.
            of_incident.retain(|_, before| before.queued.channel != queued.channel);
            of_incident.insert(seq, Undelivered { given_up: false, queued: queued.clone() });
        }
        let notice = Notice {
            queued,
            incident,
            queued_elapsed_ms: now,
            tries: 0,
            last_error: None,
            retry_elapsed_ms: None,
        };
        self.waiting.insert(seq, notice);
    }
    /// It was delivered.
    pub fn delivered(&mut self, notice: Seq) {
        let incident = self.waiting.remove(&notice).and_then(|n| n.incident);
        if let Some(id) = incident
            && let Some(of_incident) = self.undelivered.get_mut(&id)
        {
            of_incident.remove(&notice);
            if of_incident.is_empty() {
                self.undelivered.remove(&id);
            }
        }
    }
    /// It was not.
    pub fn failed(&mut self, failed: &NoticeFailed) {
        match (failed.retry_elapsed_ms, self.waiting.get_mut(&failed.notice)) {
            (Some(at), Some(notice)) => {
                notice.tries = failed.try_no;
                notice.last_error = Some(failed.reason.clone());
                notice.retry_elapsed_ms = Some(at);
            }
            (None, Some(_)) => {
                let incident = self.waiting.remove(&failed.notice).and_then(|n| n.incident);
                self.given_up += 1;
                let of_incident = incident.and_then(|id| self.undelivered.get_mut(&id));
                if let Some(undelivered) = of_incident.and_then(|all| all.get_mut(&failed.notice)) {
                    undelivered.given_up = true;
                }
            }
            (_, None) => {}
        }
    }
    /// An incident is over: nothing of it escalates any more. What is waiting is still told.
    pub fn closed(&mut self, incident: IncidentId) {
        self.undelivered.remove(&incident);
    }
}
