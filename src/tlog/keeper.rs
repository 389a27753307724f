//! Keeps the log up: follows the journal on a thread of its own, grows the tree, and publishes a signed checkpoint at most
//! a second behind what is durable, and once a minute when nothing is new. It only ever reads what the appender has made
//! durable and wakes nobody there: it looks, so an append costs the same with it as without.
//! Not for answers (`log`) nor for what is signed (`checkpoint`).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, LogKey};
use super::error::Error;
use super::levels::{Files, Found, replace};
use super::log::{Inner, Log, Published};
use super::merkle::{Grower, Hash, TILE_HEIGHT, root};
use super::note::{Note, Verdict};
use super::pruned;
use crate::base::sign::JournalKey;
use crate::journal::{Clock, IntentJournal, Subscription};

/// How often it looks for new entries: a quarter of the second that a checkpoint may be behind.
const LOOK: Duration = Duration::from_millis(250);
/// The longest between two checkpoints while there is something new.
const BEHIND_MAX: Duration = Duration::from_millis(500);
/// The longest between two checkpoints at all, unless a test says otherwise.
pub const HEARTBEAT: Duration = Duration::from_secs(60);
/// How long it waits after something went wrong before it tries again.
const AGAIN: Duration = Duration::from_secs(5);
/// A little less than everything else of the daemon: when processors are scarce, the appender goes first, and a head is
/// still signed in time.
const NICE: i32 = 5;

/// What a log is kept with.
pub struct Options {
    /// `state/tlog`: a cache, and the last checkpoint.
    pub folder: PathBuf,
    /// The journal.
    pub journal: IntentJournal,
    /// The log's name.
    pub origin: String,
    /// The log's own key.
    pub key: JournalKey,
    /// Where the time of a checkpoint comes from.
    pub clock: Arc<dyn Clock>,
    /// The longest between two checkpoints: [`HEARTBEAT`].
    pub heartbeat: Duration,
}

/// The thread that keeps a log up.
pub struct Keeper {
    options: Options,
    inner: Arc<Inner>,
    grower: Grower,
    size: u64,
    lines: Subscription,
    /// What was published before this start: nothing may ever be signed that does not continue it.
    last: Option<Checkpoint>,
    published: Option<Instant>,
}

impl Log {
    /// Opens a log; [`Keeper::run`] keeps it up.
    pub fn open(options: Options) -> Result<(Self, Keeper), Error> {
        let log_key = LogKey { origin: options.origin.clone(), key: options.key.public() };
        let Found { files, mut grower, mut size } = Files::open(&options.folder)?;
        if !is_of(&files, size, &options.journal)? {
            tracing::info!("the tree on disk is not this journal's; it is made anew");
            (grower, size) = (files.cut(0)?, 0);
        }
        over_pruned(&files, &mut grower, &mut size, &options.journal)?;
        let last = std::fs::read_to_string(options.folder.join(CHECKPOINT)).ok();
        let last = last.and_then(|text| own(&log_key, &text));
        let inner = Arc::new(Inner::new(log_key, options.journal.clone(), files));
        let lines = options.journal.subscribe(size.checked_sub(1));
        let keeper =
            Keeper { options, inner: Arc::clone(&inner), grower, size, lines, last, published: None };
        Ok((Self { inner }, keeper))
    }
}

/// Name, in the folder, of the last checkpoint that was published.
pub const CHECKPOINT: &str = "checkpoint";

/// Name, in the folder, of the newest checkpoint that witnesses cosigned.
pub const COSIGNED: &str = "cosigned";

/// A checkpoint that this log's key signed.
fn own(key: &LogKey, text: &str) -> Option<Checkpoint> {
    let note = Note::parse(text).ok()?;
    let head = Checkpoint::parse(&note.text).ok().filter(|head| head.origin == key.origin)?;
    matches!(key.judge(&note).0, Verdict::Holds(_)).then_some(head)
}

/// Whether the last leaf of a tree is the journal's entry at its place.
fn is_of(files: &Files, size: u64, journal: &IntentJournal) -> Result<bool, Error> {
    use super::merkle::Levels as _;
    // What is over pruned entries only cannot be compared; the last checkpoint, which has to be continued, tells.
    let Some(last) = size.checked_sub(1).filter(|last| *last >= journal.minimum()) else { return Ok(true) };
    let Some(line) = journal.line(last)? else { return Ok(false) };
    Ok(files.hashes(0, last, 1)? == [Hash::of_leaf(line.as_str().as_bytes())])
}

/// Grows a tree that ends below the journal's minimum up to there, from what was kept.
fn over_pruned(
    files: &Files,
    grower: &mut Grower,
    size: &mut u64,
    journal: &IntentJournal,
) -> Result<(), Error> {
    let Some(base) = journal.base() else { return Ok(()) };
    if *size < base.minimum {
        let leaves = pruned::leaves(base, *size)?;
        grow(files, grower, *size, leaves.into_iter())?;
        *size = base.minimum;
    }
    // Nothing else could tell that this is the tree of what was pruned.
    match root(files, base.minimum)? == pruned::frontier(base)?.root() {
        true => Ok(()),
        false => Err(pruned::lost(base)),
    }
}

