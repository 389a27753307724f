//! SIGKILL of the daemon at every boundary of an attempt, and at random moments, left-over steps included. In the end
//! the incident is closed or frozen, no step that must not be repeated ran twice in one attempt, nothing is left over,
//! the lock is free and every entry verifies.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rustix::fs::FlockOperation;

use crate::home::{Daemon, Home};
use crate::journal::check;
use crate::run::{Run, Tally, ensure, until};
use crate::tail::{Entry, Tail};

const PATIENCE: Duration = Duration::from_secs(45);

/// `mark` must not be repeated; `outlive` ignores TERM and outlives the daemon; `heal` is what verification sees.
pub const RUNBOOK: &str = r#"v: 1
kind: runbook
id: fault-steps
title: Steps that can be counted
proposal: fault-steps
matcher: {subsystem: fault, code: STEPS_NEEDED}
priority: 10
blast_radius: machine
limits: {attempts: 3, window: 1h, cooldown: 0s, runtime: 30s}
locks: ["fault/${target}"]
preconditions:
  - id: still-bad
    probe: {process: {pid_file: "${home}/work/${target}.pid"}, timeout: 1s}
    expect: 'observed.verdict != "healthy"'
steps:
  - id: prepare
    run: {argv: ["/bin/cp", "--", "${home}/work/pid", "${home}/work/${target}.new"]}
    timeout: 5s
    idempotent: true
    undo: {run: {argv: ["/bin/rm", "-f", "--", "${home}/work/${target}.new"]}}
    undo_when_unknown: true
  - id: mark
    run: {argv: ["/bin/sh", "-c", "echo \"$REMEDIATOR_STEP\" >> \"$1\"; sleep 0.05", "mark", "${home}/work/${target}.ran"]}
    timeout: 5s
    undo: {run: {argv: ["/bin/sh", "-c", "echo \"$REMEDIATOR_STEP\" >> \"$1\"", "undo", "${home}/work/${target}.undone"]}}
  - id: outlive
    run: {argv: ["/bin/sh", "-c", "trap '' TERM; n=$(cat \"$1\"); while [ \"$n\" -gt 0 ]; do n=$((n-1)); sleep 0.02; done", "outlive", "${home}/work/hold"]}
    timeout: 10s
    idempotent: true
  - id: heal
    run: {argv: ["/bin/cp", "--", "${home}/work/pid", "${home}/work/${target}.pid"]}
    timeout: 5s
    idempotent: true
verification:
  probe: {process: {pid_file: "${home}/work/${target}.pid"}, timeout: 500ms}
  settle: 20ms
  successes: 2
  every: 20ms
  within: 300ms
  watch: 0s
escalation:
  - {channel: log, message: "${target} could not be healed"}
"#;

/// The same, but a crash in `outlive` leads to an undo of everything instead of another try.
fn runbook_with_undo() -> String {
    RUNBOOK.replace("id: fault-steps\n", "id: fault-undo\n").replace("STEPS_NEEDED", "UNDO_NEEDED").replace(
        "    timeout: 10s\n    idempotent: true\n",
        "    timeout: 10s\n    undo: {run: {argv: [\"/bin/true\"]}}\n    undo_when_unknown: true\n",
    )
}

pub const PROPOSAL: &str = r#"v: 1
id: fault-steps
title: Steps that can be counted
failure_class: Fault runs need steps whose runs can be counted afterwards.
evidence:
  - The fault runs break it.
may:
  steps: [run]
  targets: ["*"]
  blast_radius: machine
risks:
  - None outside of the home.
undo: Delete the home.
"#;

