//! After a start: what a crashed daemon left behind, then a decision for every lifecycle that is not at rest
//! (RM-12). The plan in the journal counts, never the current file.

use super::desk::{Answer, Desk};
use super::input::LeftOvers;
use super::{attempt, freeze, held, notices, settle, trust};
use crate::base::ids::IncidentId;
use crate::base::limits::SUMMARY_BYTES_MAX;
use crate::base::text::clip;
use crate::context::{Attempt, AttemptState, IncidentState};
use crate::event::Event;
use crate::event::attempt::{AttemptResumed, Outcome, Resumption};
use crate::event::incident::{EscalationHeld, IncidentHeld, WatchObserved};
use crate::event::process::LeftoversDealtWith;
use crate::event::step::{LeftOverFate, StepIntended, TargetTainted};
use crate::event::verification::{Observation, Verdict};

/// Left-over processes were dealt with, services adopted or found gone.
pub(super) fn left_overs(desk: &mut Desk<'_>, found: LeftOvers) -> Answer {
    let mut dealt = LeftoversDealtWith { terminated: 0, adopted: 0, tainted: 0 };
    for (id, left) in found.steps {
        let (fate, pid) = (left.fate, left.pid);
        let target = desk.attempt(id).map(|a| a.planned.target.clone());
        let cause = desk.incident(id).map(|i| i.last_seq);
        let known = desk.incident(id).map(|_| id);
        let Some(seq) = desk.put(known, cause, left.into()) else { continue };
        match fate {
            LeftOverFate::Terminated | LeftOverFate::Gone => dealt.terminated += 1,
            LeftOverFate::Unreadable | LeftOverFate::WouldNotDie => {
                dealt.tainted += 1;
                let Some(target) = target else { continue };
                let reason = format!("left-over process {pid} could not be ended");
                desk.put(known, Some(seq), TargetTainted { target, reason: reason.clone() }.into());
                notices::queue(desk, known, seq, "tainted", reason);
            }
        }
    }
    for event in found.services {
        dealt.adopted += u32::from(matches!(event, Event::ServiceAdopted(_)));
        desk.put(None, None, event);
    }
    desk.note(None, None, dealt)
}

/// Everything is ready.
pub(super) fn booted(desk: &mut Desk<'_>) -> Answer {
    let mut open: Vec<_> =
        desk.world.open_incidents().filter(|i| i.alarm.is_none()).map(|i| (i.opened_seq, i.id)).collect();
    open.sort();
    for (_, id) in open {
        take_up(desk, id);
    }
    notices::booted(desk);
    Answer::Nothing
}

fn take_up(desk: &mut Desk<'_>, id: IncidentId) {
    let now = desk.now();
    // Whatever holds it meanwhile, a pause or a lock: nobody knows whether the program heard the question.
    trust::booted(desk, id);
    let Some(incident) = desk.incident(id) else { return };
    let cause = incident.last_seq;
    match incident.state {
        IncidentState::Remediating => resume(desk, id),
        IncidentState::Watching => {
            let observation = not_looked("the watch goes on after a restart");
            desk.record(id, cause, WatchObserved { observation, looks: 0 });
        }
        IncidentState::Escalated => {
            let (rung, next) = (incident.escalation.rung.unwrap_or(0), incident.escalation.next_elapsed_ms);
            if let Some(next) = next {
                let observation = not_looked("the escalation goes on after a restart");
                desk.record(
                    id,
                    cause,
                    EscalationHeld { rung, observation, next_elapsed_ms: next.max(now), undelivered: None },
                );
            }
        }
        IncidentState::Held => match &incident.held {
            Some(held) if held.reason == held::LOOK_FIRST => {
                let until = held.until_elapsed_ms.map(|at| at.max(now));
                let again = IncidentHeld { until_elapsed_ms: until, ..held.clone() };
                desk.record(id, cause, again);
            }
            Some(held) if [held::ELEVATION, held::PAUSED].contains(&held.reason.as_str()) => {}
            Some(held) if held.until_elapsed_ms.is_some() => {}
            _ => settle::settle(desk, id, cause),
        },
        IncidentState::Open => settle::settle(desk, id, cause),
        IncidentState::Frozen | IncidentState::Closed => {}
    }
}

fn not_looked(evidence: &str) -> Observation {
    Observation { verdict: Verdict::Unknown, evidence: evidence.into(), values: Default::default() }
}

/// RM-12 for one open attempt.
fn resume(desk: &mut Desk<'_>, id: IncidentId) {
    let Some(found) = desk.attempt(id) else { return };
    let (attempt_id, cause) = (found.id(), found.last_seq);
    let (resumption, reason) = judge(found);
    attempt::release(desk, id, cause, "process_died");
    let event = AttemptResumed { attempt: attempt_id, resumption, reason: reason.clone() };
    let Some(seq) = desk.record(id, cause, event) else { return };
    match resumption {
        Resumption::StartAgain => attempt::planned(desk, id, seq),
        Resumption::Verify | Resumption::VerifyFirst | Resumption::StepAgain | Resumption::UndoOn => {
            attempt::request_lock(desk, id, seq);
        }
        Resumption::GiveUp if desk.attempt(id).is_some_and(Attempt::touched) => {
            freeze::freeze(desk, id, seq, reason)
        }
        Resumption::GiveUp => attempt::end(desk, id, seq, Outcome::Interrupted, reason),
        Resumption::StayFrozen => {}
    }
}

/// What is done with an attempt that a crash interrupted, and why.
fn judge(a: &Attempt) -> (Resumption, String) {
    let again = a.resumed > 0;
    let running: Vec<_> = a.running.values().chain(&a.interrupted).map(|r| &r.intended).collect();
    let undo_lost = running.iter().any(|intended| intended.undo);
    match (a.state, running.first()) {
        (AttemptState::Undoing, Some(_)) if undo_lost => {
            (Resumption::GiveUp, "a crash hid the outcome of an undo, which is never repeated".into())
        }
        (AttemptState::Undoing, _) => (Resumption::UndoOn, "the undo goes on where it was".into()),
        (_, None) if a.done.is_empty() && again => {
            (Resumption::GiveUp, "it was started again once already".into())
        }
        (_, None) if a.done.is_empty() => (Resumption::StartAgain, "no step had been intended".into()),
        (_, None) => (Resumption::Verify, "the last step has its outcome".into()),
        (_, Some(_)) => {
            let step = |i: &&StepIntended| a.planned.plan.steps.get(i.step as usize);
            let repeatable = running.iter().all(|i| step(i).is_some_and(|s| s.idempotent));
            let names: Vec<&str> = running.iter().map(|i| step(i).map_or("?", |s| s.id.as_str())).collect();
            let names = clip(&names.join("`, `"), SUMMARY_BYTES_MAX / 2).to_owned();
            if repeatable && !again {
                (Resumption::StepAgain, format!("step `{names}` has no outcome and is idempotent"))
            } else {
                let reason = format!("step `{names}` has no outcome and must not be repeated");
                (Resumption::VerifyFirst, reason)
            }
        }
    }
}
