//! What people are still to be told: a fold of notices queued, delivered and failed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::ids::{IncidentId, Seq};
use crate::event::notice::{NoticeFailed, NoticeQueued};

/// A notice that was not delivered yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// What is to be told.
    pub queued: NoticeQueued,
    /// About which incident.
    pub incident: Option<IncidentId>,
    /// Tries so far.
    pub tries: u32,
    /// The last failure.
    pub last_error: Option<String>,
    /// When it is tried again, on the journal's clock.
    pub retry_elapsed_ms: Option<u64>,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outbox {
    /// Waiting notices by the seq that queued them.
    pub waiting: BTreeMap<Seq, Notice>,
    /// Given up, loudly.
    pub given_up: u64,
}

impl Outbox {
    /// A notice was queued.
    pub fn queue(&mut self, seq: Seq, queued: NoticeQueued, incident: Option<IncidentId>) {
        let notice = Notice { queued, incident, tries: 0, last_error: None, retry_elapsed_ms: None };
        self.waiting.insert(seq, notice);
    }
    /// It was delivered.
    pub fn delivered(&mut self, notice: Seq) {
        self.waiting.remove(&notice);
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
                self.waiting.remove(&failed.notice);
                self.given_up += 1;
            }
            (_, None) => {}
        }
    }
}
