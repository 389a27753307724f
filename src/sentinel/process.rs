//! Look kind `process`: is it there, running, and not a zombie? A stopped process (SIGSTOP) has failed: it is
//! there and does nothing. What /proc does not show is unknown.

use std::path::Path;
use std::time::Duration;

use procfs::ProcError;
use procfs::process::Process;

use super::blocking::{Blocking, PROC};
use super::{ServiceSeen, Services, saw, with};
use crate::base::limits::TREE_PROCESSES_MAX;
use crate::event::plan::ProcessLook;
use crate::event::verification::{Observation, Verdict};

/// A pid file holds a number; anything longer is something else.
const PID_FILE_BYTES_MAX: usize = 64;
/// The kernel keeps this much of a name.
const COMM_BYTES_MAX: usize = 15;

pub(super) async fn look(
    blocking: &Blocking,
    look: &ProcessLook,
    services: &Services,
    timeout: Duration,
) -> Observation {
    let (look, services) = (look.clone(), Services::clone(services));
    // /proc and pid files may block (a hung file system).
    blocking
        .look(PROC, timeout, move || match &look {
            ProcessLook::Service(service) => by_service(service, services(service)),
            ProcessLook::PidFile(path) => by_pid_file(Path::new(path)),
            ProcessLook::Name(name) => by_name(name),
        })
        .await
}

/// The processes that are meant and run; whoever asks for more than their being there learns here why there are
/// none: that proves nothing about the rest.
pub(super) fn find(look: &ProcessLook, services: &Services) -> Result<Vec<Process>, Observation> {
    let unknown = |words: String| saw(Verdict::Unknown, words);
    let open = |pid: u32| {
        let pid = i32::try_from(pid).map_err(|_| unknown(format!("{pid} is no process")))?;
        Process::new(pid).map_err(|error| unknown(format!("process {pid} cannot be read: {error}")))
    };
    match look {
        ProcessLook::Service(service) => match services(service) {
            ServiceSeen::Runs { pid, start_ticks } => match open(pid)? {
                process if process.stat().is_ok_and(|stat| stat.starttime == start_ticks) => {
                    Ok(vec![process])
                }
                _ => Err(unknown(format!("service {service}: process {pid} has ended"))),
            },
            ServiceSeen::DoesNotRun => Err(unknown(format!("service {service} does not run"))),
            ServiceSeen::Unknown => Err(unknown(format!("nothing is known yet of service {service}"))),
        },
        ProcessLook::PidFile(path) => {
            let pid = read_pid(Path::new(path));
            open(pid.map_err(|error| unknown(format!("pid file {path}: {error}")))?).map(|found| vec![found])
        }
        ProcessLook::Name(name) => {
            let wanted = name.get(..COMM_BYTES_MAX).unwrap_or(name);
            let all = procfs::process::all_processes();
            let all = all.map_err(|error| unknown(format!("cannot list /proc: {error}")))?;
            let named = |process: &Process| process.stat().is_ok_and(|stat| stat.comm == wanted);
            let found: Vec<_> = all.filter_map(Result::ok).filter(named).take(TREE_PROCESSES_MAX).collect();
            if found.is_empty() {
                Err(unknown(format!("no process named {wanted} is seen")))
            } else {
                Ok(found)
            }
        }
    }
}

/// These and all their children, as far as they can be read.
pub(super) fn with_children(roots: Vec<Process>) -> Vec<Process> {
    let mut seen: std::collections::BTreeSet<i32> = roots.iter().map(|process| process.pid).collect();
    let mut all = roots;
    let mut next = 0;
    while let Some(process) = all.get(next) {
        let children: Vec<u32> = match process.tasks() {
            Ok(tasks) => tasks.flatten().filter_map(|task| task.children().ok()).flatten().collect(),
            Err(_) => Vec::new(),
        };
        let fresh =
            children.into_iter().filter_map(|pid| i32::try_from(pid).ok()).filter(|pid| seen.insert(*pid));
        let fresh: Vec<_> = fresh.filter_map(|pid| Process::new(pid).ok()).collect();
        let room = TREE_PROCESSES_MAX.saturating_sub(all.len());
        all.extend(fresh.into_iter().take(room));
        next += 1;
    }
    all
}

