//! What an entry costs in CPU at 256 producers.

use std::time::Duration;

use remediator::journal::{IndexMode, IntentJournal};

use crate::append::{PRODUCERS, index_caught_up, journal};
use crate::producers::{Way, produce};
use crate::sample::{Sample, cpu_seconds, number};
use crate::table::{Holds, Table};
use crate::{Done, Run};

pub fn rows(run: &Run, table: &mut Table) -> Done {
    for (index, what, goal) in
        [(IndexMode::Off, "journal alone", 22.0), (IndexMode::On, "lines and indexes in sled", 48.0)]
    {
        let journal = &journal(run, index)?;
        for way in [Way::BehindOne, Way::ThreadEach] {
            row(run, table, journal, way, &format!("CPU per entry, {way}, {what}"), goal)?;
        }
        journal.clean_stop()?;
    }
    Ok(())
}

fn row(run: &Run, table: &mut Table, journal: &IntentJournal, way: Way, what: &str, goal: f64) -> Done {
    let entries = run.pick(60_000, 2_000);
    let mut each = Vec::new();
    for _ in 0..run.rounds() {
        let before = cpu_seconds();
        produce(journal, way, PRODUCERS, entries, Duration::from_secs(60))?;
        if journal.index_is_ready() {
            index_caught_up(journal)?;
        }
        each.push((cpu_seconds() - before) / entries as f64 * 1e6);
    }
    let each: Sample = each.into_iter().collect();
    let signature = run.machine()?.sign_us.median();
    table.row(
        what,
        format!("≤ {goal:.0} µs"),
        each.says("µs"),
        format!("one signature {} µs; the producers' own work is in it", number(signature)),
        Holds::when(each.median() <= goal),
    );
    Ok(())
}
