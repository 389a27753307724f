//! Locks of this home's attempts as last recorded: who holds which, who waits for which, what was broken.
//! Not for: whether a lock is really held (coordination).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::ids::{AttemptId, IncidentId, Seq};
use crate::event::{Event, Record};

/// A lock that was granted and not given back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldLock {
    /// Its fencing token.
    pub token: u64,
    /// Who holds it.
    pub attempt: AttemptId,
    /// That attempt's incident.
    pub incident: Option<IncidentId>,
    /// Since when, Unix µs.
    pub since_us: i64,
    /// The entry that granted it.
    pub seq: Seq,
    /// The entry that broke it: the holder is refused from there on.
    pub broken: Option<Seq>,
}

/// An attempt that asked for locks and has none yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaitingForLock {
    /// All that it asked for.
    pub resources: Vec<String>,
    /// That attempt's incident.
    pub incident: Option<IncidentId>,
    /// Since when, Unix µs.
    pub since_us: i64,
    /// The last refusal: resource, and who holds it.
    pub refused: Option<(String, String)>,
    /// The last entry about it.
    pub seq: Seq,
}

/// The last order to break a lock, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Break {
    /// The entry of the order.
    pub ordered: Seq,
    /// The token that was meant.
    pub token: u64,
    /// Who ordered it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The entry that says what came of it.
    pub ended: Option<Seq>,
    /// Why the lock still counts, if it does.
    pub problem: Option<String>,
}

/// Orders that are remembered, one a resource; the journal keeps them all.
const BREAKS_MAX: usize = 64;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Locks {
    /// By resource.
    pub held: BTreeMap<String, HeldLock>,
    /// By attempt.
    pub waiting: BTreeMap<AttemptId, WaitingForLock>,
    /// By resource.
    pub breaks: BTreeMap<String, Break>,
}

impl Locks {
    /// Folds what an entry says about locks.
    pub fn apply(&mut self, record: &Record) {
        let (seq, since_us, incident) = (record.seq, record.at.time_us, record.incident);
        match &record.event {
            Event::LockRequested(asked) => {
                let resources = asked.resources.clone();
                let waiting = WaitingForLock { resources, incident, since_us, refused: None, seq };
                self.waiting.insert(asked.attempt, waiting);
            }
            Event::LockRefused(refused) => {
                if let Some(waiting) = self.waiting.get_mut(&refused.attempt) {
                    waiting.refused = Some((refused.resource.clone(), refused.reason.clone()));
                    waiting.seq = seq;
                }
            }
            Event::LockGranted(granted) => {
                let attempt = granted.attempt;
                self.waiting.remove(&attempt);
                for (resource, token) in &granted.tokens {
                    let held = HeldLock { token: *token, attempt, incident, since_us, seq, broken: None };
                    self.held.insert(resource.clone(), held);
                }
            }
            Event::LockReleased(released) => {
                self.waiting.remove(&released.attempt);
                self.held.retain(|_, held| held.attempt != released.attempt);
            }
            // One that ends without ever having got its locks has none to release.
            Event::AttemptEnded(ended) => {
                self.waiting.remove(&ended.attempt);
            }
            Event::LockBreakOrdered(_) | Event::LockBroken(_) | Event::LockBreakFailed(_) => {
                self.broken(seq, &record.event)
            }
            _ => {}
        }
    }

    fn broken(&mut self, seq: Seq, event: &Event) {
        match event {
            Event::LockBreakOrdered(o) => {
                let (by, reason) = (o.by.clone(), o.reason.clone());
                let order = Break { ordered: seq, token: o.token, by, reason, ended: None, problem: None };
                self.breaks.insert(o.resource.clone(), order);
                let oldest = self.breaks.iter().min_by_key(|(_, b)| b.ordered).map(|(r, _)| r.clone());
                if let (true, Some(oldest)) = (self.breaks.len() > BREAKS_MAX, oldest) {
                    self.breaks.remove(&oldest);
                }
            }
            Event::LockBroken(b) => {
                if let Some(held) = self.held.get_mut(&b.resource).filter(|h| h.token < b.token) {
                    held.broken = Some(seq);
                }
                self.end(&b.resource, seq, None);
            }
            Event::LockBreakFailed(f) => self.end(&f.resource, seq, Some(f.reason.clone())),
            _ => {}
        }
    }

    fn end(&mut self, resource: &str, seq: Seq, problem: Option<String>) {
        if let Some(order) = self.breaks.get_mut(resource) {
            (order.ended, order.problem) = (Some(seq), problem);
        }
    }
}
