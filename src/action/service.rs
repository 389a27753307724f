//! Step kind `service`: start, stop or restart a service that remediator supervises. Its output goes to
//! `state/services/NAME.log`; a start keeps one old log once it has grown.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::PoisonError;
use std::time::Duration;

use super::Context;
use super::run::Done;
use super::sandbox::{Apart, Extra, SpawnError, spawn};
use super::supervisor::{Stopped, Supervisor};
use super::table::{SERVICE_MARK, STEP_MARK, StepMark};
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
        Stopped::Ended(was) => Done::saying(
            StepOutcome::Succeeded,
            &format!("service {name} (process {}) has stopped\n", was.pid),
        ),
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
    match spawn(context.program, &plan.start, &marks, Apart::Session, Extra::default(), logs) {
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

#[cfg(test)]
mod tests {
    use rustix::process::{Pid, Signal, kill_process};

    use super::super::HandReport;
    use super::super::supervisor::{Adoption, Running};
    use super::super::table::{self, Seen};
    use super::*;
    use crate::action::testing::{Bench, orphan, service_plan, until};
    use crate::event::service::ServiceExited;

    const SLEEPS: &str = "exec sleep 300";

    fn pid(running: Running) -> Pid {
        Pid::from_raw(i32::try_from(running.pid).unwrap()).unwrap()
    }

    fn is_dead(running: Running) -> bool {
        table::see(i32::try_from(running.pid).unwrap()) == Seen::Dead
    }

    fn exited(bench: &Bench, of: Running) -> ServiceExited {
        bench.wait("the service's end is told", |report| match report {
            HandReport::ServiceExited(exited) if exited.pid == of.pid => Some(exited.clone()),
            _ => None,
        })
    }

    fn does(bench: &Bench, verb: ServiceVerb, script: &str) -> Option<Running> {
        let done = bench.finish(service_plan(verb, "x", script), 20_000);
        assert_eq!(done.outcome, StepOutcome::Succeeded, "{}", done.output);
        bench.hands.supervisor().look_up("x")
    }

    #[test]
    fn start_stop_restart_and_each_again() {
        let bench = Bench::new();
        let first = does(&bench, ServiceVerb::Start, SLEEPS).unwrap();
        let started = bench.wait("the start is told", |report| match report {
            HandReport::ServiceStarted(started) => Some(started.clone()),
            _ => None,
        });
        assert_eq!((started.pid, started.start_ticks, started.intent), (first.pid, first.start_ticks, 9));
        assert_eq!(does(&bench, ServiceVerb::Start, SLEEPS), Some(first), "it runs already");
        let second = does(&bench, ServiceVerb::Restart, SLEEPS).unwrap();
        assert_ne!(first.pid, second.pid);
        assert!(is_dead(first));
        let end = exited(&bench, first);
        assert!(end.wanted && end.signal == Some(15), "{end:?}");
        assert_eq!(does(&bench, ServiceVerb::Stop, SLEEPS), None);
        assert!(is_dead(second));
        assert_eq!(does(&bench, ServiceVerb::Stop, SLEEPS), None, "it has stopped already");
    }

    #[test]
    fn an_unwanted_end_is_noticed_at_once_and_the_service_can_be_started_again() {
        let bench = Bench::new();
        let first = does(&bench, ServiceVerb::Start, SLEEPS).unwrap();
        kill_process(pid(first), Signal::KILL).unwrap();
        let end = exited(&bench, first);
        assert!(!end.wanted && end.signal == Some(9), "{end:?}");
        assert_eq!(bench.hands.supervisor().look_up("x"), None);
        let second = does(&bench, ServiceVerb::Start, SLEEPS).unwrap();
        assert_ne!(first.pid, second.pid);
        does(&bench, ServiceVerb::Stop, SLEEPS);
    }

    #[test]
    fn a_stopped_or_deaf_service_ends_all_the_same() {
        let bench = Bench::new();
        let first = does(&bench, ServiceVerb::Start, SLEEPS).unwrap();
        kill_process(pid(first), Signal::STOP).unwrap();
        does(&bench, ServiceVerb::Stop, SLEEPS);
        assert!(is_dead(first));
        let deaf = "trap '' TERM; echo deaf; while :; do sleep 0.05; done";
        let second = does(&bench, ServiceVerb::Start, deaf).unwrap();
        let log = bench.dir.path().join("services/x.log");
        until("it is deaf", || std::fs::read_to_string(&log).unwrap().ends_with("deaf\n"));
        does(&bench, ServiceVerb::Stop, deaf);
        assert!(is_dead(second));
        assert_eq!(exited(&bench, second).signal, Some(9));
    }

    #[test]
    fn whoever_a_dead_service_left_behind_is_ended_before_the_next_start() {
        let bench = Bench::new();
        let file = bench.dir.path().join("worker");
        let script = format!("(echo 1 > {0}; exec sleep 300) & wait", file.display());
        let first = does(&bench, ServiceVerb::Start, &script).unwrap();
        until("the worker runs", || file.exists());
        kill_process(pid(first), Signal::KILL).unwrap();
        exited(&bench, first);
        let group = i32::try_from(first.pid).unwrap();
        assert!(!table::members(group).unwrap().is_empty(), "nothing is done without a permit");
        does(&bench, ServiceVerb::Start, SLEEPS);
        assert!(table::members(group).unwrap().is_empty());
        does(&bench, ServiceVerb::Stop, SLEEPS);
    }

    #[test]
    fn a_service_has_its_own_session_and_its_marks() {
        let bench = Bench::new();
        let running = does(&bench, ServiceVerb::Start, SLEEPS).unwrap();
        let raw = pid(running).as_raw_nonzero().get();
        assert_eq!(rustix::process::getsid(Some(pid(running))), Ok(pid(running)));
        // Between two programs of one process there is an instant without an environment to read.
        until("its marks can be read", || table::marks(raw).is_some());
        let marks = table::marks(raw).unwrap();
        assert_eq!(marks.service, Some(format!("{}/x", bench.node)));
        assert_eq!((marks.step.attempt, marks.step.token), (bench.attempt, 41));
        does(&bench, ServiceVerb::Stop, SLEEPS);
    }

    #[test]
    fn a_log_that_has_grown_is_kept_once() {
        let bench = Bench::new();
        let log = bench.dir.path().join("services/x.log");
        let file = File::create(&log).unwrap();
        file.set_len(SERVICE_LOG_BYTES_MAX + 1).unwrap();
        does(&bench, ServiceVerb::Start, "echo new; exec sleep 300");
        until("the new log is written", || std::fs::read_to_string(&log).unwrap().ends_with("new\n"));
        let old = std::fs::metadata(bench.dir.path().join("services/x.log.1")).unwrap();
        assert_eq!(old.len(), SERVICE_LOG_BYTES_MAX + 1);
        does(&bench, ServiceVerb::Stop, SLEEPS);
    }

    #[test]
    fn a_missing_program_is_not_started_and_nothing_is_watched() {
        let bench = Bench::new();
        let mut action = service_plan(ServiceVerb::Start, "x", "");
        let crate::event::plan::ActionPlan::Service(plan) = &mut action else { unreachable!() };
        plan.start.argv = vec!["/nowhere/daemon".to_owned()];
        let done = bench.finish(action, 20_000);
        assert!(matches!(done.outcome, StepOutcome::NotStarted(why) if why.contains("/nowhere/daemon")));
        assert!(bench.hands.supervisor().running().is_empty());
    }

    #[test]
    fn a_service_that_outlived_its_daemon_is_adopted_watched_and_stopped() {
        let bench = Bench::new();
        let mark = format!("{}/x", bench.node);
        let was = orphan(&[(SERVICE_MARK, &mark), (STEP_MARK, &bench.mark(0).to_string())], SLEEPS);
        let supervisor = bench.hands.supervisor();
        assert_eq!(supervisor.adopt("x", was.pid, was.start_ticks + 1), Adoption::NotOurs);
        assert_eq!(supervisor.adopt("y", was.pid, was.start_ticks), Adoption::NotOurs, "marked as another");
        assert_eq!(supervisor.adopt("x", was.pid, was.start_ticks), Adoption::Adopted);
        assert_eq!(supervisor.look_up("x"), Some(was));
        assert_eq!(does(&bench, ServiceVerb::Start, SLEEPS), Some(was), "adopted, not started again");
        does(&bench, ServiceVerb::Stop, SLEEPS);
        let end = exited(&bench, was);
        assert!(end.wanted && end.code.is_none() && end.signal.is_none(), "{end:?}");
        assert_eq!(supervisor.adopt("x", was.pid, was.start_ticks), Adoption::Gone);
    }
}
