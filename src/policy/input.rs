//! What a decision can be asked: a closed enum. Everything in it was verified, redacted and bounded at the edge.

use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, IncidentId, Seq};
use crate::event::Event;
use crate::event::content::{CatalogLoaded, ConfigLoaded, TrustChanged, TrustRefused, TrustRestored};
use crate::event::control::{DrainStarted, KeyRotationOrdered, Paused, Resumed, SignedStatement};
use crate::event::degradation::{DegradationRecovered, DegradationRefused, DegradationSeen};
use crate::event::lock::{LockBreakFailed, LockBreakOrdered, LockBroken};
use crate::event::log::LogNamed;
use crate::event::notice::{Delivery, NoticeQueued};
use crate::event::process::{ProcessStarted, ProcessStopped};
use crate::event::sentinel::{SentinelGrantRevoked, SentinelGranted};
use crate::event::step::{StepFinished, StepLeftOver, StepStarted, TargetCleared};
use crate::event::subject::SubjectErased;
use crate::event::verification::Observation;

use super::effects::Ticket;
use super::trust::{Decided, Elevate};

/// One input of the turn.
#[derive(Debug, Clone)]
pub enum Input {
    /// The process started.
    Started(ProcessStarted),
    /// The process is stopping in order.
    Stopping(ProcessStopped),
    /// The hunt for what a crashed daemon left behind has ended.
    LeftOversFound(LeftOvers),
    /// All is ready: every lifecycle that is not at rest gets a decision.
    Booted,
    /// The configuration was read.
    ConfigLoaded(ConfigLoaded),
    /// The journal's transparency log has a name and a key.
    LogNamed(LogNamed),
    /// The catalog was read.
    CatalogLoaded {
        /// What is recorded of it.
        loaded: CatalogLoaded,
        /// Digests of everything that is live in it.
        live: Vec<FileDigest>,
    },
    /// Trust files changed, signed by someone who may.
    TrustChanged(TrustChanged),
    /// Trust files changed without that.
    TrustRefused(TrustRefused),
    /// The trust files are again those in force.
    TrustRestored(TrustRestored),
    /// A report was accepted at the edge.
    Reported(Box<DegradationSeen>),
    /// A sentinel saw the good edge.
    Recovered(DegradationRecovered),
    /// Input was refused at the edge.
    Refused(DegradationRefused),
    /// Looks that an effect asked for.
    Observed {
        /// Who asked.
        ticket: Ticket,
        /// In the order asked for.
        observations: Vec<Observation>,
    },
    /// The regression watch has something to say.
    Watched {
        /// Which incident.
        incident: IncidentId,
        /// What was seen.
        observation: Observation,
        /// Looks so far.
        looks: u32,
        /// The watch's time is over.
        over: bool,
    },
    /// The lock was granted or not.
    LockAnswered {
        /// Which incident.
        incident: IncidentId,
        /// Which attempt.
        attempt: AttemptId,
        /// The answer.
        answer: LockAnswer,
    },
    /// A step's process exists.
    StepStarted {
        /// Which incident.
        incident: IncidentId,
        /// What the hand says.
        started: StepStarted,
    },
    /// A step is over.
    StepFinished {
        /// Which incident.
        incident: IncidentId,
        /// What the hand says.
        finished: StepFinished,
    },
    /// A supervised service started, exited or was adopted.
    Service(Box<Event>),
    /// A sentinel started, was lost, or is blind.
    Sentinel(Box<Event>),
    /// A sentinel can tell: for the first time since it started, or again after it was blind.
    SentinelSees {
        /// Its id.
        sentinel: String,
        /// What it saw.
        evidence: String,
    },
    /// Someone who may lets an external sentinel report.
    Granted(Box<SentinelGranted>),
    /// Someone takes such a grant back.
    GrantRevoked(SentinelGrantRevoked),
    /// Someone paused.
    Paused(Paused),
    /// Someone drains.
    DrainStarted(DrainStarted),
    /// Someone who may orders that a lock no longer counts.
    BreakOrdered(LockBreakOrdered),
    /// What came of that.
    LockBreakEnded(Result<LockBroken, LockBreakFailed>),
    /// Someone who may orders another key for the journal.
    KeyRotationOrdered(KeyRotationOrdered),
    /// Another key could not be had.
    KeyRotationFailed(String),
    /// Someone who may resumed.
    Resumed(Resumed),
    /// Someone who may orders a failed attempt again.
    Rerun {
        /// Which incident.
        incident: IncidentId,
        /// The step to begin with; none = the first one that does not stand.
        from: Option<String>,
        /// The principal.
        by: String,
        /// Why.
        reason: String,
        /// What was signed.
        statement: SignedStatement,
    },
    /// Someone who may lets a runbook act that needs more trust than the policy gives.
    Elevated(Box<Elevate>),
    /// A person does not let it.
    ElevationRefused {
        /// Which incident.
        incident: IncidentId,
        /// `person:NAME`.
        by: String,
        /// Why.
        reason: String,
    },
    /// The program that was asked has answered, or has not.
    Decided {
        /// Which incident.
        incident: IncidentId,
        /// The request.
        request: Seq,
        /// The answer.
        decided: Decided,
    },
    /// Someone who may ends the freeze of an incident's attempt.
    Thawed {
        /// Which incident.
        incident: IncidentId,
        /// The principal.
        by: String,
        /// Why.
        reason: String,
        /// What was signed.
        statement: SignedStatement,
    },
    /// Someone who may ends the taint of a target.
    Cleared(TargetCleared),
    /// The key of a subject was destroyed.
    SubjectErased(SubjectErased),
    /// A person says that an incident is over.
    Closed {
        /// Which incident.
        incident: IncidentId,
        /// `person:NAME`.
        by: String,
        /// Why.
        reason: String,
    },
    /// A channel tried to deliver.
    NoticeTried {
        /// Which notice.
        notice: Seq,
        /// What came of it.
        answer: Delivery,
    },
    /// A person sends a test through a channel; the asker delivers it.
    NoticeTest(NoticeQueued),
    /// A timer is due.
    Tick,
}

/// What the hunt at boot found.
#[derive(Debug, Clone, Default)]
pub struct LeftOvers {
    /// Left-over steps with their incident.
    pub steps: Vec<(IncidentId, StepLeftOver)>,
    /// `service.adopted` and `service.exited` for every service the journal believed running.
    pub services: Vec<Event>,
}

/// The answer to a request for locks.
#[derive(Debug, Clone)]
pub enum LockAnswer {
    /// All were granted: resource → token.
    Granted(std::collections::BTreeMap<String, u64>),
    /// One was not.
    Refused {
        /// Which.
        resource: String,
        /// Who holds it, or what went wrong.
        reason: String,
    },
}
