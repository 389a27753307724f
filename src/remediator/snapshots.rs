//! When the world is written down: after so many entries, and at a clean stop.

use crate::base::ids::Seq;
use crate::context::{FOLD_VERSION, World};
use crate::event::Record;
use crate::journal::IntentJournal;

/// Entries between two snapshots: a fold of this many takes well under a second.
const EVERY_ENTRIES: u64 = 50_000;

/// See the module.
pub(super) struct Snapshots {
    last: Seq,
}

impl Snapshots {
    /// The last snapshot covers entries up to `last`.
    pub fn after(last: Seq) -> Self {
        Self { last }
    }
    /// Whether it is time for one.
    pub fn due(&self, next_seq: Seq) -> bool {
        next_seq.saturating_sub(self.last) >= EVERY_ENTRIES
    }
    /// Takes one; the records that the journal wrote for it.
    pub fn take(
        &mut self,
        journal: &IntentJournal,
        world: &World,
    ) -> Result<Vec<Record>, crate::journal::Error> {
        let seq = world.next_seq.saturating_sub(1);
        let bytes = world
            .snapshot()
            .map_err(|e| crate::journal::Error::Illegal(format!("the world cannot be written down: {e}")))?;
        self.last = world.next_seq;
        journal.take_snapshot(seq, FOLD_VERSION, &bytes)
    }
}