/// A home with the runbook and the files that it works on.
pub fn home_with(runbook: &str) -> Result<Home, String> {
    let home = Home::with(&[
        ("proposals/fault-steps/proposal.yaml", PROPOSAL),
        ("runbooks/fault-steps/runbook.yaml", runbook),
        ("runbooks/fault-undo/runbook.yaml", &runbook_with_undo()),
    ])?;
    let work = home.path().join("work");
    std::fs::create_dir_all(&work)
        .and_then(|()| std::fs::write(work.join("pid"), format!("{}\n", std::process::id())))
        .and_then(|()| std::fs::write(work.join("hold"), "10\n"))
        .map_err(|e| e.to_string())?;
    Ok(home)
}

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    let done = home_with(RUNBOOK).and_then(|home| {
        let done = everything(run, &home);
        done.map_err(|e| format!("{e}; kept in {}", home.keep().display()))
    });
    run.hold(done);
    run.done()
}

const STEPS: &str = "STEPS_NEEDED";
const UNDO: &str = "UNDO_NEEDED";

/// When the daemon is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Right after the n-th entry of the incident.
    Entry(u64),
    /// So long after the report.
    After(Duration),
}

fn everything(run: &mut Run, home: &Home) -> Result<(), String> {
    let mut daemon = home.start()?;
    daemon.ready()?;
    // How many boundaries there are.
    let mut tail = Tail::at_the_end(&home.state());
    report(home, STEPS, "whole")?;
    let (mut boundaries, mut incident) = (0, None);
    tail.wait("an attempt that nobody disturbs", PATIENCE, |entry| {
        boundaries += u64::from(is_of(entry, "whole", &mut incident));
        entry.kind == "incident.closed"
    })?;
    run.add("boundaries", boundaries);
    let began = std::time::Instant::now();
    let mut takes = Duration::from_millis(1_200);
    // A short run takes the two runbooks in turn, a long one both at every boundary.
    let each = if run.count < 20 { 1 } else { 2 };
    for round in 0..boundaries * each + run.count {
        let systematic = round < boundaries * each;
        let code = if round % 2 == 0 { STEPS } else { UNDO };
        let first = match systematic {
            true => Moment::Entry(round / each + 1),
            false if run.random.percent(50) => Moment::Entry(1 + run.random.below(boundaries)),
            false => Moment::After(run.random.span(takes)),
        };
        // A second crash on top, in the recovery of the first.
        let second =
            (round >= boundaries && run.random.percent(40)).then(|| 1 + run.random.below(boundaries));
        let target = format!("t{round}");
        daemon = one(run, home, daemon, (code, &target), first, second)
            .map_err(|e| format!("{code} {target}, killed at {first:?}, then at {second:?}: {e}"))?;
        takes = takes.min(began.elapsed());
    }
    drop(daemon);
    let report = check(home.path())?;
    run.add("entries verified", report.entries);
    Ok(())
}

fn report(home: &Home, code: &str, target: &str) -> Result<(), String> {
    let answer = home.report("fault", code, target, "count the steps").ok_or("no answer to a report")?;
    ensure(answer.status == 202, || format!("a report was answered {}: {}", answer.status, answer.body))
}

/// Whether an entry is of the target's incident, which it may be the first to name.
fn is_of(entry: &Entry, target: &str, incident: &mut Option<String>) -> bool {
    if entry.kind == "degradation.seen" && entry.text("target") == target {
        *incident = entry.incident.clone();
    }
    entry.incident.is_some() && entry.incident == *incident
}

