//! Step kind `run`: a program, its output, its time. TERM at the timeout, KILL at 1.5 times of it, the end
//! confirmed; nobody of its group is left behind (RM-16).

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::group::{self, Ended};
use super::output::Capture;
use super::sandbox::{Apart, SpawnError, Spawned, spawn};
use super::table::{STEP_MARK, StepMark};
use super::{Cancel, Context};
use crate::base::limits::{EXIT_CONFIRM_MS_MAX, KILL_AT_TIMEOUT_PERCENT, OUTPUT_DRAIN_MS_MAX};
use crate::base::time::Span;
use crate::event::plan::RunPlan;
use crate::event::step::StepOutcome;

/// How it went, as far as the hand can tell.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: StepOutcome,
    pub(super) output: Capture,
    /// Whoever would not die.
    pub(super) undead: Option<Undead>,
}

/// A group of which somebody lives even after KILL.
#[derive(Debug)]
pub(super) struct Undead(Spawned);

impl Undead {
    /// Waits until nobody lives after all.
    pub(super) fn wait(mut self) {
        let _ = self.0.child.wait();
        while !group::is_empty(self.0.pid) {
            group::pause(Duration::from_secs(1));
        }
    }
}

impl Done {
    pub(super) fn new(outcome: StepOutcome) -> Self {
        Self { outcome, output: Capture::default(), undead: None }
    }

    pub(super) fn saying(outcome: StepOutcome, words: &str) -> Self {
        let mut done = Self::new(outcome);
        done.output.push(words.as_bytes());
        done
    }
}

/// Runs it to its end. `started` is told pid and start time once the program runs.
pub(super) fn carry_out(
    context: &Context<'_>,
    plan: &RunPlan,
    mark: StepMark,
    timeout: Span,
    started: impl FnOnce(u32, u64),
) -> Done {
    let clock = Clock::new(timeout, Instant::now());
    // One pipe for both, so that the order of arrival is kept.
    let pipes = std::io::pipe().and_then(|(reader, writer)| Ok((reader, writer.try_clone()?, writer)));
    let (reader, stdout, stderr) = match pipes {
        Ok(pipes) => pipes,
        Err(e) => return Done::new(StepOutcome::NotStarted(format!("cannot make a pipe: {e}"))),
    };
    let marks = [(STEP_MARK, mark.to_string())];
    match spawn(context.program, plan, &marks, Apart::Group, (stdout.into(), stderr.into())) {
        Ok(spawned) => {
            started(spawned.child.id(), spawned.start_ticks);
            watch(spawned, reader, plan, context.cancel, clock)
        }
        Err(SpawnError::NotStarted(why)) => Done::new(StepOutcome::NotStarted(why)),
        Err(SpawnError::Stuck) => {
            Done::saying(StepOutcome::TimedOut, "the process did not say that it had become the program\n")
        }
    }
}

/// The times of a step.
#[derive(Debug, Clone, Copy)]
struct Clock {
    term_at: Instant,
    kill_at: Instant,
}

impl Clock {
    fn new(timeout: Span, now: Instant) -> Self {
        let kill_ms = timeout.ms().saturating_mul(KILL_AT_TIMEOUT_PERCENT) / 100;
        Self { term_at: now + timeout.to_std(), kill_at: now + Duration::from_millis(kill_ms) }
    }
}

/// How far the ending of a step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    Asked { by_time: bool },
    Killed { by_time: bool },
}

