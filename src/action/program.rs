//! Programs that are no steps of a runbook: those that eyes look with (`look`) and that tell people (`deliver`).
//! Started like a step's (`sandbox`), marked, bounded in time and output, ended as a group, and never outliving the
//! daemon for long. They act on no target, so they need no permit; nothing here is for steps (`run`).

use std::collections::BTreeSet;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::group::{self, Ended};
use super::sandbox::{Apart, Extra, SpawnError, Spawned, StepProgram, spawn};
use super::table::{self, PROGRAM_MARK};
use crate::base::ids::NodeId;
use crate::base::limits::{EXIT_CONFIRM_MS_MAX, OUTPUT_DRAIN_MS_MAX, PROGRAM_OUTPUT_BYTES_MAX};
use crate::event::plan::RunPlan;

/// Runs such programs. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct Programs {
    step: StepProgram,
    node: NodeId,
    running: Arc<Mutex<Running>>,
}

#[derive(Debug, Default)]
pub(super) struct Running {
    groups: BTreeSet<i32>,
    /// How many of them look.
    pub(super) looks: usize,
    stopped: bool,
}

/// What is to be run.
pub(super) struct Call<'a> {
    pub(super) plan: &'a RunPlan,
    /// What it reads; empty = nothing.
    pub(super) stdin: &'a str,
    pub(super) timeout: Duration,
    /// Between TERM at `timeout` and KILL; zero = it is not asked first.
    pub(super) grace: Duration,
    pub(super) output: Output,
}

/// What its output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// Standard output counts, and only whole: one that prints too much is ended.
    Answer,
    /// Words on both outputs, in the order of arrival: what is too much is dropped.
    Words,
}

/// How one went that was started and has ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) end: End,
    /// Standard output, of [`Output::Words`] standard error too.
    pub(super) out: Vec<u8>,
    /// Standard error of [`Output::Answer`].
    pub(super) err: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Exited(i32),
    Signalled(i32),
    /// It was ended at its time.
    OutOfTime,
    /// It was ended for what it printed.
    TooLong,
}

impl Programs {
    /// Programs of this node.
    pub fn new(step: StepProgram, node: NodeId) -> Self {
        Self { step, node, running: Arc::default() }
    }

