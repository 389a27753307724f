//! Programs that eyes look with (probe kind `run`): started like a step's, marked as a look, ended as a group at
//! their time. They look and change nothing, so they need no permit; what they print is data.
//! Not for: what the words mean (`sentinel::run`), steps (`run`).

use std::collections::BTreeSet;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::group::{self, Ended};
use super::sandbox::{Apart, SpawnError, Spawned, StepProgram, spawn};
use super::table;
use crate::base::ids::NodeId;
use crate::base::limits::{
    EXIT_CONFIRM_MS_MAX, OUTPUT_DRAIN_MS_MAX, PROBE_OUTPUT_BYTES_MAX, PROBE_PROGRAMS_MAX,
};
use crate::base::text::{clean, clip};
use crate::event::plan::RunPlan;

/// Environment variable that marks a look's processes; its value is the node.
pub const LOOK_MARK: &str = "REMEDIATOR_LOOK";
/// What is told of a program's standard error.
const COMPLAINT_BYTES_MAX: usize = 300;

/// Runs programs for looks. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct ProbePrograms {
    program: StepProgram,
    node: NodeId,
    running: Arc<Mutex<Running>>,
}

#[derive(Debug, Default)]
struct Running {
    groups: BTreeSet<i32>,
    started: usize,
    stopped: bool,
}

/// One of those that may run at once; gives its place back when dropped.
struct Place<'a>(&'a ProbePrograms);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().started -= 1;
    }
}

impl ProbePrograms {
    /// Programs of looks of this node.
    pub fn new(program: StepProgram, node: NodeId) -> Self {
        Self { program, node, running: Arc::default() }
    }

    /// Runs one to its end, at most for `timeout` and then some. Blocks. Gives what it printed when it exited as it
    /// should; otherwise why that can tell nothing.
    pub fn run(&self, plan: &RunPlan, timeout: Duration) -> Result<Vec<u8>, String> {
        let until = Instant::now() + timeout;
        let _place = self.place()?;
        let pipes = || Ok((std::io::pipe()?, std::io::pipe()?));
        let ((out, stdout), (err, stderr)) =
            pipes().map_err(|error: std::io::Error| format!("cannot make a pipe: {error}"))?;
        let marks = [(LOOK_MARK, self.node.0.to_string())];
        let spawned = match spawn(&self.program, plan, &marks, Apart::Group, (stdout.into(), stderr.into())) {
            Ok(spawned) => spawned,
            Err(SpawnError::NotStarted(why)) => return Err(format!("was not started: {why}")),
            Err(SpawnError::Stuck) => return Err("did not become the program".to_owned()),
        };
        let group = spawned.pid.as_raw_nonzero().get();
        let stopped = {
            let mut running = self.lock();
            running.groups.insert(group);
            running.stopped
        };
        if stopped {
            group::kill(spawned.pid);
        }
        let ended = watch(spawned, [out, err], until, timeout, &plan.ok_exit);
        self.lock().groups.remove(&group);
        ended
    }

    /// Ends those that run, and lets no other begin.
    pub fn stop(&self) {
        let mut running = self.lock();
        running.stopped = true;
        running.groups.iter().filter_map(|group| Pid::from_raw(*group)).for_each(group::kill);
    }

    /// At boot: ends what a daemon that crashed left behind of its looks. How many there were.
    pub fn end_left_over(&self) -> usize {
        let ours = self.node.0.to_string();
        let left = table::all_alive().unwrap_or_default().into_iter().filter(|stat| {
            stat.pid.unsigned_abs() != std::process::id()
                && table::mark(stat.pid, LOOK_MARK).as_ref() == Some(&ours)
        });
        let groups: BTreeSet<i32> = left.map(|stat| stat.group).collect();
        let pids = groups.iter().filter_map(|group| Pid::from_raw(*group));
        pids.filter(|group| *group != rustix::process::getpgrp()).map(group::kill).count()
    }

