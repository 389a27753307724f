//! The eyes: looks that say healthy, failed or unknown (X2), and sentinels that look again and again and
//! publish only edges. One file per probe kind. Not for: doing anything about what is seen.

mod blocking;
mod disk;
mod fd;
mod file;
mod heartbeat;
mod http;
pub mod hysteresis;
mod kept;
mod live;
mod log;
mod memory;
mod process;
mod rhythm;
mod run;
mod service;
mod setpoint;
mod tcp;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::limits::{EVIDENCE_BYTES_MAX, LOOK_VALUES_MAX};
use crate::base::text::{clean, clip};
use crate::event::plan::{LookPlan, ProbePlan, ProcessLook, RunPlan};
use crate::event::verification::{Observation, Verdict};

pub use heartbeat::{BeatRefused, Beats, Heard};
pub use hysteresis::LastEdge;
pub use live::Live;
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

/// Runs the program of a `run` look and gives what it printed, or why that can tell nothing. Blocks, at most for
/// the time given and then some.
pub type Programs = Arc<dyn Fn(&RunPlan, Duration) -> Result<Vec<u8>, String> + Send + Sync>;

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
    programs: Programs,
    blocking: blocking::Blocking,
    sizes: kept::Kept<file::Sizes>,
    logs: kept::Kept<log::Follow>,
    beats: Beats,
    redact: fn(&str) -> String,
}

impl Eyes {
    /// Eyes that ask `services` about services and take secrets out of evidence with `redact`.
    pub fn new(services: Services, redact: fn(&str) -> String) -> Result<Self, Error> {
        let client = http::client().map_err(Error::Client)?;
        let programs: Programs = Arc::new(|_, _| Err("cannot be started here".to_owned()));
        let (blocking, sizes, logs, beats) = Default::default();
        Ok(Self { client, services, programs, blocking, sizes, logs, beats, redact })
    }

    /// These eyes, with a way to run the programs of `run` looks.
    pub fn with_programs(self, programs: Programs) -> Self {
        Self { programs, ..self }
    }

    /// Where heartbeats arrive.
    pub fn beats(&self) -> Beats {
        self.beats.clone()
    }

    /// Looks once. Always comes back, soon after the plan's timeout at the latest.
    pub async fn look(&self, plan: &ProbePlan) -> Observation {
        let mut seen = self.see(&plan.look, plan.timeout.to_std()).await;
        while seen.values.len() > LOOK_VALUES_MAX {
            seen.values.pop_last();
        }
        let evidence = (self.redact)(&clean(&seen.evidence));
        clip(&evidence, EVIDENCE_BYTES_MAX).clone_into(&mut seen.evidence);
        seen
    }

    /// The registry of probe kinds: one line each.
    async fn see(&self, look: &LookPlan, timeout: Duration) -> Observation {
        match look {
            LookPlan::Process(look) => process::look(&self.blocking, look, &self.services, timeout).await,
            LookPlan::Http(look) => http::look(&self.client, look, timeout).await,
            LookPlan::Tcp(look) => tcp::look(look, timeout).await,
            LookPlan::File(look) => file::look(&self.blocking, &self.sizes, look, timeout).await,
            LookPlan::Disk(look) => disk::look(&self.blocking, look, timeout).await,
            LookPlan::Memory(look) => memory::look(&self.blocking, look, &self.services, timeout).await,
            LookPlan::Fd(look) => fd::look(&self.blocking, look, &self.services, timeout).await,
            LookPlan::Run(plan) => run::look(&self.programs, plan, timeout).await,
            LookPlan::Heartbeat(look) => heartbeat::look(&self.beats, look),
            LookPlan::Log(look) => log::look(&self.blocking, &self.logs, look, timeout).await,
            LookPlan::Setpoint(look) => setpoint::judge(look, Box::pin(self.see(&look.of, timeout)).await),
            LookPlan::Service(look) => {
                let declared = Box::pin(self.see(&look.of, timeout)).await;
                // Afterwards: a process that has ended by now did not give the answer to rely on.
                let own = ProcessLook::Service(look.service.clone());
                service::judge(process::look(&self.blocking, &own, &self.services, timeout).await, declared)
            }
        }
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
