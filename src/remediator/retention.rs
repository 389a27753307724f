//! What may be pruned: asked of the folds and of the transparency log; done by the journal, which verifies the archive
//! again. Nothing below an open incident goes, nothing that the log has not signed for, and the state behind what goes is
//! kept, so that everything that stays can still be folded. The daemon must not run.
//! Not for writing archives or putting them back: that is `journal`.

use std::ops::ControlFlow;
use std::path::Path;

use crate::audit::first_world;
use crate::base::ids::{IncidentId, Seq};
use crate::context::{FOLD_VERSION, World};
use crate::journal::{
    self, Archive, IntentJournal, KeptTree, Offline, Options, PrunePlan, PruneStep, Pruning, read_offline,
};
use crate::tlog::checkpoint::{Checkpoint, LogKey};
use crate::tlog::note::{Note, Verdict};
use crate::tlog::pruned::{Keeping, make_durable};
use crate::tlog::{self, CHECKPOINT};

/// Why nothing was pruned.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The journal or the archive.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// The log's tree.
    #[error(transparent)]
    Log(#[from] tlog::Error),
    /// An incident is open.
    #[error("incident {incident} is open since entry {first}: it would be cut in two")]
    Open {
        /// Which.
        incident: IncidentId,
        /// Its first entry.
        first: Seq,
    },
    /// The log's newest checkpoint does not cover it.
    #[error("{0}")]
    NoCheckpoint(String),
    /// The state could not be written down.
    #[error("the state behind what is pruned cannot be written down: {0}")]
    State(#[from] serde_json::Error),
}

/// Prunes to an archive.
pub fn prune(options: Options, archive: &Path) -> Result<Pruning, RetentionError> {
    let state = options.state.clone();
    let (offline, verified) = (read_offline(&state)?, journal::verify_archive(archive)?);
    let minimum = verified.manifest.last + 1;
    let done = |base: &journal::Base| (base.minimum, base.hash) == (minimum, verified.manifest.hash);
    let plan = match offline.base().is_some_and(done) {
        // Ended behind the decisive step: only the rest is to be done.
        true => Found { plan: nothing_to_keep(), keeping: None },
        false => {
            journal::must_be_of(&verified, offline.genesis_hash(), offline.minimum())?;
            look(&state, &offline, &verified)?
        }
    };
    let mut failed = None;
    let pruned = IntentJournal::prune(options, archive, &plan.plan, &mut |step| {
        // Behind the journal's lock: no daemon has the tree open.
        if step == PruneStep::Verified
            && let Some(keeping) = &plan.keeping
        {
            failed = make_durable(&state.join("tlog"), keeping).err();
        }
        if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(pruned?),
    }
}

fn nothing_to_keep() -> PrunePlan {
    PrunePlan { state: Vec::new(), fold_version: FOLD_VERSION, tree: KeptTree::default() }
}

struct Found {
    plan: PrunePlan,
    /// The tree, when the journal is a log.
    keeping: Option<Keeping>,
}

/// Folds all of it once.
fn look(state: &Path, offline: &Offline, archive: &Archive) -> Result<Found, RetentionError> {
    let minimum = archive.manifest.last + 1;
    let checkpoint = newest(state);
    let size = checkpoint.as_ref().map(|(_, head)| head.size);
    let mut world = first_world(offline)?;
    let mut tree = offline.base().map(Keeping::above).transpose()?.unwrap_or_default();
    let (mut kept, mut signed, mut below) = (None, None, None);
    let mut unreadable = None;
    offline.lines(None, &mut |line| {
        let record = match line.record() {
            Ok(record) => record,
            Err(source) => {
                unreadable = Some(journal::Error::Unreadable { seq: line.seq, source });
                return ControlFlow::Break(());
            }
        };
        world.apply(&record);
        tree.push(line.as_str().as_bytes());
        if line.seq + 1 == minimum {
            (kept, below) = (Some(tree.clone()), Some(world.snapshot()));
        }
        if Some(line.seq + 1) == size {
            signed = Some(tree.root());
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = unreadable {
        return Err(error.into());
    }
    let (Some(kept), Some(below)) = (kept, below) else {
        let what = format!("it ends with entry {}, which this journal does not have", minimum - 1);
        return Err(journal::Error::UnfitArchive { path: archive.folder.clone(), what }.into());
    };
    nothing_open(&world, minimum)?;
    let is_log = is_signed(&world, minimum, checkpoint.as_ref(), signed)?;
    let plan = PrunePlan { state: below?, fold_version: FOLD_VERSION, tree: kept.kept() };
    Ok(Found { plan, keeping: is_log.then_some(kept) })
}

fn nothing_open(world: &World, minimum: Seq) -> Result<(), RetentionError> {
    let cut = world.open_incidents().filter(|incident| incident.signal.first_seq < minimum);
    match cut.min_by_key(|incident| incident.signal.first_seq) {
        Some(incident) => {
            Err(RetentionError::Open { incident: incident.id, first: incident.signal.first_seq })
        }
        None => Ok(()),
    }
}

/// The checkpoint that was published last.
fn newest(state: &Path) -> Option<(Note, Checkpoint)> {
    let text = std::fs::read_to_string(state.join("tlog").join(CHECKPOINT)).ok()?;
    let note = Note::parse(&text).ok()?;
    let head = Checkpoint::parse(&note.text).ok()?;
    Some((note, head))
}

/// Whether the log signed for what goes. A journal that never was a log has nothing to sign.
fn is_signed(
    world: &World,
    minimum: Seq,
    checkpoint: Option<&(Note, Checkpoint)>,
    signed: Option<tlog::merkle::Hash>,
) -> Result<bool, RetentionError> {
    let Some((origin, key)) = world.control.log.clone() else { return Ok(false) };
    let refuse = |what: String| Err(RetentionError::NoCheckpoint(what));
    let Some((note, head)) = checkpoint else {
        return refuse("the log has no checkpoint: start the daemon, and stop it when it is ready".into());
    };
    let log = LogKey { origin, key };
    if head.origin != log.origin || !matches!(log.judge(note).0, Verdict::Holds(_)) {
        return refuse("state/tlog/checkpoint is not signed by this journal's log".into());
    }
    if head.size < minimum {
        return refuse(format!(
            "the log's checkpoint has {} entries, and what goes ends with entry {}: start the daemon, and stop it when it \
             is ready",
            head.size,
            minimum - 1
        ));
    }
    match signed == Some(head.root) {
        true => Ok(true),
        false => refuse(
            "state/tlog/checkpoint is not one of this journal: `remediator audit verify --full`".into(),
        ),
    }
}
