//! Making the state that a pruned journal begins with anew, for a program that folds otherwise than the one that pruned:
//! from the archives that hold what was pruned, verified, and each followed by the next up to the minimum. The segments
//! stay where they are. An entry says what the new state is before the file `base` names it; a crash between the two
//! leaves the old one in force, and doing it again goes on.
//! Not for folding: `remediator::refold` hands in what came of it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::Seq;
use crate::event::journal::Pruned;
use crate::event::{Draft, Record};

use super::super::base::{self, Base, digest_of};
use super::super::error::Error;
use super::super::files::write_durably;
use super::super::handle::{IndexMode, IntentJournal, Options};
use super::super::offline::{Folder, Offline};
use super::super::proof::Committed;
use super::super::writer::AppendClass;
use super::prune::place_of;
use super::read::{Archive, Unpacked, verify_archive};

/// All that was pruned from a journal: its archives, verified, from the genesis entry on to the minimum.
pub struct PrunedHistory {
    /// The oldest first.
    archives: Vec<Archive>,
    end: (Seq, Blake3),
}

/// What has to end where something begins.
struct Wanted {
    end: (Seq, Blake3),
    manifest: FileDigest,
    place: String,
}

impl Wanted {
    fn below(base: &Base) -> Self {
        Self { end: (base.minimum, base.hash), manifest: base.archive, place: base.place.clone() }
    }
}

impl PrunedHistory {
    /// Verifies archives, given in any order, and puts them together. Those that are not needed are left aside.
    pub fn gather(offline: &Offline, folders: &[PathBuf]) -> Result<Self, Error> {
        let Some(base) = offline.base() else {
            let path = folders.first().cloned().unwrap_or_default();
            return Err(Error::UnfitArchive { path, what: "nothing is pruned from this journal".into() });
        };
        let mut given = folders.iter().map(|folder| verify_archive(folder)).collect::<Result<Vec<_>, _>>()?;
        if let Some(other) = given.iter().find(|archive| archive.manifest.genesis != offline.genesis_hash()) {
            return Err(Error::ForeignArchive { path: other.folder.clone() });
        }
        let mut wanted = Wanted::below(base);
        let end = wanted.end;
        let mut archives = Vec::new();
        while wanted.end.0 > 0 {
            let ends = |archive: &Archive| (archive.manifest.last + 1, archive.manifest.hash) == wanted.end;
            let Some(found) = given.iter().position(ends) else {
                let (last, manifest) = (wanted.end.0 - 1, wanted.manifest);
                let what = format!(
                    "it was not given, and holds the entries up to {last} (manifest {manifest}): name it with --archive, too"
                );
                return Err(Error::UnfitArchive { path: PathBuf::from(wanted.place), what });
            };
            let archive = given.swap_remove(found);
            let store = Unpacked { folder: archive.folder.clone(), manifest: archive.manifest.clone() };
            wanted = match Base::read(&store) {
                Some(base) => Wanted::below(&base),
                None => Wanted { end: (0, Blake3::ZERO), ..wanted },
            };
            archives.push(archive);
        }
        archives.reverse();
        Ok(Self { archives, end })
    }

    /// Hands out every entry that was pruned, in order.
    pub fn records(&self, f: &mut dyn FnMut(&Record)) -> Result<(), Error> {
        for archive in &self.archives {
            let store = Unpacked { folder: archive.folder.clone(), manifest: archive.manifest.clone() };
            let folder = Folder { segments: archive.folder.clone(), blobs: archive.folder.join("blobs") };
            let offline = Offline::of(Arc::new(store), folder, Some(archive.manifest.last))?;
            offline.records(None, &mut |record| {
                f(&record);
                ControlFlow::Continue(())
            })?;
        }
        Ok(())
    }
}

/// How far it has come: each is durable when it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefoldStep {
    /// The state is a blob.
    StateKept,
    /// The entry is durable.
    Said,
    /// The journal begins with it.
    Based,
}

/// What came of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Refolding {
    /// The first entry that is there, as before.
    pub minimum: Seq,
    /// The entry that says with which state it begins.
    pub entry: Seq,
    /// Whether it is another state, or one of another version, than before.
    pub changed: bool,
}

impl IntentJournal {
    /// Gives a pruned journal another state to begin with: what folding all that was pruned has given. Nobody else may
    /// have the journal open. When `told` breaks it ends there, as in a crash.
    pub fn refold(
        options: Options,
        history: &PrunedHistory,
        state: &[u8],
        fold_version: u32,
        told: &mut dyn FnMut(RefoldStep) -> ControlFlow<()>,
    ) -> Result<Refolding, Error> {
        let folder = options.state.clone();
        let (journal, opened) = Self::open(Options { index: IndexMode::Off, ..options })?;
        if let Some(damage) = opened.damage {
            return Err(Error::ReadOnly(damage));
        }
        let Some(newest) = history.archives.last() else {
            return Err(Error::NothingOld);
        };
        let Some(base) = journal.base().filter(|base| (base.minimum, base.hash) == history.end) else {
            let (path, what) = (newest.folder.clone(), "the journal was pruned or restored meanwhile".into());
            return Err(Error::UnfitArchive { path, what });
        };
        let mut step = |done: RefoldStep| match told(done) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Illegal(format!("folding anew was ended behind {done:?}"))),
        };
        let blob = journal.put_blob(state)?;
        step(RefoldStep::StateKept)?;
        let (minimum, mut entry) = (base.minimum, base.entry);
        let changed = (blob, fold_version) != (base.state, base.fold_version);
        if changed {
            entry = journal.say_refolded(base, newest, (blob, fold_version), &folder, &mut step)?;
        }
        journal.clean_stop()?;
        Ok(Refolding { minimum, entry, changed })
    }

    /// The entry, which says all that the one before it said but for the state, and then the base.
    fn say_refolded(
        &self,
        base: &Base,
        newest: &Archive,
        (state, fold_version): (Blake3, u32),
        folder: &Path,
        step: &mut dyn FnMut(RefoldStep) -> Result<(), Error>,
    ) -> Result<Seq, Error> {
        let pruned = Pruned {
            minimum: base.minimum,
            hash: base.hash,
            kept: digest_of(&base.lines),
            state,
            fold_version,
            archive: newest.digest,
            place: place_of(&newest.folder),
        };
        let at = self.inner.clock.now();
        let draft = Draft { at, incident: None, cause: None, event: pruned.clone().into() };
        let appended = self.appender()?.append_any(vec![draft], AppendClass::Essential)?;
        let entry = appended.committed.first().map_or(0, Committed::seq);
        step(RefoldStep::Said)?;
        let base = Base::of(&pruned, entry, base.lines.clone(), base.tree.clone());
        let bytes =
            base.to_bytes().map_err(|e| Error::Illegal(format!("the base cannot be written: {e}")))?;
        write_durably(&folder.join("journal"), base::NAME, &bytes)?;
        step(RefoldStep::Based)?;
        Ok(entry)
    }
}
