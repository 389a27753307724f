//! What a crashed daemon left behind (RM-12): steps that still run are ended as a group and their end is
//! confirmed, before any open attempt is decided. Services that are known are left alone; the supervisor
//! adopts them. Found by what the journal knows (pid and start time) and by the marks in /proc.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal};

use super::group;
use super::supervisor::Running;
use super::table::{self, Seen, Stat, StepMark};
use crate::base::ids::{AttemptId, NodeId};
use crate::base::limits::EXIT_CONFIRM_MS_MAX;
use crate::event::step::{LeftOverFate, StepLeftOver, StepStarted};

/// Whether the operating system has been up since the journal's last entry. Pids of an earlier boot mean
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemBoot {
    /// The same boot.
    Same,
    /// The machine was started again: nothing of before can live.
    Other,
}

/// What the journal knows.
pub struct Known<'a> {
    /// This home's node id; other homes' processes are none of ours.
    pub node: NodeId,
    /// Whether pids still mean anything.
    pub boot: SystemBoot,
    /// Steps that were started and have no outcome.
    pub open_steps: Vec<StepStarted>,
    /// Services that were started and have not exited, by id.
    pub services: BTreeMap<String, Running>,
    /// Whether the newest intent of this step (or of its undo) has its outcome. What such a step left running
    /// on purpose, outside its group, is not a leftover.
    pub is_finished: &'a dyn Fn(&StepMark) -> bool,
}

/// Why the hunt could not be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot look for processes that an earlier daemon left behind: {0}; mount /proc, or clear each target"
)]
pub struct HuntError(String);

/// Only at boot, before these hands have done anything: a step that runs now would look left over too.
/// Finds leftovers and ends them: TERM, KILL after `grace`. One entry for each open step and for each further
/// process found; nothing is running of those that are `terminated` or `gone`.
pub fn hunt(known: &Known<'_>, grace: Duration) -> Result<Vec<StepLeftOver>, HuntError> {
    let mut found: BTreeMap<i32, Left> = BTreeMap::new();
    let mut report = Vec::new();
    for step in &known.open_steps {
        let seen = match known.boot {
            SystemBoot::Same => i32::try_from(step.pid).map_or(Seen::Dead, table::see),
            SystemBoot::Other => Seen::Dead,
        };
        let fate = match seen {
            Seen::Alive(stat) if stat.start_ticks == step.start_ticks => {
                found.insert(stat.pid, Left { attempt: step.attempt, step: step.step, stat });
                continue;
            }
            // Another process of that number is as good as none.
            Seen::Alive(_) | Seen::Dead => LeftOverFate::Gone,
            Seen::Unreadable(_) => LeftOverFate::Unreadable,
        };
        report.push(StepLeftOver { attempt: step.attempt, step: step.step, pid: step.pid, fate });
    }
    let services = Services::of(known);
    found.extend(marked(known, &services)?);
    let mut terminated = found.clone();
    let survivors = end_all(known, &services, &mut terminated, grace)?;
    report.extend(terminated.into_values().map(|left| {
        let lives = survivors.contains_key(&left.stat.pid);
        let fate = if lives { LeftOverFate::WouldNotDie } else { LeftOverFate::Terminated };
        StepLeftOver { attempt: left.attempt, step: left.step, pid: left.stat.pid.unsigned_abs(), fate }
    }));
    report.sort_by_key(|left| (left.attempt, left.step, left.pid));
    Ok(report)
}

#[derive(Debug, Clone, Copy)]
struct Left {
    attempt: AttemptId,
    step: u32,
    stat: Stat,
}

/// The services that live and must be left alone.
struct Services {
    by_mark: BTreeMap<String, Running>,
}

impl Services {
    fn of(known: &Known<'_>) -> Self {
        let alive = |running: &Running| {
            let seen = i32::try_from(running.pid).map_or(Seen::Dead, table::see);
            // What cannot be read is left alone: it is the adoption that will say so.
            !matches!(seen, Seen::Dead)
                && !matches!(seen, Seen::Alive(stat) if stat.start_ticks != running.start_ticks)
        };
        let by_mark = known
            .services
            .iter()
            .filter(|(_, running)| known.boot == SystemBoot::Same && alive(running))
            .map(|(service, running)| (format!("{}/{service}", known.node), *running))
            .collect();
        Self { by_mark }
    }