fn by_service(service: &str, seen: ServiceSeen) -> Observation {
    match seen {
        ServiceSeen::Runs { pid, start_ticks } => {
            by_pid(pid, Some(start_ticks), &format!("service {service}"))
        }
        ServiceSeen::DoesNotRun => {
            counted(saw(Verdict::Failed, format!("service {service} does not run")), State::Dead)
        }
        ServiceSeen::Unknown => saw(Verdict::Unknown, format!("nothing is known yet of service {service}")),
    }
}

fn by_pid_file(path: &Path) -> Observation {
    let name = path.display();
    match read_pid(path) {
        Ok(pid) => by_pid(pid, None, &format!("{name}:")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            counted(saw(Verdict::Failed, format!("there is no pid file {name}")), State::Dead)
        }
        Err(error) => saw(Verdict::Unknown, format!("pid file {name}: {error}")),
    }
}

fn read_pid(path: &Path) -> std::io::Result<u32> {
    use std::io::Read;
    let mut text = String::new();
    // NONBLOCK: somebody may have put a pipe there.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = std::os::unix::fs::OpenOptionsExt::custom_flags(std::fs::File::options().read(true), flags)
        .open(path)?;
    file.take(PID_FILE_BYTES_MAX as u64).read_to_string(&mut text)?;
    let no_pid = || std::io::Error::new(std::io::ErrorKind::InvalidData, "holds no process id");
    text.trim().parse().ok().filter(|pid| *pid > 0 && *pid <= i32::MAX.unsigned_abs()).ok_or_else(no_pid)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Lives,
    Stopped,
    Zombie,
    Dead,
}

fn state(letter: char) -> State {
    match letter {
        'Z' => State::Zombie,
        'X' | 'x' => State::Dead,
        'T' | 't' => State::Stopped,
        _ => State::Lives,
    }
}

/// The state of a process and its name; `Err` when it cannot be told.
fn see(pid: u32, start_ticks: Option<u64>) -> Result<(State, String), ProcError> {
    let stat = i32::try_from(pid)
        .map_err(|_| ProcError::NotFound(None))
        .and_then(Process::new)
        .and_then(|process| process.stat());
    match stat {
        Ok(stat) if start_ticks.is_some_and(|ticks| ticks != stat.starttime) => Ok((State::Dead, stat.comm)),
        Ok(stat) => Ok((state(stat.state), stat.comm)),
        Err(error) if is_gone(&error) => Ok((State::Dead, String::new())),
        Err(error) => Err(error),
    }
}

fn is_gone(error: &ProcError) -> bool {
    match error {
        ProcError::NotFound(_) => true,
        ProcError::Io(error, _) => error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()),
        _ => false,
    }
}

fn by_pid(pid: u32, start_ticks: Option<u64>, what: &str) -> Observation {
    let state = match see(pid, start_ticks) {
        Ok((State::Dead, _)) if hides_others() => {
            return saw(Verdict::Unknown, format!("{what} process {pid}: /proc shows only own processes"));
        }
        Ok((state, _)) => state,
        Err(error) => return saw(Verdict::Unknown, format!("{what} process {pid} cannot be read: {error}")),
    };
    let (verdict, words) = match state {
        State::Lives => (Verdict::Healthy, "runs"),
        State::Stopped => (Verdict::Failed, "is stopped"),
        State::Zombie => (Verdict::Failed, "has ended and nobody has waited for it"),
        State::Dead => (Verdict::Failed, "has ended"),
    };
    counted(saw(verdict, format!("{what} process {pid} {words}")), state)
}

fn counted(observation: Observation, state: State) -> Observation {
    let is = |wanted: State| u64::from(state == wanted);
    let values =
        [("running", is(State::Lives)), ("stopped", is(State::Stopped)), ("zombies", is(State::Zombie))];
    with(observation, &values)
}

/// Under `hidepid` other users' processes are invisible, and then absence proves nothing.
fn hides_others() -> bool {
    !rustix::process::geteuid().is_root() && !Path::new("/proc/1/stat").exists()
}

