//! How a runbook is tried on a throw-away copy of the thing: set up, broken, healed. Not for running it (`cli`).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::time::Span;

use super::Probe;

/// A rehearsal: in a folder of its own, with a daemon of its own, as the person who starts it. `${home}` is that folder,
/// `${port}` and `${other_port}` are free ports.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rehearsal {
    /// The target of the made-up degradation. Default: the matcher's, where that is one name.
    #[serde(default)]
    pub target: Option<String>,
    /// Its attributes.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Services of the copy, by id: a service file of the same id is left out for them.
    #[serde(default)]
    pub services: BTreeMap<String, StandIn>,
    /// Text of the content files → what stands in its place in the copy, such as a path or a port.
    #[serde(default)]
    pub stand_ins: BTreeMap<String, String>,
    /// Small files of the copy, by their path in `${home}`: programs and data that its services and looks need.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Programs that set the copy up, in this order, before its services are started.
    #[serde(default)]
    pub setup: Vec<Command>,
    /// Programs that break it. `${pid.SERVICE}` is the process of a service.
    #[serde(rename = "break")]
    #[schemars(length(min = 1, max = 32))]
    pub breaks: Vec<Command>,
    /// What healed looks like. Default: the look of `verification`.
    #[serde(default)]
    pub healed: Option<Probe>,
    /// How long noticing, healing and verifying may take. Default 2m.
    #[serde(default = "two_minutes")]
    pub within: Span,
}

/// A service of the copy.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandIn {
    /// Program (an absolute path) and arguments.
    #[schemars(length(min = 1, max = 64))]
    pub argv: Vec<String>,
    /// Time between TERM and KILL when it is stopped. Default 10s.
    #[serde(default = "super::service::ten_seconds")]
    pub stop_timeout: Span,
    /// How its health is told.
    pub probe: Probe,
}

/// A program of a rehearsal. It runs in the folder of the copy; anything but exit code 0 ends the rehearsal.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// Program (an absolute path) and arguments.
    #[schemars(length(min = 1, max = 64))]
    pub argv: Vec<String>,
}

fn two_minutes() -> Span {
    Span::from_secs(120)
}
