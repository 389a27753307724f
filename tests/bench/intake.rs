//! Reports through `POST /v1/degradations`: 256 connections for as long as the sustained append. A report makes two
//! entries (the report, and that it joins its incident); both are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::home::Home;
use crate::http::{Client, report};
use crate::sample::{Sample, number};
use crate::table::{Holds, Table};
use crate::{Done, Run};

const CONNECTIONS: u64 = 256;
const TARGETS: u64 = 64;

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let home = Home::make(run, &[])?;
    let daemon = Daemon::start(run, &home)?;
    let seconds = run.pick(30, 2);
    let first = head(&mut daemon.client()?)?;
    let (cpu, began) = (daemon.cpu_seconds(), Instant::now());
    let taken = Arc::new(AtomicU64::new(0));
    let connections: Vec<_> = (0..run.pick(CONNECTIONS, 16))
        .map(|n| {
            let (mut client, taken) = (daemon.client()?, Arc::clone(&taken));
            let body =
                serde_json::to_string(&report("web", "BENCH_INTAKE", &format!("web-{}", n % TARGETS)))?;
            let bound = Duration::from_secs(seconds);
            let thread = std::thread::Builder::new().stack_size(256 * 1024);
            Ok(thread.spawn(move || connection(&mut client, &body, began + bound, &taken))?)
        })
        .collect::<Done<_>>()?;
    let mut waits = Vec::new();
    for connection in connections {
        waits.extend(connection.join().map_err(|_| "a connection panicked")??);
    }
    let (took, taken) = (began.elapsed().as_secs_f64(), taken.load(Ordering::Relaxed) as f64);
    let entries = (head(&mut daemon.client()?)? - first) as f64;
    let cpu = (daemon.cpu_seconds() - cpu) / taken * 1e6;
    let waits: Sample = waits.into_iter().collect();
    table.row(
        format!("POST /v1/degradations, 256 connections, {seconds} s"),
        "(beside the append)",
        format!("{} reports/s, {} entries/s", number(taken / took), number(entries / took)),
        format!("answered after {}; {} µs of the daemon's CPU a report", waits.says_tail("ms"), number(cpu)),
        Holds::Beside,
    );
    daemon.stop()
}

fn connection(client: &mut Client, body: &str, until: Instant, taken: &AtomicU64) -> Done<Vec<f64>> {
    let mut waits = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        let (status, said) = client.post("/v1/degradations", body)?;
        match status {
            202 => drop(taken.fetch_add(1, Ordering::Relaxed)),
            // Told to come again: that is an answer, but no report.
            503 => continue,
            _ => return Err(format!("{status} {said}").into()),
        }
        waits.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(waits)
}

/// The last durable entry.
pub fn head(client: &mut Client) -> Done<u64> {
    let (_, status) = client.get("/v1/status")?;
    status["head"]["seq"].as_u64().ok_or_else(|| format!("no head in {status}").into())
}
