//! Following the journal from any seq, without gap or duplicate. A slow reader reads again from the segments;
//! it holds no place in any queue and never keeps the appender waiting.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::base::ids::Seq;

use super::durable::Durable;
use super::error::Error;
use super::line::Line;
use super::segment::Cursor;

/// Bytes of lines that one call gives at most, so that a reader that is far behind stays small.
const PIECE_BYTES_MAX: usize = 1024 * 1024;

/// A reader's place in the journal.
pub struct Subscription {
    cursor: Cursor,
    durable: Arc<Durable>,
}

impl Subscription {
    pub(super) fn new(cursor: Cursor, durable: Arc<Durable>) -> Self {
        Self { cursor, durable }
    }

    /// The seq that comes next.
    pub fn next_seq(&self) -> Seq {
        self.cursor.next_seq()
    }

    /// Lines that are durable and were not given yet; empty when there are none. Does not wait.
    pub fn ready(&mut self) -> Result<Vec<Line>, Error> {
        let mut lines = Vec::new();
        let mut bytes = 0;
        self.cursor.read(self.durable.seq(), &mut |line| {
            bytes += line.as_str().len();
            lines.push(line.to_line());
            if bytes >= PIECE_BYTES_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(lines)
    }

    /// The same, waiting for the first of them until the time is over.
    pub fn next(&mut self, timeout: Duration) -> Result<Vec<Line>, Error> {
        self.durable.wait_for(self.cursor.next_seq(), timeout);
        self.ready()
    }

    /// Tells async tasks when [`Self::ready`] has something: the highest durable seq.
    pub fn watch(&self) -> watch::Receiver<Seq> {
        self.durable.watch()
    }
}
