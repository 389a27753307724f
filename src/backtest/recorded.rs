//! What history recorded of each open incident, as far as the model needs it: the attempt under way, its looks and steps.

use std::collections::BTreeMap;

use crate::base::digest::FileDigest;
use crate::base::ids::{IncidentId, Seq};
use crate::event::attempt::{AttemptPlanned, Phase};
use crate::event::plan::{Plan, ProbePlan};
use crate::event::verification::Observation;
use crate::event::{Event, Record};

/// One incident.
#[derive(Default)]
pub(super) struct Course {
    /// The attempt under way or last ended.
    pub planned: Option<Box<AttemptPlanned>>,
    /// It is over.
    pub ended: bool,
    /// Preconditions were looked at, before and under the lock.
    pub looked: [bool; 2],
    /// The lock was granted.
    pub locked: bool,
    /// Steps under way: the entry that intended it, and what it does.
    pub running: BTreeMap<Seq, FileDigest>,
    /// Actions that ended.
    pub done: Vec<FileDigest>,
    /// The last look with each probe.
    pub seen: Vec<(ProbePlan, Observation)>,
    /// It is watched after a healing.
    pub watched: bool,
    /// A look before the next rung is due.
    pub look_due: bool,
    /// The incident is closed.
    pub over: bool,
}

/// See the module.
#[derive(Default)]
pub(super) struct Recorded {
    pub courses: BTreeMap<IncidentId, Course>,
    over: Option<IncidentId>,
}

/// What the steps of a plan do.
pub(super) fn actions(plan: &Plan) -> Vec<FileDigest> {
    plan.steps.iter().map(|step| step.action.digest()).collect()
}

impl Recorded {
    pub fn course(&self, id: IncidentId) -> Option<&Course> {
        self.courses.get(&id)
    }

    /// Takes in an entry. A closed incident is forgotten with the entry behind its closing.
    pub fn note(&mut self, record: &Record) {
        if let Some(over) = self.over.take() {
            self.courses.remove(&over);
        }
        let Some(id) = record.incident else { return };
        if matches!(record.event, Event::IncidentOpened(_)) {
            self.courses.insert(id, Course::default());
        }
        let Some(course) = self.courses.get_mut(&id) else { return };
        course.note(record);
        if matches!(record.event, Event::IncidentClosed(_)) {
            self.over = Some(id);
        }
    }
}

impl Course {
    fn note(&mut self, record: &Record) {
        match &record.event {
            Event::AttemptPlanned(planned) => {
                let seen = std::mem::take(&mut self.seen);
                *self = Self { planned: Some(Box::new(planned.clone())), seen, ..Self::default() };
            }
            Event::AttemptResumed(_) => (self.looked, self.locked) = ([false; 2], false),
            Event::PreconditionsChecked(checked) => {
                self.looked[usize::from(checked.phase == Phase::UnderLock)] = true;
                let plans = self.planned.iter().flat_map(|planned| &planned.plan.preconditions);
                let seen: Vec<_> = plans
                    .zip(&checked.results)
                    .map(|(plan, result)| (plan.probe.clone(), result.observation.clone()))
                    .collect();
                seen.into_iter().for_each(|(probe, observation)| self.see(probe, observation));
            }
            Event::LockGranted(_) => self.locked = true,
            Event::StepIntended(intended) => {
                self.running.insert(record.seq, intended.action);
            }
            Event::StepFinished(finished) => {
                self.done.extend(self.running.get(&finished.intent));
            }
            Event::AttemptEnded(_) => {
                (self.ended, self.look_due) = (true, false);
                self.running.clear();
            }
            Event::IncidentHeld(held) => self.look_due = held.reason == "look_first",
            Event::IncidentEscalated(escalated) => self.look_due = escalated.next_elapsed_ms.is_some(),
            Event::EscalationHeld(_) => self.look_due = true,
            Event::IncidentClosed(_) => self.over = true,
            _ => {}
        }
        if let Event::AttemptEnded(ended) = &record.event {
            use crate::event::attempt::Outcome::{HealedOutcomeUnknown, Healthy};
            self.watched = matches!(ended.outcome, Healthy | HealedOutcomeUnknown);
        }
    }

    fn see(&mut self, probe: ProbePlan, observation: Observation) {
        match self.seen.iter_mut().find(|(known, _)| *known == probe) {
            Some((_, known)) => *known = observation,
            None => self.seen.push((probe, observation)),
        }
    }

    /// The attempt that is under way.
    pub fn under_way(&self) -> Option<&Plan> {
        self.planned.as_ref().filter(|_| !self.ended).map(|planned| &planned.plan)
    }

    /// What a look with a probe said last in this incident.
    pub fn last_seen(&self, probe: &ProbePlan) -> Option<&Observation> {
        self.seen.iter().find(|(known, _)| known == probe).map(|(_, observation)| observation)
    }
}
