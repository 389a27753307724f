//! Reports coming in: deduplicated, folded into the open incident of their fingerprint, or opening one.

use super::desk::{Answer, Desk};
use super::{attempt, settle, watch};
use crate::base::ids::IncidentId;
use crate::base::limits::OPEN_INCIDENTS_MAX;
use crate::context::IncidentState;
use crate::event::degradation::{DegradationRecovered, DegradationSeen};
use crate::event::incident::{Closure, IncidentCoalesced, IncidentOpened};

/// A report was accepted at the edge.
pub(super) fn reported(desk: &mut Desk<'_>, seen: DegradationSeen) -> Answer {
    if let Some(id) = &seen.sender_id
        && let Some((receipt, seq)) = desk.world.senders.find(&seen.source.to_string(), id)
    {
        return Answer::Accepted { receipt, seq, duplicate: true };
    }
    let receipt = seen.receipt;
    let seq = if !seen.actionable {
        desk.put(None, None, seen.into())
    } else if let Some(id) = desk.world.open.get(&seen.fingerprint).copied() {
        coalesce(desk, id, seen)
    } else if desk.world.open.len() >= OPEN_INCIDENTS_MAX {
        return Answer::Full;
    } else {
        open(desk, seen)
    };
    seq.map_or(Answer::Nothing, |seq| Answer::Accepted { receipt, seq, duplicate: false })
}

fn open(desk: &mut Desk<'_>, seen: DegradationSeen) -> Option<u64> {
    let id = IncidentId::derive(&desk.world.genesis, &seen.receipt, 0);
    let opened = IncidentOpened {
        fingerprint: seen.fingerprint,
        subsystem: seen.subsystem.clone(),
        code: seen.code.clone(),
        target: seen.target.clone(),
    };
    let seq = desk.record_first(id, seen)?;
    let opened = desk.record(id, seq, opened)?;
    settle::settle(desk, id, opened);
    Some(seq)
}

fn coalesce(desk: &mut Desk<'_>, id: IncidentId, seen: DegradationSeen) -> Option<u64> {
    let summary = seen.summary.clone();
    let seq = desk.put(Some(id), None, seen.into())?;
    let count = desk.incident(id)?.signal.count;
    let coalesced = desk.record(id, seq, IncidentCoalesced { count })?;
    match desk.incident(id)?.state {
        IncidentState::Watching => watch::relapsed(desk, id, coalesced, format!("reported again: {summary}")),
        IncidentState::Held | IncidentState::Escalated => settle::settle_quietly(desk, id, coalesced),
        _ => {}
    }
    Some(seq)
}

/// A sentinel saw the good edge. While an attempt runs, its own verification decides; otherwise it is over.
pub(super) fn recovered(desk: &mut Desk<'_>, recovered: DegradationRecovered) -> Answer {
    if let Some(id) = &recovered.sender_id
        && let Some((receipt, seq)) = desk.world.senders.find(&recovered.source.to_string(), id)
    {
        return Answer::Accepted { receipt, seq, duplicate: true };
    }
    let receipt = recovered.receipt;
    let id = desk.world.open.get(&recovered.fingerprint).copied();
    let evidence = recovered.evidence.clone();
    let Some(seq) = desk.put(id, None, recovered.into()) else { return Answer::Nothing };
    if let Some(id) = id
        && let Some(incident) = desk.incident(id)
        && matches!(incident.state, IncidentState::Open | IncidentState::Held | IncidentState::Escalated)
    {
        attempt::close(desk, id, seq, Closure::RecoveredUnaided, evidence);
    }
    receipt.map_or(Answer::Recorded(seq), |receipt| Answer::Accepted { receipt, seq, duplicate: false })
}
