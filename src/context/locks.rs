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
    /// Refusals so far.
    pub tries: u32,
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
                let waiting = WaitingForLock { resources, incident, since_us, refused: None, tries: 0, seq };
                self.waiting.insert(asked.attempt, waiting);
            }
            Event::LockRefused(refused) => {
                if let Some(waiting) = self.waiting.get_mut(&refused.attempt) {
                    waiting.refused = Some((refused.resource.clone(), refused.reason.clone()));
                    waiting.tries = waiting.tries.saturating_add(1);
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
            // What the dead process asked for is asked for anew.
            Event::AttemptResumed(resumed) => {
                self.waiting.remove(&resumed.attempt);
            }
            Event::LockBreakOrdered(_) | Event::LockBroken(_) | Event::LockBreakFailed(_) => {
                self.broken(seq, &record.event)
            }
            _ => {}
        }
    }

    /// Whether the entry `asked` is the last word of an attempt that waits: later ones ask anew, or end the waiting.
    pub fn still_asks(&self, attempt: AttemptId, asked: Seq) -> bool {
        self.waiting.get(&attempt).is_some_and(|waiting| waiting.seq == asked)
    }

    /// Attempts that wait for one of these resources, those that have waited longest first.
    pub fn waiters(&self, wanted: impl Fn(&str) -> bool) -> Vec<(AttemptId, &WaitingForLock)> {
        let wants = |waiting: &WaitingForLock| waiting.resources.iter().any(|r| wanted(r));
        let mut waiters: Vec<_> =
            self.waiting.iter().filter(|(_, w)| wants(w)).map(|(attempt, w)| (*attempt, w)).collect();
        waiters.sort_by_key(|(attempt, waiting)| (waiting.since_us, *attempt));
        waiters
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{BootId, NodeId};
    use crate::base::time::Stamp;
    use crate::event::attempt::{AttemptEnded, Outcome};
    use crate::event::lock::{LockGranted, LockRefused, LockRequested};

    fn apply(locks: &mut Locks, seq: Seq, event: impl Into<Event>) {
        let at = Stamp { time_us: seq as i64, mono_ms: seq };
        let (boot, node) = (BootId(uuid::Uuid::nil()), NodeId(uuid::Uuid::nil()));
        locks.apply(&Record { seq, at, boot, node, incident: None, cause: None, event: event.into() });
    }

    fn attempt(n: u128) -> AttemptId {
        AttemptId(uuid::Uuid::from_u128(n))
    }

    fn asks(locks: &mut Locks, seq: Seq, n: u128) {
        let resources = vec!["service/web".to_owned()];
        let runtime = crate::base::time::Span::from_secs(1);
        apply(locks, seq, LockRequested { attempt: attempt(n), resources, runtime });
    }

    fn refuses(locks: &mut Locks, seq: Seq, n: u128) {
        let (resource, reason) = ("service/web".to_owned(), "held".to_owned());
        apply(locks, seq, LockRefused { attempt: attempt(n), resource, reason });
    }

    #[test]
    fn refusals_are_counted_and_only_the_last_entry_still_asks() {
        let mut locks = Locks::default();
        asks(&mut locks, 1, 7);
        assert!(locks.still_asks(attempt(7), 1));
        refuses(&mut locks, 2, 7);
        refuses(&mut locks, 3, 7);
        assert_eq!(locks.waiting[&attempt(7)].tries, 2);
        assert!(locks.still_asks(attempt(7), 3) && !locks.still_asks(attempt(7), 2), "the older try is over");
        let granted = LockGranted { attempt: attempt(7), tokens: [("service/web".to_owned(), 1)].into() };
        apply(&mut locks, 4, granted);
        assert!(!locks.still_asks(attempt(7), 3), "it has its lock");
        asks(&mut locks, 5, 8);
        assert_eq!(locks.waiting[&attempt(8)].tries, 0);
        let (outcome, reason) = (Outcome::AbortedDeadline, "out of time".to_owned());
        apply(&mut locks, 6, AttemptEnded { attempt: attempt(8), outcome, reason, undo: None });
        assert!(!locks.still_asks(attempt(8), 5), "an attempt that ended must not take a lock any more");
    }

    #[test]
    fn who_waits_longest_is_first() {
        let mut locks = Locks::default();
        asks(&mut locks, 1, 9);
        asks(&mut locks, 2, 3);
        refuses(&mut locks, 3, 9);
        let order: Vec<_> = locks.waiters(|r| r == "service/web").into_iter().map(|(a, _)| a).collect();
        assert_eq!(order, [attempt(9), attempt(3)]);
        assert!(locks.waiters(|r| r == "service/db").is_empty());
    }
}