    fn spare(&self, stat: &Stat, mark: Option<&String>) -> bool {
        mark.is_some_and(|mark| self.by_mark.contains_key(mark))
            || self.by_mark.values().any(|running| running.pid == stat.pid.unsigned_abs())
    }
}

/// Marked processes of this node that nobody accounts for.
fn marked(known: &Known<'_>, services: &Services) -> Result<BTreeMap<i32, Left>, HuntError> {
    let mut found = BTreeMap::new();
    for stat in table::all_alive().map_err(HuntError)? {
        // A daemon that was itself started by a step bears that step's mark.
        if stat.pid.unsigned_abs() == std::process::id() {
            continue;
        }
        let Some(marks) = table::marks(stat.pid).filter(|marks| marks.step.node == known.node) else {
            continue;
        };
        if services.spare(&stat, marks.service.as_ref()) {
            continue;
        }
        // A process of a service that is not known to run is left over, whatever became of its step.
        if marks.service.is_none() && (known.is_finished)(&marks.step) {
            continue;
        }
        found.insert(stat.pid, Left { attempt: marks.step.attempt, step: marks.step.step, stat });
    }
    Ok(found)
}

/// Ends them all at once, and whoever they have started meanwhile. Gives back who lives all the same.
fn end_all(
    known: &Known<'_>,
    services: &Services,
    all: &mut BTreeMap<i32, Left>,
    grace: Duration,
) -> Result<BTreeMap<i32, Left>, HuntError> {
    let confirm = Duration::from_millis(EXIT_CONFIRM_MS_MAX);
    let mut living = all.clone();
    for (signal, bound) in [(Signal::TERM, grace), (Signal::KILL, confirm)] {
        let until = Instant::now() + bound;
        for left in living.values() {
            send(&left.stat, signal);
        }
        loop {
            living.retain(|_, left| is_same(&left.stat));
            for (pid, left) in marked(known, services)? {
                if living.insert(pid, left).is_none() && all.insert(pid, left).is_none() {
                    send(&left.stat, signal);
                }
            }
            if living.is_empty() {
                return Ok(living);
            }
            if Instant::now() >= until {
                break;
            }
            group::pause(Duration::from_millis(5));
        }
    }
    Ok(living)
}

fn is_same(stat: &Stat) -> bool {
    match table::see(stat.pid) {
        Seen::Alive(now) => now.start_ticks == stat.start_ticks,
        Seen::Dead => false,
        Seen::Unreadable(_) => true,
    }
}

/// To the process by descriptor, so that the number cannot have become another's; to its group when it leads
/// it, for those of its children that hide their environment.
fn send(stat: &Stat, signal: Signal) {
    let Some(pidfd) = open_same(stat) else { return };
    if stat.group == stat.pid
        && let Some(group) = Pid::from_raw(stat.pid)
    {
        let _ = rustix::process::kill_process_group(group, signal);
        let _ = rustix::process::kill_process_group(group, Signal::CONT);
    }
    let _ = rustix::process::pidfd_send_signal(pidfd.as_fd(), signal);
    let _ = rustix::process::pidfd_send_signal(pidfd.as_fd(), Signal::CONT);
}

fn open_same(stat: &Stat) -> Option<OwnedFd> {
    let pidfd = rustix::process::pidfd_open(Pid::from_raw(stat.pid)?, PidfdFlags::empty()).ok()?;
    is_same(stat).then_some(pidfd)
}

#[cfg(test)]
mod tests {
    use super::super::table::{SERVICE_MARK, STEP_MARK};
    use super::*;
    use crate::action::testing::{Bench, orphan};

    const GRACE: Duration = Duration::from_millis(300);

