//! Opening a home with a million entries after kill -9: with sled intact, and with sled gone, so that it is built from
//! the segments while reports go on being taken.

use std::time::{Duration, Instant};

use crate::corpus::Corpus;
use crate::daemon::Daemon;
use crate::http::{Client, report};
use crate::sample::{Sample, number, pass};
use crate::table::{Holds, Table};
use crate::{Done, Run};

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let corpus = run.corpus()?;
    let mut ready = Vec::new();
    let mut queries = Vec::new();
    for _ in 0..run.rounds() {
        let began = Instant::now();
        let daemon = Daemon::start(run, &corpus.home)?;
        ready.push(daemon.ready_after);
        queries.push(indexed(corpus, &mut daemon.client()?, began, &mut || Ok(()))?);
        daemon.kill()?;
    }
    let (ready, queries): (Sample, Sample) = (ready.into_iter().collect(), queries.into_iter().collect());
    table.row(
        format!("open after kill -9, {} entries, sled intact → ready", number(corpus.entries as f64)),
        "≤ 3 s",
        ready.says("s"),
        format!("indexed queries answered after {}", queries.says("s")),
        Holds::when(ready.median() <= 3.0),
    );
    rebuilding(run, table, corpus)
}

fn rebuilding(run: &Run, table: &mut Table, corpus: &Corpus) -> Done {
    let (mut ready, mut rebuilt, mut waits) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..run.rounds() {
        for entry in std::fs::read_dir(corpus.home.state())?.flatten() {
            if entry.file_name().to_string_lossy().starts_with("sled-") {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        let began = Instant::now();
        let daemon = Daemon::start(run, &corpus.home)?;
        ready.push(daemon.ready_after);
        let (mut client, mut n) = (daemon.client()?, 0);
        let mut reporting = || -> Done {
            n += 1;
            let sent = Instant::now();
            client.report(&report("web", "BENCH_REBUILD", &format!("web-{}", n % 16)))?;
            waits.push(sent.elapsed().as_secs_f64() * 1e3);
            Ok(())
        };
        rebuilt.push(indexed(corpus, &mut daemon.client()?, began, &mut reporting)?);
        daemon.kill()?;
    }
    let (ready, rebuilt): (Sample, Sample) = (ready.into_iter().collect(), rebuilt.into_iter().collect());
    let waits: Sample = waits.into_iter().collect();
    table.row(
        "open after kill -9 with sled gone → ready, and indexes built again",
        "≤ 30 s, reports accepted meanwhile",
        format!("ready {}, indexes {}", ready.says("s"), rebuilt.says("s")),
        format!("reports meanwhile answered after {}", waits.says_tail("ms")),
        Holds::when(rebuilt.median() <= 30.0 && waits.len() > 0),
    );
    Ok(())
}

/// Seconds until an indexed question about the journal's beginning is answered; `meanwhile` is done between asking.
fn indexed(
    corpus: &Corpus,
    client: &mut Client,
    began: Instant,
    meanwhile: &mut dyn FnMut() -> Done,
) -> Done<f64> {
    let path = format!("/v1/incidents/{}", corpus.incident);
    while began.elapsed() < Duration::from_secs(300) {
        meanwhile()?;
        let (status, said) = client.get(&path)?;
        match status {
            200 => return Ok(began.elapsed().as_secs_f64()),
            503 => {}
            _ => return Err(format!("{path}: {status} {said}").into()),
        }
        pass(Duration::from_millis(20));
    }
    Err("the indexes were not built in time".into())
}