/// Adds leaves to a tree of `size` and writes every hash that there is now.
fn grow(
    files: &Files,
    grower: &mut Grower,
    size: u64,
    leaves: impl Iterator<Item = Hash>,
) -> Result<(), Error> {
    let mut new: Vec<Vec<Hash>> = Vec::new();
    for leaf in leaves {
        grower.push(leaf, &mut |level, hash| {
            if new.len() == level {
                new.push(Vec::new());
            }
            new[level].push(hash);
        });
    }
    for (level, hashes) in new.iter().enumerate() {
        files.write(level, size >> (TILE_HEIGHT as usize * level).min(63), hashes)?;
    }
    Ok(())
}

impl Keeper {
    /// Runs until told to stop.
    pub fn run(mut self, stop: &AtomicBool) {
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::debug!(%error, "the log's thread keeps its priority");
        }
        while !stop.load(Ordering::Relaxed) {
            let pause = match self.round() {
                Ok(()) => LOOK,
                Err(error) => {
                    tracing::error!(%error, "the log is not kept up; tried again in a moment");
                    self.inner.silence(error.to_string());
                    AGAIN
                }
            };
            std::thread::park_timeout(pause);
        }
    }

    /// Takes in what is new and publishes what is due.
    fn round(&mut self) -> Result<(), Error> {
        if self.inner.is_doubted() {
            tracing::warn!(
                "the tree on disk does not prove what it should; it is made anew from the segments"
            );
            self.inner.begin_anew();
            self.from(0)?;
        }
        let began = Instant::now();
        // A long way to the head is gone in pieces, each with its checkpoint.
        while self.take_in()? > 0 && began.elapsed() < BEHIND_MAX {}
        let new = self.inner.size() != Some(self.size);
        let longest = if new { BEHIND_MAX } else { self.options.heartbeat };
        match self.published.is_none_or(|at| at.elapsed() >= longest) {
            true => self.publish(),
            false => Ok(()),
        }
    }

    /// Hashes the lines that are ready, and gives how many there were.
    fn take_in(&mut self) -> Result<usize, Error> {
        let lines = match self.lines.ready() {
            Ok(lines) => lines,
            Err(error) => {
                // The place in the segments may be gone with the file; the tree stays.
                self.lines = self.inner.journal.subscribe(self.size.checked_sub(1));
                return Err(error.into());
            }
        };
        let leaves = lines.iter().map(|line| Hash::of_leaf(line.as_str().as_bytes()));
        if let Err(error) = grow(&self.inner.files, &mut self.grower, self.size, leaves) {
            // The grower is ahead of the files: both go back to what is whole.
            self.from(self.size / super::merkle::TILE as u64 * super::merkle::TILE as u64)?;
            return Err(error);
        }
        self.size += lines.len() as u64;
        Ok(lines.len())
    }

    /// Goes on from a size that is whole tiles.
    fn from(&mut self, size: u64) -> Result<(), Error> {
        let Self { grower, inner, .. } = self;
        (*grower, self.size) = (inner.files.cut(size)?, size);
        over_pruned(&inner.files, grower, &mut self.size, &inner.journal)?;
        self.lines = inner.journal.subscribe(self.size.checked_sub(1));
        Ok(())
    }

    fn publish(&mut self) -> Result<(), Error> {
        let files = &self.inner.files;
        if let Some(last) = &self.last {
            let same = last.size <= self.size && root(files, last.size)? == last.root;
            if !same {
                let caught_up = self.size > self.inner.journal.head().seq;
                return match last.size <= self.size || caught_up {
                    true => Err(Error::Silent(forked(last, self.size))),
                    // On the way to where it was before.
                    false => Ok(()),
                };
            }
        }
        let head = Checkpoint {
            origin: self.inner.key.origin.clone(),
            size: self.size,
            root: root(files, self.size)?,
        };
        let seconds = u64::try_from(self.options.clock.now().time_us / 1_000_000).unwrap_or(0);
        let note = head.signed(&self.options.key, seconds).to_string();
        replace(&self.options.folder.join(CHECKPOINT), note.as_bytes(), false)?;
        self.last = Some(head.clone());
        self.inner.publish(Published { head, note });
        self.published = Some(Instant::now());
        Ok(())
    }
}

fn forked(last: &Checkpoint, size: u64) -> String {
    format!(
        "this journal ({size} entries) does not continue the one whose {} entries were signed for before: it was put back \
         from a copy, or changed. Whoever has seen the old head would call this a fork. If that is known and meant, \
         remove state/tlog/checkpoint and restart the daemon",
        last.size
    )
}
