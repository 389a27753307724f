//! The registry: one line for each kind with the version of its payload, and what an entry says around it.
//! Not for the payloads themselves, which are in their families' files.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{
    attempt, content, control, degradation, elevation, incident, journal, lock, log, notice, process,
    sentinel, service, step, subject, upcast, verification,
};
use crate::base::ids::{BootId, IncidentId, NodeId, Seq};
use crate::base::limits::{NAME_BYTES_MAX, SHOWN_BYTES_MAX};
use crate::base::text::shown;
use crate::base::time::Stamp;

/// Why a payload could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kind is not one of ours: a newer version wrote it.
    #[error(
        "entry kind `{}` version {kv} is not known to this version: written by a newer one",
        shown(kind, NAME_BYTES_MAX)
    )]
    Unknown {
        /// The kind as written.
        kind: String,
        /// The payload version as written.
        kv: u32,
    },
    /// The kind is ours but its data is not what that version holds.
    #[error("data of `{}` version {kv} cannot be read: {}", shown(kind, NAME_BYTES_MAX), shown(&source.to_string(), SHOWN_BYTES_MAX))]
    Data {
        /// The kind as written.
        kind: String,
        /// The payload version as written.
        kv: u32,
        /// What serde says.
        source: serde_json::Error,
    },
}

/// A payload type that is one variant of [`Event`]; lets a proof be narrowed to it.
pub trait Kind: Sized {
    /// The kind as written in an entry.
    const KIND: &'static str;
    /// The payload, when the event is of this kind.
    fn from_event(event: &Event) -> Option<&Self>;
}

macro_rules! registry {
    ($(
        $kind:literal $kv:literal $family:ident :: $variant:ident $(from $old:literal $was:ident)*
    ),+ $(,)?) => {
        /// All that can have happened.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Event { $(
            #[doc = concat!("`", $kind, "`")]
            $variant($family::$variant),
        )+ }

        impl Event {
            /// Every kind with its payload version, in registry order.
            pub const KINDS: &'static [(&'static str, u32)] = &[$(($kind, $kv)),+];

            /// Older versions of payloads that are still read: each becomes what this build writes.
            pub const OLDER: &'static [(&'static str, u32)] = &[$($(($kind, $old),)*)+];

            /// The kind as written in an entry.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)+ }
            }
            /// The payload version that this build writes.
            pub fn kv(&self) -> u32 {
                match self { $(Self::$variant(_) => $kv,)+ }
            }
            /// The payload as JSON without whitespace.
            pub fn data(&self) -> Result<String, serde_json::Error> {
                match self { $(Self::$variant(data) => serde_json::to_string(data),)+ }
            }
            /// Kind, payload version and schema of the payload, in registry order; older versions behind the newest.
            pub fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, u32, Schema)> {
                vec![$(
                    ($kind, $kv, generator.subschema_for::<$family::$variant>()),
                    $(($kind, $old, generator.subschema_for::<upcast::$was>()),)*
                )+]
            }
            /// Reads a payload of a given kind and version.
            pub fn parse(kind: &str, kv: u32, data: &str) -> Result<Self, Error> {
                match (kind, kv) {
                    $(($kind, $kv) => serde_json::from_str(data).map(Self::$variant).map_err(
                        |source| Error::Data { kind: kind.to_owned(), kv, source }),
                    $(($kind, $old) => serde_json::from_str::<upcast::$was>(data)
                        .map(|was| Self::$variant(was.into()))
                        .map_err(|source| Error::Data { kind: kind.to_owned(), kv, source }),)*)+
                    _ => Err(Error::Unknown { kind: kind.to_owned(), kv }),
                }
            }
        }
        $(
            impl From<$family::$variant> for Event {
                fn from(data: $family::$variant) -> Self { Self::$variant(data) }
            }
            impl Kind for $family::$variant {
                const KIND: &'static str = $kind;
                fn from_event(event: &Event) -> Option<&Self> {
                    match event { Event::$variant(data) => Some(data), _ => None }
                }
            }
        )+
    };
}

