//! `Committed`: the proof that an event is durable. Only the journal can make one, after the sync.

use crate::base::ids::Seq;
use crate::event::{Event, Kind};

/// An event together with the seq under which it is durable.
#[derive(Debug)]
pub struct Committed<E> {
    seq: Seq,
    event: E,
}

impl<E> Committed<E> {
    /// Built by the appender once the sync of this entry has returned.
    #[allow(dead_code)]
    pub(in crate::journal) fn new(seq: Seq, event: E) -> Self {
        Self { seq, event }
    }
    /// Where it stands.
    pub fn seq(&self) -> Seq {
        self.seq
    }
    /// What is durable.
    pub fn event(&self) -> &E {
        &self.event
    }
    /// A proof out of thin air, for unit tests of what consumes proofs.
    #[cfg(test)]
    pub(crate) fn for_tests(seq: Seq, event: E) -> Self {
        Self { seq, event }
    }
}

impl Committed<Event> {
    /// The same proof about the payload, when the event is of kind `K`.
    pub fn narrow<K: Kind + Clone>(&self) -> Option<Committed<K>> {
        K::from_event(&self.event).map(|event| Committed { seq: self.seq, event: event.clone() })
    }
}
