//! A look at a target, as written. One struct per probe kind and one line in each list below.

use serde::Deserialize;

use crate::base::time::Span;

/// A look: exactly one of `process`, `http` and `service`.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Is a process there and not a zombie?
    #[serde(default)]
    pub process: Option<ProcessProbe>,
    /// Does a URL answer as expected?
    #[serde(default)]
    pub http: Option<HttpProbe>,
    /// The look that this service declares for itself (its id, or a placeholder that gives it).
    #[serde(default)]
    pub service: Option<String>,
    /// A look that takes longer can tell nothing. Default 2s; for `service` what that service says.
    #[serde(default)]
    pub timeout: Option<Span>,
}

/// The one thing that a probe looks at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ProbeLook<'a> {
    /// A process.
    Process(&'a ProcessProbe),
    /// A URL.
    Http(&'a HttpProbe),
    /// What a service declares.
    Service(&'a str),
}

impl ProbeLook<'_> {
    /// Every probe kind, as written.
    pub const WORDS: [&'static str; 3] = ["process", "http", "service"];
}

impl Probe {
    /// Timeout of a look that says none.
    pub const TIMEOUT: Span = Span::from_secs(2);

    /// What it looks at; none when it says nothing or several things.
    pub fn look(&self) -> Option<ProbeLook<'_>> {
        match (&self.process, &self.http, &self.service) {
            (Some(process), None, None) => Some(ProbeLook::Process(process)),
            (None, Some(http), None) => Some(ProbeLook::Http(http)),
            (None, None, Some(service)) => Some(ProbeLook::Service(service)),
            _ => None,
        }
    }
}

/// Which process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProcessProbe {
    /// A service that remediator supervises.
    Service(String),
    /// The process whose pid stands in this file.
    PidFile(String),
    /// Processes of this name (the first 15 bytes, as in /proc/PID/comm).
    Name(String),
}

/// Which answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbe {
    /// http:// or https:// URL; placeholders are resolved.
    pub url: String,
    /// Status codes that mean healthy. Default 200.
    #[serde(default = "ok")]
    pub expect_status: Vec<u16>,
    /// Text that the first 64 KiB of the body must contain.
    #[serde(default)]
    pub expect_body: Option<String>,
}

fn ok() -> Vec<u16> {
    vec![200]
}
