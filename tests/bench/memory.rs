//! Memory of the daemon: with an empty home, and with a million entries, the peak within some seconds of its start.

use std::time::Duration;

use crate::daemon::Daemon;
use crate::home::Home;
use crate::sample::{Sample, number, pass};
use crate::table::{Holds, Table};
use crate::{Done, Run};

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let fresh = Home::make(run, &[])?;
    let (rss, pss) = measure(run, &fresh, run.pick(3, 1))?;
    row(table, "memory of an idle daemon", 40.0, &rss, &pss);
    let corpus = run.corpus()?;
    let (rss, pss) = measure(run, &corpus.home, run.pick(12, 1))?;
    let what = format!("memory with {} entries", number(corpus.entries as f64));
    row(table, &what, 250.0, &rss, &pss);
    Ok(())
}

fn row(table: &mut Table, what: &str, goal: f64, rss: &Sample, pss: &Sample) {
    table.row(
        what,
        format!("≤ {goal:.0} MB"),
        format!("VmRSS {}", rss.says("MB")),
        format!("PSS {}", pss.says("MB")),
        Holds::when(rss.median() <= goal),
    );
}

/// The largest values of each round, MB: resident, and its own share of it.
fn measure(run: &Run, home: &Home, seconds: u64) -> Done<(Sample, Sample)> {
    let (mut rss, mut pss) = (Vec::new(), Vec::new());
    for _ in 0..run.rounds() {
        let daemon = Daemon::start(run, home)?;
        let mut peak = (0.0_f64, 0.0_f64);
        for _ in 0..seconds * 4 {
            pass(Duration::from_millis(250));
            let (r, p) = daemon.memory_mib()?;
            peak = (peak.0.max(r * 1.048_576), peak.1.max(p * 1.048_576));
        }
        rss.push(peak.0);
        pss.push(peak.1);
        daemon.kill()?;
    }
    Ok((rss.into_iter().collect(), pss.into_iter().collect()))
}
