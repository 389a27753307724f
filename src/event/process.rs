//! Starts, stops and clocks of the daemon itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The daemon started: the first entry of a boot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessStarted {
    /// Version of this program.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Boot id of the operating system: monotonic times compare only within one.
    pub system_boot: String,
    /// Whether the process before this one stopped cleanly.
    pub clean: bool,
    /// Whether it runs observe-only, and why.
    pub observe_only: Option<String>,
}

/// The daemon stopped in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessStopped {
    /// What stopped it: a signal's name or a command.
    pub reason: String,
}

/// The wall clock went back by more than five seconds against the last entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockStepped {
    /// Wall time of the last entry, Unix µs.
    pub last_us: i64,
    /// Wall time now, Unix µs.
    pub now_us: i64,
}

/// The hunt for processes that a crashed daemon left behind has ended; open attempts may be decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftoversDealtWith {
    /// Left-over steps whose end was confirmed.
    pub terminated: u32,
    /// Services taken over again.
    pub adopted: u32,
    /// Processes that could not be read or ended; their targets are tainted.
    pub tainted: u32,
}
