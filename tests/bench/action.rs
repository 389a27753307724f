//! From a report to the first process of its runbook, every entry on the way durable: the real daemon, a signed
//! runbook whose one step is `date`, which prints when it ran. One after another for the delay; all at once for how
//! many a second.

use std::collections::BTreeMap;
use std::time::Duration;

use remediator::base::ids::IncidentId;
use remediator::base::text::OutsideText;
use remediator::event::{Event, Record};
use remediator::journal::read_offline;

use crate::append::go_on;
use crate::corpus::is;
use crate::daemon::Daemon;
use crate::home::{Home, proposal};
use crate::http::{Client, now_ns, report};
use crate::sample::{Sample, eventually, number};
use crate::table::{Holds, Table};
use crate::{Done, Run};

const CODE: &str = "BENCH_ACTION";
/// ansible-rulebook's `run_module`, measured elsewhere: the peer that cannot be run here.
const PEER: &str = "ansible-rulebook run_module: p50 1,142 ms, 0.7/s";

/// Where it shows how the time is spent: the entries on the way, in order.
const WAY: &[&str] = &["attempt.planned", "lock.granted", "step.intended"];

pub fn rows(run: &Run, table: &mut Table) -> Done {
    one_by_one(run, table)?;
    all_at_once(run, table)
}

fn home(run: &Run) -> Done<Home> {
    let runbook = format!(
        r#"v: 1
kind: runbook
id: bench-date
title: Say the time
proposal: bench
matcher: {{subsystem: bench, code: {CODE}}}
blast_radius: machine
limits: {{attempts: 1000, window: 1h, cooldown: 0s, runtime: 60s}}
locks: ["bench/${{target}}"]
steps:
  - id: date
    run: {{argv: ["/bin/date", "+%s%N"]}}
    timeout: 30s
    idempotent: true
verification:
  probe: {{process: {{pid_file: "${{home}}/alive.pid"}}, timeout: 1s}}
  settle: 0s
  successes: 1
  every: 100ms
  within: 10s
  watch: 0s
escalation:
  - {{channel: log, message: "no time to be had"}}
"#
    );
    let home = Home::make(run, &[proposal("bench"), ("runbooks/bench/date.yaml".into(), runbook)])?;
    std::fs::write(home.root.join("alive.pid"), format!("{}\n", std::process::id()))?;
    Ok(home)
}

/// Times of one incident, ns.
#[derive(Default)]
struct Life {
    sent: i64,
    seen: i64,
    ran: Option<i64>,
    finished: i64,
    way: BTreeMap<String, i64>,
}

/// Every incident of the journal whose report was sent at a known moment.
fn lives(home: &Home, sent: &BTreeMap<String, i64>) -> Done<Vec<Life>> {
    let mut lives: BTreeMap<IncidentId, Life> = BTreeMap::new();
    read_offline(&home.root)?.records(None, &mut |record: Record| {
        let Some(id) = record.incident else { return go_on(true) };
        let life = lives.entry(id).or_default();
        let at = record.at.time_us * 1_000;
        match &record.event {
            Event::DegradationSeen(seen) => {
                life.seen = at;
                life.sent = sent.get(&seen.receipt.to_string()).copied().unwrap_or_default();
            }
            Event::StepFinished(finished) => {
                life.finished = at;
                if let OutsideText::Text(text) = &finished.output {
                    life.ran = text.trim().parse().ok();
                }
            }
            _ => {
                if let Some(kind) = WAY.iter().find(|kind| is(&record, kind)) {
                    life.way.insert((*kind).to_owned(), at);
                }
            }
        }
        go_on(true)
    })?;
    Ok(lives.into_values().filter(|life| life.sent > 0).collect())
}