fn watch(
    spawned: Spawned,
    reader: std::io::PipeReader,
    plan: &RunPlan,
    cancel: &Cancel,
    mut clock: Clock,
) -> Done {
    let mut output = Capture::default();
    let mut reader = Some(reader);
    let mut ending = Ending::No;
    loop {
        let until = match ending {
            Ending::No => clock.term_at,
            Ending::Asked { .. } => clock.kill_at,
            Ending::Killed { .. } => clock.kill_at + Duration::from_millis(EXIT_CONFIRM_MS_MAX),
        };
        let fds = [Some(spawned.pidfd.as_fd()), reader.as_ref().map(AsFd::as_fd), Some(cancel.fd())];
        let [exited, readable, cancelled] = group::wait_readable(fds, Some(until));
        if readable {
            read_some(&mut reader, &mut output);
        }
        if exited {
            break;
        }
        let now = Instant::now();
        let cancelled = cancelled && ending == Ending::No;
        if let Some(grace) = cancel.take() {
            clock.kill_at = clock.kill_at.min(now + grace);
        }
        if now < until && !cancelled {
            continue;
        }
        ending = match ending {
            Ending::No => {
                group::terminate(spawned.pid);
                Ending::Asked { by_time: !cancelled }
            }
            Ending::Asked { by_time } => {
                group::kill(spawned.pid);
                Ending::Killed { by_time }
            }
            Ending::Killed { .. } => {
                let undead = Some(Undead(spawned));
                return Done { outcome: StepOutcome::WouldNotDie, output, undead };
            }
        };
    }
    conclude(spawned, reader, output, plan, ending, clock.kill_at)
}

/// The leader has ended: see to the rest of its group, then to what the pipe still holds.
fn conclude(
    mut spawned: Spawned,
    mut reader: Option<std::io::PipeReader>,
    mut output: Capture,
    plan: &RunPlan,
    ending: Ending,
    kill_at: Instant,
) -> Done {
    if let Ending::Asked { .. } = ending {
        // The others were asked too and have until the same moment; the unwaited leader keeps the number.
        let others = |pid: i32| move |stat: &super::table::Stat| stat.pid != pid;
        let pid = spawned.pid.as_raw_nonzero().get();
        while Instant::now() < kill_at
            && super::table::members(pid).is_ok_and(|members| members.iter().any(others(pid)))
        {
            group::pause(Duration::from_millis(5));
        }
    }
    group::kill(spawned.pid);
    let status = spawned.child.wait();
    let ended = group::kill_until_empty(spawned.pid, Duration::from_millis(EXIT_CONFIRM_MS_MAX));
    drain(&mut reader, &mut output);
    let outcome = match (ended, status) {
        (Ended::WouldNotDie, _) => {
            let undead = Some(Undead(spawned));
            return Done { outcome: StepOutcome::WouldNotDie, output, undead };
        }
        (Ended::Confirmed, Ok(status)) => outcome(status, plan, ending),
        // The exit is certain (the pidfd said so), its code is not known: never a success.
        (Ended::Confirmed, Err(_)) => StepOutcome::Exited(-1),
    };
    Done { outcome, output, undead: None }
}

fn outcome(status: ExitStatus, plan: &RunPlan, ending: Ending) -> StepOutcome {
    match (ending, status.code(), status.signal()) {
        (Ending::Asked { by_time: true } | Ending::Killed { by_time: true }, ..) => StepOutcome::TimedOut,
        // Cancelled steps never count as done, whatever they say.
        (Ending::No, Some(code), _) if plan.ok_exit.contains(&code) => StepOutcome::Succeeded,
        (_, Some(code), _) => StepOutcome::Exited(code),
        (_, None, Some(signal)) => StepOutcome::Signalled(signal),
        (_, None, None) => StepOutcome::Exited(-1),
    }
}

fn read_some(reader: &mut Option<std::io::PipeReader>, output: &mut Capture) {
    let mut bytes = [0; 64 * 1024];
    match reader.as_mut().map(|reader| reader.read(&mut bytes)) {
        Some(Ok(read)) if read > 0 => output.push(&bytes[..read]),
        Some(Err(e)) if e.kind() == std::io::ErrorKind::Interrupted => {}
        _ => *reader = None,
    }
}

/// Reads to the end, or for a short time: someone who left the group may hold the pipe open for ever.
fn drain(reader: &mut Option<std::io::PipeReader>, output: &mut Capture) {
    let until = Instant::now() + Duration::from_millis(OUTPUT_DRAIN_MS_MAX);
    while let Some(open) = reader.as_ref() {
        if Instant::now() >= until || group::wait_readable([Some(open.as_fd())], Some(until)) == [false] {
            return;
        }
        read_some(reader, output);
    }
}
