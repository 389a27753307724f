//! What is to be done because of an entry: a closed enum, and the one table from entries to effects.
//! Effects are carried out only once their entry is durable, and never for replayed entries.

use std::collections::BTreeMap;

use crate::base::ids::{AttemptId, IncidentId, Seq};
use crate::base::time::Span;
use crate::context::{Attempt, AttemptState, IncidentState, RemediationContext, World};
use crate::event::attempt::{Outcome, Phase};
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
    /// Tell people, and answer with [`super::Input::NoticeTried`].
    Deliver {
        /// The `notice.queued` entry.
        notice: Seq,
        /// Not before this moment of the journal's clock.
        not_before_elapsed_ms: u64,
    },
}

/// How long a refused lock waits before it is asked for again.
const LOCK_RETRY_MS: u64 = 250;

/// The effects of one entry, against the world that already holds it.
pub fn effects(world: &World, record: &Record) -> Vec<Effect> {
    let now = world.elapsed_ms();
    let Some(incident) = record.incident.and_then(|id| world.incident(id)) else {
        return outside_incidents(world, record);
    };
    let attempt = incident.attempt();
    match (&record.event, attempt) {
        (Event::NoticeQueued(_) | Event::NoticeFailed(_), _) => outside_incidents(world, record),
        (Event::AttemptPlanned(_), Some(a)) => preconditions(a, incident, Phase::BeforeLock, record.seq, now),
        (Event::AttemptResumed(_), Some(a)) if a.state == AttemptState::Preconditions => {
            preconditions(a, incident, Phase::BeforeLock, record.seq, now)
        }
        (Event::LockRequested(_), Some(a)) => vec![acquire(world, incident, a, now)],
        (Event::LockRefused(_), Some(a)) => vec![acquire(world, incident, a, now + LOCK_RETRY_MS)],
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
        (Event::LockReleased(released), _) => vec![Effect::ReleaseLocks { attempt: released.attempt }],
        (Event::AttemptEnded(ended), Some(a)) => match ended.outcome {
            Outcome::Healthy | Outcome::HealedOutcomeUnknown => {
                let seen = &incident.signal.first;
                let (subsystem, code, target) =
                    (seen.subsystem.clone(), seen.code.clone(), seen.target.clone());
                let mut effects = watch(incident, a);
                effects.push(Effect::ForgetEdge { subsystem, code, target });
                effects
            }
            _ => Vec::new(),
        },
        (Event::WatchObserved(_), Some(a)) => watch(incident, a),
        (Event::IncidentRelapsed(_) | Event::IncidentClosed(_), _) => {
            vec![Effect::StopWatch { incident: incident.id }]
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

fn acquire(world: &World, incident: &RemediationContext, a: &Attempt, not_before_elapsed_ms: u64) -> Effect {
    let last = |resource: &String| world.machine.tokens.get(resource).copied().unwrap_or(0);
    let floors = a.planned.plan.locks.iter().map(|r| (r.clone(), last(r))).collect();
    Effect::AcquireLocks { incident: incident.id, attempt: a.id(), floors, not_before_elapsed_ms }
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
