//! How faces speak to the remediator. Stand-in: the real one replaces this file.

use crate::audit::Audit;
use crate::base::ids::{Receipt, Seq};
use crate::event::degradation::{DegradationReport, ReportError, Source};

/// A cheap handle on the running remediator.
#[derive(Clone)]
pub struct Handle;

/// A report that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What the sender gets.
    pub receipt: Receipt,
    /// Its entry.
    pub seq: Seq,
    /// The same id was accepted before.
    pub duplicate: bool,
}

/// Why something was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A bound of RM-2 is broken.
    #[error(transparent)]
    Invalid(#[from] ReportError),
    /// Not ready yet.
    #[error("not ready yet")]
    NotReady {
        /// When to try again.
        retry_after_s: u64,
    },
    /// Too much is waiting.
    #[error("too much is waiting")]
    Full {
        /// When to try again.
        retry_after_s: u64,
    },
    /// The disk is nearly full.
    #[error("only the reserve segment is left")]
    ReserveOnly {
        /// When to try again.
        retry_after_s: u64,
    },
    /// The journal cannot be appended to any more.
    #[error("the journal is sealed: {0}")]
    Sealed(String),
    /// A rule said no.
    #[error("{reason}")]
    Refused {
        /// Stable code.
        code: &'static str,
        /// Why and what to do.
        reason: String,
    },
}

/// How far the start has come (RM-34).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readiness {
    /// All steps are done.
    pub ready: bool,
    /// In their order.
    pub steps: Vec<ReadyStep>,
}

/// One step of the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyStep {
    /// `lock`, `keys`, `journal`, `fold`, `trust`, `runbooks`, `leftovers`, `reconcile`, `accept`.
    pub name: &'static str,
    /// Where it stands.
    pub state: ReadyState,
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadyState {
    /// Not begun.
    Waiting,
    /// Under way.
    Running,
    /// Done.
    Done,
    /// It failed.
    Failed(String),
}

const NOT_READY: Rejection = Rejection::NotReady { retry_after_s: 1 };

impl Handle {
    /// Durable when it returns.
    pub async fn report(&self, _: DegradationReport, _: Source) -> Result<Accepted, Rejection> {
        Err(NOT_READY)
    }
    /// Keeps refused input as evidence.
    pub async fn refuse(&self, _: Source, _: &'static str, _: String) -> Result<(), Rejection> {
        Err(NOT_READY)
    }
    /// No new attempt starts.
    pub async fn pause(&self, _: String, _: String) -> Result<Seq, Rejection> {
        Err(NOT_READY)
    }
    /// Attempts may start again.
    pub async fn resume(&self, _: Vec<u8>, _: String) -> Result<Seq, Rejection> {
        Err(NOT_READY)
    }
    /// How far the start has come.
    pub fn readiness(&self) -> Readiness {
        Readiness::default()
    }
    /// The read model, once the journal is open.
    pub fn audit(&self) -> Option<Audit> {
        None
    }
    /// The turn makes progress and the journal is not sealed.
    pub fn live(&self) -> bool {
        true
    }
}
