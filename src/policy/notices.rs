//! The outbox: what people are told, tried until it is delivered or given up loudly (RM-4). What a rung says is never
//! given up while its incident is open: an escalation that reached nobody stays where it is (X3).

use super::desk::{Answer, Desk};
use crate::base::ids::{IncidentId, Seq};
use crate::base::limits::NOTICES_WAITING_MAX;
use crate::context::{ESCALATION, Notice};
use crate::event::attempt::{AttemptEnded, Outcome, UndoOutcome};
use crate::event::notice::{
    Delivery, NoticeAbout, NoticeDelivered, NoticeFailed, NoticeOutcome, NoticeQueued,
};

/// The channel that is always there.
pub(super) const LOG: &str = "log";
/// Topic of a notice that says that another one was not delivered.
const UNDELIVERABLE: &str = "undeliverable";
/// Topic of a test.
const TEST: &str = NoticeQueued::TEST;
/// Topic of what subscribers of outcomes are told.
const OUTCOME: &str = "outcome";
/// First pause before another try; doubled each time …
const RETRY_MS: u64 = 1_000;
/// … up to this one.
const RETRY_MS_MAX: u64 = 300_000;
/// The longest pause that a receiver may ask for.
const RETRY_AFTER_MS_MAX: u64 = 3_600_000;
/// After this time a notice is given up.
const GIVE_UP_MS: u64 = 24 * 3_600_000;
/// After this many tries the other channels are told that a rung has reached nobody.
const LOUD_AT_TRY: u32 = 4;

/// Queues a notice on every channel that is told of everything.
pub(super) fn queue(desk: &mut Desk<'_>, id: Option<IncidentId>, cause: Seq, topic: &str, text: String) {
    for channel in desk.world.config.announce.clone() {
        queue_on(desk, &channel, id, cause, topic, text.clone());
    }
}

/// Queues a notice.
pub(super) fn queue_on(
    desk: &mut Desk<'_>,
    channel: &str,
    id: Option<IncidentId>,
    cause: Seq,
    topic: &str,
    text: String,
) {
    put(desk, channel, id, Some(cause), (topic, text), None);
}

fn put(
    desk: &mut Desk<'_>,
    channel: &str,
    id: Option<IncidentId>,
    cause: Option<Seq>,
    (topic, text): (&str, String),
    outcome: Option<NoticeOutcome>,
) -> Option<Seq> {
    make_room(desk);
    let incident = id.and_then(|id| desk.incident(id)).filter(|i| i.alarm.is_none());
    let (id, about) = (incident.map(|i| i.id), incident.map(|i| about(&i.signal)));
    let queued = NoticeQueued { channel: channel.into(), topic: topic.into(), text, about, outcome };
    desk.put(id, cause, queued.into())
}

fn about(signal: &crate::context::Signal) -> NoticeAbout {
    let first = &signal.first;
    let (subsystem, code, target) = (first.subsystem.clone(), first.code.clone(), first.target.clone());
    NoticeAbout { subsystem, code, target, severity: signal.severity }
}

/// A full outbox gives up its oldest notice that is no rung's, and says so: new ones matter more.
fn make_room(desk: &mut Desk<'_>) {
    let waiting = &desk.world.outbox.waiting;
    if waiting.len() < NOTICES_WAITING_MAX {
        return;
    }
    let oldest = waiting.iter().find(|(_, n)| n.queued.topic != ESCALATION);
    let Some((notice, try_no)) = oldest.map(|(seq, n)| (*seq, n.tries)) else { return };
    let reason = format!("{NOTICES_WAITING_MAX} notices are waiting: the oldest is given up for a new one");
    let failed = NoticeFailed { notice, try_no, reason, retry_elapsed_ms: None, refused: false };
    desk.put(None, Some(notice), failed.into());
}

/// Announces how an attempt ended.
pub(super) fn attempt_ended(
    desk: &mut Desk<'_>,
    id: IncidentId,
    cause: Seq,
    runbook: &str,
    outcome: Outcome,
    reason: &str,
    undo: Option<UndoOutcome>,
) {
    let (topic, undone) = match undo {
        Some(UndoOutcome::Failed) => ("undo_failed", "; taking it back FAILED, a person is needed now"),
        Some(UndoOutcome::Done) => ("attempt_ended", "; it was taken back"),
        None => ("attempt_ended", ""),
    };
    let text = format!("`{runbook}` ended {}: {reason}{undone}", word(outcome));
    queue(desk, Some(id), cause, topic, text);
}

fn word(outcome: Outcome) -> String {
    let word = serde_json::to_value(outcome).ok().and_then(|v| v.as_str().map(str::to_owned));
    word.unwrap_or_default().replace('_', " ")
}

