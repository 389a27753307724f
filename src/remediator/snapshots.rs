//! When the world is written down: after so many entries, and at a clean stop; and how it is had again at a start.

use super::error::Error;
use crate::base::ids::Seq;
use crate::context::{FOLD_VERSION, World};
use crate::event::Record;
use crate::journal::{self, IntentJournal};

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

/// Folds from the last snapshot that may be believed.
pub(super) fn fold(journal: &IntentJournal, opened: &journal::Opened) -> Result<(World, Snapshots), Error> {
    let snapshot = opened.snapshot.as_ref().and_then(|(seq, bytes)| {
        let world = World::from_snapshot(bytes);
        world
            .inspect_err(|error| tracing::warn!(%error, "a snapshot cannot be read; folding from the start"))
            .ok()
            .map(|w| (*seq, w))
    });
    let (after, mut world) = match (snapshot, &opened.first_state) {
        (Some((seq, world)), _) => (Some(seq), world),
        (None, None) => (None, World::new(opened.genesis)),
        (None, Some((seq, Ok(bytes)))) => (Some(*seq), first_world(journal, bytes)?),
        (None, Some((_, Err(journal::Error::NoState { minimum, why, archive })))) => {
            let (minimum, why, archive) = (*minimum, why.clone(), archive.clone());
            return Err(journal::Error::NoState { minimum, why, archive }.into());
        }
        (None, Some((_, Err(other)))) => return Err(unusable(journal, &other).into()),
    };
    journal.replay(after, &mut |record| {
        world.apply(&record);
        std::ops::ControlFlow::Continue(())
    })?;
    Ok((world, Snapshots::after(after.unwrap_or(0))))
}

/// The state that a pruned journal begins with.
fn first_world(journal: &IntentJournal, bytes: &[u8]) -> Result<World, Error> {
    Ok(World::from_snapshot(bytes).map_err(|e| unusable(journal, &e))?)
}

fn unusable(journal: &IntentJournal, why: &dyn std::fmt::Display) -> journal::Error {
    let why = format!("cannot be read ({why})");
    match journal.base() {
        Some(base) => base.no_state(why),
        None => journal::Error::Illegal(format!("the state that it begins with {why}")),
    }
}
