//! SIGSTOP of the daemon for longer than the runtime of the lock that it holds: the kernel keeps the lock, nobody else
//! gets it; after SIGCONT the late holder does not go on past its deadline, and nothing runs twice.

use std::time::Duration;

use remediator::base::ids::{AttemptId, NodeId};
use remediator::coordination::{Holder, LockError, MachineLock};
use rustix::process::Signal;
use uuid::Uuid;

use crate::attempts::{RUNBOOK, home_with, locks_free, nothing_left};
use crate::home::Home;
use crate::journal::check;
use crate::run::{Run, Tally, ensure};
use crate::tail::{Entry, Tail};

/// Longer than `runtime` below.
const STOPPED: Duration = Duration::from_millis(6_000);
const PATIENCE: Duration = Duration::from_secs(45);

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    for round in 0..run.count {
        let done = one(run, round);
        run.hold(done.map_err(|e| format!("round {round}: {e}")));
    }
    run.done()
}

fn one(run: &mut Run, round: u64) -> Result<(), String> {
    let home = home_with(
        &RUNBOOK
            .replace("runtime: 30s", "runtime: 5s")
            .replace("timeout: 10s", "timeout: 2s")
            .replace("timeout: 5s", "timeout: 1s"),
    )?;
    let daemon = home.start()?;
    daemon.ready()?;
    let mut tail = Tail::at_the_end(&home.state());
    std::fs::write(home.path().join("work/hold"), "15\n").map_err(|e| e.to_string())?;
    let answer = home.report("fault", "STEPS_NEEDED", "a", "count the steps").ok_or("no answer")?;
    ensure(answer.status == 202, || answer.body.clone())?;
    // First in the middle of a step, then anywhere under the lock.
    let skip = if round == 0 { 0 } else { run.random.below(8) };
    tail.wait("the lock is held", PATIENCE, |e| e.kind == "lock.granted")?;
    match round {
        0 => drop(
            tail.wait("the long step runs", PATIENCE, |e| e.kind == "step.started" && e.data["step"] == 2)?,
        ),
        _ => (0..skip).try_for_each(|_| tail.wait("an entry", PATIENCE, |_| true).map(|_| ()))?,
    }
    daemon.signal(Signal::STOP)?;
    // Whatever was on its way to the disk when it was stopped.
    let mut held = true;
    let mut seen: Vec<Entry> = Vec::new();
    std::thread::sleep(Duration::from_millis(50));
    while let Some(entry) = tail.next() {
        held &= entry.kind != "lock.released";
        seen.push(entry);
    }
    let other = MachineLock::at(&home.locks()).map_err(|e| e.to_string())?;
    let stopped = std::time::Instant::now();
    while held && stopped.elapsed() < STOPPED {
        match other.try_acquire("fault/a", 0, &holder()) {
            Err(LockError::Busy { .. }) => run.add("refusals of the lock", 1),
            Ok(_) => return Err("somebody else got the lock of a stopped daemon".into()),
            Err(e) => return Err(e.to_string()),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    daemon.signal(Signal::CONT)?;
    let end = tail.wait("the incident is closed, frozen or escalated", PATIENCE, |e| {
        seen.push(e.clone());
        matches!(e.kind.as_str(), "incident.closed" | "attempt.frozen" | "incident.escalated")
    })?;
    run.add(
        match end.kind.as_str() {
            "incident.closed" => "closed",
            "attempt.frozen" => "frozen",
            _ => "escalated",
        },
        1,
    );
    // What had been done is taken back first, for the reason of the deadline.
    let late = seen.iter().find(|e| match e.kind.as_str() {
        "attempt.ended" => e.data["outcome"] == "aborted_deadline",
        "attempt.undo_started" => e.text("reason").contains("its runtime of"),
        _ => false,
    });
    run.add("aborted at the deadline", u64::from(late.is_some()));
    ensure(round != 0 || late.is_some(), || format!("the late holder went on: {}", kinds(&seen)))?;
    twice(&home)?;
    nothing_left(&home)?;
    daemon.stop()?;
    locks_free(&home.locks())?;
    check(home.path()).map(|_| ())
}

fn kinds(entries: &[Entry]) -> String {
    entries.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>().join(" ")
}

fn holder() -> Holder {
    let id = Uuid::from_u128(7);
    Holder { pid: std::process::id(), node: NodeId(id), attempt: AttemptId(id), since: 0 }
}

fn twice(home: &Home) -> Result<(), String> {
    let marks = std::fs::read_to_string(home.path().join("work/a.ran")).unwrap_or_default();
    let mut attempts: Vec<&str> = marks.lines().filter_map(|line| line.split('/').nth(1)).collect();
    let all = attempts.len();
    attempts.sort_unstable();
    attempts.dedup();
    ensure(attempts.len() == all, || format!("a step that must not be repeated ran twice: {marks}"))
}