/// Tells whoever subscribed how an attempt ended, success or not (RM-50).
pub(super) fn outcome(desk: &mut Desk<'_>, id: IncidentId, entry: Seq, ended: &AttemptEnded) {
    if desk.world.config.outcomes.is_empty() {
        return;
    }
    let now = desk.now();
    let Some(attempt) = desk.attempt(id).filter(|a| a.id() == ended.attempt) else { return };
    let told = NoticeOutcome {
        attempt: ended.attempt,
        entry,
        planned: attempt.planned_seq,
        runbook: attempt.planned.runbook.clone(),
        digest: attempt.planned.digest,
        dry_run: attempt.planned.dry_run,
        outcome: ended.outcome,
        reason: ended.reason.clone(),
        undo: ended.undo,
        took_ms: now.saturating_sub(attempt.planned_elapsed_ms),
    };
    let text = format!("`{}` ended {}", told.runbook, word(ended.outcome));
    for channel in desk.world.config.outcomes.clone() {
        put(desk, &channel, Some(id), Some(entry), (OUTCOME, text.clone()), Some(told.clone()));
    }
}

/// A person wants to see whether a channel works. The asker delivers it and answers with what came of it.
pub(super) fn test(desk: &mut Desk<'_>, queued: NoticeQueued) -> Answer {
    make_room(desk);
    desk.note(None, None, queued)
}

/// A channel tried to deliver.
pub(super) fn tried(desk: &mut Desk<'_>, notice: Seq, answer: Delivery) -> Answer {
    let now = desk.now();
    let Some(waiting) = desk.world.outbox.waiting.get(&notice).cloned() else { return Answer::Nothing };
    let try_no = waiting.tries + 1;
    let (reason, retry, refused) = match answer {
        Delivery::Delivered { said } => {
            return desk.note(None, Some(notice), NoticeDelivered { notice, try_no, said });
        }
        Delivery::Refused { reason } => (reason, None, true),
        Delivery::Failed { reason, retry_after_ms } => {
            let at = now + pause(notice, try_no, retry_after_ms);
            (reason, goes_on(desk, &waiting, at).then_some(at), false)
        }
    };
    let failed = NoticeFailed { notice, try_no, reason: reason.clone(), retry_elapsed_ms: retry, refused };
    let Some(seq) = desk.put(None, Some(notice), failed.into()) else { return Answer::Nothing };
    let rung = waiting.queued.topic == ESCALATION;
    if retry.is_none() || rung && try_no == LOUD_AT_TRY {
        be_loud(desk, &waiting, seq, retry.is_none(), &reason);
    }
    Answer::Recorded(seq)
}

/// Doubled each time, or what the receiver asks for; spread by up to a quarter, so that what failed together is not
/// tried together for ever.
fn pause(notice: Seq, try_no: u32, retry_after_ms: Option<u64>) -> u64 {
    let doubled = (RETRY_MS << (try_no - 1).min(16)).min(RETRY_MS_MAX);
    let pause = doubled.max(retry_after_ms.unwrap_or(0).min(RETRY_AFTER_MS_MAX));
    pause + notice.wrapping_mul(2_654_435_761) % (pause / 4)
}

fn goes_on(desk: &Desk<'_>, waiting: &Notice, at: u64) -> bool {
    let open = waiting.incident.and_then(|id| desk.incident(id)).is_some_and(|i| !i.is_closed());
    match waiting.queued.topic.as_str() {
        TEST => false,
        ESCALATION if open => true,
        _ => at < waiting.queued_elapsed_ms + GIVE_UP_MS,
    }
}

/// What cannot be told on one channel is told on the others, and on the log in any case.
fn be_loud(desk: &mut Desk<'_>, waiting: &Notice, cause: Seq, given_up: bool, reason: &str) {
    let queued = &waiting.queued;
    if matches!(queued.topic.as_str(), UNDELIVERABLE | TEST) {
        return;
    }
    let mut channels = desk.world.config.announce.clone();
    channels.push(LOG.into());
    channels.sort();
    channels.dedup();
    channels.retain(|c| *c != queued.channel);
    let then = match (given_up, queued.topic == ESCALATION) {
        (true, true) => "it is refused for good, and the escalation is held where it is",
        (false, _) => "it is tried again, and the escalation is held where it is",
        (true, false) => "it is given up",
    };
    let text = format!("`{}` does not take `{}`: {reason}; {then}", queued.channel, queued.text);
    for channel in channels {
        queue_on(desk, &channel, waiting.incident, cause, UNDELIVERABLE, text.clone());
    }
}

/// After a start: every waiting notice is tried now, and rungs that were given up once more, because what was wrong with
/// their channel may have been mended meanwhile.
pub(super) fn booted(desk: &mut Desk<'_>) {
    let now = desk.now();
    let waiting: Vec<_> =
        desk.world.outbox.waiting.iter().map(|(seq, n)| (*seq, n.tries, n.queued.topic == TEST)).collect();
    for (notice, try_no, test) in waiting {
        let reason = "the daemon was restarted before it was known to be delivered".to_owned();
        let retry_elapsed_ms = (!test).then_some(now);
        let failed = NoticeFailed { notice, try_no, reason, retry_elapsed_ms, refused: false };
        desk.put(None, Some(notice), failed.into());
    }
    let rungs = desk.world.outbox.undelivered.iter().flat_map(|(id, all)| all.iter().map(|one| (*id, one)));
    let again: Vec<_> =
        rungs.filter(|(_, (_, u))| u.given_up).map(|(id, (seq, u))| (id, *seq, u.queued.clone())).collect();
    for (id, notice, rung) in again {
        queue_on(desk, &rung.channel, Some(id), notice, ESCALATION, rung.text);
    }
}
