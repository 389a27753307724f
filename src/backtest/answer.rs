//! How hands, eyes and locks are taken to have answered: what a decision asked for waits here until the recorded answer
//! passes by; what no record answers is unknown, or taken as done (see [`super::MODEL`]).

use std::collections::BTreeMap;

use super::recorded::{Course, Recorded, actions};
use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, IncidentId, Seq};
use crate::base::text::OutsideText;
use crate::context::{IncidentState, World};
use crate::event::attempt::Phase;
use crate::event::incident::Closure;
use crate::event::plan::ProbePlan;
use crate::event::step::{StepFinished, StepOutcome};
use crate::event::verification::{Observation, Verdict};
use crate::event::{Event, Record};
use crate::policy::{Effect, Input, LockAnswer, Purpose, Ticket};

/// How much later than it was due a recorded answer may come: looks and steps take their time.
const PATIENCE_MS: u64 = 60_000;
/// A lock is granted within milliseconds, or refused again and again.
const LOCK_PATIENCE_MS: u64 = 5_000;
/// Evidence of a look that nobody took.
const NOT_RECORDED: &str = "not recorded: unknown";
/// Evidence of a look after actions that were not recorded, once the recorded incident was over.
pub(super) const OVER: &str = "the recorded incident was over by then: whether this helped is unknown";
/// A relapse that a further report showed, rather than a look.
pub(super) const REPORTED_AGAIN: &str = "reported again: ";

/// Something that a decision asked for.
enum Ask {
    Look { ticket: Ticket, probes: Vec<ProbePlan> },
    Lock { attempt: AttemptId, floors: BTreeMap<String, u64>, asked: Seq },
    Step { intent: Seq },
    Watch,
}

/// It is due, or its answer is late.
enum Due {
    Ask(Ask),
    Late(u64),
}

/// See the module.
#[derive(Default)]
pub(super) struct Answers {
    queue: BTreeMap<(u64, u64), (IncidentId, Due)>,
    waiting: BTreeMap<IncidentId, Vec<(u64, Ask)>>,
    n: u64,
    /// Steps that were taken as done, and looks that nobody took.
    pub assumed_steps: u64,
    pub unknown_looks: u64,
}

impl Answers {
    /// A restart: nobody answers any more.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.waiting.clear();
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<u64> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes down what decisions ask for.
    pub fn ask(&mut self, effects: Vec<Effect>, world: &World) {
        for effect in effects {
            match effect {
                Effect::Observe { ticket, probes, not_before_elapsed_ms } => {
                    self.put(not_before_elapsed_ms, ticket.incident, Ask::Look { ticket, probes });
                }
                Effect::AcquireLocks { incident, attempt, floors, asked, not_before_elapsed_ms } => {
                    self.put(not_before_elapsed_ms, incident, Ask::Lock { attempt, floors, asked });
                }
                Effect::RunStep { incident, intent, not_before_elapsed_ms } => {
                    self.put(not_before_elapsed_ms, incident, Ask::Step { intent });
                }
                Effect::Watch { incident, until_elapsed_ms, .. } => {
                    self.stop_watch(incident);
                    self.wait(incident, Ask::Watch, until_elapsed_ms.max(world.elapsed_ms()));
                }
                Effect::StopWatch { incident } => self.stop_watch(incident),
                _ => {}
            }
        }
    }

    /// What a decision ended needs no answer.
    pub fn begun(&mut self, record: &Record) {
        if let (Event::IncidentClosed(_), Some(id)) = (&record.event, record.incident) {
            self.waiting.remove(&id);
        }
    }

    fn put(&mut self, at: u64, incident: IncidentId, ask: Ask) {
        self.n += 1;
        self.queue.insert((at, self.n), (incident, Due::Ask(ask)));
    }

    fn wait(&mut self, incident: IncidentId, ask: Ask, late: u64) {
        self.n += 1;
        self.waiting.entry(incident).or_default().push((self.n, ask));
        let n = self.n;
        self.n += 1;
        self.queue.insert((late, self.n), (incident, Due::Late(n)));
    }

    fn stop_watch(&mut self, incident: IncidentId) {
        drop(self.take(incident, |ask| matches!(ask, Ask::Watch)));
    }

    fn take(&mut self, incident: IncidentId, fits: impl Fn(&Ask) -> bool) -> Option<Ask> {
        let waiting = self.waiting.get_mut(&incident)?;
        let at = waiting.iter().position(|(_, ask)| fits(ask))?;
        let (_, ask) = waiting.remove(at);
        if waiting.is_empty() {
            self.waiting.remove(&incident);
        }
        Some(ask)
    }

    /// The first thing that is due: its answer, when it has one now.
    pub fn take_due(&mut self, recorded: &Recorded, world: &World) -> Option<Input> {
        let ((now, _), (incident, due)) = self.queue.pop_first()?;
        self.due(now, incident, due, recorded, world)
    }

