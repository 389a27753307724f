//! A supervised process is killed with SIGKILL: how long until it runs again and that is recorded. With a runbook that
//! verifies at once, and with the shipped one and its default policy.

use std::collections::BTreeMap;
use std::time::Duration;

use remediator::event::attempt::Outcome;
use remediator::event::{Event, Record};
use remediator::journal::read_offline;

use crate::append::go_on;
use crate::daemon::Daemon;
use crate::home::{Home, proposal};
use crate::http::{Client, now_ns};
use crate::sample::{Sample, eventually, number};
use crate::table::{Holds, Table};
use crate::{Done, Run};

const PEERS: &str = "supervisor 1,012 ms, monit 2,083 ms (measured elsewhere)";

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let at_once = killed(run, &["at-once".to_owned()], run.rounds() * run.pick(10, 2), Policy::AtOnce)?;
    let says = |times: &[Times], of: fn(&Times) -> f64| -> Sample { times.iter().map(of).collect() };
    let (runs, verified) = (says(&at_once, |t| t.runs), says(&at_once, |t| t.verified));
    table.row(
        "supervised process killed → runs again, verified and recorded (settle 0, k = 1)",
        "p50 ≤ 20 ms",
        verified.says_tail("ms"),
        format!("process made and recorded {}; {PEERS}", runs.says_tail("ms")),
        Holds::when(verified.median() <= 20.0),
    );
    let services: Vec<String> = (0..run.rounds()).map(|n| format!("default-{n}")).collect();
    let default = killed(run, &services, services.len(), Policy::Shipped)?;
    let (runs, verified) = (says(&default, |t| t.runs), says(&default, |t| t.verified));
    table.row(
        "the same with the shipped runbook (settle 1 s, 3 looks a second apart)",
        "(beside)",
        format!("process made and recorded {}", runs.says_tail("ms")),
        format!("verified {}", verified.says_tail("ms")),
        Holds::Beside,
    );
    if runs.median() > 1_000.0 {
        eprintln!("  (the shipped policy took {} ms to start the process)", number(runs.median()));
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    AtOnce,
    Shipped,
}

/// ms after the kill: as stamped in the entries, and one sync that makes the entry durable.
struct Times {
    runs: f64,
    verified: f64,
}

/// Kills so many processes, each when its service is quiet, one service after another.
fn killed(run: &Run, services: &[String], kills: usize, policy: Policy) -> Done<Vec<Times>> {
    let mut files = vec![proposal("bench")];
    for service in services {
        files.extend(content(service));
    }
    if policy == Policy::AtOnce {
        files.push(("runbooks/bench/dead.yaml".into(), RUNBOOK.into()));
    }
    let home = Home::make(run, &files)?;
    let daemon = Daemon::start(run, &home)?;
    let mut client = daemon.client()?;
    let (mut moments, mut syncs) = (Vec::new(), Vec::new());
    let mut pids: BTreeMap<String, u64> = BTreeMap::new();
    for service in services {
        pids.insert(service.clone(), runs_anew(&mut client, service, 0)?);
    }
    for n in 0..kills {
        let service = &services[n % services.len()];
        let pid = pids[service];
        let at = now_ns();
        Daemon::kill_other(pid)?;
        moments.push((pid, at));
        pids.insert(service.clone(), runs_anew(&mut client, service, pid)?);
        syncs.push(run.machine()?.sync_once()?);
    }
    daemon.stop()?;
    let times = times(&home, &moments, syncs.into_iter().collect::<Sample>().median())?;
    // Services outlive their daemon on purpose.
    pids.into_values().try_for_each(Daemon::kill_other)?;
    if times.len() < kills {
        return Err(format!("{} of {kills} kills were healed", times.len()).into());
    }
    Ok(times)
}

/// Waits until the service runs as another process than `before` and no attempt is under way; its pid.
fn runs_anew(client: &mut Client, service: &str, before: u64) -> Done<u64> {
    eventually(Duration::from_secs(60), Duration::from_millis(25), || {
        let (_, status) = client.get("/v1/status").ok()?;
        let quiet = status["incidents"]["remediating"].as_u64().unwrap_or(0) == 0;
        let pid =
            status["services"][service]["pid"].as_u64().or_else(|| find_pid(&status["services"][service]))?;
        (quiet && pid != before && pid > 0).then_some(pid)
    })
    .ok_or_else(|| format!("{service} does not run in time").into())
}

/// The pid in whatever shape a running service is shown.
fn find_pid(view: &serde_json::Value) -> Option<u64> {
    view.as_object()?.values().find_map(|inner| inner["pid"].as_u64())
}

fn times(home: &Home, moments: &[(u64, i64)], sync_ms: f64) -> Done<Vec<Times>> {
    let mut records = Vec::new();
    read_offline(&home.root)?.records(None, &mut |record| {
        records.push(record);
        go_on(true)
    })?;
    let times = moments.iter().filter_map(|(pid, at)| {
        let exited = records.iter().position(
            |r| matches!(&r.event, Event::ServiceExited(e) if u64::from(e.pid) == *pid && !e.wanted),
        )?;
        let service = match &records[exited].event {
            Event::ServiceExited(e) => &e.service,
            _ => return None,
        };
        let after = &records[exited..];
        let started =
            after.iter().find(|r| matches!(&r.event, Event::ServiceStarted(s) if s.service == *service))?;
        let healthy = |r: &&Record| {
            r.seq > started.seq && matches!(&r.event, Event::AttemptEnded(e) if e.outcome == Outcome::Healthy)
        };
        let verified = after.iter().find(healthy)?;
        let since = |record: &Record| (record.at.time_us * 1_000 - at) as f64 / 1e6 + sync_ms;
        Some(Times { runs: since(started), verified: since(verified) })
    });
    Ok(times.collect())
}

fn content(service: &str) -> [(String, String); 2] {
    let described = format!(
        "v: 1\nkind: service\nid: {service}\ntitle: A process that sleeps\nproposal: bench\n\
         argv: [/bin/sleep, '86400']\nstop_timeout: 1s\nprobe: {{process: {{service: {service}}}, timeout: 1s}}\n"
    );
    let sentinel = format!(
        "v: 1\nkind: sentinel\nid: {service}\ntitle: Is it there\nproposal: bench\n\
         probe: {{process: {{service: {service}}}, timeout: 1s}}\nevery: 1s\nfailures: 2\nsuccesses: 1\n\
         report: {{subsystem: service, code: PROCESS_DEAD, target: {service}, summary: its process is gone}}\n"
    );
    [
        (format!("runbooks/bench/{service}.yaml"), described),
        (format!("runbooks/bench/{service}-eye.yaml"), sentinel),
    ]
}

const RUNBOOK: &str = r#"v: 1
kind: runbook
id: bench-dead
title: Start it again
proposal: bench
matcher: {subsystem: service, code: PROCESS_DEAD}
priority: 1000
blast_radius: process
limits: {attempts: 1000, window: 1h, cooldown: 0s, runtime: 30s}
locks: ["service/${target}"]
steps:
  - id: start
    service: {start: "${target}"}
    timeout: 10s
    idempotent: true
verification:
  probe: {process: {service: "${target}"}, timeout: 1s}
  settle: 0s
  successes: 1
  every: 100ms
  within: 10s
  watch: 0s
escalation:
  - {channel: log, message: "${target} could not be started again"}
"#;
