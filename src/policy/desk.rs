//! Where one decision is written: events are checked, given their seq, folded into the world at once, and
//! their effects collected. Rules talk to the world only through it.

use super::effects::{Effect, effects};
use super::runbooks::Runbooks;
use crate::base::ids::{BootId, IncidentId, NodeId, Receipt, Seq};
use crate::base::limits::CLOCK_STEP_US;
use crate::base::time::Stamp;
use crate::context::{Attempt, Illegal, RemediationContext, World};
use crate::event::process::ClockStepped;
use crate::event::{Cause, Event, Record};

/// When and where a decision is made: data from the edge.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// The moment.
    pub at: Stamp,
    /// This start of the process.
    pub boot: BootId,
    /// This machine.
    pub node: NodeId,
    /// Only the journal's reserve is left: nothing new is begun, what runs is finished.
    pub space_low: bool,
}

/// What the asker is told once everything is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Nothing was recorded.
    Nothing,
    /// The first entry of the decision.
    Recorded(Seq),
    /// A report was accepted (or had been before).
    Accepted {
        /// Its receipt.
        receipt: Receipt,
        /// Its entry.
        seq: Seq,
        /// It had been accepted before.
        duplicate: bool,
    },
    /// Too many incidents are open.
    Full,
    /// A rule does not allow it now; this entry says why.
    TooSoon(Seq),
    /// It cannot be done now, and why.
    NotNow(&'static str),
}

/// A decision: what happened, what follows, what is answered.
#[derive(Debug)]
pub struct Decision {
    /// Entries to be, in order, already folded.
    pub records: Vec<Record>,
    /// What is to be done once they are durable.
    pub effects: Vec<Effect>,
    /// What is answered once they are durable.
    pub answer: Answer,
    /// Events that a rule wanted and a lifecycle did not allow: a defect, to be shouted about.
    pub refused: Vec<Illegal>,
}

pub(super) struct Desk<'a> {
    pub world: &'a mut World,
    pub runbooks: &'a dyn Runbooks,
    now: Now,
    records: Vec<Record>,
    effects: Vec<Effect>,
    refused: Vec<Illegal>,
}

impl<'a> Desk<'a> {
    pub fn new(world: &'a mut World, runbooks: &'a dyn Runbooks, now: Now) -> Self {
        Self { world, runbooks, now, records: Vec::new(), effects: Vec::new(), refused: Vec::new() }
    }

    /// Only the journal's reserve is left.
    pub fn space_low(&self) -> bool {
        self.now.space_low
    }
    /// Now, on the journal's own clock.
    pub fn now(&self) -> u64 {
        self.world.elapsed_at(self.now.at)
    }
    pub fn incident(&self, id: IncidentId) -> Option<&RemediationContext> {
        self.world.incident(id)
    }
    /// The attempt under way or last ended.
    pub fn attempt(&self, id: IncidentId) -> Option<&Attempt> {
        self.incident(id)?.attempt()
    }

    /// Records an event of an incident; its seq, unless a lifecycle does not allow it.
    pub fn record(&mut self, incident: IncidentId, cause: Seq, event: impl Into<Event>) -> Option<Seq> {
        self.put(Some(incident), Some(cause), event.into())
    }

    /// Records an event and answers with its seq.
    pub fn note(
        &mut self,
        incident: Option<IncidentId>,
        cause: Option<Seq>,
        event: impl Into<Event>,
    ) -> Answer {
        self.put(incident, cause, event.into()).map_or(Answer::Nothing, Answer::Recorded)
    }

    /// Records the report that opens an incident.
    pub fn record_first(&mut self, incident: IncidentId, event: impl Into<Event>) -> Option<Seq> {
        self.put(Some(incident), None, event.into())
    }

    pub fn put(&mut self, incident: Option<IncidentId>, cause: Option<Seq>, event: Event) -> Option<Seq> {
        let record = Record {
            seq: self.world.next_seq,
            at: self.now.at,
            boot: self.now.boot,
            node: self.now.node,
            incident,
            cause: cause.map(Cause::Seq),
            event,
        };
        if let Err(beyond) = record.event.check_bounds() {
            // The journal would refuse the whole batch, and with it everything that was decided beside this.
            self.refused.push(Illegal { kind: record.event.kind(), state: format!("as it {beyond}") });
            return None;
        }
        if let Err(illegal) = self.world.check(&record) {
            self.refused.push(illegal);
            return None;
        }
        self.world.apply(&record);
        self.effects.extend(effects(self.world, &record));
        let seq = record.seq;
        self.records.push(record);
        Some(seq)
    }

    /// A wall clock far behind the last entry's is recorded, once per step.
    pub fn note_clock_step(&mut self) {
        let (last_us, now_us) = (self.world.clock.last_time_us(), self.now.at.time_us);
        if now_us < last_us - CLOCK_STEP_US && self.world.next_seq > 0 {
            self.put(None, None, ClockStepped { last_us, now_us }.into());
        }
    }

    pub fn close(self, answer: Answer) -> Decision {
        Decision { records: self.records, effects: self.effects, answer, refused: self.refused }
    }
}
