//! Requests for more trust, as faces show them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, Seq};
use crate::context::{Elevation, ElevationState};
use crate::event::elevation::{TrackRecord, TrustLevel};

/// A runbook asked to act with more trust than the policy gives (RM-31).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ElevationView {
    /// The entry that asked.
    pub request: Seq,
    /// The runbook.
    pub runbook: String,
    /// Its digest: what is granted is granted to these bytes.
    pub digest: FileDigest,
    /// What it would act on.
    pub target: String,
    /// The trust that it needs.
    pub needed: TrustLevel,
    /// The trust that the policy gives.
    pub given: TrustLevel,
    /// The most that its track record lets it ask for.
    pub may_ask: TrustLevel,
    /// That track record.
    pub record: TrackRecord,
    /// When the time to answer is over, on the journal's own clock.
    pub until_elapsed_ms: u64,
    /// `waiting`, `granted`, `used`, `refused` or `expired`.
    pub state: String,
    /// Who answered.
    pub by: Option<String>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// The entry that granted it.
    pub granted: Option<Seq>,
    /// The attempt that used it.
    pub attempt: Option<AttemptId>,
}

impl ElevationView {
    /// What faces show of one.
    pub(super) fn of(elevation: &Elevation) -> Self {
        let asked = &elevation.asked;
        let (state, by, reason, granted, attempt) = match &elevation.state {
            ElevationState::Waiting => ("waiting", None, None, None, None),
            ElevationState::Granted { seq, by, .. } => ("granted", Some(by), None, Some(*seq), None),
            ElevationState::Used { seq, by, attempt } => ("used", Some(by), None, Some(*seq), Some(*attempt)),
            ElevationState::Refused { by, reason } => ("refused", Some(by), Some(reason), None, None),
            ElevationState::Expired => ("expired", None, None, None, None),
        };
        Self {
            request: elevation.request,
            runbook: asked.runbook.clone(),
            digest: asked.digest,
            target: asked.target.clone(),
            needed: asked.needed,
            given: asked.given,
            may_ask: asked.may_ask,
            record: asked.record,
            until_elapsed_ms: asked.until_elapsed_ms,
            state: state.into(),
            by: by.cloned(),
            reason: reason.cloned(),
            granted,
            attempt,
        }
    }
}
