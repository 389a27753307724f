//! A step that would outlive its daemon by minutes and ignores TERM: the next start ends it and says so before it
//! decides anything about the attempt.

use std::time::Duration;

use crate::attempts::{RUNBOOK, home_with, nothing_left};
use crate::journal::check;
use crate::run::{Run, Tally, ensure};
use crate::tail::{Entry, Tail};

const PATIENCE: Duration = Duration::from_secs(30);

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    for round in 0..run.count {
        let done = one(run);
        run.hold(done.map_err(|e| format!("round {round}: {e}")));
    }
    run.done()
}

fn one(run: &mut Run) -> Result<(), String> {
    let home = home_with(RUNBOOK)?;
    let daemon = home.start()?;
    daemon.ready()?;
    let hold =
        |rounds: &str| std::fs::write(home.path().join("work/hold"), rounds).map_err(|e| e.to_string());
    hold("20000\n")?;
    let mut tail = Tail::at_the_end(&home.state());
    let answer = home.report("fault", "STEPS_NEEDED", "a", "count the steps").ok_or("no answer")?;
    ensure(answer.status == 202, || answer.body.clone())?;
    // Sometimes before its start is an entry: then only its mark in /proc tells of it.
    let known = run.random.percent(70);
    let kind = if known { "step.started" } else { "step.intended" };
    tail.wait("the long step", PATIENCE, |e| e.kind == kind && e.data["step"] == 2)?;
    daemon.kill()?;
    run.add(if known { "known to the journal" } else { "known by its mark, if at all" }, 1);
    hold("5\n")?;
    let daemon = home.start()?;
    daemon.ready()?;
    let mut seen: Vec<Entry> = Vec::new();
    let end = tail.wait("the incident is closed", PATIENCE, |e| {
        seen.push(e.clone());
        e.kind == "incident.closed"
    });
    let place = |kind: &str| seen.iter().position(|e| e.kind == kind);
    let (left, resumed) = (place("step.left_over"), place("attempt.resumed"));
    let fate = left.map(|at| seen[at].data["fate"].clone()).unwrap_or_default();
    if known {
        ensure(left.is_some() && fate == "terminated", || {
            format!("the left-over step was not ended: {fate}")
        })?;
        ensure(left < resumed, || "the attempt was decided before its leftovers were dealt with".to_owned())?;
    }
    end?;
    run.add("ended", u64::from(fate == "terminated"));
    nothing_left(&home)?;
    daemon.stop()?;
    check(home.path()).map(|_| ())
}
