//! What is to be done because of an entry: a closed enum, and the one table from entries to effects.
//! Effects are carried out only once their entry is durable, and never for replayed entries.

use std::collections::BTreeMap;

use crate::base::ids::{AttemptId, IncidentId, Seq};
use crate::base::sealed;
use crate::base::time::Span;
use crate::context::{Attempt, AttemptState, IncidentState, RemediationContext, World};
use crate::event::attempt::{Outcome, Phase};
use crate::event::elevation::{DeciderPlan, ElevationRequested};
use crate::event::incident::Closure;
use crate::event::notice::NoticeQueued;
use crate::event::plan::ProbePlan;
use crate::event::{Event, Record};

/// What a look is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Preconditions before the lock.
    BeforeLock,
    /// Preconditions under the lock.
    UnderLock,
    /// Has it helped?
    Verification,
    /// Is it still bad, before the next rung?
    Escalation,
}

/// Who asked for a look: an answer that no longer fits is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Which incident.
    pub incident: IncidentId,
    /// Which attempt, where one is under way.
    pub attempt: Option<AttemptId>,
    /// What for.
    pub purpose: Purpose,
    /// The entry that asked.
    pub asked: Seq,
}

/// Something to be done outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Look, and answer with [`super::Input::Observed`].
    Observe {
        /// Who asks.
        ticket: Ticket,
        /// What to look at.
        probes: Vec<ProbePlan>,
        /// Not before this moment of the journal's clock.
        not_before_elapsed_ms: u64,
    },
    /// Look again and again, and answer with [`super::Input::Watched`] when it is bad or the time is over.
    Watch {
        /// Which incident.
        incident: IncidentId,
        /// What to look at.
        probe: ProbePlan,
        /// Pause between looks.
        every: Span,
        /// End of the watch on the journal's clock.
        until_elapsed_ms: u64,
    },
    /// Stop watching.
    StopWatch {
        /// Which incident.
        incident: IncidentId,
    },
    /// Ask for locks, and answer with [`super::Input::LockAnswered`].
    AcquireLocks {
        /// Which incident.
        incident: IncidentId,
        /// Which attempt.
        attempt: AttemptId,
        /// Resource → the last token that this journal knows.
        floors: BTreeMap<String, u64>,
        /// The entry that asked: once a later one asks for the attempt, or it waits no more, this is void.
        asked: Seq,
        /// Not before this moment of the journal's clock.
        not_before_elapsed_ms: u64,
    },
    /// Give the locks of an attempt back.
    ReleaseLocks {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// Take a lock from whoever holds it with this token, and answer with [`super::Input::LockBreakEnded`].
    BreakLock {
        /// The resource.
        resource: String,
        /// The token that is meant.
        token: u64,
        /// The last token that this journal knows.
        floor: u64,
    },
    /// Give the journal another key: the turn does it itself, as it owns the journal's end.
    RotateKey,
    /// Run the step that this entry intended.
    RunStep {
        /// Which incident.
        incident: IncidentId,
        /// The `step.intended` entry.
        intent: Seq,
        /// Not before this moment of the journal's clock.
        not_before_elapsed_ms: u64,
    },
    /// The trouble is verified to be gone: whichever sentinel had reported it reports it anew if it comes back.
    ForgetEdge {
        /// Part of the system.
        subsystem: String,
        /// The code.
        code: String,
        /// The target.
        target: String,
    },
    /// Ask a program whether a runbook may act, and answer with [`super::Input::Decided`].
    AskDecider {
        /// Which incident.
        incident: IncidentId,
        /// The `elevation.requested` entry.
        request: Seq,
        /// Which program.
        decider: DeciderPlan,
        /// What it reads, JSON.
        question: String,
    },
    /// Tell people, and answer with [`super::Input::NoticeTried`].
    Deliver {
        /// The `notice.queued` entry.
        notice: Seq,
        /// Not before this moment of the journal's clock.
        not_before_elapsed_ms: u64,
    },
}

/// How long a lock that was refused once waits before it is asked for again; twice as long after each refusal.
const LOCK_RETRY_MS: u64 = 250;
/// At most: each try is an entry, and whoever waits for minutes must not fill the journal.
const LOCK_RETRY_MS_MAX: u64 = 10_000;