    /// Whether an incident asks for something that is due up to and including a moment.
    pub fn has_due(&self, incident: IncidentId, upto: u64) -> bool {
        self.first_due(incident, upto).is_some()
    }

    fn first_due(&self, incident: IncidentId, upto: u64) -> Option<(u64, u64)> {
        let mut due = self.queue.range(..=(upto, u64::MAX));
        due.find(|(_, (id, due))| *id == incident && matches!(due, Due::Ask(_))).map(|(key, _)| *key)
    }

    /// The same for one incident, up to and including a moment: its recorded answer comes now.
    pub fn take_due_of(
        &mut self,
        incident: IncidentId,
        upto: u64,
        recorded: &Recorded,
        world: &World,
    ) -> Option<Input> {
        let key = self.first_due(incident, upto)?;
        let (incident, due) = self.queue.remove(&key)?;
        self.due(key.0, incident, due, recorded, world)
    }

    fn due(
        &mut self,
        now: u64,
        incident: IncidentId,
        due: Due,
        recorded: &Recorded,
        world: &World,
    ) -> Option<Input> {
        match due {
            Due::Late(n) => {
                let waiting = self.waiting.get_mut(&incident)?;
                let at = waiting.iter().position(|(other, _)| *other == n)?;
                let (_, ask) = waiting.remove(at);
                self.unanswered(incident, ask, recorded, world, now)
            }
            Due::Ask(ask) => match self.patience(incident, &ask, recorded, world, now) {
                Some(late) => {
                    self.wait(incident, ask, late);
                    None
                }
                None => self.unanswered(incident, ask, recorded, world, now),
            },
        }
    }

    /// Until when a recorded answer is waited for; none when none can come.
    fn patience(
        &self,
        incident: IncidentId,
        ask: &Ask,
        recorded: &Recorded,
        world: &World,
        now: u64,
    ) -> Option<u64> {
        let course = recorded.course(incident)?;
        match ask {
            Ask::Look { ticket, probes } => match ticket.purpose {
                Purpose::BeforeLock | Purpose::UnderLock => {
                    let plans = &course.under_way()?.preconditions;
                    let shares = plans.iter().any(|plan| probes.contains(&plan.probe));
                    let to_come = !course.looked[usize::from(ticket.purpose == Purpose::UnderLock)];
                    (shares && to_come).then_some(now + PATIENCE_MS)
                }
                Purpose::Verification => same_actions(course, world, incident).then_some(now + PATIENCE_MS),
                Purpose::Escalation => course.look_due.then_some(now + PATIENCE_MS),
            },
            Ask::Lock { floors, .. } => {
                let plan = course.under_way().filter(|_| !course.locked)?;
                plan.locks.iter().eq(floors.keys()).then_some(now + LOCK_PATIENCE_MS)
            }
            Ask::Step { intent } => {
                let action = action_of(world, incident, *intent)?.1;
                let plan = course.under_way()?;
                let to_come = actions(plan).contains(&action) && !course.done.contains(&action);
                to_come.then_some(now + PATIENCE_MS.max(timeout_of(world, incident, *intent)))
            }
            Ask::Watch => None,
        }
    }

    /// What no record answers.
    fn unanswered(
        &mut self,
        incident: IncidentId,
        ask: Ask,
        recorded: &Recorded,
        world: &World,
        now: u64,
    ) -> Option<Input> {
        match ask {
            Ask::Look { ticket, probes } => self.look(ticket, probes, recorded, world, now),
            Ask::Lock { attempt, floors, asked } => {
                let asks = world.machine.locks.still_asks(attempt, asked);
                asks.then(|| Input::LockAnswered { incident, attempt, answer: lock(world, attempt, &floors) })
            }
            Ask::Step { intent } => {
                self.assumed_steps += 1;
                finished(world, incident, intent, StepOutcome::Succeeded, 0)
            }
            Ask::Watch => {
                let observation = unknown();
                Some(Input::Watched { incident, observation, looks: 0, over: true })
            }
        }
    }

