//! Folding a journal from disk into `World`, from its first entry, on one core: what a start without a usable
//! snapshot costs, and what every replay costs.

use remediator::context::World;
use remediator::journal::read_offline;

use crate::append::go_on;
use crate::sample::{Sample, number, timed};
use crate::table::{Holds, Table};
use crate::{Done, Run};

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let corpus = run.corpus()?;
    let mut rates = Vec::new();
    let mut parsing = Vec::new();
    for _ in 0..run.rounds() {
        let journal = read_offline(&corpus.home.root)?;
        let mut world = World::new(journal.genesis_hash());
        let (seconds, read) = timed(|| {
            journal.records(None, &mut |record| {
                world.apply(&record);
                go_on(true)
            })
        });
        read?;
        if !world.alarms.is_empty() {
            return Err(format!("the fold raised an alarm: {:?}", world.alarms.front()).into());
        }
        rates.push(world.next_seq as f64 / seconds);
        let (seconds, read) = timed(|| journal.lines(None, &mut |_| go_on(true)));
        read?;
        parsing.push(world.next_seq as f64 / seconds);
    }
    let (rates, parsing): (Sample, Sample) = (rates.into_iter().collect(), parsing.into_iter().collect());
    table.row(
        format!("fold {} entries from disk, one core", number(corpus.entries as f64)),
        "≥ 300,000 entries/s",
        rates.says("entries/s"),
        format!("reading and chaining the lines alone {}", parsing.says("entries/s")),
        Holds::when(rates.median() >= 300_000.0),
    );
    Ok(())
}