    fn place(&self) -> Result<Place<'_>, String> {
        let mut running = self.lock();
        if running.stopped {
            return Err("the daemon stops".to_owned());
        }
        if running.started >= PROBE_PROGRAMS_MAX {
            return Err(format!("{PROBE_PROGRAMS_MAX} programs of looks run already"));
        }
        running.started += 1;
        Ok(Place(self))
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn watch(
    mut spawned: Spawned,
    [out, err]: [std::io::PipeReader; 2],
    until: Instant,
    timeout: Duration,
    ok_exit: &[i32],
) -> Result<Vec<u8>, String> {
    let (mut out, mut err) = (Pipe::new(out), Pipe::new(err));
    let in_time = loop {
        let fds = [Some(spawned.pidfd.as_fd()), out.fd(), err.fd()];
        let [exited, said, complained] = group::wait_readable(fds, Some(until));
        if said {
            out.read();
        }
        if complained {
            err.read();
        }
        if exited || out.too_long {
            break true;
        }
        if Instant::now() >= until {
            break false;
        }
    };
    // Also when it has ended by itself: nobody of its group is left behind. A leader that is not yet waited for
    // keeps the group's number.
    group::kill(spawned.pid);
    let confirm = Duration::from_millis(EXIT_CONFIRM_MS_MAX);
    let [gone] = group::wait_readable([Some(spawned.pidfd.as_fd())], Some(Instant::now() + confirm));
    if !gone {
        let group = spawned.pid;
        std::thread::spawn(move || spawned.child.wait());
        return Err(format!("process group {} does not end, even when killed", group.as_raw_nonzero()));
    }
    let status = spawned.child.wait();
    if group::kill_until_empty(spawned.pid, confirm) == Ended::WouldNotDie {
        return Err("left processes behind that do not end, even when killed".to_owned());
    }
    let drained = Instant::now() + Duration::from_millis(OUTPUT_DRAIN_MS_MAX);
    out.drain(drained);
    err.drain(drained);
    let complaint = err.words();
    if !in_time {
        return Err(format!("was ended after {} ms{complaint}", timeout.as_millis()));
    }
    if out.too_long {
        return Err(format!("printed more than {PROBE_OUTPUT_BYTES_MAX} bytes{complaint}"));
    }
    match status.map(|status| (status.code(), status.signal())) {
        Ok((Some(code), _)) if ok_exit.contains(&code) => Ok(out.bytes),
        Ok((Some(code), _)) => Err(format!("exited with {code}{complaint}")),
        Ok((None, signal)) => Err(format!("was ended by signal {}{complaint}", signal.unwrap_or_default())),
        Err(error) => Err(format!("cannot be waited for: {error}")),
    }
}

/// One end of a program's output, bounded.
struct Pipe {
    reader: Option<std::io::PipeReader>,
    bytes: Vec<u8>,
    too_long: bool,
}

impl Pipe {
    fn new(reader: std::io::PipeReader) -> Self {
        Self { reader: Some(reader), bytes: Vec::new(), too_long: false }
    }

    fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.reader.as_ref().map(AsFd::as_fd)
    }

