//! A failed fsync in both forms, persisted and not: nothing is acknowledged afterwards, nothing acknowledged before is
//! lost, and the daemon ends its steps and itself. In memory with scripted faults, and with the real daemon.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use remediator::journal::{Error, Fault, IndexMode, IntentJournal, Memory, Options};

use crate::attempts::{self, home_with, locks_free, nothing_left};
use crate::journal::{all_there, check, draft, lines, node, offline_lines, options};
use crate::run::{Run, Tally, ensure, until};
use crate::shim::Shim;
use crate::tail::Tail;

/// One round in so many is with the real daemon.
const DAEMON_SHARE: u64 = 100;

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    for _ in 0..run.count {
        let done = in_memory(run);
        run.hold(done);
        if run.hopeless() {
            return run.done();
        }
    }
    match Shim::build() {
        Ok(shim) => {
            for round in 0..(run.count / DAEMON_SHARE).max(2) {
                let form = if round % 2 == 0 { "persisted" } else { "lost" };
                let done = with_daemon(run, &shim, form);
                run.hold(done.map_err(|e| format!("daemon, {form}: {e}")));
            }
        }
        Err(why) => println!("  without the real daemon: {why}"),
    }
    run.done()
}

fn in_memory(run: &mut Run) -> Result<(), String> {
    let memory = Memory::new();
    let small = || Options { segment_bytes_max: 4_000, ..options(Path::new(""), IndexMode::Off) };
    let journal = IntentJournal::create_in_memory(&memory, small(), node()).map_err(|e| e.to_string())?;
    let (fault, name) = [
        (Fault::SyncNotPersisted, "failed, not persisted"),
        (Fault::SyncPersisted, "failed, persisted"),
        (Fault::Write, "half written"),
    ][run.random.index(3)];
    memory.fail(fault, run.random.below(40) as u32);
    let mut acknowledged = BTreeMap::new();
    let mut sealed = false;
    for n in 0..60u64 {
        let words: Vec<String> = (0..1 + run.random.below(3)).map(|part| format!("n{n}-{part}.")).collect();
        match journal.append(words.iter().map(|words| draft(words)).collect()) {
            Ok(_) if sealed => return Err(format!("{name}: acknowledged after it was sealed")),
            Ok(done) => {
                acknowledged.extend(done.committed.iter().map(|c| c.seq()).zip(words));
            }
            Err(Error::Sealed { .. }) => sealed = true,
            Err(e) => return Err(format!("{name}: {e}")),
        }
    }
    let seen = lines(&journal)?;
    all_there(&acknowledged, |seq| seen.get(seq as usize)).map_err(|e| format!("{name}, before: {e}"))?;
    drop(journal);
    let power_lost = run.random.percent(60);
    if power_lost {
        memory.lose_power();
    }
    let (journal, opened) =
        IntentJournal::open_in_memory(&memory, small()).map_err(|e| format!("{name}: {e}"))?;
    ensure(opened.damage.is_none(), || format!("{name}: {:?}", opened.damage))?;
    journal.append(vec![draft("well again")]).map_err(|e| format!("{name}: {e}"))?;
    let after = lines(&journal)?;
    all_there(&acknowledged, |seq| after.get(seq as usize))
        .map_err(|e| format!("{name}, {power_lost}: {e}"))?;
    // What was seen once stays: also what was never acknowledged but read.
    ensure(after.len() >= seen.len() && after[..seen.len()] == seen[..], || {
        format!("{name}: history changed")
    })?;
    memory.lose_power();
    drop(journal);
    let (journal, _) = IntentJournal::open_in_memory(&memory, small()).map_err(|e| e.to_string())?;
    let last = lines(&journal)?;
    ensure(last[..after.len()] == after[..], || format!("{name}: survivors were not made durable"))?;
    run.add(name, 1);
    run.add("sealed", u64::from(sealed));
    run.add("acknowledged", acknowledged.len() as u64);
    Ok(())
}

/// The daemon with a running step, when its journal can no longer be synced.
fn with_daemon(run: &mut Run, shim: &Shim, form: &str) -> Result<(), String> {
    let home = home_with(attempts::RUNBOOK)?;
    std::fs::write(home.path().join("work/hold"), "400\n").map_err(|e| e.to_string())?;
    let mut daemon = home.start_with(home.address(), &shim.environment())?;
    daemon.ready()?;
    let mut tail = Tail::at_the_end(&home.state());
    let mut acknowledged = BTreeMap::new();
    let mut report = |target: &str| {
        let answer = home.report("fault", "STEPS_NEEDED", target, "count the steps")?;
        let json = answer.json();
        if answer.status == 202 {
            let receipt = json["receipt"].as_str().unwrap_or_default().to_owned();
            acknowledged.insert(json["seq"].as_u64().unwrap_or(u64::MAX), receipt);
        }
        Some(answer.status)
    };
    ensure(report("a") == Some(202), || "the first report was not taken".into())?;
    tail.wait("the long step runs", Duration::from_secs(20), |e| {
        e.kind == "step.started" && e.data["step"] == 2
    })?;
    shim.tell("fdatasync", Some(form))?;
    let answers: Vec<Option<u16>> = (0..5).map(|n| report(&format!("b{n}"))).collect();
    ensure(!answers.contains(&Some(202)), || format!("acknowledged without a sync: {answers:?}"))?;
    let status = daemon.ended(Duration::from_secs(30));
    let left = nothing_left(&home);
    shim.tell("fdatasync", None)?;
    std::fs::write(home.path().join("work/hold"), "10\n").map_err(|e| e.to_string())?;
    let status = status?;
    ensure(status.code() == Some(75), || format!("the daemon ended with {status}: {}", daemon.last_words()))?;
    left.map_err(|e| format!("after the end of the daemon: {e}"))?;
    let daemon = home.start()?;
    daemon.ready()?;
    let mut all = Tail::new(&home.state());
    let mut incident = None;
    all.wait("the incident is closed or frozen", Duration::from_secs(45), |e| {
        if e.kind == "degradation.seen" && e.text("target") == "a" {
            incident = e.incident.clone();
        }
        e.incident == incident && matches!(e.kind.as_str(), "incident.closed" | "attempt.frozen")
    })?;
    let there = until("everything acknowledged is there", Duration::from_secs(1), || {
        let lines = offline_lines(home.path()).ok()?;
        all_there(&acknowledged, |seq| lines.get(&seq)).ok()
    });
    there?;
    nothing_left(&home)?;
    daemon.stop()?;
    locks_free(&home.locks())?;
    check(home.path())?;
    run.add("with the daemon", 1);
    Ok(())
}
