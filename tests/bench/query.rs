//! `GET /v1/audit` with filters over a million entries: a page of a hundred from anywhere in the journal, by index.

use std::time::Instant;

use crate::daemon::Daemon;
use crate::sample::{Sample, number};
use crate::table::{Holds, Table};
use crate::{Done, Run};

/// What is asked, alone and together; `WEB` is one of 64 targets.
const QUESTIONS: [&str; 8] = [
    "target=web-WEB",
    "target=web-WEB&outcome=healthy",
    "runbook=http-wedged&kind=attempt.",
    "actor=sentinel:web-http&target=web-WEB",
    "outcome=failed&runbook=http-wedged",
    "kind=step.finished&outcome=succeeded&target=web-WEB",
    "target=nobody&kind=attempt.",
    "since=30d&kind=incident.closed",
];

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let corpus = run.corpus()?;
    let daemon = Daemon::start(run, &corpus.home)?;
    let mut client = daemon.client()?;
    let (mut ms, mut found) = (Vec::new(), 0);
    let rounds = run.pick(40, 2);
    for round in 0..rounds {
        // Cursors all over the journal, the same in each run.
        let after = corpus.entries / rounds * round;
        for question in QUESTIONS {
            let question = question.replace("WEB", &format!("{:02}", round % 64));
            for page in [format!("after={after}"), "last=100".to_owned()] {
                let path = format!("/v1/audit?{question}&{page}&limit=100");
                let asked = Instant::now();
                let (status, said) = client.get(&path)?;
                ms.push(asked.elapsed().as_secs_f64() * 1e3);
                if status != 200 {
                    return Err(format!("{path}: {status} {said}").into());
                }
                found += said["entries"].as_array().map_or(0, Vec::len);
            }
        }
    }
    daemon.kill()?;
    let ms: Sample = ms.into_iter().collect();
    table.row(
        format!("a filtered page of 100 among {} entries", number(corpus.entries as f64)),
        "p99 < 50 ms",
        ms.says_tail("ms"),
        format!("{} questions, {} entries", number(ms.len() as f64), number(found as f64)),
        Holds::when(ms.percentile(99.0) < 50.0),
    );
    Ok(())
}
