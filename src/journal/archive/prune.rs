//! Pruning: what an archive holds is taken out of the journal. Each step is durable before the next, and whichever was the
//! last before a crash, the journal opens and verifies, and pruning again goes on from there. In order: the archive is
//! verified, and is byte for byte what the segments hold; the state after the last pruned entry is a blob; the entry
//! `journal.pruned`; the file `base`, from which on the journal begins at its minimum; only then is anything removed.
//! Not for what may be pruned (`remediator::retention` asks the folds and the log).

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::event::Draft;
use crate::event::journal::Pruned;

use super::super::base::{self, Base, KeptTree, digest_of, is_kept};
use super::super::blobs::remove;
use super::super::error::Error;
use super::super::files::write_durably;
use super::super::handle::{IndexMode, IntentJournal, Options};
use super::super::index::remove_indexes;
use super::super::segment::{content, name_of};
use super::super::store::read_all;
use super::super::writer::AppendClass;
use super::blobs::{digests_in, reachable};
use super::read::{Archive, must_be_of, verify_archive};

/// What pruning needs and the journal does not know.
pub struct PrunePlan {
    /// The state after the last entry that is pruned.
    pub state: Vec<u8>,
    /// Version of the fold that made it.
    pub fold_version: u32,
    /// The log's tree over what is pruned.
    pub tree: KeptTree,
}

/// How far pruning has come: each is durable when it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneStep {
    /// The archive was verified and compared.
    Verified,
    /// The state is a blob.
    StateKept,
    /// The entry is durable.
    Said,
    /// sled is gone; it is built anew at the next start.
    IndexRemoved,
    /// The journal begins at its minimum.
    Based,
    /// A segment was removed.
    SegmentRemoved,
    /// Blobs that nothing names any more were removed.
    BlobsRemoved,
}

/// What came of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Pruning {
    /// The first entry that is there.
    pub minimum: Seq,
    /// The entry that says so.
    pub entry: Seq,
    /// Segments that were removed, and their bytes.
    pub segments: u64,
    /// See `segments`.
    pub bytes: u64,
    /// Blobs that were removed.
    pub blobs: u64,
}

impl IntentJournal {
    /// Takes out of the journal what an archive holds. Nobody else may have the journal open. `told` hears of each step;
    /// when it breaks, pruning ends there, as in a crash.
    pub fn prune(
        options: Options,
        archive: &Path,
        plan: &PrunePlan,
        told: &mut dyn FnMut(PruneStep) -> ControlFlow<()>,
    ) -> Result<Pruning, Error> {
        let archive = verify_archive(archive)?;
        let minimum = archive.manifest.last + 1;
        // sled would be built only to be thrown away.
        let options = Options { index: IndexMode::Off, ..options };
        let state = options.state.clone();
        let (journal, opened) = Self::open(options)?;
        if let Some(damage) = opened.damage {
            return Err(Error::ReadOnly(damage));
        }
        let mut step = |done: PruneStep| match told(done) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Illegal(format!("pruning was ended behind {done:?}"))),
        };
        let done = |base: &&Base| {
            (base.minimum, base.hash) == (minimum, archive.manifest.hash)
                && archive.manifest.genesis == journal.genesis()
        };
        let base = match journal.base().filter(done) {
            // It was ended behind this; the rest is done again.
            Some(base) => base.clone(),
            None => {
                compare(&journal, &archive)?;
                step(PruneStep::Verified)?;
                journal.say_pruned(&archive, plan, &state, &mut step)?
            }
        };
        let mut pruning = Pruning { minimum, entry: base.entry, segments: 0, bytes: 0, blobs: 0 };
        let store = &journal.inner.store;
        for segment in &archive.manifest.segments {
            let name = name_of(segment.first);
            if store.open(&name).is_err() {
                continue;
            }
            store.remove(&name).map_err(Error::io("remove a segment in", store.place()))?;
            (pruning.segments, pruning.bytes) = (pruning.segments + 1, pruning.bytes + segment.bytes);
            step(PruneStep::SegmentRemoved)?;
        }
        store.sync_folder().map_err(Error::io("sync", store.place()))?;
        if let Some(snapshots) = &journal.inner.snapshots {
            snapshots.forget_below(minimum);
        }
        pruning.blobs = remove_blobs(&journal, &archive, &base, &state.join("blobs"))?;
        step(PruneStep::BlobsRemoved)?;
        journal.clean_stop()?;
        Ok(pruning)
    }

    /// The entry and the base: from here on the journal begins at its minimum.
    fn say_pruned(
        &self,
        archive: &Archive,
        plan: &PrunePlan,
        state: &Path,
        step: &mut dyn FnMut(PruneStep) -> Result<(), Error>,
    ) -> Result<Base, Error> {
        let manifest = &archive.manifest;
        let mut lines: Vec<String> = self.base().map(|base| base.lines.clone()).unwrap_or_default();
        self.cursor(manifest.first).read(manifest.last, &mut |line| {
            if is_kept(line.kind) {
                lines.push(line.as_str().to_owned());
            }
            ControlFlow::Continue(())
        })?;
        let blob = self.put_blob(&plan.state)?;
        step(PruneStep::StateKept)?;
        let pruned = Pruned {
            minimum: manifest.last + 1,
            hash: manifest.hash,
            kept: digest_of(&lines),
            state: blob,
            fold_version: plan.fold_version,
            archive: archive.digest,
            place: place_of(&archive.folder),
        };
        let at = self.inner.clock.now();
        let draft = Draft { at, incident: None, cause: None, event: pruned.clone().into() };
        let appended = self.appender()?.append_any(vec![draft], AppendClass::Essential)?;
        let entry = appended.committed.first().map_or(0, super::super::proof::Committed::seq);
        step(PruneStep::Said)?;
        remove_indexes(state);
        step(PruneStep::IndexRemoved)?;
        let base = Base::of(&pruned, entry, lines, plan.tree.clone());
        let bytes =
            base.to_bytes().map_err(|e| Error::Illegal(format!("the base cannot be written: {e}")))?;
        write_durably(&state.join("journal"), base::NAME, &bytes)?;
        step(PruneStep::Based)?;
        Ok(base)
    }
}

