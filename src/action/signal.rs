//! Step kind `signal`: a signal to processes found by service, pid file or name. Who they are is pid and start time,
//! held by a pidfd, so that nobody who got the number later is hit. Nobody is signalled when nobody, or more than
//! declared, are there; never process 1, nor remediator itself.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::run::Done;
use super::supervisor::Supervisor;
use super::table::{self, Seen};
use crate::base::limits::PID_FILE_BYTES_MAX;
use crate::event::plan::{ProcessLook, SignalName, SignalPlan};
use crate::event::step::{Failure, StepOutcome};

/// A pid file written this long before its process began is still its own: clocks are read in turn, and coarsely.
const PID_FILE_SLACK: Duration = Duration::from_secs(2);

/// Who was found.
#[derive(Debug)]
struct Found {
    pid: Pid,
    start_ticks: u64,
    handle: OwnedFd,
}

/// Why nobody is signalled.
type No = (Failure, String);

/// Sends it.
pub(super) fn carry_out(plan: &SignalPlan, supervisor: &Supervisor) -> Done {
    let found = match find(&plan.to, supervisor) {
        Ok(found) => found,
        Err((failure, why)) => return Done::new(StepOutcome::Failed { failure, why, began: false }),
    };
    if found.len() > plan.at_most as usize {
        let pids: Vec<String> = found.iter().take(10).map(|f| f.pid.as_raw_nonzero().to_string()).collect();
        let why = format!(
            "{} are there ({} …), at most {} may be signalled; nobody was",
            found.len(),
            pids.join(", "),
            plan.at_most
        );
        return Done::new(StepOutcome::Failed { failure: Failure::ManyProcesses, why, began: false });
    }
    let (mut said, mut reached) = (String::new(), 0);
    for one in &found {
        let (pid, since) = (one.pid.as_raw_nonzero(), one.start_ticks);
        match pidfd_send_signal(&one.handle, signal(plan.send)) {
            Ok(()) => {
                reached += 1;
                said += &format!("{} sent to process {pid} (start {since})\n", plan.send.word());
            }
            Err(rustix::io::Errno::SRCH) => said += &format!("process {pid} ended before it was signalled\n"),
            Err(error) => {
                let why = format!("process {pid} cannot be signalled: {error}");
                let outcome = StepOutcome::Failed { failure: Failure::NoProcess, why, began: reached > 0 };
                return Done::saying(outcome, &said);
            }
        }
    }
    if reached == 0 {
        let why = "everybody had ended before being signalled".to_owned();
        let outcome = StepOutcome::Failed { failure: Failure::NoProcess, why, began: false };
        return Done::saying(outcome, &said);
    }
    Done::saying(StepOutcome::Succeeded, &said)
}

fn signal(name: SignalName) -> Signal {
    match name {
        SignalName::Hup => Signal::HUP,
        SignalName::Int => Signal::INT,
        SignalName::Quit => Signal::QUIT,
        SignalName::Term => Signal::TERM,
        SignalName::Kill => Signal::KILL,
        SignalName::Usr1 => Signal::USR1,
        SignalName::Usr2 => Signal::USR2,
        SignalName::Stop => Signal::STOP,
        SignalName::Cont => Signal::CONT,
    }
}

fn find(who: &ProcessLook, supervisor: &Supervisor) -> Result<Vec<Found>, No> {
    let none = |why: String| (Failure::NoProcess, why);
    let found = match who {
        ProcessLook::Service(name) => {
            let running =
                supervisor.alive(name).ok_or_else(|| none(format!("service {name} does not run")))?;
            let pid = i32::try_from(running.pid).unwrap_or(0);
            hold(pid, Some(running.start_ticks))?.into_iter().collect()
        }
        ProcessLook::PidFile(file) => by_pid_file(file)?.into_iter().collect::<Vec<_>>(),
        ProcessLook::Name(name) => by_name(name)?,
    };
    if found.is_empty() { Err(none(format!("there is no process: {}", who.say()))) } else { Ok(found) }
}