/// The effects of one entry, against the world that already holds it.
pub fn effects(world: &World, record: &Record) -> Vec<Effect> {
    let now = world.elapsed_ms();
    let Some(incident) = record.incident.and_then(|id| world.incident(id)) else {
        return outside_incidents(world, record);
    };
    let attempt = incident.attempt();
    match (&record.event, attempt) {
        (Event::NoticeQueued(_) | Event::NoticeFailed(_), _) => outside_incidents(world, record),
        (Event::ElevationRequested(asked), _) => ask_decider(incident, record.seq, asked),
        (Event::AttemptPlanned(_), Some(a)) => preconditions(a, incident, Phase::BeforeLock, record.seq, now),
        (Event::AttemptResumed(_), Some(a)) if a.state == AttemptState::Preconditions => {
            preconditions(a, incident, Phase::BeforeLock, record.seq, now)
        }
        (Event::LockRequested(_), Some(a)) => vec![acquire(world, incident.id, a, record.seq, now)],
        (Event::LockRefused(_), Some(a)) => {
            vec![acquire(world, incident.id, a, record.seq, now + lock_pause_ms(world, a.id()))]
        }
        (Event::LockGranted(_), Some(a)) if a.state == AttemptState::Locked => {
            preconditions(a, incident, Phase::UnderLock, record.seq, now)
        }
        (Event::StepIntended(intended), Some(a)) => {
            let step = a.planned.plan.steps.get(intended.step as usize);
            let delay = step.map_or(0, |step| step.pause_ms(a.id(), intended.step, intended.try_no));
            vec![Effect::RunStep {
                incident: incident.id,
                intent: record.seq,
                not_before_elapsed_ms: now + delay,
            }]
        }
        (Event::VerificationStarted(started), Some(a)) => {
            vec![verify(incident, a, record.seq, started.first_look_elapsed_ms)]
        }
        (Event::VerificationObserved(_), Some(a)) => {
            vec![verify(incident, a, record.seq, now + a.planned.plan.verification.every.ms())]
        }
        (Event::LockReleased(released), a) => {
            let mut effects = vec![Effect::ReleaseLocks { attempt: released.attempt }];
            let given_back = a.map_or(&[][..], |a| a.planned.plan.locks.as_slice());
            effects.extend(try_at_once(world, |resource| given_back.iter().any(|r| r == resource)));
            effects
        }
        (Event::AttemptEnded(ended), Some(a)) => after_end(incident, a, ended.outcome),
        (Event::WatchObserved(_), Some(a)) => watch(incident, a),
        (Event::IncidentRelapsed(_), _) => vec![Effect::StopWatch { incident: incident.id }],
        (Event::IncidentClosed(closed), _) => {
            let stop = Effect::StopWatch { incident: incident.id };
            // Our own look may have seen it before the sentinel that reported it did.
            let gone = (closed.closure == Closure::RecoveredUnaided).then(|| forget_edge(incident));
            [stop].into_iter().chain(gone).collect()
        }
        (Event::IncidentHeld(held), Some(a)) if held.reason == super::held::LOOK_FIRST => {
            look(incident, a, record.seq, held.until_elapsed_ms.unwrap_or(now))
        }
        (Event::IncidentEscalated(escalated), Some(a)) => match escalated.next_elapsed_ms {
            Some(next) => look(incident, a, record.seq, next),
            None => Vec::new(),
        },
        (Event::EscalationHeld(held), Some(a)) => look(incident, a, record.seq, held.next_elapsed_ms),
        _ => Vec::new(),
    }
}

/// What the program is told: everything that people are told, and nothing from outside but the report's own words.
fn ask_decider(incident: &RemediationContext, request: Seq, asked: &ElevationRequested) -> Vec<Effect> {
    let Some(decider) = asked.decider.clone() else { return Vec::new() };
    let seen = &incident.signal.first;
    let question = serde_json::json!({
        "v": 1, "incident": incident.id, "request": request, "runbook": asked.runbook, "digest": asked.digest,
        "target": asked.target, "needed": asked.needed, "given": asked.given, "record": asked.record,
        "signal": {
            "subsystem": seen.subsystem, "code": seen.code, "severity": incident.signal.severity,
            "summary": sealed::masked(&seen.summary), "source": seen.source.to_string(), "count": incident.signal.count,
        },
    });
    vec![Effect::AskDecider { incident: incident.id, request, decider, question: question.to_string() }]
}

fn after_end(incident: &RemediationContext, a: &Attempt, outcome: Outcome) -> Vec<Effect> {
    let mut effects = Vec::new();
    if a.lock.is_none() {
        // It may have been taken in the meantime, with nobody left to record that.
        effects.push(Effect::ReleaseLocks { attempt: a.id() });
    }
    if matches!(outcome, Outcome::Healthy | Outcome::HealedOutcomeUnknown) {
        effects.extend(watch(incident, a));
        effects.push(forget_edge(incident));
    }
    effects
}

fn forget_edge(incident: &RemediationContext) -> Effect {
    let seen = &incident.signal.first;
    let (subsystem, code, target) = (seen.subsystem.clone(), seen.code.clone(), seen.target.clone());
    Effect::ForgetEdge { subsystem, code, target }
}