/// Of the archive's path, in the entry.
const PLACE_BYTES_MAX: usize = 1_024;

pub(super) fn place_of(folder: &Path) -> String {
    let text = crate::base::text::clean(&folder.display().to_string());
    crate::base::text::clip(&text, PLACE_BYTES_MAX).to_owned()
}

/// Whether what would be removed is what the archive holds, byte for byte, and what stays follows it.
fn compare(journal: &IntentJournal, archive: &Archive) -> Result<(), Error> {
    let manifest = &archive.manifest;
    let wrong = |what: &str| Error::Archive { path: archive.folder.clone(), what: what.to_owned() };
    must_be_of(archive, journal.genesis(), journal.minimum())?;
    let store = &journal.inner.store;
    for segment in &manifest.segments {
        let name = name_of(segment.first);
        let file = store.open(&name).and_then(|file| read_all(&*file));
        let bytes = file.map_err(Error::io("read", store.place().join(&name)))?;
        if Blake3::of(content(&bytes)) != segment.blake3 {
            return Err(wrong(&format!("its segment {name} is not the one of this journal")));
        }
    }
    let minimum = manifest.last + 1;
    if !journal.inner.catalog.firsts().contains(&minimum) {
        return Err(wrong("no segment of this journal begins behind it"));
    }
    let mut follows = false;
    journal.cursor(minimum).read(minimum, &mut |line| {
        follows = line.prev == manifest.hash;
        ControlFlow::Break(())
    })?;
    if follows { Ok(()) } else { Err(wrong("what stands behind it in this journal does not follow")) }
}

/// Removes blobs of pruned entries that nothing which is kept names.
fn remove_blobs(
    journal: &IntentJournal,
    archive: &Archive,
    base: &Base,
    folder: &Path,
) -> Result<u64, Error> {
    let mut roots: BTreeSet<Blake3> = base.kept().flat_map(|line| line.blobs()).collect();
    roots.insert(base.state);
    let state = journal.get_blob(&base.state)?.unwrap_or_default();
    roots.extend(digests_in(&state));
    journal.cursor(base.minimum).read(journal.head().seq, &mut |line| {
        roots.extend(line.blobs());
        ControlFlow::Continue(())
    })?;
    let kept = reachable(folder, roots)?;
    let mut removed = 0;
    for blob in archive.manifest.blobs.iter().filter(|blob| !kept.contains(blob)) {
        removed += u64::from(remove(folder, blob)?);
    }
    Ok(removed)
}