fn by_name(name: &str) -> Observation {
    let wanted = name.get(..COMM_BYTES_MAX).unwrap_or(name);
    let processes = match procfs::process::all_processes() {
        Ok(processes) => processes,
        Err(error) => return saw(Verdict::Unknown, format!("cannot list /proc: {error}")),
    };
    let (mut running, mut stopped, mut zombies) = (0, 0, 0);
    for process in processes.filter_map(Result::ok) {
        match process.stat() {
            Ok(stat) if stat.comm == wanted => match state(stat.state) {
                State::Lives => running += 1,
                State::Stopped => stopped += 1,
                State::Zombie | State::Dead => zombies += 1,
            },
            // Ended meanwhile, or another name, or not readable: hides_others() speaks for the last.
            _ => {}
        }
    }
    let words = format!("processes named {wanted}: {running} running, {stopped} stopped, {zombies} zombies");
    let verdict = match running {
        0 if stopped == 0 && hides_others() => Verdict::Unknown,
        0 => Verdict::Failed,
        _ => Verdict::Healthy,
    };
    with(saw(verdict, words), &[("running", running), ("stopped", stopped), ("zombies", zombies)])
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("300").spawn().unwrap()
    }

    fn signal(child: &Child, signal: Signal) {
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    fn until_it_says(words: &str, mut look: impl FnMut() -> Observation) -> Observation {
        let end = std::time::Instant::now() + Duration::from_secs(10);
        loop {
            let seen = look();
            if seen.evidence.contains(words) {
                return seen;
            }
            assert!(std::time::Instant::now() < end, "{seen:?} never said {words}");
        }
    }

    #[test]
    fn a_process_runs_is_stopped_is_a_zombie_is_gone() {
        let mut child = sleeper();
        let look = |pid| move || by_pid(pid, None, "it:");
        assert_eq!(look(child.id())().verdict, Verdict::Healthy);
        signal(&child, Signal::STOP);
        let seen = until_it_says("is stopped", look(child.id()));
        assert_eq!((seen.verdict, seen.values["stopped"]), (Verdict::Failed, 1));
        signal(&child, Signal::KILL);
        let seen = until_it_says("nobody has waited", look(child.id()));
        assert_eq!((seen.verdict, seen.values["zombies"]), (Verdict::Failed, 1));
        child.wait().unwrap();
        assert_eq!(look(child.id())().verdict, Verdict::Failed);
    }

    #[test]
    fn a_service_is_told_by_pid_and_start_time() {
        let pid = std::process::id();
        let start_ticks = Process::myself().unwrap().stat().unwrap().starttime;
        let seen = |start_ticks| by_service("x", ServiceSeen::Runs { pid, start_ticks }).verdict;
        assert_eq!(seen(start_ticks), Verdict::Healthy);
        assert_eq!(seen(start_ticks + 1), Verdict::Failed);
        assert_eq!(by_service("x", ServiceSeen::DoesNotRun).verdict, Verdict::Failed);
        assert_eq!(by_service("x", ServiceSeen::Unknown).verdict, Verdict::Unknown);
    }

    #[test]
    fn pid_files_are_read_with_care() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        assert_eq!(by_pid_file(&path).verdict, Verdict::Failed);
        std::fs::write(&path, format!("{}\n", std::process::id())).unwrap();
        assert_eq!(by_pid_file(&path).verdict, Verdict::Healthy);
        for junk in ["", "-1", "0", "x", "99999999999999", "1 2"] {
            std::fs::write(&path, junk).unwrap();
            assert_eq!(by_pid_file(&path).verdict, Verdict::Unknown, "{junk}");
        }
        assert_eq!(by_pid_file(dir.path()).verdict, Verdict::Unknown);
    }

    #[test]
    fn a_name_is_found_among_all() {
        let own = Process::myself().unwrap().stat().unwrap().comm;
        let seen = by_name(&own);
        assert!(seen.verdict == Verdict::Healthy && seen.values["running"] >= 1, "{seen:?}");
        assert_eq!(by_name("surely-no-such").verdict, Verdict::Failed);
    }
}
