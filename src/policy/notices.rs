//! The outbox: what people are told, tried until it is delivered or given up loudly (RM-4).

use super::desk::{Answer, Desk};
use crate::base::ids::{IncidentId, Seq};
use crate::event::attempt::{Outcome, UndoOutcome};
use crate::event::notice::{NoticeDelivered, NoticeFailed, NoticeQueued};

/// Channel of everything that names no other.
const DEFAULT_CHANNEL: &str = "log";
/// Tries before a notice is given up.
const TRIES_MAX: u32 = 8;
/// First pause before another try; doubled each time.
const RETRY_MS: u64 = 1_000;

/// Queues a notice on the default channel.
pub(super) fn queue(desk: &mut Desk<'_>, id: Option<IncidentId>, cause: Seq, topic: &str, text: String) {
    queue_on(desk, DEFAULT_CHANNEL, id, cause, topic, text);
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
    let queued = NoticeQueued { channel: channel.into(), topic: topic.into(), text };
    desk.put(id, Some(cause), queued.into());
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
    let word = serde_json::to_value(outcome).ok().and_then(|v| v.as_str().map(str::to_owned));
    let text = format!("`{runbook}` ended {}: {reason}{undone}", word.unwrap_or_default().replace('_', " "));
    queue(desk, Some(id), cause, topic, text);
}

/// A channel tried to deliver.
pub(super) fn tried(desk: &mut Desk<'_>, notice: Seq, failure: Option<String>) -> Answer {
    let now = desk.now();
    let Some(waiting) = desk.world.outbox.waiting.get(&notice) else { return Answer::Nothing };
    let (try_no, incident) = (waiting.tries + 1, None);
    match failure {
        None => desk.note(incident, Some(notice), NoticeDelivered { notice, try_no }),
        Some(reason) => {
            let pause = RETRY_MS << (try_no - 1).min(16);
            let retry_elapsed_ms = (try_no < TRIES_MAX).then_some(now + pause);
            desk.note(incident, Some(notice), NoticeFailed { notice, try_no, reason, retry_elapsed_ms })
        }
    }
}