    fn read(&mut self) {
        let mut bytes = [0; 16 * 1024];
        match self.reader.as_mut().map(|reader| reader.read(&mut bytes)) {
            Some(Ok(read)) if read > 0 => {
                let room = PROBE_OUTPUT_BYTES_MAX - self.bytes.len();
                self.too_long |= read > room;
                self.bytes.extend_from_slice(&bytes[..read.min(room)]);
            }
            Some(Err(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
            _ => self.reader = None,
        }
    }

    /// Reads to the end, or for a short time: someone who left the group may hold the pipe open for ever.
    fn drain(&mut self, until: Instant) {
        while let Some(fd) = self.fd() {
            if Instant::now() >= until || group::wait_readable([Some(fd)], Some(until)) == [false] {
                return;
            }
            self.read();
        }
    }

    fn words(&self) -> String {
        let text = clean(&String::from_utf8_lossy(&self.bytes));
        let text = text.trim();
        if text.is_empty() { String::new() } else { format!(": {}", clip(text, COMPLAINT_BYTES_MAX)) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, HARNESS, sh, step_program, until};
    use super::*;

    fn programs(bench: &Bench) -> ProbePrograms {
        ProbePrograms::new(step_program(), bench.node)
    }

    fn said(bench: &Bench, script: &str, ms: u64) -> Result<String, String> {
        let said = programs(bench).run(&sh(script), Duration::from_millis(ms));
        said.map(|bytes| String::from_utf8(bytes).unwrap().replacen(HARNESS, "", 1))
    }

    fn lives(pid: i32) -> bool {
        matches!(table::see(pid), table::Seen::Alive(_))
    }

    #[test]
    fn what_it_prints_counts_only_when_it_ended_well() {
        let bench = Bench::new();
        assert_eq!(said(&bench, "echo a; echo b >&2; printf c", 20_000).as_deref(), Ok("a\nc"));
        let failed = said(&bench, "echo a; echo 'no such table' >&2; exit 3", 20_000).unwrap_err();
        assert_eq!(failed, "exited with 3: no such table");
        assert!(said(&bench, "kill -9 $$", 20_000).unwrap_err().starts_with("was ended by signal 9"));
        let flood = said(&bench, "yes", 20_000).unwrap_err();
        assert!(flood.contains("printed more than"), "{flood}");
        let none = programs(&bench)
            .run(&RunPlan { argv: vec!["/nowhere/x".into()], ..sh("") }, Duration::from_secs(9));
        assert!(none.unwrap_err().contains("was not started"));
    }

    #[test]
    fn at_its_time_the_whole_group_is_ended() {
        let bench = Bench::new();
        let pids = bench.dir.path().join("pids");
        let script = format!("sleep 300 & echo $$ $! > {}; trap '' TERM; wait; sleep 300", pids.display());
        let why = said(&bench, &script, 6_000).unwrap_err();
        assert!(why.starts_with("was ended after 6000 ms"), "{why}");
        let text = std::fs::read_to_string(&pids).unwrap();
        let pids: Vec<i32> = text.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
        assert!(pids.len() == 2 && pids.iter().all(|pid| !lives(*pid)), "{text}");
    }

    #[test]
    fn stopping_ends_those_that_run_and_a_new_daemon_ends_what_was_left_over() {
        let bench = Bench::new();
        let programs = programs(&bench);
        let file = bench.dir.path().join("pid");
        let plan = sh(&format!("echo $$ > {}; exec sleep 300", file.display()));
        let runs = |file: &std::path::Path| {
            let mut pid = 0;
            until("the program runs", || {
                pid = std::fs::read_to_string(file).ok().and_then(|t| t.trim().parse().ok()).unwrap_or(0);
                pid > 0
            });
            pid
        };
        let looking = std::thread::spawn({
            let (programs, plan) = (programs.clone(), plan.clone());
            move || programs.run(&plan, Duration::from_secs(60))
        });
        let pid = runs(&file);
        // Another daemon of the same node finds it by its mark.
        let next = ProbePrograms::new(step_program(), bench.node);
        until("the mark is seen", || next.end_left_over() > 0);
        assert!(looking.join().unwrap().unwrap_err().contains("signal 9"));
        assert!(!lives(pid));
        std::fs::remove_file(&file).unwrap();
        let looking = std::thread::spawn({
            let programs = programs.clone();
            move || programs.run(&plan, Duration::from_secs(60))
        });
        let pid = runs(&file);
        programs.stop();
        assert!(looking.join().unwrap().is_err() && !lives(pid));
        assert_eq!(programs.run(&sh("true"), Duration::from_secs(1)).unwrap_err(), "the daemon stops");
    }
}
