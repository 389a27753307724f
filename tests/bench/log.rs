//! What the transparency log costs who appends: bursts with it kept up, between two without it. The two without tell what
//! this machine makes of the same work done twice: a cost that is smaller than that is none that can be measured. And what
//! its thread uses, which no noise hides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use remediator::base::sign::JournalKey;
use remediator::journal::{IndexMode, IntentJournal, SystemClock};
use remediator::tlog::Log;
use rustix::thread::gettid;

use crate::append::{PRODUCERS, journal};
use crate::producers::{Way, produce};
use crate::sample::{Sample, cpu_seconds, eventually, number};
use crate::table::{Holds, Table};
use crate::{Done, Run};

/// A burst is never given up before this.
const BOUND: Duration = Duration::from_secs(60);

pub fn rows(run: &Run, table: &mut Table) -> Done {
    let journal = journal(run, IndexMode::Off)?;
    let (one, many) = (run.pick(2_000, 50), run.pick(20_000, 2_000));
    row(run, table, &journal, "append, 1 producer, transparency log kept up", (1, one))?;
    row(run, table, &journal, "append, 256 producers, transparency log kept up", (PRODUCERS, many))?;
    Ok(journal.clean_stop()?)
}

fn row(
    run: &Run,
    table: &mut Table,
    journal: &IntentJournal,
    what: &str,
    (producers, entries): (u64, u64),
) -> Done {
    let folder = run.folder("tlog")?;
    produce(journal, Way::ThreadEach, producers, entries, BOUND)?;
    let (mut with, mut again) = (Vec::new(), Vec::new());
    let (mut behind, mut own, mut all) = (Vec::new(), 0.0, 0.0);
    for _ in 0..run.rounds() * 4 {
        let before = produce(journal, Way::ThreadEach, producers, entries, BOUND)?;
        let kept = Kept::up(journal, &folder)?;
        let (log_used, used) = (kept.used(), cpu_seconds());
        let on = produce(journal, Way::ThreadEach, producers, entries, BOUND)?;
        behind.push(kept.caught_up(journal)?);
        own += kept.used() - log_used;
        all += cpu_seconds() - used;
        kept.down()?;
        let after = produce(journal, Way::ThreadEach, producers, entries, BOUND)?;
        with.push(on / ((before + after) / 2.0) * 100.0);
        again.push(after / before * 100.0);
    }
    let an_entry = |seconds: f64| number(seconds / (run.rounds() as u64 * 4 * entries) as f64 * 1e6);
    let sample = |values: Vec<f64>| values.into_iter().collect::<Sample>();
    let (with, again) = (sample(with), sample(again));
    // Half of what lies between the quartiles: the same work differs by this as often as not.
    let noise = (again.percentile(75.0) - again.percentile(25.0)) / 2.0;
    table.row(
        what,
        format!("nothing measurable: ≥ 100 − {} %", number(noise)),
        format!("{} of without", with.says("%")),
        format!(
            "without, twice: {}, half of its quartiles apart {} %; an entry uses {} µs of CPU, the log's thread {} µs of it; signed head of all of \
             it after the burst: {}",
            again.says("%"),
            number(noise),
            an_entry(all),
            an_entry(own),
            sample(behind).says("s")
        ),
        Holds::when(with.median() >= 100.0 - noise),
    );
    Ok(())
}

/// A log that is being kept up.
struct Kept {
    log: Log,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
    /// The thread, as the kernel calls it.
    task: i32,
}

impl Kept {
    fn up(journal: &IntentJournal, folder: &std::path::Path) -> Done<Self> {
        let options = remediator::tlog::Options {
            folder: folder.to_owned(),
            journal: journal.clone(),
            origin: "bench.example/log".into(),
            key: JournalKey::from_seed(&[8; 32]),
            clock: Arc::new(SystemClock),
            heartbeat: remediator::tlog::HEARTBEAT,
        };
        let (log, keeper) = Log::open(options)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                let _ = tell.send(gettid());
                keeper.run(&stop);
            }
        });
        let task = told.recv()?.as_raw_nonzero().get();
        let kept = Self { log, stop, thread, task };
        kept.caught_up(journal)?;
        Ok(kept)
    }

    /// Seconds that its thread was on a processor; the kernel counts in hundredths.
    fn used(&self) -> f64 {
        let stat = procfs::process::Process::myself().and_then(|me| me.task_from_tid(self.task)?.stat());
        stat.map_or(f64::NAN, |stat| (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
    }

    /// Seconds until the signed head is that of everything durable.
    fn caught_up(&self, journal: &IntentJournal) -> Done<f64> {
        let (began, wanted) = (Instant::now(), journal.head().seq + 1);
        let line = format!("\n{wanted}\n");
        let there = || self.log.checkpoint().ok().filter(|note| note.contains(&line)).map(drop);
        eventually(Duration::from_secs(120), Duration::from_millis(5), there)
            .ok_or("the log does not catch up")?;
        Ok(began.elapsed().as_secs_f64())
    }

    fn down(self) -> Done {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().map_err(|_| "the log's thread panicked".into())
    }
}
