//! Carrying out looks: one after a delay, or again and again during a regression watch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;

use super::inbox::Message;
use crate::base::ids::{IncidentId, SubjectId};
use crate::base::redact::redact;
use crate::base::text::clip;
use crate::base::time::Span;
use crate::event::plan::ProbePlan;
use crate::event::verification::{Observation, Verdict};
use crate::policy::{Input, Ticket};
use crate::sentinel::Eyes;
use crate::subject::Subjects;

/// Evidence of one look that stands in an entry.
const EVIDENCE_BYTES_MAX: usize = 512;

/// Whom or what a look is about.
pub(super) type About = BTreeSet<SubjectId>;

/// See the module.
#[derive(Clone)]
pub(super) struct Looks {
    eyes: Eyes,
    turn: crossbeam_channel::Sender<Message>,
    runtime: tokio::runtime::Handle,
    subjects: Subjects,
    watches: Arc<Mutex<BTreeMap<IncidentId, AbortHandle>>>,
    under_way: UnderWay,
}

/// Looks that are waited for or under way, by a number: what each is about by now.
#[derive(Clone, Default)]
struct UnderWay(Arc<Mutex<BTreeMap<u64, (IncidentId, About)>>>);

impl UnderWay {
    fn begin(&self, incident: IncidentId, about: About) -> Begun {
        let mut all = self.lock();
        let number = all.last_key_value().map_or(0, |(last, _)| last + 1);
        all.insert(number, (incident, about));
        Begun { all: self.clone(), number }
    }

    fn joined(&self, incident: IncidentId, subject: SubjectId) {
        let mut all = self.lock();
        for (_, about) in all.values_mut().filter(|(of, _)| *of == incident) {
            about.insert(subject);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, (IncidentId, About)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of them, until it is dropped, which an abort does as well.
struct Begun {
    all: UnderWay,
    number: u64,
}

impl Begun {
    fn about(&self) -> About {
        self.all.lock().get(&self.number).map(|(_, about)| about.clone()).unwrap_or_default()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.all.lock().remove(&self.number);
    }
}

impl Looks {
    pub fn new(
        eyes: Eyes,
        turn: crossbeam_channel::Sender<Message>,
        runtime: tokio::runtime::Handle,
        subjects: Subjects,
    ) -> Self {
        Self { eyes, turn, runtime, subjects, watches: Arc::default(), under_way: UnderWay::default() }
    }

    /// A report about a subject came to an incident: what is seen for it from here on is about that subject, too.
    pub fn joined(&self, incident: IncidentId, subject: SubjectId) {
        self.under_way.joined(incident, subject);
    }

    /// Looks once, after `delay`, and tells the turn.
    pub fn once(&self, ticket: Ticket, probes: Vec<ProbePlan>, delay: Duration, about: About) {
        let looks = self.clone();
        let begun = self.under_way.begin(ticket.incident, about);
        self.runtime.spawn(async move {
            pause(delay).await;
            let mut observations = Vec::with_capacity(probes.len());
            for probe in &probes {
                observations.push(looks.tidy(looks.eyes.look(probe).await, &begun.about()));
            }
            looks.tell(Input::Observed { ticket, observations });
        });
    }

    /// Looks until the time is over or it is bad again.
    pub fn watch(&self, incident: IncidentId, probe: ProbePlan, every: Span, lasts: Duration, about: About) {
        let looks = self.clone();
        let begun = self.under_way.begin(incident, about);
        let task = self.runtime.spawn(async move {
            let end = tokio::time::Instant::now() + lasts;
            let mut seen = 0;
            loop {
                let left = end.saturating_duration_since(tokio::time::Instant::now());
                pause(every.to_std().min(left)).await;
                let observation = looks.tidy(looks.eyes.look(&probe).await, &begun.about());
                seen += 1;
                let over = tokio::time::Instant::now() >= end;
                if over || observation.verdict == Verdict::Failed {
                    looks.tell(Input::Watched { incident, observation, looks: seen, over });
                    return;
                }
            }
        });
        let before = self.lock().insert(incident, task.abort_handle());
        if let Some(before) = before {
            before.abort();
        }
    }

    /// Stops a watch.
    pub fn stop_watch(&self, incident: IncidentId) {
        if let Some(task) = self.lock().remove(&incident) {
            task.abort();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<IncidentId, AbortHandle>> {
        self.watches.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What a target says of itself is outside text, and sealed like the reports that led to the look.
    fn tidy(&self, mut observation: Observation, about: &About) -> Observation {
        let cleaned = crate::base::text::clean(&observation.evidence);
        let evidence = redact(&cleaned);
        observation.evidence = self.subjects.seal_or_drop(about, clip(&evidence, EVIDENCE_BYTES_MAX));
        observation
    }

    fn tell(&self, input: Input) {
        // A blocking send from a worker: the turn drains its inbox, or has ended and nobody needs the look.
        let _ = self.turn.send(Message::plain(input));
    }
}

async fn pause(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}
