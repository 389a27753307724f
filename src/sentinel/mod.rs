//! The eyes: looks that say healthy, failed or unknown (X2), and sentinels that look again and again and
//! publish only edges. One file per probe kind. Not for: doing anything about what is seen.

mod http;
pub mod hysteresis;
mod process;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::limits::EVIDENCE_BYTES_MAX;
use crate::base::text::{clean, clip};
use crate::event::plan::{LookPlan, ProbePlan};
use crate::event::verification::{Observation, Verdict};

pub use hysteresis::LastEdge;
pub use watch::{Look, LookFuture, SentinelReport, Tell, Watch};

/// What is known of a supervised service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceSeen {
    /// This process, unless its start time says otherwise.
    Runs {
        /// Its process id.
        pid: u32,
        /// Its start time.
        start_ticks: u64,
    },
    /// Its end was seen, or it was never started.
    DoesNotRun,
    /// It cannot be told yet.
    Unknown,
}

/// Asks the table of services.
pub type Services = Arc<dyn Fn(&str) -> ServiceSeen + Send + Sync>;

/// Why there are no eyes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client for http looks.
    #[error("cannot set up http looks: {0}; check the system's certificates")]
    Client(#[source] reqwest::Error),
}

/// What an eye needs. Cheap to clone.
#[derive(Clone)]
pub struct Eyes {
    client: reqwest::Client,
    services: Services,
    redact: fn(&str) -> String,
}

impl Eyes {
    /// Eyes that ask `services` about services and take secrets out of evidence with `redact`.
    pub fn new(services: Services, redact: fn(&str) -> String) -> Result<Self, Error> {
        Ok(Self { client: http::client().map_err(Error::Client)?, services, redact })
    }

    /// Looks once. Always comes back, soon after the plan's timeout at the latest.
    pub async fn look(&self, plan: &ProbePlan) -> Observation {
        let timeout = plan.timeout.to_std();
        // The registry of probe kinds: one line each.
        let mut seen = match &plan.look {
            LookPlan::Process(look) => process::look(look, &self.services, timeout).await,
            LookPlan::Http(look) => http::look(&self.client, look, timeout).await,
        };
        let evidence = (self.redact)(&clean(&seen.evidence));
        clip(&evidence, EVIDENCE_BYTES_MAX).clone_into(&mut seen.evidence);
        seen
    }
}

fn saw(verdict: Verdict, evidence: impl Into<String>) -> Observation {
    Observation { verdict, evidence: evidence.into(), values: BTreeMap::new() }
}

fn with(mut observation: Observation, values: &[(&str, u64)]) -> Observation {
    for (name, value) in values {
        observation.values.insert((*name).to_owned(), i64::try_from(*value).unwrap_or(i64::MAX));
    }
    observation
}
