//! Following stored lines from a place on, byte for byte. Each follower has its own place; nobody waits for it.
//! Not for decoded entries (`projection` folds those).

use std::sync::Arc;
use std::time::Duration;

use super::entries::{Entries, Error};
use super::projection::Audit;
use crate::base::ids::Seq;

/// Lines of one piece, where the journal itself sets no bound.
const PIECE_LINES_MAX: usize = 500;

/// A place in the journal that moves on as it is read.
pub trait Tail: Send {
    /// Durable lines that were not given yet, a bounded piece of them; waits up to `patience` for the first.
    /// `None` = there will be no more. Blocks: call it from a thread that may.
    fn next(&mut self, patience: Duration) -> Result<Option<Vec<(Seq, String)>>, Error>;
}

impl Audit {
    /// The first entry there is; those below it were pruned.
    pub fn minimum(&self) -> Seq {
        self.entries().minimum()
    }

    /// Whether nothing of what follows `after` was pruned (none: whatever there is follows). A reader without an end asks
    /// before it begins: afterwards there is no place left to say so.
    pub fn is_kept_behind(&self, after: Option<Seq>) -> Result<(), Error> {
        let (seq, minimum) = (after.map(|after| after.saturating_add(1)), self.minimum());
        match seq.filter(|seq| *seq < minimum) {
            Some(seq) => Err(Error::Pruned { seq, minimum }),
            None => Ok(()),
        }
    }

    /// Follows the stored lines behind `after` (none: from the start).
    pub fn tail(&self, after: Option<Seq>) -> Box<dyn Tail> {
        let entries = self.shared_entries();
        entries.tail(after).unwrap_or_else(|| Box::new(Asking { entries, after }))
    }
}

/// For a source that has no places of its own.
struct Asking {
    entries: Arc<dyn Entries>,
    after: Option<Seq>,
}

impl Tail for Asking {
    fn next(&mut self, patience: Duration) -> Result<Option<Vec<(Seq, String)>>, Error> {
        let mut lines = self.entries.lines(self.after, PIECE_LINES_MAX)?;
        if lines.is_empty() {
            if self.entries.follow(self.after, patience)?.is_none() {
                return Ok(None);
            }
            lines = self.entries.lines(self.after, PIECE_LINES_MAX)?;
        }
        self.after = lines.last().map(|line| line.0).or(self.after);
        Ok(Some(lines))
    }
}