    fn look(
        &mut self,
        ticket: Ticket,
        probes: Vec<ProbePlan>,
        recorded: &Recorded,
        world: &World,
        now: u64,
    ) -> Option<Input> {
        let incident = ticket.incident;
        match ticket.purpose {
            Purpose::BeforeLock | Purpose::UnderLock => {}
            Purpose::Verification => {
                if recorded.course(incident).is_none_or(|course| course.over) {
                    return Some(Input::Observed {
                        ticket,
                        observations: vec![said(Verdict::Healthy, OVER)],
                    });
                }
                // One look at the end of the window says as much as many that say nothing.
                let attempt = ticket.attempt.and_then(|id| world.attempt(incident, id));
                let until = attempt.and_then(|a| a.verification.as_ref()).map_or(now, |v| v.until_elapsed_ms);
                if until > now {
                    self.wait(incident, Ask::Look { ticket, probes }, until);
                    return None;
                }
            }
            // A rung whose look cannot tell is not climbed: the look that never comes says the same without an entry.
            Purpose::Escalation => {
                if world.incident(incident).is_none_or(|i| i.state != IncidentState::Held) {
                    return None;
                }
            }
        }
        let course = recorded.course(incident);
        let believed = matches!(ticket.purpose, Purpose::BeforeLock | Purpose::UnderLock);
        let observations: Vec<Observation> = probes
            .iter()
            .map(|probe| {
                let seen = course.filter(|_| believed).and_then(|course| course.last_seen(probe));
                seen.cloned().unwrap_or_else(unknown)
            })
            .collect();
        self.unknown_looks += observations.iter().filter(|o| o.evidence == NOT_RECORDED).count() as u64;
        Some(Input::Observed { ticket, observations })
    }

    /// What a recorded entry answers.
    pub fn answered_by(&mut self, record: &Record, recorded: &Recorded, world: &World) -> Option<Input> {
        let incident = record.incident?;
        let course = recorded.course(incident)?;
        match &record.event {
            Event::PreconditionsChecked(checked) => {
                let purpose = match checked.phase {
                    Phase::BeforeLock => Purpose::BeforeLock,
                    Phase::UnderLock => Purpose::UnderLock,
                };
                let (ticket, probes) = self.take_look(incident, purpose)?;
                let seen = |probe| course.last_seen(probe).cloned().unwrap_or_else(unknown);
                Some(Input::Observed { ticket, observations: probes.iter().map(seen).collect() })
            }
            Event::LockGranted(_) => self.lock_answered(incident, world, None),
            Event::LockRefused(e) => {
                let (resource, reason) = (e.resource.clone(), e.reason.clone());
                self.lock_answered(incident, world, Some(LockAnswer::Refused { resource, reason }))
            }
            Event::StepFinished(f) => {
                let action = course.running.get(&f.intent).copied()?;
                let does = |ask: &Ask| match ask {
                    Ask::Step { intent } => {
                        action_of(world, incident, *intent).is_some_and(|a| a.1 == action)
                    }
                    _ => false,
                };
                let Ask::Step { intent } = self.take(incident, does)? else { return None };
                finished(world, incident, intent, f.outcome.clone(), f.took_ms)
            }
            // What other actions led to says nothing of these.
            Event::VerificationObserved(_) | Event::VerificationConcluded(_)
                if !same_actions(course, world, incident) =>
            {
                None
            }
            Event::VerificationObserved(e) => {
                self.looked(incident, Purpose::Verification, e.observation.clone())
            }
            Event::VerificationConcluded(e) => {
                self.looked(incident, Purpose::Verification, said(e.verdict, &e.evidence))
            }
            Event::IncidentRelapsed(e) if !e.evidence.starts_with(REPORTED_AGAIN) => {
                self.watched(incident, said(Verdict::Failed, &e.evidence), false)
            }
            Event::IncidentClosed(e) => {
                let good = || said(Verdict::Healthy, &e.evidence);
                let unaided = e.closure == Closure::RecoveredUnaided;
                let told = unaided.then(|| self.looked(incident, Purpose::Escalation, good())).flatten();
                told.or_else(|| self.watched(incident, good(), true))
                    .or_else(|| self.looked(incident, Purpose::Verification, said(Verdict::Healthy, OVER)))
            }
            Event::IncidentEscalated(e) => {
                self.looked(incident, Purpose::Escalation, said(Verdict::Failed, &e.reason))
            }
            Event::EscalationHeld(e) => self.looked(incident, Purpose::Escalation, e.observation.clone()),
            Event::IncidentHeld(_) => self.looked(incident, Purpose::Escalation, unknown()),
            _ => None,
        }
    }

    fn take_look(&mut self, incident: IncidentId, purpose: Purpose) -> Option<(Ticket, Vec<ProbePlan>)> {
        let fits = |ask: &Ask| matches!(ask, Ask::Look { ticket, .. } if ticket.purpose == purpose);
        match self.take(incident, fits)? {
            Ask::Look { ticket, probes } => Some((ticket, probes)),
            _ => None,
        }
    }

    fn looked(&mut self, incident: IncidentId, purpose: Purpose, observation: Observation) -> Option<Input> {
        let (ticket, _) = self.take_look(incident, purpose)?;
        Some(Input::Observed { ticket, observations: vec![observation] })
    }

