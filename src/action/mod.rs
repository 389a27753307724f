//! The hands: carry out one permitted action each and say what happened. One file per step kind.
//! Not for: deciding what to do, writing to the journal, looking whether it helped.

mod ask;
mod deliver;
mod file;
mod group;
mod http;
mod huge_pages;
pub mod leftovers;
mod look;
mod notify;
mod output;
mod pace;
mod permit;
mod program;
mod root;
mod run;
mod sandbox;
mod service;
mod signal;
mod supervisor;
mod table;
#[cfg(test)]
mod testing;
mod wait;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};

use crate::base::ids::{AttemptId, NodeId, Seq};
use crate::base::text::OutsideText;
use crate::event::plan::{ActionPlan, ProbePlan};
use crate::event::service::{ServiceExited, ServiceStarted};
use crate::event::step::{StepFinished, StepOutcome, StepStarted};
use crate::event::verification::Observation;
use pace::Pace;

pub use deliver::{Program, ProgramEnd};
pub use huge_pages::refuse as refuse_huge_pages;
pub use permit::{Basis, Permit, Refusal};
pub use program::Programs;
pub use sandbox::{StepProgram, small_main, step_main};
pub use supervisor::{Adoption, Running, Supervisor};
pub use table::{PROGRAM_MARK, SERVICE_MARK, STEP_MARK, StepMark};

/// What a hand tells. Each is about something that has already happened.
#[derive(Debug)]
pub enum HandReport {
    /// The program of a `run` step runs.
    StepStarted(StepStarted),
    /// A step is over; nothing of it runs any more, unless it says so.
    StepFinished(Finished),
    /// A supervised service runs.
    ServiceStarted(ServiceStarted),
    /// A supervised service ended, wanted or not.
    ServiceExited(ServiceExited),
}

/// `step.finished`, its output not yet in entry or blob.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The attempt.
    pub attempt: AttemptId,
    /// Index in the plan.
    pub step: u32,
    /// The entry that intended it.
    pub intent: Seq,
    /// How.
    pub outcome: StepOutcome,
    /// Milliseconds from start to end.
    pub took_ms: u64,
    /// Standard output and error in the order of arrival, cleaned and redacted.
    pub output: String,
    /// Output bytes that were not kept.
    pub output_dropped: u64,
}

impl Finished {
    /// The event, with the output where the caller has put it.
    pub fn into_event(self, output: OutsideText) -> StepFinished {
        let Self { attempt, step, intent, outcome, took_ms, output: _, output_dropped } = self;
        StepFinished { attempt, step, intent, outcome, took_ms, output, output_dropped }
    }
}

/// A look for a step that waits; given by whoever has eyes. Comes back soon after the look's own timeout.
pub type Look = Arc<dyn Fn(&ProbePlan) -> Observation + Send + Sync>;

/// Who is told. Called from the hands' own threads; must not lose what it is told.
pub type Tell = Arc<dyn Fn(HandReport) + Send + Sync>;

/// What the hands need to know.
#[derive(Clone)]
pub struct Options {
    /// How the hidden subcommand is reached: [`StepProgram::this_one`], but for tests.
    pub step_program: StepProgram,
    /// This home's node id, for the marks.
    pub node: NodeId,
    /// Where the logs of services are: `state/services`.
    pub services_dir: PathBuf,
    /// Takes secrets out of output.
    pub redact: fn(&str) -> String,
    /// How a step that waits looks.
    pub look: Look,
}

/// Why there are no hands.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder for logs of services.
    #[error("cannot make the folder for logs of services {path}: {source}; check owner and free space")]
    ServicesDir {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The hands. Cheap to clone; all clones are the same hands.
#[derive(Clone)]
pub struct Hands {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    tell: Tell,
    supervisor: Supervisor,
    running: Mutex<BTreeMap<Seq, RunningStep>>,
    quiet: Condvar,
}

struct RunningStep {
    attempt: AttemptId,
    step: u32,
    cancel: Arc<Cancel>,
}

/// What a step kind gets besides its plan.
struct Context<'a> {
    program: &'a StepProgram,
    cancel: &'a Arc<Cancel>,
    look: &'a Look,
}

impl Hands {
    /// Hands that tell `tell`.
    pub fn new(options: Options, tell: Tell) -> Result<Self, Error> {
        let path = &options.services_dir;
        std::fs::create_dir_all(path).map_err(|source| Error::ServicesDir { path: path.clone(), source })?;
        let supervisor = Supervisor::new(&options, Arc::clone(&tell));
        let running = Mutex::new(BTreeMap::new());
        Ok(Self { shared: Arc::new(Shared { options, tell, supervisor, running, quiet: Condvar::new() }) })
    }

    /// The services that these hands supervise.
    pub fn supervisor(&self) -> &Supervisor {
        &self.shared.supervisor
    }

    /// Does what the permit allows, on a thread of its own; uses it up. Always ends in one
    /// [`HandReport::StepFinished`]. The permit, and with it the lock, is let go just before that is told,
    /// or when a process that would not die has died after all.
    pub fn run(&self, permit: Permit) {
        let (seq, intent) = permit.intent();
        let (attempt, step) = (intent.attempt, intent.step);
        let cancel = match Cancel::new() {
            Ok(cancel) => Arc::new(cancel),
            Err(e) => return self.refuse(permit, &format!("cannot make an event descriptor: {e}")),
        };
        self.running().insert(seq, RunningStep { attempt, step, cancel: Arc::clone(&cancel) });
        let (hands, slot) = (self.clone(), Arc::new(Mutex::new(Some(permit))));
        let for_thread = Arc::clone(&slot);
        let thread = std::thread::Builder::new().name(format!("step {step}")).spawn(move || {
            if let Some(permit) = take(&for_thread) {
                hands.carry_out(permit, &cancel);
            }
        });
        // Only without a thread is the permit still in its slot for us.
        if let Err(e) = thread
            && let Some(permit) = take(&slot)
        {
            self.forget(seq);
            self.refuse(permit, &format!("cannot make a thread: {e}"));
        }
    }

