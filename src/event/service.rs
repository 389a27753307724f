//! Processes that remediator itself supervises.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::ids::Seq;

/// A supervised service runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceStarted {
    /// Its id.
    pub service: String,
    /// Digest of its content file.
    pub digest: FileDigest,
    /// The step's intent that started it.
    pub intent: Seq,
    /// Its process id, which is also its group.
    pub pid: u32,
    /// Start time in clock ticks since boot (field 22 of /proc/PID/stat).
    pub start_ticks: u64,
}

/// It ended, wanted or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceExited {
    /// Its id.
    pub service: String,
    /// Its process id.
    pub pid: u32,
    /// Exit code, where known (an adopted service's is not).
    pub code: Option<i32>,
    /// Signal that ended it, where known.
    pub signal: Option<i32>,
    /// A step stopped it.
    pub wanted: bool,
}

/// It had outlived the daemon and is watched again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceAdopted {
    /// Its id.
    pub service: String,
    /// Its process id.
    pub pid: u32,
    /// Start time that proves it is the same process.
    pub start_ticks: u64,
}