fn outside_incidents(world: &World, record: &Record) -> Vec<Effect> {
    let now = world.elapsed_ms();
    match &record.event {
        // A test is delivered by whoever asked for it, who waits for what comes of it.
        Event::NoticeQueued(queued) if queued.topic == NoticeQueued::TEST => Vec::new(),
        Event::NoticeQueued(_) => vec![Effect::Deliver { notice: record.seq, not_before_elapsed_ms: now }],
        Event::NoticeFailed(failed) => match failed.retry_elapsed_ms {
            Some(at) => vec![Effect::Deliver { notice: failed.notice, not_before_elapsed_ms: at }],
            None => Vec::new(),
        },
        Event::KeyRotationOrdered(_) => vec![Effect::RotateKey],
        Event::LockBreakOrdered(ordered) => {
            let floor = world.machine.tokens.get(&ordered.resource).copied().unwrap_or(0);
            vec![Effect::BreakLock { resource: ordered.resource.clone(), token: ordered.token, floor }]
        }
        Event::LockBroken(broken) => try_at_once(world, |resource| resource == broken.resource),
        _ => Vec::new(),
    }
}

fn preconditions(
    a: &Attempt,
    incident: &RemediationContext,
    phase: Phase,
    asked: Seq,
    now: u64,
) -> Vec<Effect> {
    let probes: Vec<_> = a.planned.plan.preconditions.iter().map(|p| p.probe.clone()).collect();
    if probes.is_empty() {
        return Vec::new();
    }
    let purpose = match phase {
        Phase::BeforeLock => Purpose::BeforeLock,
        Phase::UnderLock => Purpose::UnderLock,
    };
    let ticket = Ticket { incident: incident.id, attempt: Some(a.id()), purpose, asked };
    vec![Effect::Observe { ticket, probes, not_before_elapsed_ms: now }]
}

fn acquire(
    world: &World,
    incident: IncidentId,
    a: &Attempt,
    asked: Seq,
    not_before_elapsed_ms: u64,
) -> Effect {
    let last = |resource: &String| world.machine.tokens.get(resource).copied().unwrap_or(0);
    let floors = a.planned.plan.locks.iter().map(|r| (r.clone(), last(r))).collect();
    Effect::AcquireLocks { incident, attempt: a.id(), floors, asked, not_before_elapsed_ms }
}

/// The pause after a refusal grows with their number.
fn lock_pause_ms(world: &World, attempt: AttemptId) -> u64 {
    let tries = world.machine.locks.waiting.get(&attempt).map_or(1, |waiting| waiting.tries);
    let doubled = 1u64.checked_shl(tries.saturating_sub(1)).unwrap_or(u64::MAX);
    LOCK_RETRY_MS.saturating_mul(doubled).min(LOCK_RETRY_MS_MAX)
}

/// Locks of this daemon's own that are free now: whoever waits for one need not wait out their pause.
fn try_at_once(world: &World, freed: impl Fn(&str) -> bool) -> Vec<Effect> {
    let now = world.elapsed_ms();
    let waiters = world.machine.locks.waiters(freed).into_iter();
    waiters
        .filter_map(|(attempt, waiting)| {
            let incident = waiting.incident?;
            Some(acquire(world, incident, world.attempt(incident, attempt)?, waiting.seq, now))
        })
        .collect()
}

fn verify(incident: &RemediationContext, a: &Attempt, asked: Seq, not_before_elapsed_ms: u64) -> Effect {
    let purpose = Purpose::Verification;
    let ticket = Ticket { incident: incident.id, attempt: Some(a.id()), purpose, asked };
    let probes = vec![a.planned.plan.verification.probe.clone()];
    Effect::Observe { ticket, probes, not_before_elapsed_ms }
}

fn look(incident: &RemediationContext, a: &Attempt, asked: Seq, not_before_elapsed_ms: u64) -> Vec<Effect> {
    let ticket = Ticket { incident: incident.id, attempt: None, purpose: Purpose::Escalation, asked };
    let probes = vec![a.planned.plan.verification.probe.clone()];
    vec![Effect::Observe { ticket, probes, not_before_elapsed_ms }]
}

fn watch(incident: &RemediationContext, a: &Attempt) -> Vec<Effect> {
    match &incident.watch {
        Some(watch)
            if incident.state == IncidentState::Watching
                && watch.until_elapsed_ms > watch.since_elapsed_ms =>
        {
            vec![Effect::Watch {
                incident: incident.id,
                probe: a.planned.plan.verification.probe.clone(),
                every: a.planned.plan.verification.watch_every,
                until_elapsed_ms: watch.until_elapsed_ms,
            }]
        }
        _ => Vec::new(),
    }
}