    /// Runs one to its end, at most for `timeout`, `grace` and then some. Blocks; the program is ended with the thread.
    /// An error is why it tells nothing at all.
    pub(super) fn run(&self, call: &Call<'_>) -> Result<Ran, String> {
        let clock = Clock::of(call, Instant::now());
        self.may_start()?;
        let pipes = Pipes::make(call.output).map_err(|error| format!("cannot make a pipe: {error}"))?;
        let Pipes { out, err, stdout, stderr } = pipes;
        let marks = [(PROGRAM_MARK, self.node.0.to_string())];
        let extra = Extra { stdin: call.stdin, bound: true };
        let outputs = (stdout.into(), stderr.into());
        let spawned = match spawn(&self.step, call.plan, &marks, Apart::Group, extra, outputs) {
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
        let ran = watch(spawned, (out, err), call.output, clock);
        self.lock().groups.remove(&group);
        ran
    }

    /// Ends those that run, and lets no other begin.
    pub fn stop(&self) {
        let mut running = self.lock();
        running.stopped = true;
        running.groups.iter().filter_map(|group| Pid::from_raw(*group)).for_each(group::kill);
    }

    /// At boot, before any of ours is started: ends what a daemon that crashed left behind of its programs. How many there were.
    pub fn end_left_over(&self) -> usize {
        let ours = self.node.0.to_string();
        let left = table::all_alive().unwrap_or_default().into_iter().filter(|stat| {
            stat.pid.unsigned_abs() != std::process::id()
                && table::mark(stat.pid, PROGRAM_MARK).as_ref() == Some(&ours)
        });
        let own = own_group();
        let groups: BTreeSet<i32> = left.map(|stat| stat.group).filter(|group| Some(*group) != own).collect();
        groups.iter().filter_map(|group| Pid::from_raw(*group)).map(group::kill).count()
    }

    pub(super) fn may_start(&self) -> Result<(), String> {
        if self.lock().stopped { Err("was not started: the daemon stops".to_owned()) } else { Ok(()) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// This process's group, by what /proc says: getpgrp(2) answers 0 for a group of outside this PID namespace, which is no
/// group to rustix.
fn own_group() -> Option<i32> {
    match table::see(i32::try_from(std::process::id()).ok()?) {
        table::Seen::Alive(stat) => Some(stat.group),
        table::Seen::Dead | table::Seen::Unreadable(_) => None,
    }
}

/// The times of a program.
#[derive(Debug, Clone, Copy)]
struct Clock {
    /// TERM; none when it is not asked first.
    term_at: Option<Instant>,
    kill_at: Instant,
}

impl Clock {
    fn of(call: &Call<'_>, now: Instant) -> Self {
        let until = now + call.timeout;
        let term_at = (!call.grace.is_zero()).then_some(until);
        Self { term_at, kill_at: until + call.grace }
    }
}

/// Why it was ended, if it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    ByTime,
    TooLong,
}

fn watch(
    mut spawned: Spawned,
    (mut out, mut err): (Pipe, Pipe),
    output: Output,
    mut clock: Clock,
) -> Result<Ran, String> {
    let mut ending = Ending::No;
    loop {
        let until = clock.term_at.unwrap_or(clock.kill_at);
        let fds = [Some(spawned.pidfd.as_fd()), out.fd(), err.fd()];
        let [exited, said, complained] = group::wait_readable(fds, Some(until));
        if said {
            out.read();
        }
        if complained {
            err.read();
        }
        if exited {
            break;
        }
        if out.too_long && output == Output::Answer {
            ending = Ending::TooLong;
            break;
        }
        if Instant::now() < until {
            continue;
        }
        ending = Ending::ByTime;
        if clock.term_at.take().is_none() {
            break;
        }
        group::terminate(spawned.pid);
    }
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
    // Too much may also have been in the pipe when it ended by itself.
    let too_long = ending == Ending::TooLong || (out.too_long && output == Output::Answer);
    let end = match status.map(|status| (status.code(), status.signal())) {
        _ if ending == Ending::ByTime => End::OutOfTime,
        _ if too_long => End::TooLong,
        Ok((Some(code), _)) => End::Exited(code),
        Ok((None, signal)) => End::Signalled(signal.unwrap_or_default()),
        Err(error) => return Err(format!("cannot be waited for: {error}")),
    };
    Ok(Ran { end, out: out.bytes, err: err.bytes })
}

/// The ends of a program's outputs, ours and its own.
struct Pipes {
    out: Pipe,
    err: Pipe,
    stdout: std::io::PipeWriter,
    stderr: std::io::PipeWriter,
}

impl Pipes {
    fn make(output: Output) -> std::io::Result<Self> {
        let (out, stdout) = std::io::pipe()?;
        let (err, stderr) = match output {
            // One pipe for both keeps the order of arrival.
            Output::Words => (None, stdout.try_clone()?),
            Output::Answer => std::io::pipe().map(|(err, stderr)| (Some(err), stderr))?,
        };
        Ok(Self { out: Pipe::new(Some(out)), err: Pipe::new(err), stdout, stderr })
    }
}

/// Our end of one output, bounded.
struct Pipe {
    reader: Option<std::io::PipeReader>,
    bytes: Vec<u8>,
    too_long: bool,
}

impl Pipe {
    fn new(reader: Option<std::io::PipeReader>) -> Self {
        Self { reader, bytes: Vec::new(), too_long: false }
    }

    fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.reader.as_ref().map(AsFd::as_fd)
    }

    fn read(&mut self) {
        let mut bytes = [0; 16 * 1024];
        match self.reader.as_mut().map(|reader| reader.read(&mut bytes)) {
            Some(Ok(read)) if read > 0 => {
                let room = PROGRAM_OUTPUT_BYTES_MAX - self.bytes.len();
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
}
