//! Reading a journal or an export straight from its files: no lock, no sled, nothing written.
//! For commands when no daemon answers. What is read is chained, not verified: that is `verify`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::event::Record;
use crate::event::journal::Genesis;

use super::base::Base;
use super::error::{Damage, Error};
use super::export::Manifest;
use super::files::Files;
use super::head::Note;
use super::line::LineRef;
use super::recovery::{check_format, read_genesis};
use super::segment::{Catalog, Cursor, list};
use super::store::Store;

/// Where the files of a journal are: the folder of segments, and the blobs beside it.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub segments: PathBuf,
    pub blobs: PathBuf,
}

impl Folder {
    /// Finds the segments in a home, a state folder, a journal folder or an export.
    pub fn locate(given: &Path) -> Result<Self, Error> {
        let candidates = [
            (given.join("state/journal"), given.join("state/blobs")),
            (given.join("journal"), given.join("blobs")),
            (given.to_owned(), given.join("blobs")),
        ];
        for (segments, blobs) in candidates {
            if segments.is_dir() && !list(&Files::new(&segments))?.is_empty() {
                // The journal folder itself was given: blobs are its neighbours.
                let beside = segments.parent().map(|parent| parent.join("blobs"));
                let blobs = if blobs.is_dir() { blobs } else { beside.unwrap_or(blobs) };
                Manifest::check_version(&segments)?;
                check_format(&Files::new(&segments))?;
                return Ok(Self { segments, blobs });
            }
        }
        let what = match given.is_dir() {
            true if super::archive::is_one(given) => {
                "it is an archive: `remediator journal restore --from-archive DIR` brings it back, `journal archive verify DIR` \
                 verifies it"
            }
            true => "there are no segments in it",
            false if given.exists() => "that is a file, not a folder",
            false => "there is no such folder",
        };
        Err(Error::NotAJournal { path: given.to_owned(), what: what.into() })
    }

    /// What stands beside the segments about their end: seq and hash of the last entry known to be durable.
    pub fn known_end(&self) -> Option<KnownEnd> {
        if let Some(manifest) = Manifest::read(&self.segments) {
            return Some(KnownEnd { seq: manifest.head.seq, hash: manifest.head.hash, live: None });
        }
        let note = Note::read(&Files::new(&self.segments))?;
        Some(KnownEnd { seq: note.seq, hash: note.hash, live: Some(note) })
    }
}

/// The end of a journal as its manifest or head file says it.
pub(super) struct KnownEnd {
    pub seq: Seq,
    pub hash: Blake3,
    /// The head file's note; none for an export.
    pub live: Option<Note>,
}

/// A journal read from its files.
pub struct Offline {
    store: Arc<dyn Store>,
    catalog: Arc<Catalog>,
    durable: Option<Seq>,
    genesis: Genesis,
    genesis_hash: Blake3,
    base: Option<Base>,
    folder: Folder,
}

/// Opens a home, state folder, journal folder or export for reading.
pub fn read_offline(folder: &Path) -> Result<Offline, Error> {
    let folder = Folder::locate(folder)?;
    let store: Arc<dyn Store> = Arc::new(Files::new(&folder.segments));
    let durable = folder.known_end().map(|end| end.seq);
    Offline::of(store, folder, durable)
}

impl Offline {
    /// Of segments wherever they are.
    pub(super) fn of(store: Arc<dyn Store>, folder: Folder, durable: Option<Seq>) -> Result<Self, Error> {
        let base = Base::read(&*store);
        let catalog = Arc::new(Catalog::above(base.as_ref().map(Base::head), &list(&*store)?));
        let (genesis, genesis_hash) = read_genesis(&*store, None)?;
        Ok(Self { store, catalog, durable, genesis, genesis_hash, base, folder })
    }

    /// What is kept from below the minimum, in a pruned journal.
    pub fn base(&self) -> Option<&Base> {
        self.base.as_ref()
    }
    /// The first entry there is.
    pub fn minimum(&self) -> Seq {
        self.catalog.minimum()
    }
    /// The state that folding begins with, in a pruned journal: that after the entry before the minimum.
    pub fn first_state(&self, fold_version: u32) -> Result<Option<Vec<u8>>, Error> {
        let Some(base) = &self.base else { return Ok(None) };
        state_of(base, fold_version, self.blob(&base.state)?).map(Some)
    }

    /// The genesis entry.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }
    /// Its chain hash.
    pub fn genesis_hash(&self) -> Blake3 {
        self.genesis_hash
    }

    /// The last entry that is known to be durable, where the folder says so.
    pub fn durable(&self) -> Option<Seq> {
        self.durable
    }

    /// Hands out every line behind `after` (none: from the first there is). A tail that was never durable is no error.
    pub fn lines(
        &self,
        after: Option<Seq>,
        f: &mut dyn FnMut(&LineRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let first = after.map_or(self.minimum(), |after| after.saturating_add(1));
        let mut cursor = Cursor::at(Arc::clone(&self.store), Arc::clone(&self.catalog), first);
        match cursor.read(Seq::MAX, f) {
            Err(Error::Damaged(damage)) if self.is_the_end(&damage) => Ok(()),
            other => other,
        }
    }

    /// What cannot be read behind the last durable entry is the end, not damage.
    fn is_the_end(&self, damage: &Damage) -> bool {
        let last = self.catalog.firsts().last().copied().unwrap_or(0);
        match self.durable {
            Some(durable) => damage.seq > durable,
            None => damage.seq > last,
        }
    }

    /// The same, decoded.
    pub fn records(
        &self,
        after: Option<Seq>,
        f: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let mut unreadable = None;
        self.lines(after, &mut |line| match line.record() {
            Ok(record) => f(record),
            Err(source) => {
                unreadable = Some(Error::Unreadable { seq: line.seq, source });
                ControlFlow::Break(())
            }
        })?;
        unreadable.map_or(Ok(()), Err)
    }

    /// The bytes of a blob, if there is one of that name.
    pub fn blob(&self, digest: &Blake3) -> Result<Option<Vec<u8>>, Error> {
        super::blobs::read(&self.folder.blobs, digest)
    }
}

/// The bytes of a base's state, when this program can fold on from them.
pub(super) fn state_of(base: &Base, fold_version: u32, bytes: Option<Vec<u8>>) -> Result<Vec<u8>, Error> {
    let written = base.fold_version;
    if written != fold_version {
        let why =
            format!("another version of this program wrote (fold {written}, this one has {fold_version})");
        return Err(base.no_state(why));
    }
    bytes.ok_or_else(|| base.no_state("is missing from the blobs"))
}
