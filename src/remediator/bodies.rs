//! Hands, eyes and sentinels put together: eyes learn of services from the hands, hands look with the eyes, and what
//! both say goes to the turn. Not for the order in which the daemon starts (`bootstrap`).

use std::sync::{Arc, OnceLock};

use super::bootstrap::{Parts, system};
use super::error::Error;
use super::inbox::Message;
use super::observers::{self, AttemptIndex};
use crate::action::{self, Hands};
use crate::base::ids::NodeId;
use crate::event::verification::{Observation, Verdict};
use crate::journal::IntentJournal;
use crate::sentinel::{Eyes, ServiceSeen, Watch};
use crate::subject::Subjects;

/// What acts and what sees.
pub(super) struct Bodies {
    pub hands: Hands,
    pub eyes: Eyes,
    pub watch: Arc<Watch>,
    pub attempts: AttemptIndex,
    /// Runs the programs that eyes look with and channels tell people with.
    pub programs: action::Programs,
}

fn redact(text: &str) -> String {
    crate::base::redact::redact(text).into_owned()
}

/// Hands and eyes, each with what it needs of the other.
pub(super) fn grow(
    parts: &Parts,
    journal: &IntentJournal,
    node: NodeId,
    turn: &crossbeam_channel::Sender<Message>,
    subjects: &Subjects,
) -> Result<Bodies, Error> {
    let attempts = AttemptIndex::default();
    let watch_slot: Arc<OnceLock<Arc<Watch>>> = Arc::default();
    let eyes_slot: Arc<OnceLock<Eyes>> = Arc::default();
    let nudged = Arc::clone(&watch_slot);
    let tell = observers::hands_tell(
        journal.clone(),
        subjects.clone(),
        turn.clone(),
        attempts.clone(),
        move |service| {
            if let Some(watch) = nudged.get() {
                watch.nudge(service);
            }
        },
    );
    let step_program = action::StepProgram::this_one().map_err(system("find this program's own file"))?;
    let programs = action::Programs::new(step_program.clone(), node);
    let hands_options = action::Options {
        step_program: step_program.clone(),
        node,
        services_dir: parts.state.join("services"),
        redact,
        look: look_with(Arc::clone(&eyes_slot), parts.runtime.clone()),
    };
    let hands = Hands::new(hands_options, tell)?;
    let supervisor = hands.clone();
    let services = move |service: &str| match supervisor.supervisor().look_up(service) {
        Some(running) => ServiceSeen::Runs { pid: running.pid, start_ticks: running.start_ticks },
        None => ServiceSeen::DoesNotRun,
    };
    let lookers = programs.clone();
    let eyes = Eyes::new(Arc::new(services), redact)?
        .with_programs(Arc::new(move |plan, timeout| lookers.look(plan, timeout)));
    // Set once, here, before anything runs.
    let _ = eyes_slot.set(eyes.clone());
    let (reports, turn, subjects) = (journal.clone(), turn.clone(), subjects.clone());
    let tell = move |report| {
        if let Some(input) = observers::sentinel_input(&reports, &subjects, report) {
            // The turn is gone only when the daemon stops.
            let _ = turn.send(Message::plain(input));
        }
    };
    let watch = Watch::new(parts.runtime.clone(), eyes.clone().into_look(), Arc::new(tell));
    let watch = Arc::new(watch.with_beats(eyes.beats()));
    // Set once, here.
    let _ = watch_slot.set(Arc::clone(&watch));
    Ok(Bodies { hands, eyes, watch, attempts, programs })
}

/// How a step that waits looks: with the same eyes as everybody else, which know of services only through the hands.
fn look_with(eyes: Arc<OnceLock<Eyes>>, runtime: tokio::runtime::Handle) -> action::Look {
    Arc::new(move |probe| match eyes.get() {
        Some(eyes) => runtime.block_on(eyes.look(probe)),
        None => Observation {
            verdict: Verdict::Unknown,
            evidence: "there are no eyes yet".to_owned(),
            values: Default::default(),
        },
    })
}
