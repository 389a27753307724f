//! What an entry costs in CPU at 256 producers: behind one thread that appends what waits, as the daemon's turn does it,
//! and with a thread for each producer, where waking 256 threads is most of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use remediator::event::Draft;
use remediator::journal::{IndexMode, IntentJournal};
use tokio::sync::oneshot;

use crate::append::{PRODUCERS, Template, index_caught_up, journal, produce};
use crate::sample::{Sample, cpu_seconds, number};
use crate::table::{Holds, Table};
use crate::{Done, Run};

pub fn rows(run: &Run, table: &mut Table) -> Done {
    for (index, what, goal) in
        [(IndexMode::Off, "journal alone", 22.0), (IndexMode::On, "lines and indexes in sled", 48.0)]
    {
        let journal = &journal(run, index)?;
        row(run, table, journal, &format!("CPU per entry, 256 producers, {what}"), goal, &behind_one)?;
        let threads = format!("the same with 256 threads, {what}");
        row(run, table, journal, &threads, goal, &a_thread_each)?;
        journal.clean_stop()?;
    }
    Ok(())
}

type Way = dyn Fn(&IntentJournal, u64) -> Done;

fn row(run: &Run, table: &mut Table, journal: &IntentJournal, what: &str, goal: f64, way: &Way) -> Done {
    let entries = run.pick(60_000, 2_000);
    let mut each = Vec::new();
    for _ in 0..run.rounds() {
        let before = cpu_seconds();
        way(journal, entries)?;
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

fn a_thread_each(journal: &IntentJournal, entries: u64) -> Done {
    produce(journal, PRODUCERS, entries, Duration::from_secs(60)).map(drop)
}

/// 256 tasks that each wait for their entry before they make the next one, and one thread that appends all that waits.
fn behind_one(journal: &IntentJournal, entries: u64) -> Done {
    type Waiting = (Draft, oneshot::Sender<()>);
    let (inbox, waiting) = crossbeam_channel::bounded::<Waiting>(PRODUCERS as usize);
    let appending = std::thread::spawn({
        let journal = journal.clone();
        move || {
            while let Ok(first) = waiting.recv() {
                let (drafts, answers): (Vec<_>, Vec<_>) =
                    std::iter::once(first).chain(waiting.try_iter().take(PRODUCERS as usize - 1)).unzip();
                journal.append(drafts)?;
                for answer in answers {
                    let _ = answer.send(());
                }
            }
            Ok::<(), remediator::journal::Error>(())
        }
    });
    let (template, taken) = (Arc::new(Template::new()), Arc::new(AtomicU64::new(0)));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let producing = tokio::task::LocalSet::new();
    for _ in 0..PRODUCERS {
        let (inbox, template, taken) = (inbox.clone(), Arc::clone(&template), Arc::clone(&taken));
        producing.spawn_local(async move {
            loop {
                let n = taken.fetch_add(1, Ordering::Relaxed);
                let (answer, durable) = oneshot::channel();
                // As many places as producers: it never blocks.
                if n >= entries || inbox.try_send((template.draft(n), answer)).is_err() {
                    break;
                }
                if durable.await.is_err() {
                    break;
                }
            }
        });
    }
    drop(inbox);
    runtime.block_on(producing);
    appending.join().map_err(|_| "the appending thread panicked")??;
    Ok(())
}