    fn known<'a>(bench: &Bench, is_finished: &'a dyn Fn(&StepMark) -> bool) -> Known<'a> {
        let (open_steps, services) = (vec![], BTreeMap::new());
        Known { node: bench.node, boot: SystemBoot::Same, open_steps, services, is_finished }
    }

    fn open(bench: &Bench, step: u32, of: Running) -> StepStarted {
        StepStarted { attempt: bench.attempt, step, intent: 9, pid: of.pid, start_ticks: of.start_ticks }
    }

    fn lives(of: Running) -> bool {
        matches!(table::see(i32::try_from(of.pid).unwrap()), Seen::Alive(_))
    }

    fn fates(report: &[StepLeftOver]) -> Vec<(u32, u32, LeftOverFate)> {
        report.iter().map(|left| (left.step, left.pid, left.fate)).collect()
    }

    #[test]
    fn open_steps_are_ended_and_the_gone_are_told() {
        let bench = Bench::new();
        let left = orphan(&[(STEP_MARK, &bench.mark(0).to_string())], "exec sleep 300");
        let deaf = orphan(&[], "trap '' TERM; while :; do sleep 0.05; done");
        let reused = Running { start_ticks: 1, pid: std::process::id() };
        let known = Known {
            open_steps: vec![open(&bench, 0, left), open(&bench, 1, deaf), open(&bench, 2, reused)],
            ..known(&bench, &|_| false)
        };
        let report = hunt(&known, GRACE).unwrap();
        let expected = [
            (0, left.pid, LeftOverFate::Terminated),
            (1, deaf.pid, LeftOverFate::Terminated),
            (2, reused.pid, LeftOverFate::Gone),
        ];
        assert_eq!(fates(&report), expected);
        assert!(!lives(left) && !lives(deaf));
    }

    #[test]
    fn a_step_whose_start_was_not_yet_an_entry_is_found_by_its_mark() {
        let bench = Bench::new();
        let undo = StepMark { undo: true, ..bench.mark(4) };
        let left = orphan(&[(STEP_MARK, &undo.to_string())], "sleep 300 & wait");
        let report = hunt(&known(&bench, &|mark| !mark.undo), GRACE).unwrap();
        assert!(fates(&report).contains(&(4, left.pid, LeftOverFate::Terminated)), "{report:?}");
        assert!(table::members(i32::try_from(left.pid).unwrap()).unwrap().is_empty());
    }

    #[test]
    fn known_services_other_homes_and_finished_steps_are_left_alone() {
        let (bench, other) = (Bench::new(), Bench::new());
        let mark = bench.mark(0).to_string();
        let service =
            orphan(&[(STEP_MARK, &mark), (SERVICE_MARK, &format!("{}/x", bench.node))], "sleep 300 & wait");
        let unknown =
            orphan(&[(STEP_MARK, &mark), (SERVICE_MARK, &format!("{}/y", bench.node))], "exec sleep 300");
        let finished = orphan(&[(STEP_MARK, &bench.mark(1).to_string())], "exec sleep 300");
        let foreign = orphan(&[(STEP_MARK, &other.mark(0).to_string())], "exec sleep 300");
        let services = BTreeMap::from([("x".to_owned(), service)]);
        let known = Known { services, ..known(&bench, &|mark| mark.step == 1) };
        let report = hunt(&known, GRACE).unwrap();
        assert_eq!(fates(&report), [(0, unknown.pid, LeftOverFate::Terminated)]);
        assert!(lives(service) && lives(finished) && lives(foreign) && !lives(unknown));
        // The same service, no longer known: all of it goes.
        let known = Known { services: BTreeMap::new(), ..known };
        assert!(!hunt(&known, GRACE).unwrap().is_empty());
        assert!(!lives(service) && table::members(i32::try_from(service.pid).unwrap()).unwrap().is_empty());
        hunt(&Known { is_finished: &|_| false, ..known }, GRACE).unwrap();
        hunt(&Known { node: other.node, ..self::known(&other, &|_| false) }, GRACE).unwrap();
        assert!(!lives(finished) && !lives(foreign));
    }

    #[test]
    fn after_another_boot_pids_mean_nothing() {
        let bench = Bench::new();
        let own = i32::try_from(std::process::id()).unwrap();
        let running = Running { pid: own.unsigned_abs(), start_ticks: table::start_ticks(own).unwrap() };
        let known = Known {
            boot: SystemBoot::Other,
            open_steps: vec![open(&bench, 0, running)],
            ..known(&bench, &|_| false)
        };
        assert_eq!(fates(&hunt(&known, GRACE).unwrap()), [(0, running.pid, LeftOverFate::Gone)]);
    }
}
