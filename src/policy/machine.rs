//! What services and sentinels report of themselves. A lost or blind sentinel is itself a degradation.

use std::collections::BTreeMap;

use super::desk::{Answer, Desk};
use super::intake;
use crate::base::ids::{Fingerprint, IncidentId, Receipt};
use crate::event::Event;
use crate::event::degradation::{DegradationRecovered, DegradationSeen, Severity, Source};

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
            Some(("SENTINEL_LOST", lost.sentinel.clone(), format!("sentinel lost: {}", lost.reason)))
        }
        Event::SentinelBlind(blind) => Some((
            "SENTINEL_BLIND",
            blind.sentinel.clone(),
            format!("sentinel cannot tell: {}", blind.evidence),
        )),
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
        let summary = crate::base::text::clip(&summary, crate::base::limits::SUMMARY_BYTES_MAX).to_owned();
        let seen = DegradationSeen {
            receipt,
            fingerprint: Fingerprint::of("remediator", code, &target),
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

/// The good edge of `SENTINEL_LOST`: whoever looks again is not lost.
fn found_again(desk: &mut Desk<'_>, sentinel: String) {
    let fingerprint = Fingerprint::of("remediator", "SENTINEL_LOST", &sentinel);
    if !desk.world.open.contains_key(&fingerprint) {
        return;
    }
    let recovered = DegradationRecovered {
        fingerprint,
        target: sentinel,
        source: Source::Remediator,
        evidence: "the sentinel looks again".into(),
        receipt: None,
        sender_id: None,
    };
    intake::recovered(desk, recovered);
}
