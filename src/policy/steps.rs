//! Steps and their undo: intended one after another, tried again where that is safe, taken back in reverse (RM-45).

use super::desk::{Answer, Desk};
use super::{attempt, group, notices, verification};
use crate::base::ids::{IncidentId, Seq};
use crate::base::limits::STEP_WHY_BYTES_MAX;
use crate::base::sealed;
use crate::base::text::clip;
use crate::context::{Attempt, AttemptState};
use crate::event::attempt::{Outcome, UndoStarted};
use crate::event::plan::{ActionPlan, StepPlan};
use crate::event::step::{StepFinished, StepIntended, StepOutcome, StepStarted, TargetTainted};

/// The process of a step exists.
pub(super) fn started(desk: &mut Desk<'_>, id: IncidentId, started: StepStarted) -> Answer {
    let cause = started.intent;
    match running(desk, id, cause) {
        Some(_) => desk.note(Some(id), Some(cause), started),
        None => Answer::Nothing,
    }
}

/// A step is over: what comes next.
pub(super) fn finished(desk: &mut Desk<'_>, id: IncidentId, finished: StepFinished) -> Answer {
    let Some(intended) = running(desk, id, finished.intent) else { return Answer::Nothing };
    let (step, outcome, intent) = (finished.step, finished.outcome.clone(), finished.intent);
    if outcome == StepOutcome::Succeeded {
        tell_people(desk, id, &intended, intent);
    }
    let Some(seq) = desk.record(id, intent, finished) else { return Answer::Nothing };
    match (outcome, intended.undo) {
        (StepOutcome::WouldNotDie, _) => would_not_die(desk, id, seq, step),
        (_, true) => next_undo(desk, id, seq),
        (StepOutcome::Succeeded, false) => after_success(desk, id, seq, step),
        (outcome, false) => after_failure(desk, id, seq, &intended, &outcome),
    }
    Answer::Recorded(seq)
}

/// The step `notify`: its hand has only checked its permit. The notice is queued before the step has its outcome, so
/// that a crash between the two tells people twice rather than never.
fn tell_people(desk: &mut Desk<'_>, id: IncidentId, intended: &StepIntended, cause: Seq) {
    let Some(attempt) = desk.attempt(id) else { return };
    let Some(plan) = attempt.planned.plan.steps.get(intended.step as usize) else { return };
    let action = if intended.undo { plan.undo.as_ref() } else { Some(&plan.action) };
    if let Some(ActionPlan::Notify(notify)) = action {
        let (channel, message) = (notify.channel.clone(), notify.message.clone());
        notices::queue_on(desk, &channel, Some(id), cause, "step", message);
    }
}

fn running(desk: &Desk<'_>, id: IncidentId, intent: Seq) -> Option<StepIntended> {
    desk.attempt(id)?.running.get(&intent).map(|running| running.intended.clone())
}

/// Intends a step; its effect runs it once the entry is durable.
pub(super) fn intend(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, step: u32) {
    let Some(attempt) = desk.attempt(id) else { return };
    if runtime_is_over(attempt, desk.now()) {
        let reason = format!("its runtime of {} is over before step {step}", attempt.planned.plan.runtime);
        // Whoever still runs ends first, and leads here again.
        if attempt.running.is_empty() {
            begin_undo(desk, id, cause, Outcome::AbortedDeadline, reason);
        }
        return;
    }
    let Some(plan) = attempt.planned.plan.steps.get(step as usize) else { return };
    let action = plan.action.clone();
    record_intent(desk, id, cause, step, false, &action);
}

fn record_intent(
    desk: &mut Desk<'_>,
    id: IncidentId,
    cause: Seq,
    step: u32,
    undo: bool,
    action: &ActionPlan,
) {
    let now = desk.now();
    let Some(attempt) = desk.attempt(id) else { return };
    let Some(lock) = attempt.lock else { return };
    let plan = &attempt.planned.plan.steps[step as usize];
    let try_no = attempt.tries(step, undo) + attempt.lost_tries(step, undo) + 1;
    let delay = plan.pause_ms(attempt.id(), step, try_no);
    let intended = StepIntended {
        attempt: attempt.id(),
        step,
        undo,
        try_no,
        action: action.digest(),
        lock,
        token: attempt.tokens.values().copied().max().unwrap_or(0),
        deadline_elapsed_ms: now + delay + plan.timeout.ms(),
    };
    desk.record(id, cause, intended);
}

fn runtime_is_over(attempt: &Attempt, now: u64) -> bool {
    // A resumed attempt has its runtime anew: the time a crashed daemon was away is not the attempt's.
    let since = if attempt.resumed > 0 { attempt.since_elapsed_ms } else { attempt.planned_elapsed_ms };
    now > since + attempt.planned.plan.runtime.ms()
}

/// Goes on with a step of the plan, or with the group that it belongs to.
pub(super) fn go_to(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, step: u32) {
    match desk.attempt(id).is_some_and(|a| a.planned.plan.group_of(step).is_some()) {
        true => group::go_on(desk, id, cause, step),
        false => intend(desk, id, cause, step),
    }
}

fn in_group(desk: &Desk<'_>, id: IncidentId, step: u32) -> bool {
    desk.attempt(id).is_some_and(|a| a.planned.plan.group_of(step).is_some())
}

