//! What /proc says of processes: identity (pid and start time), state, group, and the marks in the environment
//! that say which step or service a process belongs to. Reads only.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use procfs::ProcError;
use procfs::process::Process;

use crate::base::ids::{AttemptId, NodeId};

/// Environment variable that marks every process of a step: `node/attempt/step/token`.
pub const STEP_MARK: &str = "REMEDIATOR_STEP";
/// Environment variable that marks, besides, every process of a supervised service: `node/service`.
pub const SERVICE_MARK: &str = "REMEDIATOR_SERVICE";

/// How often a process that shows no environment though it has one is looked at, and the pause between: an execve
/// takes well under a millisecond, on a machine without a free core some tens.
const BETWEEN_PROGRAMS_LOOKS: u32 = 100;
const BETWEEN_PROGRAMS_PAUSE: Duration = Duration::from_millis(1);

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
/// While a process goes from one program to the next (execve) the kernel shows no environment for an instant. It is
/// looked at again then: nobody may pass for unmarked because of the moment he was looked at.
pub(super) fn marks(pid: i32) -> Option<Marks> {
    let environ = environ(pid)?;
    let text = |name: &str| environ.get(OsStr::new(name)).and_then(|value| value.to_str());
    let step = StepMark::parse(text(STEP_MARK)?)?;
    Some(Marks { step, service: text(SERVICE_MARK).map(str::to_owned) })
}

/// One mark of a process, as it stands there.
pub(super) fn mark(pid: i32, name: &str) -> Option<String> {
    environ(pid)?.get(OsStr::new(name)).and_then(|value| value.to_str()).map(str::to_owned)
}

fn environ(pid: i32) -> Option<std::collections::HashMap<OsString, OsString>> {
    (0..BETWEEN_PROGRAMS_LOOKS).find_map(|look| {
        if look > 0 {
            super::group::pause(BETWEEN_PROGRAMS_PAUSE);
        }
        let process = Process::new(pid).ok()?;
        match process.environ() {
            Ok(environ) if environ.is_empty() && is_between_programs(&process) => None,
            read => Some(read.ok()),
        }
    })?
}

/// Whether an environment that was read as empty is not so: where it stands in memory is set late in execve, and
/// only a process whose environment begins and ends at the same place really has none.
fn is_between_programs(process: &Process) -> bool {
    const KERNEL_THREAD: u32 = 0x0020_0000;
    process.stat().is_ok_and(|stat| {
        let is_really_empty =
            stat.env_start.is_some_and(|start| start != 0) && stat.env_start == stat.env_end;
        stat.flags & KERNEL_THREAD == 0 && stat.state != 'Z' && !is_really_empty
    })
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
        let script = "n=$1; [ \"$n\" -gt 400 ] || exec sh -c \"$0\" \"$0\" $((n + 1)); exec sleep 300";
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, script, "0"]).env(STEP_MARK, mark.to_string());
        let mut child = command.spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let is_asleep = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap().trim() == "sleep";
        let mut looks = 0;
        while !is_asleep() {
            assert_eq!(marks(pid).map(|marks| marks.step), Some(mark), "after {looks} looks");
            looks += 1;
        }
        child.kill().unwrap();
        child.wait().unwrap();
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
