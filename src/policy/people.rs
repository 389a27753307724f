//! What people say: less power at once, more power by a signed statement that is good once (X15, RM-44).

use super::desk::{Answer, Desk};
use super::{attempt, held, settle};
use crate::base::ids::IncidentId;
use crate::base::limits::{GRANTS_MAX, KEY_ROTATIONS_PER_DAY_MAX};
use crate::context::IncidentState;
use crate::event::attempt::{AttemptThawed, Outcome};
use crate::event::control::{Drained, KeyRotationOrdered, KeyRotationRefused, Resumed, SignedStatement};
use crate::event::incident::Closure;
use crate::event::lock::{LockBreakFailed, LockBreakOrdered, LockBroken};
use crate::event::sentinel::{SentinelGrantRevoked, SentinelGranted};
use crate::event::step::TargetCleared;
use crate::event::subject::SubjectErased;

/// Someone who may lets attempts start again.
pub(super) fn resumed(desk: &mut Desk<'_>, resumed: Resumed) -> Answer {
    if used(desk, &resumed.statement) {
        return Answer::Nothing;
    }
    let control = &desk.world.control;
    let cause = control.seq.max(control.drain.as_ref().map(|d| d.seq));
    let Some(seq) = desk.put(None, cause, resumed.into()) else { return Answer::Nothing };
    settle::settle_waiting(desk, seq, held::PAUSED);
    settle::settle_waiting(desk, seq, held::DRAINING);
    Answer::Recorded(seq)
}

/// While draining, the moment at which nothing runs any more is recorded: who waits for it has a proof.
pub(super) fn drained(desk: &mut Desk<'_>) {
    let Some(drain) = desk.world.control.drain.as_ref().filter(|d| d.drained.is_none()) else { return };
    let started = drain.seq;
    if desk.world.active_attempts() == 0 {
        desk.put(None, Some(started), Drained { started }.into());
    }
}

/// Someone who may says that a lock no longer counts. What is done about it is an effect of this entry.
pub(super) fn break_ordered(desk: &mut Desk<'_>, ordered: LockBreakOrdered) -> Answer {
    if used(desk, &ordered.statement) {
        return Answer::Nothing;
    }
    let granted = desk.world.machine.locks.held.get(&ordered.resource).map(|held| held.seq);
    desk.note(None, granted, ordered)
}

/// Someone who may wants another key for the journal. Bounded (RM-25), and a refusal is on record.
pub(super) fn key_ordered(desk: &mut Desk<'_>, ordered: KeyRotationOrdered) -> Answer {
    if used(desk, &ordered.statement) {
        return Answer::Nothing;
    }
    let (now, since) = (desk.now(), desk.world.control.key.since);
    let made = desk.world.control.key.rotations(now);
    if made >= KEY_ROTATIONS_PER_DAY_MAX {
        let reason = format!("{made} rotations within 24h, {KEY_ROTATIONS_PER_DAY_MAX} are allowed");
        let refused = KeyRotationRefused { by: ordered.by, reason };
        return desk.put(None, Some(since), refused.into()).map_or(Answer::Nothing, Answer::TooSoon);
    }
    desk.note(None, Some(since), ordered)
}

/// What came of it.
pub(super) fn break_ended(desk: &mut Desk<'_>, ended: Result<LockBroken, LockBreakFailed>) -> Answer {
    let breaks = &desk.world.machine.locks.breaks;
    let ordered = |resource: &str| breaks.get(resource).map(|order| order.ordered);
    match ended {
        Ok(broken) => {
            let cause = ordered(&broken.resource);
            desk.note(None, cause, broken)
        }
        Err(failed) => {
            let cause = ordered(&failed.resource);
            desk.note(None, cause, failed)
        }
    }
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

/// The key of a subject is gone. Said once, however often it is finished.
pub(super) fn subject_erased(desk: &mut Desk<'_>, erased: SubjectErased) -> Answer {
    match desk.world.control.erased.contains(&erased.subject) {
        true => Answer::Nothing,
        false => desk.note(None, None, erased),
    }
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

pub(super) fn used(desk: &Desk<'_>, statement: &SignedStatement) -> bool {
    desk.world.control.nonces.contains_key(&statement.nonce)
}
