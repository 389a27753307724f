//! What speaks to the turn by itself: sentinels' edges, hands' reports, the file `state/PAUSED`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Sender;

use super::inbox::Message;
use super::intake;
use crate::action::{Finished, HandReport, Tell};
use crate::base::ids::{AttemptId, Fingerprint, IncidentId, SubjectId};
use crate::base::limits::{DETAIL_BYTES_MAX, STEP_WHY_BYTES_MAX, SUMMARY_BYTES_MAX};
use crate::base::text::clip;
use crate::event::control::Paused;
use crate::event::degradation::{DegradationRecovered, DegradationReport, Source};
use crate::event::plan::SentinelPlan;
use crate::event::step::StepOutcome;
use crate::event::verification::Observation;
use crate::journal::IntentJournal;
use crate::policy::Input;
use crate::sentinel::SentinelReport;
use crate::subject::Subjects;

/// Which incident an attempt belongs to; the dispatcher fills it, hands' reports are looked up in it.
#[derive(Clone, Default)]
pub(super) struct AttemptIndex(Arc<std::sync::Mutex<BTreeMap<AttemptId, Of>>>);

/// Which incident an attempt is of, and whom or what that is about.
type Of = (IncidentId, BTreeSet<SubjectId>);

impl AttemptIndex {
    pub fn remember(&self, attempt: AttemptId, incident: IncidentId, about: BTreeSet<SubjectId>) {
        self.lock().insert(attempt, (incident, about));
    }
    /// A report about a subject came to an incident: what its attempt prints from here on is about that subject, too.
    pub fn joined(&self, incident: IncidentId, subject: SubjectId) {
        let mut attempts = self.lock();
        for (_, about) in attempts.values_mut().filter(|(of, _)| *of == incident) {
            about.insert(subject);
        }
    }
    pub fn forget(&self, attempt: AttemptId) {
        self.lock().remove(&attempt);
    }
    fn find(&self, attempt: AttemptId) -> Option<Of> {
        self.lock().get(&attempt).cloned()
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<AttemptId, Of>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What a step printed and why it failed, sealed like the reports that led to it.
fn about(subjects: &Subjects, about: &BTreeSet<SubjectId>, mut finished: Finished) -> Finished {
    if about.is_empty() {
        return finished;
    }
    if let StepOutcome::Failed { why, .. } = &mut finished.outcome {
        *why = subjects.seal_or_drop(about, clip(why, STEP_WHY_BYTES_MAX));
    }
    if !finished.output.is_empty() {
        finished.output = subjects.seal_or_drop(about, &finished.output);
    }
    finished
}

/// Hands tell the turn; output goes to entry or blob on the way. `exited` hears of services that ended.
pub(super) fn hands_tell(
    journal: IntentJournal,
    subjects: Subjects,
    turn: Sender<Message>,
    attempts: AttemptIndex,
    exited: impl Fn(&str) + Send + Sync + 'static,
) -> Tell {
    Arc::new(move |report| {
        let input = match report {
            HandReport::StepStarted(started) => {
                attempts.find(started.attempt).map(|(incident, _)| Input::StepStarted { incident, started })
            }
            HandReport::StepFinished(finished) => attempts.find(finished.attempt).map(|(incident, of)| {
                let finished = about(&subjects, &of, finished);
                let (output, lost) = intake::output(&journal, &finished.output);
                let mut finished = finished.into_event(output);
                finished.output_dropped += lost;
                Input::StepFinished { incident, finished }
            }),
            HandReport::ServiceStarted(started) => Some(Input::Service(Box::new(started.into()))),
            HandReport::ServiceExited(ended) => {
                // One that a step asked for is no news to the eyes: the step goes on to start it again.
                if !ended.wanted {
                    exited(&ended.service);
                }
                Some(Input::Service(Box::new(ended.into())))
            }
        };
        match input {
            // The turn is gone only when the daemon stops; the next start finds what was left over.
            Some(input) => drop(turn.send(Message::plain(input))),
            None => tracing::error!("a hand reported about an attempt that nobody started"),
        }
    })
}

/// What a sentinel reports, as an input.
pub(super) fn sentinel_input(
    journal: &IntentJournal,
    subjects: &Subjects,
    report: SentinelReport,
) -> Option<Input> {
    Some(match report {
        SentinelReport::Degraded { plan, observation } => {
            let source = Source::Sentinel(plan.id.clone());
            let seen = intake::accept(journal, subjects, degradation(&plan, &observation), None, source);
            let seen = seen.inspect_err(
                |error| tracing::error!(sentinel = plan.id, %error, "a sentinel's report is not legal"),
            );
            let mut seen = seen.ok()?;
            // Whoever can write the text would decide what it says.
            seen.actionable = !plan.probe.look.is_free_text();
            Input::Reported(Box::new(seen))
        }
        SentinelReport::Recovered { plan, observation } => Input::Recovered(DegradationRecovered {
            fingerprint: Fingerprint::of(&plan.subsystem, &plan.code, &plan.target),
            target: plan.target.clone(),
            source: Source::Sentinel(plan.id.clone()),
            evidence: intake::clean_line(&observation.evidence),
            receipt: None,
            sender_id: None,
        }),
        SentinelReport::Sees { plan, observation } => Input::SentinelSees {
            sentinel: plan.id.clone(),
            evidence: intake::clean_line(&observation.evidence),
        },
        SentinelReport::Started(started) => Input::Sentinel(Box::new(started.into())),
        SentinelReport::Lost { lost, .. } => Input::Sentinel(Box::new(lost.into())),
        SentinelReport::Blind { blind, .. } => Input::Sentinel(Box::new(blind.into())),
    })
}

fn degradation(plan: &SentinelPlan, observation: &Observation) -> DegradationReport {
    let values = observation.values.iter().map(|(name, value)| (name.clone(), value.to_string()));
    DegradationReport {
        subsystem: plan.subsystem.clone(),
        code: plan.code.clone(),
        target: plan.target.clone(),
        severity: plan.severity,
        summary: clip(&plan.summary, SUMMARY_BYTES_MAX).to_owned(),
        detail: Some(clip(&observation.evidence, DETAIL_BYTES_MAX).to_owned()),
        attributes: values.collect(),
        observed_at: None,
        id: None,
        subject: None,
    }
}

/// How often the file is looked for: controls take effect in less than a second (RM-44).
const PAUSED_POLL: Duration = Duration::from_millis(400);

/// `state/PAUSED`: whoever can write into `state/` can pause, also when HTTP does not answer.
pub(super) struct PausedFile {
    path: PathBuf,
    seen: Option<std::time::SystemTime>,
}

impl PausedFile {
    pub fn of(state: &Path) -> Self {
        Self { path: state.join("PAUSED"), seen: None }
    }

    /// The pause that the file asks for, if it is new.
    pub fn look(&mut self) -> Option<Input> {
        let now = std::fs::metadata(&self.path).and_then(|m| m.modified()).ok();
        let news = now.is_some() && now != self.seen;
        self.seen = now;
        news.then(|| {
            let text = std::fs::read(&self.path).unwrap_or_default();
            let reason = intake::clean_line(String::from_utf8_lossy(&text).trim());
            let reason = if reason.is_empty() { "the file is there".into() } else { reason };
            Input::Paused(Paused { by: "file:state/PAUSED".into(), reason })
        })
    }

    /// Looks until told to stop.
    pub fn watch(mut self, turn: &Sender<Message>, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if let Some(input) = self.look() {
                // The turn is gone only when the daemon stops.
                let _ = turn.send(Message::plain(input));
            }
            std::thread::park_timeout(PAUSED_POLL);
        }
    }
}