fn one(
    run: &mut Run,
    home: &Home,
    daemon: Daemon,
    (code, target): (&str, &str),
    first: Moment,
    second: Option<u64>,
) -> Result<Daemon, String> {
    // Some of the steps that outlive the daemon must be ended by force, most end by themselves.
    let hold = if run.random.percent(20) { 400 } else { 10 };
    std::fs::write(home.path().join("work/hold"), format!("{hold}\n")).map_err(|e| e.to_string())?;
    let mut tail = Tail::at_the_end(&home.state());
    let mut incident = None;
    report(home, code, target)?;
    match first {
        Moment::Entry(n) => after_entries(&mut tail, n, target, &mut incident),
        Moment::After(span) => std::thread::sleep(span),
    }
    daemon.kill()?;
    run.add("kills", 1);
    std::fs::write(home.path().join("work/hold"), "10\n").map_err(|e| e.to_string())?;
    let mut daemon = home.start()?;
    if let Some(n) = second {
        after_entries(&mut tail, n, target, &mut incident);
        daemon.kill()?;
        run.add("kills", 1);
        run.add("second crashes", 1);
        daemon = home.start()?;
    }
    daemon.ready()?;
    // The whole journal: the report may have been read already.
    let (mut all, mut incident) = (Tail::new(&home.state()), None);
    let end = all.wait("the incident is closed or frozen", PATIENCE, |entry| {
        is_of(entry, target, &mut incident)
            && matches!(entry.kind.as_str(), "incident.closed" | "attempt.frozen")
    })?;
    run.add(if end.kind == "incident.closed" { "closed" } else { "frozen" }, 1);
    at_most_once(run, home, target)?;
    nothing_left(home)?;
    locks_free(&home.locks())?;
    check(home.path()).map(|_| daemon)
}

/// Waits for the n-th further entry of the incident; gives up quietly when there are not so many.
fn after_entries(tail: &mut Tail, n: u64, target: &str, incident: &mut Option<String>) {
    let mut seen = 0;
    let _ = tail.wait("a boundary", Duration::from_secs(3), |entry| {
        seen += u64::from(is_of(entry, target, incident));
        seen >= n || (entry.kind == "incident.closed" && entry.incident == *incident)
    });
}

/// Each attempt ran the step that must not be repeated at most once, and took it back at most once.
fn at_most_once(run: &mut Run, home: &Home, target: &str) -> Result<(), String> {
    for (suffix, figure) in [("ran", "marks"), ("undone", "marks undone")] {
        let text =
            std::fs::read_to_string(home.path().join(format!("work/{target}.{suffix}"))).unwrap_or_default();
        let mut times: BTreeMap<&str, u32> = BTreeMap::new();
        for line in text.lines() {
            // node/attempt/step/token
            let attempt = line.split('/').nth(1).ok_or_else(|| format!("a strange mark: {line}"))?;
            *times.entry(attempt).or_default() += 1;
        }
        run.add(figure, times.len() as u64);
        if let Some((attempt, n)) = times.iter().find(|(_, n)| **n > 1) {
            return Err(format!(
                "attempt {attempt} ran a step {n} times that must not be repeated ({suffix})"
            ));
        }
    }
    Ok(())
}

/// No process of a step of this home lives, services apart.
pub fn nothing_left(home: &Home) -> Result<(), String> {
    let node = offline_node(home)?;
    let mark = format!("REMEDIATOR_STEP={node}/");
    until("every step has ended", Duration::from_secs(10), || {
        let processes = std::fs::read_dir("/proc").ok()?.flatten();
        let left = processes
            .filter_map(|entry| std::fs::read(entry.path().join("environ")).ok())
            .any(|environ| holds(&environ, &mark) && !holds(&environ, "REMEDIATOR_SERVICE="));
        (!left).then_some(())
    })
}

fn holds(environ: &[u8], text: &str) -> bool {
    environ.windows(text.len()).any(|part| part == text.as_bytes())
}

fn offline_node(home: &Home) -> Result<String, String> {
    let offline = remediator::journal::read_offline(home.path()).map_err(|e| e.to_string())?;
    Ok(offline.genesis().node.to_string())
}

/// Every lock of a resource in the folder can be had; the one of the node belongs to the daemon that runs.
pub fn locks_free(folder: &Path) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.path().extension().is_none_or(|end| end != "node")) {
        let file = std::fs::File::open(entry.path()).map_err(|e| e.to_string())?;
        until(&format!("{} is free", entry.path().display()), Duration::from_secs(10), || {
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).ok()
        })?;
    }
    Ok(())
}
