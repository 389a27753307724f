//! What people say: less power at once, more power by a signed statement that is good once (X15, RM-44).

use super::desk::{Answer, Desk};
use super::{attempt, held, settle};
use crate::base::ids::IncidentId;
use crate::base::limits::GRANTS_MAX;
use crate::context::IncidentState;
use crate::event::attempt::{AttemptThawed, Outcome};
use crate::event::control::{Resumed, SignedStatement};
use crate::event::incident::Closure;
use crate::event::sentinel::{SentinelGrantRevoked, SentinelGranted};
use crate::event::step::TargetCleared;

/// Someone who may lets attempts start again.
pub(super) fn resumed(desk: &mut Desk<'_>, resumed: Resumed) -> Answer {
    if used(desk, &resumed.statement) {
        return Answer::Nothing;
    }
    let Some(seq) = desk.put(None, desk.world.control.seq, resumed.into()) else { return Answer::Nothing };
    settle::settle_waiting(desk, seq, held::PAUSED);
    Answer::Recorded(seq)
}

/// Someone who may has looked at a frozen attempt: it is over, and its incident is decided anew.
pub(super) fn thawed(
    desk: &mut Desk<'_>,
    id: IncidentId,
    by: String,
    reason: String,
    statement: SignedStatement,
) -> Answer {
    let frozen = desk.incident(id).is_some_and(|i| i.state == IncidentState::Frozen && i.alarm.is_none());
    if used(desk, &statement) || !frozen {
        return Answer::Nothing;
    }
    let Some(found) = desk.attempt(id) else { return Answer::Nothing };
    let (attempt_id, cause) = (found.id(), found.last_seq);
    let text = format!("{by} looked at it: {reason}");
    let event = AttemptThawed { attempt: attempt_id, by, reason, statement: Some(statement) };
    let Some(seq) = desk.record(id, cause, event) else { return Answer::Nothing };
    attempt::end(desk, id, seq, Outcome::Interrupted, text);
    Answer::Recorded(seq)
}

/// Someone who may has made sure that nothing unknown acts on a target any more.
pub(super) fn cleared(desk: &mut Desk<'_>, cleared: TargetCleared) -> Answer {
    let Some(tainted) = desk.world.machine.tainted.get(&cleared.target).map(|t| t.seq) else {
        return Answer::Nothing;
    };
    if used(desk, &cleared.statement) {
        return Answer::Nothing;
    }
    let Some(seq) = desk.put(None, Some(tainted), cleared.into()) else { return Answer::Nothing };
    settle::settle_waiting(desk, seq, held::TAINTED);
    Answer::Recorded(seq)
}

/// Someone who may lets an external sentinel report. It must not take the name of one that is declared here.
pub(super) fn granted(desk: &mut Desk<'_>, granted: SentinelGranted) -> Answer {
    let machine = &desk.world.machine;
    let declared = machine.sentinels.get(&granted.sentinel).is_some_and(|s| s.digest.is_some());
    let before = machine.grants.get(&granted.sentinel).map(|grant| grant.seq);
    let full = before.is_none() && machine.grants.len() >= GRANTS_MAX;
    if used(desk, &granted.statement) || declared || full {
        return Answer::Nothing;
    }
    desk.note(None, before, granted)
}

/// A person takes a grant back.
pub(super) fn grant_revoked(desk: &mut Desk<'_>, revoked: SentinelGrantRevoked) -> Answer {
    match desk.world.machine.grants.get(&revoked.sentinel).map(|grant| grant.seq) {
        Some(granted) => desk.note(None, Some(granted), revoked),
        None => Answer::Nothing,
    }
}

/// A person says that an incident is over. Nothing is acting on it, so this only takes power away.
pub(super) fn closed(desk: &mut Desk<'_>, id: IncidentId, by: &str, reason: &str) -> Answer {
    let at_rest =
        |state| matches!(state, IncidentState::Open | IncidentState::Held | IncidentState::Escalated);
    let Some(incident) = desk.incident(id).filter(|i| at_rest(i.state)) else { return Answer::Nothing };
    let cause = incident.last_seq;
    let next = desk.world.next_seq;
    attempt::close(desk, id, cause, Closure::ClosedByPerson, format!("{by}: {reason}"));
    Answer::Recorded(next)
}

fn used(desk: &Desk<'_>, statement: &SignedStatement) -> bool {
    desk.world.control.nonces.contains_key(&statement.nonce)
}
