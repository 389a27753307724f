//! What was pruned is folded once more, with the fold of this version, and what comes of it is what the pruned journal
//! begins with from then on. The daemon must not run.
//! Not for gathering archives or saying it in the journal: that is `journal`.

use std::path::PathBuf;

use super::retention::RetentionError;
use crate::audit::first_world;
use crate::context::{FOLD_VERSION, World};
use crate::journal::{IntentJournal, Options, PrunedHistory, Refolding, read_offline};

/// Folds what the archives hold; nothing when the state is one that this version reads already.
pub fn refold(options: Options, archives: &[PathBuf]) -> Result<Option<Refolding>, RetentionError> {
    let offline = read_offline(&options.state)?;
    if first_world(&offline).is_ok() {
        return Ok(None);
    }
    let history = PrunedHistory::gather(&offline, archives)?;
    let mut world = World::new(offline.genesis_hash());
    history.records(&mut |record| world.apply(record))?;
    let state = world.snapshot()?;
    let going_on = &mut |_| std::ops::ControlFlow::Continue(());
    Ok(Some(IntentJournal::refold(options, &history, &state, FOLD_VERSION, going_on)?))
}
