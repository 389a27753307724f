//! The fold: what is known after a journal's entries up to some seq. Live running, recovery, replay and
//! a follower all fold with [`World::apply`]; none of them decides here and nothing here does I/O.

pub mod attempt;
mod clock;
mod control;
mod elevation;
mod history;
pub mod incident;
mod locks;
mod machine;
mod outbox;
mod senders;
pub mod world;

pub use attempt::{Attempt, AttemptState, RunningStep};
pub use clock::ElapsedClock;
pub use control::{Control, Drain, SigningKey};
pub use elevation::{DECIDER, Elevation, ElevationState, TrackRecords};
pub use history::History;
pub use incident::{Escalation, IncidentState, RemediationContext, Signal};
pub use locks::{Break, HeldLock, Locks, WaitingForLock};
pub use machine::{Frozen, Grant, Machine, SentinelState, ServiceState, Tainted};
pub use outbox::{ESCALATION, Notice, Outbox, Undelivered};
pub use senders::Senders;
pub use world::{Alarm, FOLD_VERSION, Trust, World};

/// An event that its lifecycle does not allow in the state it is in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{kind}` is not possible {state}")]
pub struct Illegal {
    /// The kind of the event.
    pub kind: &'static str,
    /// Where it arrived, for people: "for an incident that is closed".
    pub state: String,
}
