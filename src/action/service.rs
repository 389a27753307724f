//! Step kind `service`: start, stop or restart a service that remediator supervises. Its output goes to
//! `state/services/NAME.log`; a start keeps one old log once it has grown.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::PoisonError;
use std::time::Duration;

use super::run::Done;
use super::sandbox::{Apart, SpawnError, spawn};
use super::supervisor::{Stopped, Supervisor};
use super::table::{SERVICE_MARK, STEP_MARK, StepMark};
use super::Context;
use crate::base::ids::Seq;
use crate::base::limits::SERVICE_LOG_BYTES_MAX;
use crate::base::text::file_name;
use crate::base::time::Span;
use crate::event::plan::{ServicePlan, ServiceVerb};
use crate::event::service::ServiceStarted;
use crate::event::step::StepOutcome;

/// Does the verb. Idempotent: a service that runs is not started, one that does not is not stopped.
pub(super) fn carry_out(
    context: &Context<'_>,
    supervisor: &Supervisor,
    plan: &ServicePlan,
    mark: StepMark,
    intent: Seq,
    timeout: Span,
) -> Done {
    let turn = supervisor.turn(&plan.service);
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    // The service's own time to stop, but never longer than the step has.
    let grace = plan.stop_timeout.to_std().min(timeout.to_std());
    match plan.verb {
        ServiceVerb::Start => start(context, supervisor, plan, mark, intent),
        ServiceVerb::Stop => stop(supervisor, plan, grace),
        ServiceVerb::Restart => {
            let stopped = stop(supervisor, plan, grace);
            if stopped.outcome != StepOutcome::Succeeded {
                return stopped;
            }
            if context.cancel.is_set() {
                let words = "stopped; cancelled before it was started again\n";
                return Done::saying(StepOutcome::Refused("cancelled half way".to_owned()), words);
            }
            start(context, supervisor, plan, mark, intent)
        }
    }
}

fn stop(supervisor: &Supervisor, plan: &ServicePlan, grace: Duration) -> Done {
    let name = &plan.service;
    match supervisor.stop(name, grace) {
        Stopped::Stopped(was) => {
            Done::saying(StepOutcome::Succeeded, &format!("service {name} (process {}) has stopped\n", was.pid))
        }
        Stopped::WasNotRunning => {
            Done::saying(StepOutcome::Succeeded, &format!("service {name} was not running\n"))
        }
        Stopped::WouldNotDie => Done::new(StepOutcome::WouldNotDie),
    }
}

fn start(
    context: &Context<'_>,
    supervisor: &Supervisor,
    plan: &ServicePlan,
    mark: StepMark,
    intent: Seq,
) -> Done {
    let name = &plan.service;
    if let Some(running) = supervisor.alive(name) {
        let words = format!("service {name} runs already (process {})\n", running.pid);
        return Done::saying(StepOutcome::Succeeded, &words);
    }
    if supervisor.end_remnants(name).is_none() {
        return Done::new(StepOutcome::WouldNotDie);
    }
    let logs = match open_log(supervisor, name) {
        Ok(logs) => logs,
        Err(e) => return Done::new(StepOutcome::NotStarted(format!("cannot open the log of {name}: {e}"))),
    };
    let marks = [(STEP_MARK, mark.to_string()), (SERVICE_MARK, supervisor.mark(name))];
    match spawn(context.program, &plan.start, &marks, Apart::Session, logs) {
        Ok(spawned) => {
            let (pid, start_ticks) = (spawned.child.id(), spawned.start_ticks);
            let (service, digest) = (name.clone(), plan.digest);
            supervisor.started(ServiceStarted { service, digest, intent, pid, start_ticks }, spawned);
            Done::saying(StepOutcome::Succeeded, &format!("service {name} runs as process {pid}\n"))
        }
        Err(SpawnError::NotStarted(why)) => Done::new(StepOutcome::NotStarted(why)),
        Err(SpawnError::Stuck) => Done::new(StepOutcome::TimedOut),
    }
}

fn open_log(supervisor: &Supervisor, service: &str) -> std::io::Result<(OwnedFd, OwnedFd)> {
    let path = supervisor.logs().join(file_name(service) + ".log");
    if std::fs::metadata(&path).is_ok_and(|log| log.len() > SERVICE_LOG_BYTES_MAX) {
        std::fs::rename(&path, path.with_extension("log.1"))?;
    }
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let log = File::options().append(true).create(true).mode(0o600).custom_flags(flags).open(&path)?;
    Ok((log.try_clone()?.into(), log.into()))
}
