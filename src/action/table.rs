//! What /proc says of processes: identity (pid and start time), state, group, and the marks in the environment
//! that say which step or service a process belongs to. Reads only.

use std::io::Read as _;
use std::time::{Duration, Instant};

use procfs::ProcError;
use procfs::process::Process;

use crate::base::ids::{AttemptId, NodeId};

/// Environment variable that marks every process of a step: `node/attempt/step/token`.
pub const STEP_MARK: &str = "REMEDIATOR_STEP";
/// Environment variable that marks, besides, every process of a supervised service: `node/service`.
pub const SERVICE_MARK: &str = "REMEDIATOR_SERVICE";
/// Environment variable that marks the processes of programs that are no steps; its value is the node.
pub const PROGRAM_MARK: &str = "REMEDIATOR_PROGRAM";

/// How long a process between two programs is looked at again, and the pause between: an execve takes well under a
/// millisecond, without a free core some tens, and longer while the program still has to come from a slow disk.
const BETWEEN_PROGRAMS_MAX: Duration = Duration::from_secs(2);
const BETWEEN_PROGRAMS_PAUSE: Duration = Duration::from_millis(1);
/// What one read gets of an environment: most have a few KiB.
const ENVIRONMENT_BYTES_USUAL: usize = 128 * 1024;

/// What could be learnt of a pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// A process that lives (or is stopped).
    Alive(Stat),
    /// It has ended: gone, or a zombie that nobody has waited for.
    Dead,
    /// It cannot be told.
    Unreadable(String),
}

/// The part of /proc/PID/stat that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: i32,
    pub(super) group: i32,
    pub(super) start_ticks: u64,
}

/// Looks at one process.
pub(super) fn see(pid: i32) -> Seen {
    match Process::new(pid).and_then(|process| process.stat()) {
        Ok(stat) if matches!(stat.state, 'Z' | 'X' | 'x') => Seen::Dead,
        Ok(stat) => Seen::Alive(Stat { pid, group: stat.pgrp, start_ticks: stat.starttime }),
        Err(error) if is_gone(&error) => Seen::Dead,
        Err(error) => Seen::Unreadable(error.to_string()),
    }
}

/// Start time of a process, dead or alive, as long as it has a pid.
pub(super) fn start_ticks(pid: i32) -> Option<u64> {
    Process::new(pid).and_then(|process| process.stat()).ok().map(|stat| stat.starttime)
}

fn is_gone(error: &ProcError) -> bool {
    match error {
        ProcError::NotFound(_) => true,
        // Read of a file whose process ended after the open: ESRCH.
        ProcError::Io(error, _) => error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()),
        _ => false,
    }
}

/// The name of a process, as in /proc/PID/comm.
pub(super) fn comm(pid: i32) -> Option<String> {
    Process::new(pid).and_then(|process| process.stat()).ok().map(|stat| stat.comm)
}

/// A name as the kernel keeps it: its first 15 bytes.
pub(super) fn comm_of_name(name: &str) -> String {
    crate::base::text::clip(name, 15).to_owned()
}

/// Every process that lives. Those that end meanwhile are left out.
pub(super) fn all_alive() -> Result<Vec<Stat>, String> {
    let processes =
        procfs::process::all_processes().map_err(|error| format!("cannot list /proc: {error}"))?;
    let alive = processes.filter_map(Result::ok).filter_map(|process| match see(process.pid()) {
        Seen::Alive(stat) => Some(stat),
        _ => None,
    });
    Ok(alive.collect())
}

/// The living members of a process group.
pub(super) fn members(group: i32) -> Result<Vec<Stat>, String> {
    Ok(all_alive()?.into_iter().filter(|stat| stat.group == group).collect())
}

/// The marks of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) step: StepMark,
    /// `node/service`, for processes of a service.
    pub(super) service: Option<String>,
}

/// A parsed [`STEP_MARK`]. The step of an undo is written `0-undo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepMark {
    /// Whose.
    pub node: NodeId,
    /// Of which attempt.
    pub attempt: AttemptId,
    /// Index in its plan.
    pub step: u32,
    /// Its undo rather than the step.
    pub undo: bool,
    /// Under which token.
    pub token: u64,
}

impl std::fmt::Display for StepMark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { node, attempt, step, undo, token } = self;
        let undo = if *undo { "-undo" } else { "" };
        write!(f, "{node}/{attempt}/{step}{undo}/{token}")
    }
}

impl StepMark {
    /// Parses the written form.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let node = NodeId(parts.next()?.parse().ok()?);
        let attempt = parts.next()?.parse().ok()?;
        let step = parts.next()?;
        let (step, undo) = step.strip_suffix("-undo").map_or((step, false), |step| (step, true));
        let (step, token) = (step.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some(Self { node, attempt, step, undo, token })
    }
}