registry! {
    "journal.genesis" 1 journal::Genesis,
    "journal.segment_opened" 1 journal::SegmentOpened,
    "journal.repaired" 1 journal::LineRepaired,
    "journal.tail_cut" 1 journal::TailCut,
    "journal.index_rebuilt" 1 journal::IndexRebuilt,
    "journal.snapshot_taken" 1 journal::SnapshotTaken,
    "journal.key_rotated" 1 journal::KeyRotated,
    "journal.pruned" 1 journal::Pruned,
    "journal.archive_restored" 1 journal::ArchiveRestored,
    "log.named" 1 log::LogNamed,
    "process.started" 1 process::ProcessStarted,
    "process.stopped" 1 process::ProcessStopped,
    "process.clock_stepped" 1 process::ClockStepped,
    "process.leftovers_dealt_with" 1 process::LeftoversDealtWith,
    "content.config_loaded" 1 content::ConfigLoaded,
    "content.adopted" 1 content::ContentAdopted,
    "content.catalog_loaded" 1 content::CatalogLoaded,
    "content.trust_changed" 1 content::TrustChanged,
    "content.trust_refused" 1 content::TrustRefused,
    "content.trust_restored" 1 content::TrustRestored,
    "control.paused" 1 control::Paused,
    "control.drain_started" 1 control::DrainStarted,
    "control.drained" 1 control::Drained,
    "control.key_rotation_ordered" 1 control::KeyRotationOrdered,
    "control.key_rotation_refused" 1 control::KeyRotationRefused,
    "control.resumed" 2 control::Resumed from 1 ResumedV1,
    "degradation.seen" 1 degradation::DegradationSeen,
    "degradation.recovered" 1 degradation::DegradationRecovered,
    "degradation.refused" 1 degradation::DegradationRefused,
    "incident.opened" 1 incident::IncidentOpened,
    "incident.coalesced" 1 incident::IncidentCoalesced,
    "incident.matched" 1 incident::IncidentMatched,
    "incident.held" 1 incident::IncidentHeld,
    "incident.escalated" 1 incident::IncidentEscalated,
    "incident.escalation_held" 1 incident::EscalationHeld,
    "incident.watched" 1 incident::WatchObserved,
    "incident.relapsed" 1 incident::IncidentRelapsed,
    "incident.rerun_ordered" 1 incident::RerunOrdered,
    "incident.closed" 1 incident::IncidentClosed,
    "elevation.requested" 1 elevation::ElevationRequested,
    "elevation.granted" 1 elevation::ElevationGranted,
    "elevation.refused" 1 elevation::ElevationRefused,
    "elevation.decider_abstained" 1 elevation::DeciderAbstained,
    "elevation.expired" 1 elevation::ElevationExpired,
    "attempt.planned" 1 attempt::AttemptPlanned,
    "attempt.preconditions_checked" 1 attempt::PreconditionsChecked,
    "attempt.resumed" 1 attempt::AttemptResumed,
    "attempt.undo_started" 1 attempt::UndoStarted,
    "attempt.frozen" 1 attempt::AttemptFrozen,
    "attempt.thawed" 1 attempt::AttemptThawed,
    "attempt.ended" 1 attempt::AttemptEnded,
    "lock.requested" 1 lock::LockRequested,
    "lock.granted" 1 lock::LockGranted,
    "lock.refused" 1 lock::LockRefused,
    "lock.released" 1 lock::LockReleased,
    "lock.break_ordered" 1 lock::LockBreakOrdered,
    "lock.broken" 1 lock::LockBroken,
    "lock.break_failed" 1 lock::LockBreakFailed,
    "step.intended" 1 step::StepIntended,
    "step.started" 1 step::StepStarted,
    "step.finished" 1 step::StepFinished,
    "step.left_over" 1 step::StepLeftOver,
    "target.tainted" 1 step::TargetTainted,
    "target.cleared" 1 step::TargetCleared,
    "verification.started" 1 verification::VerificationStarted,
    "verification.observed" 1 verification::VerificationObserved,
    "verification.concluded" 1 verification::VerificationConcluded,
    "notice.queued" 1 notice::NoticeQueued,
    "notice.delivered" 1 notice::NoticeDelivered,
    "notice.failed" 1 notice::NoticeFailed,
    "sentinel.started" 1 sentinel::SentinelStarted,
    "sentinel.lost" 1 sentinel::SentinelLost,
    "sentinel.blind" 1 sentinel::SentinelBlind,
    "sentinel.granted" 1 sentinel::SentinelGranted,
    "sentinel.grant_revoked" 1 sentinel::SentinelGrantRevoked,
    "sentinel.heartbeat_heard" 1 sentinel::HeartbeatHeard,
    "service.started" 1 service::ServiceStarted,
    "service.exited" 1 service::ServiceExited,
    "service.adopted" 1 service::ServiceAdopted,
    "subject.erased" 1 subject::SubjectErased,
}

/// Where an entry came from: the one earlier entry that led here (`cause` of a line).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Cause {
    /// An earlier entry of this journal.
    Seq(Seq),
    /// An entry of another machine's journal.
    Remote {
        /// Whose journal.
        node: NodeId,
        /// Which entry.
        seq: Seq,
        /// Chain hash of that entry.
        hash: crate::base::digest::Blake3,
    },
}

/// What is handed to the journal: an event with its place in the story, not yet an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// When (stamped by whoever decided).
    pub at: Stamp,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// The entry that led here.
    pub cause: Option<Cause>,
    /// What happened.
    pub event: Event,
}

/// An entry as folds see it: decoded, without chain and signature (those were checked before).
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its position.
    pub seq: Seq,
    /// When.
    pub at: Stamp,
    /// Which start of the process wrote it.
    pub boot: BootId,
    /// Which machine wrote it.
    pub node: NodeId,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// The entry that led here.
    pub cause: Option<Cause>,
    /// What happened.
    pub event: Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_unreadable_payload_says_is_told_short_and_harmless() {
        let sly = format!("\u{1b}[2J{}", "x".repeat(60_000));
        let quoted = serde_json::to_string(&sly).expect("JSON");
        for (kind, data) in [(sly.as_str(), "{}"), ("control.paused", &format!("{{{quoted}:1}}"))] {
            let said = Event::parse(kind, 1, data).expect_err("refused").to_string();
            assert!(said.len() < 1_024 && !said.contains(char::is_control), "{said:?}");
        }
    }
}