    fn watched(&mut self, incident: IncidentId, observation: Observation, over: bool) -> Option<Input> {
        self.take(incident, |ask| matches!(ask, Ask::Watch))?;
        Some(Input::Watched { incident, observation, looks: 0, over })
    }

    fn lock_answered(
        &mut self,
        incident: IncidentId,
        world: &World,
        refused: Option<LockAnswer>,
    ) -> Option<Input> {
        let Ask::Lock { attempt, floors, .. } = self.take(incident, |ask| matches!(ask, Ask::Lock { .. }))?
        else {
            return None;
        };
        let answer = refused.unwrap_or_else(|| lock(world, attempt, &floors));
        Some(Input::LockAnswered { incident, attempt, answer })
    }

    /// Before the fork: what a recorded entry answers is no longer asked.
    pub fn forget_answered(&mut self, record: &Record) {
        let Some(incident) = record.incident else { return };
        let answered = |ask: &Ask| match (&record.event, ask) {
            (Event::PreconditionsChecked(_), Ask::Look { ticket, .. }) => {
                matches!(ticket.purpose, Purpose::BeforeLock | Purpose::UnderLock)
            }
            (Event::LockGranted(_) | Event::LockRefused(_), Ask::Lock { .. }) => true,
            (Event::StepFinished(f), Ask::Step { intent }) => f.intent == *intent,
            (Event::VerificationObserved(_) | Event::VerificationConcluded(_), Ask::Look { ticket, .. }) => {
                ticket.purpose == Purpose::Verification
            }
            (Event::IncidentRelapsed(_) | Event::IncidentClosed(_), _) => true,
            (Event::AttemptEnded(_), Ask::Look { .. } | Ask::Lock { .. } | Ask::Step { .. }) => true,
            (
                Event::IncidentEscalated(_) | Event::EscalationHeld(_) | Event::IncidentHeld(_),
                Ask::Look { ticket, .. },
            ) => ticket.purpose == Purpose::Escalation,
            _ => false,
        };
        self.queue.retain(|_, (id, due)| *id != incident || !matches!(due, Due::Ask(ask) if answered(ask)));
        if let Some(waiting) = self.waiting.get_mut(&incident) {
            waiting.retain(|(_, ask)| !answered(ask));
        }
    }
}

fn unknown() -> Observation {
    said(Verdict::Unknown, NOT_RECORDED)
}

fn said(verdict: Verdict, evidence: &str) -> Observation {
    Observation { verdict, evidence: evidence.to_owned(), values: BTreeMap::new() }
}

/// Whether the recorded attempt does the same as the simulated one.
fn same_actions(course: &Course, world: &World, incident: IncidentId) -> bool {
    let simulated = world.incident(incident).and_then(|incident| incident.attempt());
    match (course.under_way(), simulated) {
        (Some(recorded), Some(simulated)) => actions(recorded) == actions(&simulated.planned.plan),
        _ => false,
    }
}

/// The step that an entry of the simulation intended, and what it does.
fn action_of(world: &World, incident: IncidentId, intent: Seq) -> Option<(u32, FileDigest, AttemptId)> {
    let attempt = world.incident(incident)?.attempt()?;
    let intended = &attempt.running.get(&intent)?.intended;
    Some((intended.step, intended.action, attempt.id()))
}

fn timeout_of(world: &World, incident: IncidentId, intent: Seq) -> u64 {
    let step = action_of(world, incident, intent).map(|(step, ..)| step as usize);
    let attempt = world.incident(incident).and_then(|i| i.attempt());
    let plan = attempt.zip(step).and_then(|(a, step)| a.planned.plan.steps.get(step));
    plan.map_or(0, |plan| plan.timeout.ms())
}

fn finished(
    world: &World,
    incident: IncidentId,
    intent: Seq,
    outcome: StepOutcome,
    took_ms: u64,
) -> Option<Input> {
    let (step, _, attempt) = action_of(world, incident, intent)?;
    let output = OutsideText::Text(String::new());
    let finished = StepFinished { attempt, step, intent, outcome, took_ms, output, output_dropped: 0 };
    Some(Input::StepFinished { incident, finished })
}

/// Granted unless another attempt of the simulation holds one of them.
fn lock(world: &World, attempt: AttemptId, floors: &BTreeMap<String, u64>) -> LockAnswer {
    let held = |resource: &&String| {
        let held = world.machine.locks.held.get(*resource);
        held.is_some_and(|held| held.attempt != attempt && held.broken.is_none())
    };
    if let Some(resource) = floors.keys().find(held) {
        let reason = "another attempt holds it".to_owned();
        return LockAnswer::Refused { resource: resource.clone(), reason };
    }
    let token = |resource: &String| world.machine.tokens.get(resource).copied().unwrap_or(0) + 1;
    LockAnswer::Granted(floors.keys().map(|resource| (resource.clone(), token(resource))).collect())
}