    /// Ends a running step: TERM now, KILL after `grace` or at 1.5 times its timeout, whichever is earlier.
    pub fn cancel(&self, attempt: AttemptId, step: u32, grace: Duration) {
        for running in self.running().values().filter(|r| r.attempt == attempt && r.step == step) {
            running.cancel.set(grace);
        }
    }

    /// Ends every running step: the journal is sealed, or the daemon stops. Services go on.
    pub fn cancel_all(&self, grace: Duration) {
        for running in self.running().values() {
            running.cancel.set(grace);
        }
    }

    /// How many steps run.
    pub fn busy(&self) -> usize {
        self.running().len()
    }

    /// Waits until no step runs; false when that took longer than `bound`.
    pub fn wait_quiet(&self, bound: Duration) -> bool {
        let waited =
            self.shared.quiet.wait_timeout_while(self.running(), bound, |running| !running.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_empty()
    }

    fn carry_out(&self, permit: Permit, cancel: &Arc<Cancel>) {
        let began = Instant::now();
        let (seq, intent) = permit.intent();
        let (attempt, step) = (intent.attempt, intent.step);
        let done = if cancel.is_set() {
            run::Done::new(StepOutcome::Refused("cancelled before it was started".to_owned()))
        } else if let Err(refusal) = permit.check_now() {
            run::Done::new(StepOutcome::Refused(refusal.to_string()))
        } else {
            self.dispatch(&permit, cancel)
        };
        let run::Done { outcome, output, undead } = done;
        let (output, output_dropped) = output.finish(self.shared.options.redact);
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let finished = Finished { attempt, step, intent: seq, outcome, took_ms, output, output_dropped };
        // Whoever is told may give the lock to another at once, so it must be free by then; but not while
        // something may still be acting under it.
        let kept = undead.map(|undead| (undead, permit));
        self.forget(seq);
        (self.shared.tell)(HandReport::StepFinished(finished));
        if let Some((undead, _permit)) = kept {
            undead.wait();
        }
    }

    /// The registry of step kinds: one line each.
    fn dispatch(&self, permit: &Permit, cancel: &Arc<Cancel>) -> run::Done {
        let (seq, intent) = permit.intent();
        let mark = StepMark {
            node: self.shared.options.node,
            attempt: intent.attempt,
            step: intent.step,
            undo: intent.undo,
            token: intent.token,
        };
        let Options { step_program: program, look, .. } = &self.shared.options;
        let context = Context { program, cancel, look };
        let pace = Pace::new(cancel, permit.timeout());
        let started = |pid, start_ticks| {
            let (attempt, step) = (intent.attempt, intent.step);
            (self.shared.tell)(HandReport::StepStarted(StepStarted {
                attempt,
                step,
                intent: seq,
                pid,
                start_ticks,
            }));
        };
        match permit.action() {
            ActionPlan::Run(plan) => run::carry_out(&context, plan, mark, permit.timeout(), started),
            ActionPlan::Service(plan) => {
                service::carry_out(&context, &self.shared.supervisor, plan, mark, seq, permit.timeout())
            }
            ActionPlan::Http(plan) => http::carry_out(plan, &pace),
            ActionPlan::Signal(plan) => signal::carry_out(plan, &self.shared.supervisor),
            ActionPlan::Wait(plan) => wait::carry_out(&context, plan, &pace),
            ActionPlan::File(plan) => file::carry_out(plan, intent.attempt, &pace),
            ActionPlan::Notify(plan) => notify::carry_out(plan),
        }
    }

    fn refuse(&self, permit: Permit, why: &str) {
        let (intent, said) = permit.intent();
        let (attempt, step) = (said.attempt, said.step);
        let outcome = StepOutcome::NotStarted(why.to_owned());
        let output = String::new();
        drop(permit);
        let finished = Finished { attempt, step, intent, outcome, took_ms: 0, output, output_dropped: 0 };
        (self.shared.tell)(HandReport::StepFinished(finished));
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Seq, RunningStep>> {
        self.shared.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, seq: Seq) {
        self.running().remove(&seq);
        self.shared.quiet.notify_all();
    }
}

fn take(slot: &Mutex<Option<Permit>>) -> Option<Permit> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Asks a running step to end, across threads.
struct Cancel {
    fd: OwnedFd,
    grace_ms: AtomicU64,
}

/// No cancellation has been asked for.
const NOT_CANCELLED: u64 = u64::MAX;

impl Cancel {
    fn new() -> rustix::io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { fd, grace_ms: AtomicU64::new(NOT_CANCELLED) })
    }

    fn set(&self, grace: Duration) {
        let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(NOT_CANCELLED - 1);
        self.grace_ms.fetch_min(grace_ms, Ordering::SeqCst);
        // Fails only when the counter is full, and then it is readable anyway.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }

    fn is_set(&self) -> bool {
        self.grace_ms.load(Ordering::SeqCst) != NOT_CANCELLED
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The grace that was asked for since the last call; quiets the descriptor.
    fn take(&self) -> Option<Duration> {
        let mut counter = [0; 8];
        rustix::io::read(&self.fd, &mut counter).ok()?;
        Some(Duration::from_millis(self.grace_ms.load(Ordering::SeqCst)))
    }
}
