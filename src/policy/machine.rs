//! What services and sentinels report of themselves. A lost or blind sentinel is itself a degradation.

use std::collections::BTreeMap;

use super::desk::{Answer, Desk};
use super::intake;
use crate::base::ids::{Fingerprint, IncidentId, Receipt};
use crate::base::limits::SUMMARY_BYTES_MAX;
use crate::base::text::clip;
use crate::context::SentinelState;
use crate::event::Event;
use crate::event::degradation::{DegradationRecovered, DegradationSeen, Severity, Source};

/// Codes of what is wrong with a sentinel itself.
const LOST: &str = "SENTINEL_LOST";
const BLIND: &str = SentinelState::BLIND_CODE;

/// A service started, exited or was adopted.
pub(super) fn service(desk: &mut Desk<'_>, event: Event) -> Answer {
    let cause = match &event {
        Event::ServiceStarted(started) => Some(started.intent),
        Event::ServiceExited(exited) => desk.world.machine.services.get(&exited.service).map(|s| s.seq),
        _ => None,
    };
    desk.note(None, cause, event)
}

/// A sentinel started, was lost, or is blind.
pub(super) fn sentinel(desk: &mut Desk<'_>, event: Event) -> Answer {
    let trouble = match &event {
        Event::SentinelLost(lost) => {
            Some((LOST, lost.sentinel.clone(), format!("sentinel lost: {}", lost.reason)))
        }
        Event::SentinelBlind(blind) => {
            Some((BLIND, blind.sentinel.clone(), format!("sentinel cannot tell: {}", blind.evidence)))
        }
        _ => None,
    };
    let looks_again = match &event {
        Event::SentinelStarted(started) => Some(started.sentinel.clone()),
        _ => None,
    };
    let Some(seq) = desk.put(None, None, event) else { return Answer::Nothing };
    if let Some(sentinel) = looks_again {
        found_again(desk, sentinel);
    }
    if let Some((code, target, summary)) = trouble {
        // Its receipt is derived from the entry, so it is the same on every replay.
        let receipt = Receipt(
            IncidentId::derive(&desk.world.genesis, &Receipt(uuid::Uuid::from_u128(u128::from(seq))), 1).0,
        );
        let summary = clip(&summary, SUMMARY_BYTES_MAX).to_owned();
        let seen = DegradationSeen {
            subject: None,
            receipt,
            fingerprint: trouble_of(code, &target),
            subsystem: "remediator".into(),
            code: code.into(),
            target,
            severity: Severity::Error,
            summary,
            detail: None,
            attributes: BTreeMap::new(),
            observed_at: None,
            source: Source::Remediator,
            sender_id: None,
            actionable: true,
        };
        intake::reported(desk, seen);
    }
    Answer::Recorded(seq)
}

/// A sentinel can tell again. That it can is no news while nobody says that it cannot.
pub(super) fn sees(desk: &mut Desk<'_>, sentinel: String, evidence: &str) -> Answer {
    let blind = desk.world.machine.sentinels.get(&sentinel).is_some_and(SentinelState::is_blind);
    if blind || desk.world.open.contains_key(&trouble_of(BLIND, &sentinel)) {
        return recovered(desk, BLIND, sentinel, format!("the sentinel can tell again: {evidence}"));
    }
    Answer::Nothing
}

/// The good edge of `SENTINEL_LOST`: whoever looks again is not lost.
fn found_again(desk: &mut Desk<'_>, sentinel: String) {
    if desk.world.open.contains_key(&trouble_of(LOST, &sentinel)) {
        recovered(desk, LOST, sentinel, "the sentinel looks again".into());
    }
}

fn trouble_of(code: &str, sentinel: &str) -> Fingerprint {
    Fingerprint::of("remediator", code, sentinel)
}

fn recovered(desk: &mut Desk<'_>, code: &str, sentinel: String, evidence: String) -> Answer {
    let recovered = DegradationRecovered {
        fingerprint: trouble_of(code, &sentinel),
        target: sentinel,
        source: Source::Remediator,
        evidence: clip(&evidence, SUMMARY_BYTES_MAX).to_owned(),
        receipt: None,
        sender_id: None,
    };
    intake::recovered(desk, recovered)
}
