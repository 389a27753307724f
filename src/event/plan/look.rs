//! What an eye looks at, resolved: one variant per probe kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::time::Span;

/// A look at a target, and how long it may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbePlan {
    /// What is looked at.
    pub look: LookPlan,
    /// A look that takes longer is *unknown*, unless that proves something: an http service that took the
    /// connection and did not answer has failed.
    pub timeout: Span,
}

/// One variant per probe kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LookPlan {
    /// Is a process there and not a zombie?
    Process(ProcessLook),
    /// Does a URL answer as expected?
    Http(HttpLook),
}

/// Which process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ProcessLook {
    /// A service that remediator supervises.
    Service(String),
    /// A process whose pid stands in a file.
    PidFile(String),
    /// Processes whose name (first 15 bytes, as in /proc/PID/comm) is this.
    Name(String),
}

impl ProcessLook {
    /// A few words for people.
    pub fn say(&self) -> String {
        match self {
            Self::Service(service) => format!("service {service}"),
            Self::PidFile(file) => format!("the process of {file}"),
            Self::Name(name) => format!("processes named {name}"),
        }
    }
}

/// Which answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpLook {
    /// http:// or https:// URL.
    pub url: String,
    /// Status codes that mean healthy.
    pub expect_status: Vec<u16>,
    /// Text that the first 64 KiB of the body must contain.
    pub expect_body: Option<String>,
}
