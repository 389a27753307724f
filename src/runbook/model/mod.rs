//! What authors write: runbooks, services, sentinels and proposals, as the YAML says it, before anything is
//! resolved. The doc comments here are the documentation of the keys: they become the JSON Schemas.
//! Not for what a value may be (`checks`) nor for what is done in the end (`event::plan`).

mod proposal;
mod rehearsal;
mod runbook;
mod sentinel;
mod service;
mod step;

pub use super::probe::{HttpProbe, Probe, ProbeLook, ProcessProbe};
pub use super::steps::{Run, ServiceStep};
pub use proposal::{May, Proposal};
pub use rehearsal::{Command, Rehearsal, StandIn};
pub use runbook::{
    BlastRadius, Limits, Matcher, ModelTier, Platform, Precondition, Runbook, Rung, TrustLevel, Verification,
};
pub use sentinel::{Report, Sentinel};
pub use service::Service;
pub use step::{Action, Retry, Step, StepKind, Targets, Undo};

/// Working directory of programs that name none.
pub(super) fn home() -> String {
    "${home}".to_owned()
}

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

/// Version of the format: `1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V1;

impl Serialize for V1 {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u32(1)
    }
}

impl<'de> Deserialize<'de> for V1 {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match u32::deserialize(d)? {
            1 => Ok(Self),
            other => Err(serde::de::Error::custom(format!(
                "format version {other} is not known to this program; write 1, or use a newer remediator"
            ))),
        }
    }
}

impl schemars::JsonSchema for V1 {
    fn schema_name() -> Cow<'static, str> {
        "V1".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": 1, "description": "Version of the format." })
    }
}

/// Kind of a content file.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A procedure.
    Runbook,
    /// A process that remediator supervises.
    Service,
    /// An eye.
    Sentinel,
}

impl Kind {
    /// Every kind, as written.
    pub const WORDS: [&str; 3] = ["runbook", "service", "sentinel"];
    /// As written.
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }
    /// From the written word.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Runbook, Self::Service, Self::Sentinel].into_iter().find(|kind| kind.word() == word)
    }
}

/// A content file of any kind, parsed.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A procedure.
    Runbook(Box<Runbook>),
    /// A process that remediator supervises.
    Service(Box<Service>),
    /// An eye.
    Sentinel(Box<Sentinel>),
}

impl Content {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Runbook(_) => Kind::Runbook,
            Self::Service(_) => Kind::Service,
            Self::Sentinel(_) => Kind::Sentinel,
        }
    }
    /// Its id.
    pub fn id(&self) -> &str {
        match self {
            Self::Runbook(content) => &content.id,
            Self::Service(content) => &content.id,
            Self::Sentinel(content) => &content.id,
        }
    }
    /// Its title.
    pub fn title(&self) -> &str {
        match self {
            Self::Runbook(content) => &content.title,
            Self::Service(content) => &content.title,
            Self::Sentinel(content) => &content.title,
        }
    }
    /// The proposal that argues for it.
    pub fn proposal(&self) -> &str {
        match self {
            Self::Runbook(content) => &content.proposal,
            Self::Service(content) => &content.proposal,
            Self::Sentinel(content) => &content.proposal,
        }
    }
}

/// `^[a-z][a-z0-9-]{1,62}$`
pub fn is_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    (2..=63).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}
