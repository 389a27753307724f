//! Proof that an entry is durable. Only the appender builds one, after the sync has returned;
//! whoever may act only on a durable entry asks for this value instead of the event.

use crate::base::ids::{IncidentId, Seq};
use crate::event::{Event, Kind};

/// An event that is durable at a position of the journal. It cannot be built outside `journal`, and it is not
/// `Clone`: the proof of an intent is good for one permit.
///
/// ```compile_fail
/// use remediator::journal::proof::Committed;
/// let forged = Committed { seq: 1, incident: None, event: () };
/// ```
/// ```compile_fail
/// use remediator::journal::proof::Committed;
/// let forged = Committed::after_sync(1, None, ());
/// ```
#[derive(Debug, PartialEq)]
pub struct Committed<E> {
    seq: Seq,
    incident: Option<IncidentId>,
    event: E,
}

impl<E> Committed<E> {
    pub(super) fn after_sync(seq: Seq, incident: Option<IncidentId>, event: E) -> Self {
        Self { seq, incident, event }
    }
    /// A proof without a journal, for tests of whoever asks for one.
    #[cfg(test)]
    pub(crate) fn for_tests(seq: Seq, event: E) -> Self {
        Self::after_sync(seq, None, event)
    }
    /// Its position.
    pub fn seq(&self) -> Seq {
        self.seq
    }
    /// The incident it belongs to.
    pub fn incident(&self) -> Option<IncidentId> {
        self.incident
    }
    /// What happened.
    pub fn event(&self) -> &E {
        &self.event
    }
    /// What happened, taken out: from here on it is an event, not a proof.
    pub fn into_event(self) -> E {
        self.event
    }
}

impl Committed<Event> {
    /// The same proof for one kind of event, when it is of that kind.
    pub fn narrow<K: Kind + Clone>(&self) -> Option<Committed<K>> {
        let event = K::from_event(&self.event)?.clone();
        Some(Committed { seq: self.seq, incident: self.incident, event })
    }
}