fn after_success(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, step: u32) {
    if in_group(desk, id, step) {
        group::go_on(desk, id, cause, step);
        return;
    }
    let steps = desk.attempt(id).map_or(0, |a| a.planned.plan.steps.len() as u32);
    if step + 1 < steps {
        go_to(desk, id, cause, step + 1);
    } else {
        verification::start(desk, id, cause, false);
    }
}

fn after_failure(
    desk: &mut Desk<'_>,
    id: IncidentId,
    cause: Seq,
    intended: &StepIntended,
    outcome: &StepOutcome,
) {
    let Some(attempt) = desk.attempt(id) else { return };
    let Some(plan) = attempt.planned.plan.steps.get(intended.step as usize) else { return };
    if may_retry(plan, intended.try_no, outcome) {
        intend(desk, id, cause, intended.step);
        return;
    }
    if in_group(desk, id, intended.step) {
        group::go_on(desk, id, cause, intended.step);
        return;
    }
    let Some(attempt) = desk.attempt(id) else { return };
    let Some(plan) = attempt.planned.plan.steps.get(intended.step as usize) else { return };
    let reason = format!("step `{}` {}", plan.id, describe(outcome));
    let outcome_of_attempt = match outcome {
        StepOutcome::TimedOut => Outcome::AbortedDeadline,
        _ => Outcome::FailedPartial,
    };
    begin_undo(desk, id, cause, outcome_of_attempt, reason);
}

/// A step that is not idempotent is tried again only where it is certain that it did not begin.
fn may_retry(plan: &StepPlan, try_no: u32, outcome: &StepOutcome) -> bool {
    let safe = plan.idempotent || !outcome.began();
    safe && try_no <= plan.retries && plan.retries_on(outcome)
}

/// Takes back what stands or was left half done, last first.
pub(super) fn begin_undo(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, outcome: Outcome, reason: String) {
    let Some(attempt) = desk.attempt(id) else { return };
    let mut queue = attempt.begun_steps();
    let began = !queue.is_empty();
    let has_undo =
        |step: &u32| attempt.planned.plan.steps.get(*step as usize).is_some_and(|s| s.undo.is_some());
    queue.retain(has_undo);
    queue.reverse();
    if queue.is_empty() || attempt.lock.is_none() {
        let outcome = if began { outcome } else { before_mutation(outcome) };
        attempt::end(desk, id, cause, outcome, reason);
        return;
    }
    let event = UndoStarted { attempt: attempt.id(), reason, steps: queue };
    if let Some(seq) = desk.record(id, cause, event) {
        next_undo(desk, id, seq);
    }
}

fn before_mutation(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::FailedPartial | Outcome::AbortedDeadline => Outcome::FailedBeforeMutation,
        other => other,
    }
}

/// The next step to take back, or the end of the attempt.
pub(super) fn next_undo(desk: &mut Desk<'_>, id: IncidentId, cause: Seq) {
    let Some(attempt) = desk.attempt(id).filter(|a| a.state == AttemptState::Undoing) else { return };
    let next = attempt.undo_queue.first().copied();
    let action = next.and_then(|step| attempt.planned.plan.steps.get(step as usize)?.undo.clone());
    match (next, action) {
        (Some(step), Some(action)) => record_intent(desk, id, cause, step, true, &action),
        _ => {
            let reason = attempt.undo_reason.clone().unwrap_or_default();
            let failed_verdict = attempt
                .verification
                .as_ref()
                .is_some_and(|v| v.verdict == Some(crate::event::verification::Verdict::Failed));
            let outcome = if failed_verdict { Outcome::Failed } else { Outcome::FailedPartial };
            attempt::end(desk, id, cause, outcome, reason);
        }
    }
}

fn would_not_die(desk: &mut Desk<'_>, id: IncidentId, cause: Seq, step: u32) {
    let Some(attempt) = desk.attempt(id) else { return };
    let target = attempt.planned.target.clone();
    let reason = format!("a process of step {step} would not die");
    let one = attempt.planned.plan.group_of(step).and_then(|group| group.target_of(step));
    let also = one.filter(|one| *one != target).map(str::to_owned);
    let mut cause = cause;
    for target in std::iter::once(target).chain(also) {
        let tainted = TargetTainted { target, reason: reason.clone() };
        let Some(seq) = desk.record(id, cause, tainted) else { return };
        notices::queue(desk, Some(id), seq, "tainted", reason.clone());
        cause = seq;
    }
    // Others of its group keep the lock until they have ended too.
    if !group::others_run(desk, id) {
        attempt::end(desk, id, cause, Outcome::AbortedDeadline, reason);
    }
}

/// A step's outcome for people.
pub(super) fn describe(outcome: &StepOutcome) -> String {
    match outcome {
        StepOutcome::Succeeded => "succeeded".into(),
        StepOutcome::Exited(code) => format!("ended with exit code {code}"),
        StepOutcome::Signalled(signal) => format!("was ended by signal {signal}"),
        StepOutcome::TimedOut => "ran into its timeout".into(),
        StepOutcome::NotStarted(why) => format!("could not be started: {}", clip(why, STEP_WHY_BYTES_MAX)),
        StepOutcome::WouldNotDie => "would not die".into(),
        StepOutcome::Refused(why) => format!("was refused: {}", clip(why, STEP_WHY_BYTES_MAX)),
        StepOutcome::Failed { why, .. } => format!("failed: {}", sealed::clip(why, STEP_WHY_BYTES_MAX)),
    }
}