/// Takes hold of a process: from then on the number cannot come to mean another. None when it has ended.
fn hold(number: i32, start_ticks: Option<u64>) -> Result<Option<Found>, No> {
    let refuse = |why: &str| (Failure::NoProcess, format!("process {number} {why}"));
    let pid = Some(number).filter(|number| *number > 1).and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| refuse("is never signalled"))?;
    if pid == rustix::process::getpid() {
        return Err(refuse("is remediator itself"));
    }
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        Err(error) => return Err(refuse(&format!("cannot be held: {error}"))),
    };
    // Read after it is held: whoever has the number now is whom the handle means, unless he ends meanwhile.
    match table::see(number) {
        Seen::Alive(stat) if start_ticks.is_none_or(|wanted| wanted == stat.start_ticks) => {
            Ok(Some(Found { pid, start_ticks: stat.start_ticks, handle }))
        }
        Seen::Alive(_) | Seen::Dead => Ok(None),
        Seen::Unreadable(why) => Err(refuse(&format!("cannot be read: {why}"))),
    }
}

fn by_pid_file(path: &str) -> Result<Option<Found>, No> {
    let no = |why: String| (Failure::NoProcess, format!("the pid file {path} {why}"));
    let file = std::fs::File::open(path).map_err(|e| no(format!("cannot be opened: {e}")))?;
    let about = file.metadata().map_err(|e| no(format!("cannot be read: {e}")))?;
    if !about.is_file() {
        return Err(no("is no regular file".to_owned()));
    }
    let mut text = String::new();
    let bound = PID_FILE_BYTES_MAX as u64 + 1;
    file.take(bound).read_to_string(&mut text).map_err(|e| no(format!("cannot be read: {e}")))?;
    let number: Option<i32> = text.trim().parse().ok().filter(|_| text.len() <= PID_FILE_BYTES_MAX);
    let number = number.ok_or_else(|| no("does not hold one number".to_owned()))?;
    let Some(found) = hold(number, None)? else { return Ok(None) };
    let written = about.modified().map_err(|e| no(format!("has no time: {e}")))?;
    if began(found.start_ticks).is_some_and(|began| began > written + PID_FILE_SLACK) {
        return Err(no(format!("is older than process {number}: it meant another that had the number")));
    }
    Ok(Some(found))
}

/// When a process began, by the wall clock.
fn began(start_ticks: u64) -> Option<SystemTime> {
    let ticks_per_second = procfs::ticks_per_second().max(1);
    let boot = procfs::boot_time_secs().ok()?;
    let since_boot = Duration::from_millis(start_ticks.saturating_mul(1000) / ticks_per_second);
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(boot) + since_boot)
}