fn one_by_one(run: &Run, table: &mut Table) -> Done {
    let home = home(run)?;
    let daemon = Daemon::start(run, &home)?;
    let mut client = daemon.client()?;
    let (mut sent, mut syncs) = (BTreeMap::new(), Vec::new());
    for n in 0..run.rounds() * run.pick(60, 3) {
        let report = report("bench", CODE, &format!("slot-{}", n % 16));
        let at = now_ns();
        let receipt = client.report(&report)?;
        closed(&mut client, &receipt)?;
        sent.insert(receipt, at);
        syncs.push(run.machine()?.sync_once()?);
    }
    daemon.stop()?;
    let lives = lives(&home, &sent)?;
    let ran = |life: &Life, since: i64| life.ran.map(|at| (at - since) as f64 / 1e6);
    let from_seen: Sample = lives.iter().filter_map(|life| ran(life, life.seen)).collect();
    let from_sent: Sample = lives.iter().filter_map(|life| ran(life, life.sent)).collect();
    if from_seen.len() < sent.len() {
        return Err(format!("{} of {} actions ran", from_seen.len(), sent.len()).into());
    }
    let sync = syncs.into_iter().collect::<Sample>().median();
    let goal = 4.0 * sync + 4.0;
    let tail = from_seen.percentile(99.0) <= 10.0 * from_seen.median();
    table.row(
        "report accepted → first process of the runbook has read the clock",
        format!("p50 ≤ 4 fdatasync + 4 ms = {} ms; p99 ≤ 10 × p50", number(goal)),
        from_seen.says_tail("ms"),
        format!(
            "one fdatasync, in between: p50 {} ms; starting date alone: p50 {} ms; {PEER}",
            number(sync),
            number(run.machine()?.start_ms.median())
        ),
        Holds::when(from_seen.median() <= goal && tail),
    );
    let step = |kind: &str| -> Sample {
        lives.iter().filter_map(|l| Some((l.way.get(kind)? - l.seen) as f64 / 1e6)).collect()
    };
    let way: Vec<String> =
        WAY.iter().map(|kind| format!("{kind} +{}", number(step(kind).median()))).collect();
    table.row(
        "the same from the moment the request was sent",
        "(beside)",
        from_sent.says_tail("ms"),
        format!("entries decided, ms after the report: {}", way.join(", ")),
        Holds::Beside,
    );
    Ok(())
}

fn closed(client: &mut Client, receipt: &str) -> Done {
    let path = format!("/v1/receipts/{receipt}");
    eventually(Duration::from_secs(20), Duration::from_millis(15), || {
        let (_, view) = client.get(&path).ok()?;
        view["closure"].as_str().map(|_| ())
    })
    .ok_or_else(|| format!("receipt {receipt} was not closed in time").into())
}

fn all_at_once(run: &Run, table: &mut Table) -> Done {
    let home = home(run)?;
    let daemon = Daemon::start(run, &home)?;
    let count = run.pick(1_000, 20);
    let mut rates = Vec::new();
    for round in 0..run.rounds() {
        let began = now_ns();
        let sent = flood(&daemon, round, count)?;
        let mut client = daemon.client()?;
        eventually(Duration::from_secs(120), Duration::from_millis(20), || {
            let (_, status) = client.get("/v1/status").ok()?;
            status["incidents"].as_object().filter(|open| open.values().all(|n| n == 0)).map(|_| ())
        })
        .ok_or("not all incidents were closed in time")?;
        let lives = lives(&home, &sent)?;
        let done = lives.iter().filter(|life| life.ran.is_some()).count();
        let last = lives.iter().map(|life| life.finished).max().unwrap_or(began);
        if done < count {
            return Err(format!("{done} of {count} actions ran").into());
        }
        rates.push(done as f64 / ((last - began) as f64 / 1e9));
    }
    daemon.stop()?;
    let rates: Sample = rates.into_iter().collect();
    table.row(
        format!("actions per second, limits lifted, {count} reports at once"),
        "≥ 150/s",
        rates.says("/s"),
        PEER,
        Holds::when(rates.median() >= 150.0),
    );
    Ok(())
}

/// Sends so many reports about different targets on 16 connections; receipts and when they were sent.
fn flood(daemon: &Daemon, round: usize, count: usize) -> Done<BTreeMap<String, i64>> {
    const CONNECTIONS: usize = 16;
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|connection| {
            let mut client = daemon.client()?;
            Ok(std::thread::spawn(move || -> Done<Vec<(String, i64)>> {
                let mut sent = Vec::new();
                for n in (connection..count).step_by(CONNECTIONS) {
                    let at = now_ns();
                    sent.push((client.report(&report("bench", CODE, &format!("t-{round}-{n}")))?, at));
                }
                Ok(sent)
            }))
        })
        .collect::<Done<_>>()?;
    let mut sent = BTreeMap::new();
    for thread in threads {
        sent.extend(thread.join().map_err(|_| "a sender panicked")??);
    }
    Ok(sent)
}
