//! Putting back what was pruned, byte for byte, from the archive that holds it. The segments are durable before the
//! journal begins with them; until then they are ignored, and removed at the next opening.

use std::path::Path;

use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::event::Draft;
use crate::event::journal::ArchiveRestored;

use super::super::base::{self, Base};
use super::super::blobs;
use super::super::error::Error;
use super::super::files::write_durably;
use super::super::handle::{IndexMode, IntentJournal, Options};
use super::super::index::remove_indexes;
use super::super::offline::read_offline;
use super::super::seals::write_segment;
use super::super::writer::AppendClass;
use super::read::{Archive, Unpacked, verify_archive};

/// What came of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Restoring {
    /// The first entry that is there now.
    pub minimum: Seq,
    /// The entry that says so.
    pub entry: Seq,
    /// Segments that were put back.
    pub segments: u64,
    /// Blobs that were in the archive.
    pub blobs: u64,
}

impl IntentJournal {
    /// Puts back what was pruned to an archive. Nobody else may have the journal open. What several archives hold is put
    /// back with the newest first.
    pub fn restore_archive(options: Options, archive: &Path) -> Result<Restoring, Error> {
        let archive = verify_archive(archive)?;
        let manifest = &archive.manifest;
        let wrong = |what: String| Error::Archive { path: archive.folder.clone(), what };
        let options = Options { index: IndexMode::Off, ..options };
        let state = options.state.clone();
        if let Ok(offline) = read_offline(&state) {
            // What is refused anyway begins no segment.
            must_end_below(offline.genesis_hash(), offline.base(), &archive)?;
        }
        let (journal, opened) = Self::open(options)?;
        if let Some(damage) = opened.damage {
            return Err(Error::ReadOnly(damage));
        }
        must_end_below(journal.genesis(), journal.base(), &archive)?;
        let from = archive.folder.join("blobs");
        for digest in &manifest.blobs {
            let bytes = blobs::read(&from, digest)?.ok_or_else(|| wrong(format!("blob {digest} is gone")))?;
            journal.put_blob(&bytes)?;
        }
        let unpacked = Unpacked { folder: archive.folder.clone(), manifest: manifest.clone() };
        for segment in &manifest.segments {
            let bytes = unpacked.segment(segment).map_err(|e| wrong(e.to_string()))?;
            write_segment(&journal.inner.store, segment.first, &bytes)?;
        }
        let restored =
            ArchiveRestored { first: manifest.first, last: manifest.last, archive: archive.digest };
        let at = journal.inner.clock.now();
        let draft = Draft { at, incident: None, cause: None, event: restored.into() };
        let appended = journal.appender()?.append_any(vec![draft], AppendClass::Essential)?;
        let entry = appended.committed.first().map_or(0, super::super::proof::Committed::seq);
        remove_indexes(&state);
        journal.begin_at(manifest.base, &archive.folder)?;
        journal.clean_stop()?;
        let (segments, blobs) = (manifest.segments.len() as u64, manifest.blobs.len() as u64);
        Ok(Restoring { minimum: manifest.first, entry, segments, blobs })
    }

    /// The moment from which on the journal begins with what was put back.
    fn begin_at(&self, base: Option<Blake3>, archive: &Path) -> Result<(), Error> {
        let store = &self.inner.store;
        if base.is_some() {
            let path = archive.join(base::NAME);
            let bytes = std::fs::read(&path).map_err(Error::io("read", path))?;
            return write_durably(&store.place(), base::NAME, &bytes);
        }
        let place = store.place();
        store.remove(base::NAME).map_err(Error::io("remove the base in", &place))?;
        store.sync_folder().map_err(Error::io("sync", place))
    }
}

/// Whether an archive ends where this journal begins.
fn must_end_below(genesis: Blake3, base: Option<&Base>, archive: &Archive) -> Result<(), Error> {
    let (path, manifest) = (archive.folder.clone(), &archive.manifest);
    if manifest.genesis != genesis {
        return Err(Error::ForeignArchive { path });
    }
    let Some(below) = base else {
        return Err(Error::UnfitArchive { path, what: "nothing is pruned from this journal".into() });
    };
    if (manifest.last + 1, manifest.hash) == (below.minimum, below.hash) {
        return Ok(());
    }
    let (last, minimum) = (manifest.last, below.minimum);
    let mut what = format!("it ends with entry {last}, and this journal begins with entry {minimum}");
    if last + 1 < minimum {
        what.push_str(&format!(": what was pruned to {} comes first", below.place));
    }
    Err(Error::UnfitArchive { path, what })
}