fn by_name(name: &str) -> Result<Vec<Found>, No> {
    let alive = table::all_alive().map_err(|why| (Failure::NoProcess, why))?;
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let wanted: String = table::comm_of_name(name);
    let mut found = Vec::new();
    for stat in alive.into_iter().filter(|stat| stat.pid > 1 && stat.pid != own) {
        if table::comm(stat.pid).is_some_and(|comm| comm == wanted) {
            found.extend(hold(stat.pid, Some(stat.start_ticks))?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::action::testing::{Bench, service_plan, until};
    use crate::event::plan::{ActionPlan, ServiceVerb};

    /// A process that says which signal it got by its exit code.
    struct Listener(Child, tempfile::TempDir);

    impl Listener {
        fn new(name: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let program = dir.path().join(name);
            std::fs::copy("/bin/sh", &program).unwrap();
            // Without children: between fork and exec a child bears its parent's name.
            let script = "trap 'exit 41' HUP; trap 'exit 42' USR1; : > ready; while :; do read -r _; done";
            let mut command = Command::new(&program);
            command.args(["-c", script]).current_dir(dir.path()).stdin(std::process::Stdio::piped());
            let child = command.spawn().unwrap();
            let ready = dir.path().join("ready");
            until("the listener listens", || ready.exists());
            Self(child, dir)
        }
        fn pid_file(&self, text: &str) -> String {
            let path = self.1.path().join("pid");
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        }
        fn code(&mut self) -> Option<i32> {
            self.0.wait().unwrap().code()
        }
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn send(bench: &Bench, send: SignalName, to: ProcessLook, at_most: u32) -> StepOutcome {
        bench.finish(ActionPlan::Signal(SignalPlan { send, to, at_most }), 10_000).outcome
    }

    fn refused(outcome: StepOutcome, wanted: Failure, words: &str) {
        let StepOutcome::Failed { failure, why, began: false } = outcome else { panic!("{outcome:?}") };
        assert!(failure == wanted && why.contains(words), "{failure:?} {why}");
    }

    #[test]
    fn the_process_of_a_pid_file_gets_the_signal_that_was_meant() {
        let bench = Bench::new();
        for (name, code) in [(SignalName::Hup, 41), (SignalName::Usr1, 42)] {
            let mut listener = Listener::new("sig-by-file");
            let file = listener.pid_file(&format!("{}\n", listener.0.id()));
            assert_eq!(send(&bench, name, ProcessLook::PidFile(file), 1), StepOutcome::Succeeded);
            assert_eq!(listener.code(), Some(code));
        }
    }

    #[test]
    fn a_service_that_is_supervised_gets_it() {
        let bench = Bench::new();
        let script = "trap 'exit 41' HUP; : > ready; while :; do sleep 0.01; done";
        let dir = bench.dir.path().to_str().unwrap().to_owned();
        let mut plan = service_plan(ServiceVerb::Start, "listener", script);
        if let ActionPlan::Service(service) = &mut plan {
            service.start.cwd = dir.clone();
        }
        assert_eq!(bench.finish(plan, 10_000).outcome, StepOutcome::Succeeded);
        until("the service listens", || std::path::Path::new(&dir).join("ready").exists());
        let to = ProcessLook::Service("listener".into());
        assert_eq!(send(&bench, SignalName::Hup, to.clone(), 1), StepOutcome::Succeeded);
        until("the service has ended", || bench.hands.supervisor().alive("listener").is_none());
        refused(send(&bench, SignalName::Hup, to, 1), Failure::NoProcess, "does not run");
    }

    #[test]
    fn nobody_is_signalled_when_nobody_or_more_than_declared_are_there() {
        let bench = Bench::new();
        let name = "sig-by-name";
        refused(
            send(&bench, SignalName::Hup, ProcessLook::Name(name.into()), 1),
            Failure::NoProcess,
            "no process",
        );
        let mut both = [Listener::new(name), Listener::new(name)];
        let to = || ProcessLook::Name(name.into());
        refused(send(&bench, SignalName::Hup, to(), 1), Failure::ManyProcesses, "2 are there");
        assert!(both.iter_mut().all(|l| l.0.try_wait().unwrap().is_none()), "nobody was signalled");
        assert_eq!(send(&bench, SignalName::Hup, to(), 2), StepOutcome::Succeeded);
        assert_eq!(both.each_mut().map(Listener::code), [Some(41), Some(41)]);
    }

    #[test]
    fn process_one_and_remediator_itself_are_never_signalled() {
        let bench = Bench::new();
        let listener = Listener::new("sig-nobody");
        let own = std::process::id().to_string();
        for (text, words) in [
            ("1", "never signalled"),
            ("0", "never signalled"),
            ("-5", "never signalled"),
            (own.as_str(), "remediator itself"),
            ("12 13", "one number"),
            ("", "one number"),
            (&"1".repeat(100), "one number"),
        ] {
            let file = listener.pid_file(text);
            refused(send(&bench, SignalName::Term, ProcessLook::PidFile(file), 1), Failure::NoProcess, words);
        }
        let own_name = std::fs::read_to_string("/proc/self/comm").unwrap().trim().to_owned();
        let found = by_name(&own_name).unwrap();
        assert!(found.iter().all(|f| f.pid != rustix::process::getpid()));
    }

    #[test]
    fn a_pid_file_that_is_older_than_its_process_meant_another() {
        let bench = Bench::new();
        let mut listener = Listener::new("sig-old-file");
        let path = listener.pid_file(&listener.0.id().to_string());
        let old = SystemTime::now() - Duration::from_secs(3600);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        let outcome = send(&bench, SignalName::Term, ProcessLook::PidFile(path), 1);
        refused(outcome, Failure::NoProcess, "older than process");
        assert!(listener.0.try_wait().unwrap().is_none());
    }

    #[test]
    fn a_number_that_came_to_another_is_not_signalled() {
        let listener = Listener::new("sig-reused");
        let pid = i32::try_from(listener.0.id()).unwrap();
        let Seen::Alive(stat) = table::see(pid) else { panic!("it lives") };
        assert!(hold(pid, Some(stat.start_ticks)).unwrap().is_some());
        assert!(hold(pid, Some(stat.start_ticks + 1)).unwrap().is_none());
    }
}
