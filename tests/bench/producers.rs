//! Who appends: entries as sentinels report them, and producers that each wait for theirs before they make the next one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use remediator::base::ids::{Fingerprint, Receipt};
use remediator::base::text::OutsideText;
use remediator::event::degradation::{DegradationSeen, Source};
use remediator::event::{Draft, Event};
use remediator::journal::{Clock as _, IntentJournal, SystemClock};
use tokio::sync::oneshot;

use crate::{Done, http};

/// `degradation.seen` with about 350 bytes of data.
pub fn seen(n: u64) -> DegradationSeen {
    let report = http::report("web", "HTTP_WEDGED", &format!("web-{:02}", n % 64));
    DegradationSeen {
        subject: None,
        receipt: Receipt(uuid::Uuid::from_u128((0x018f << 112) | u128::from(n))),
        fingerprint: Fingerprint::of(&report.subsystem, &report.code, &report.target),
        subsystem: report.subsystem,
        code: report.code,
        target: report.target,
        severity: report.severity,
        summary: report.summary,
        detail: report.detail.map(OutsideText::Text),
        attributes: report.attributes,
        observed_at: None,
        source: Source::Sentinel("web-http".into()),
        sender_id: None,
        actionable: true,
    }
}

/// The same entry again and again, with a fresh receipt and the time: making it must not be what is measured.
pub struct Template(DegradationSeen);

impl Template {
    pub fn new() -> Self {
        Self(seen(0))
    }
    pub fn draft(&self, n: u64) -> Draft {
        let mut seen = self.0.clone();
        seen.receipt = Receipt(uuid::Uuid::from_u128((0x018f << 112) | u128::from(n)));
        Draft { at: SystemClock.now(), incident: None, cause: None, event: Event::from(seen) }
    }
}

/// How many producers come to the journal.
#[derive(Clone, Copy)]
pub enum Way {
    /// As tasks behind one thread that appends all that waits, as the daemon's turn does it.
    BehindOne,
    /// Each on a thread of its own: waking so many threads is then most of it.
    ThreadEach,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BehindOne => "256 producers behind one thread",
            Self::ThreadEach => "256 producers, a thread each",
        })
    }
}

/// Entries that are still to be made, and how many were.
struct Work {
    template: Template,
    taken: AtomicU64,
    done: AtomicU64,
    entries: u64,
    began: Instant,
    bound: Duration,
}

impl Work {
    fn next(&self) -> Option<Draft> {
        let n = self.taken.fetch_add(1, Ordering::Relaxed);
        (n < self.entries && self.began.elapsed() < self.bound).then(|| self.template.draft(n))
    }
}

/// Appends one by one, with so many producers, until there are `entries` or the time is over. Entries per second.
pub fn produce(
    journal: &IntentJournal,
    way: Way,
    producers: u64,
    entries: u64,
    bound: Duration,
) -> Done<f64> {
    let work = Arc::new(Work {
        template: Template::new(),
        taken: AtomicU64::new(0),
        done: AtomicU64::new(0),
        entries,
        began: Instant::now(),
        bound,
    });
    match way {
        Way::ThreadEach => a_thread_each(journal, producers, &work)?,
        Way::BehindOne => behind_one(journal, producers, &work)?,
    }
    Ok(work.done.load(Ordering::Relaxed) as f64 / work.began.elapsed().as_secs_f64())
}

fn a_thread_each(journal: &IntentJournal, producers: u64, work: &Arc<Work>) -> Done {
    let threads: Vec<_> = (0..producers)
        .map(|_| {
            let (journal, work) = (journal.clone(), Arc::clone(work));
            std::thread::Builder::new().stack_size(256 * 1024).spawn(move || {
                while let Some(draft) = work.next() {
                    journal.append(vec![draft])?;
                    work.done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), remediator::journal::Error>(())
            })
        })
        .collect::<Result<_, _>>()?;
    for thread in threads {
        thread.join().map_err(|_| "a producer panicked")??;
    }
    Ok(())
}

fn behind_one(journal: &IntentJournal, producers: u64, work: &Arc<Work>) -> Done {
    type Waiting = (Draft, oneshot::Sender<()>);
    let most = producers as usize;
    let (inbox, waiting) = crossbeam_channel::bounded::<Waiting>(most);
    let appending = std::thread::spawn({
        let journal = journal.clone();
        move || {
            while let Ok(first) = waiting.recv() {
                let (drafts, answers): (Vec<_>, Vec<_>) =
                    std::iter::once(first).chain(waiting.try_iter().take(most - 1)).unzip();
                journal.append(drafts)?;
                for answer in answers {
                    let _ = answer.send(());
                }
            }
            Ok::<(), remediator::journal::Error>(())
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let producing = tokio::task::LocalSet::new();
    for _ in 0..producers {
        let (inbox, work) = (inbox.clone(), Arc::clone(work));
        producing.spawn_local(async move {
            while let Some(draft) = work.next() {
                let (answer, durable) = oneshot::channel();
                // As many places as producers: it never blocks.
                if inbox.try_send((draft, answer)).is_err() || durable.await.is_err() {
                    break;
                }
                work.done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    drop(inbox);
    runtime.block_on(producing);
    appending.join().map_err(|_| "the appending thread panicked")??;
    Ok(())
}