/// The marks of a process, when it has them and its environment may be read.
///
/// While a process goes from one program to the next (execve) the kernel shows no environment, or the beginning of
/// the old one. It is looked at again then: nobody may pass for unmarked because of the moment he was looked at.
pub(super) fn marks(pid: i32) -> Option<Marks> {
    let environment = environment(pid)?;
    let step = StepMark::parse(&value_of(&environment, STEP_MARK)?)?;
    Some(Marks { step, service: value_of(&environment, SERVICE_MARK) })
}

/// One mark of a process, as it stands there.
pub(super) fn mark(pid: i32, name: &str) -> Option<String> {
    value_of(&environment(pid)?, name)
}

fn value_of(environment: &[u8], name: &str) -> Option<String> {
    let values = environment.split(|byte| *byte == 0);
    let value = |var: &[u8]| var.strip_prefix(name.as_bytes())?.strip_prefix(b"=").map(<[u8]>::to_vec);
    values.filter_map(value).find_map(|value| String::from_utf8(value).ok())
}

fn environment(pid: i32) -> Option<Vec<u8>> {
    let until = Instant::now() + BETWEEN_PROGRAMS_MAX;
    loop {
        match read_environment(pid).ok()? {
            Environment::Whole(bytes) => return Some(bytes),
            // Better what could be read than nothing: a mark in it is a mark.
            Environment::BetweenPrograms(bytes) if Instant::now() >= until => return Some(bytes),
            Environment::BetweenPrograms(_) => super::group::pause(BETWEEN_PROGRAMS_PAUSE),
        }
    }
}

/// `NAME=VALUE` each with a NUL behind it.
enum Environment {
    /// All of it.
    Whole(Vec<u8>),
    /// What can be read is not the environment that the process has or will have.
    BetweenPrograms(Vec<u8>),
}

fn read_environment(pid: i32) -> Result<Environment, ProcError> {
    let process = Process::new(pid)?;
    // Room from the start: a read in pieces could end early when the program is replaced between them.
    let mut bytes = Vec::with_capacity(ENVIRONMENT_BYTES_USUAL);
    process.open_relative("environ")?.read_to_end(&mut bytes)?;
    let stat = process.stat()?;
    Ok(if is_whole(&stat, bytes.len()) {
        Environment::Whole(bytes)
    } else {
        Environment::BetweenPrograms(bytes)
    })
}

/// Whether an environment that was read before this look is all of it. The kernel says where a program's code is
/// after it has put down the whole environment (fs/binfmt_elf.c), so an empty one is believed only then.
fn is_whole(stat: &procfs::process::Stat, bytes: usize) -> bool {
    const KERNEL_THREAD: u32 = 0x0020_0000;
    // What stands there when the reader may not know; nor does it say the environment's place then.
    const CODE_NOT_SHOWN: u64 = 1;
    let has_none = stat.flags & KERNEL_THREAD != 0 || stat.state == 'Z';
    let length = stat.env_start.zip(stat.env_end).map(|(start, end)| end.wrapping_sub(start));
    has_none || stat.startcode == CODE_NOT_SHOWN || (stat.startcode != 0 && length == Some(bytes as u64))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn marks_read_what_they_write_and_nothing_else() {
        for undo in [false, true] {
            let (node, attempt) = (NodeId(Uuid::from_u128(1)), AttemptId(Uuid::from_u128(2)));
            let mark = StepMark { node, attempt, step: 3, undo, token: 4 };
            assert_eq!(StepMark::parse(&mark.to_string()), Some(mark));
            assert_eq!(StepMark::parse(&format!("{mark}/5")), None);
        }
        assert_eq!(StepMark::parse("x/y/0/1"), None);
    }

    #[test]
    fn marks_are_seen_while_one_program_makes_way_for_the_next() {
        let mark = StepMark {
            node: NodeId(Uuid::from_u128(1)),
            attempt: AttemptId(Uuid::from_u128(2)),
            step: 0,
            undo: false,
            token: 4,
        };
        // Each round replaces the shell by a new one: it spends much of its life between two programs.
        let script = "n=$1; [ \"$n\" -gt 400 ] || exec sh -c \"$0\" \"$0\" $((n + 1)); exec sleep 20";
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, script, "0"]).env(STEP_MARK, mark.to_string());
        let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let is_asleep = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap().trim() == "sleep";
        let mut unmarked = 0;
        while !is_asleep() {
            unmarked += u32::from(marks(pid).map(|marks| marks.step) != Some(mark));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(unmarked, 0);
    }

    #[test]
    fn a_process_sees_itself_and_a_zombie_is_dead() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(matches!(see(own), Seen::Alive(stat) if Some(stat.start_ticks) == start_ticks(own)));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        crate::action::testing::until("the child is a zombie", || see(pid) == Seen::Dead);
        assert!(start_ticks(pid).is_some(), "not waited for, so still in /proc");
        child.wait().unwrap();
        assert_eq!(see(pid), Seen::Dead);
    }
}
