//! What a log answers: its checkpoint, its tiles, and proofs. A cheap handle for the faces; every answer is about the
//! checkpoint that was published last, never about what is not signed for yet.
//! Not for making any of it (`keeper`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::checkpoint::{Checkpoint, LogKey};
use super::error::Error;
use super::keeper::COSIGNED;
use super::levels::{Files, replace};
use super::merkle::{Hash, Levels as _, TILE, consistency, inclusion};
use super::note::{Note, Signature};
use super::policy::Policy;
use super::proof::Proof;
use super::tiles::{Content, TileName, bundle};
use crate::base::ids::Seq;
use crate::journal::IntentJournal;

/// A log. Clones are handles to the same one.
#[derive(Clone)]
pub struct Log {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub key: LogKey,
    pub journal: IntentJournal,
    pub files: Files,
    state: RwLock<State>,
    doubted: AtomicBool,
    witnessed: Mutex<Witnessed>,
}

/// What witnesses did for this log since the start.
#[derive(Default)]
struct Witnessed {
    states: BTreeMap<String, Option<WitnessState>>,
    /// The newest head that any of them cosigned, with their lines.
    note: Option<Note>,
    /// Whether they were enough for the policy.
    quorum: bool,
}

/// How a witness is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WitnessState {
    /// Whether it cosigned when it was asked last.
    pub up: bool,
    /// Entries that it cosigned last.
    pub size: u64,
}

enum State {
    Starting,
    Published(Arc<Published>),
    Silent(String),
}

/// A checkpoint that is out.
pub(super) struct Published {
    pub head: Checkpoint,
    pub note: String,
}

impl Inner {
    pub fn new(key: LogKey, journal: IntentJournal, files: Files) -> Self {
        let (state, doubted) = (RwLock::new(State::Starting), AtomicBool::new(false));
        Self { key, journal, files, state, doubted, witnessed: Mutex::default() }
    }
    pub fn publish(&self, published: Published) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::Published(Arc::new(published));
    }
    /// Why there is no checkpoint from here on.
    pub fn silence(&self, why: String) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::Silent(why);
    }
    /// Nothing is answered until the next checkpoint.
    pub fn begin_anew(&self) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::Starting;
    }
    /// Leaves of the tree that was published last.
    pub fn size(&self) -> Option<u64> {
        self.published().ok().map(|published| published.head.size)
    }
    /// Whether a proof did not prove what it should, since it was last asked.
    pub fn is_doubted(&self) -> bool {
        self.doubted.swap(false, Ordering::Relaxed)
    }
    fn witnessed(&self) -> MutexGuard<'_, Witnessed> {
        self.witnessed.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn published(&self) -> Result<Arc<Published>, Error> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Starting => Err(Error::NotYet { retry_after_s: 1 }),
            State::Published(published) => Ok(Arc::clone(published)),
            State::Silent(why) => Err(Error::Silent(why.clone())),
        }
    }
}

impl Log {
    /// Its name and key.
    pub fn key(&self) -> &LogKey {
        &self.inner.key
    }

    /// Entries under the newest checkpoint; none while there is none.
    pub fn size(&self) -> Option<u64> {
        self.inner.size()
    }

    /// The signed checkpoint, with the cosignatures that it has.
    pub fn checkpoint(&self) -> Result<String, Error> {
        let mut text = self.inner.published()?.note.clone();
        let witnessed = self.inner.witnessed();
        let of_it = |note: &&Note| text.strip_prefix(&note.text).is_some_and(|rest| rest.starts_with('\n'));
        if let Some(note) = witnessed.note.as_ref().filter(of_it) {
            note.signatures.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        }
        Ok(text)
    }

    /// The newest checkpoint, and as its log alone signed it.
    pub fn newest(&self) -> Result<(Checkpoint, Note), Error> {
        let published = self.inner.published()?;
        let note = Note::parse(&published.note).map_err(|error| Error::Silent(error.to_string()))?;
        Ok((published.head.clone(), note))
    }

    /// The proof that the tree of one size is the beginning of the tree of another. Blocks on files.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
        consistency(&self.inner.files, old, new)
    }

    /// These witnesses will be asked.
    pub fn witnesses_are(&self, names: impl Iterator<Item = String>) {
        self.inner.witnessed().states = names.map(|name| (name, None)).collect();
    }
    /// How one of them is.
    pub fn heard(&self, name: &str, state: WitnessState) {
        self.inner.witnessed().states.insert(name.to_owned(), Some(state));
    }
    /// Every witness that is asked, with how it was when it was asked last.
    pub fn witnesses(&self) -> BTreeMap<String, Option<WitnessState>> {
        self.inner.witnessed().states.clone()
    }

    /// Lines of a witness for a checkpoint as its log signed it. The newest one that is enough for the policy is kept beside
    /// the checkpoint; while none is, the newest one at all.
    pub fn cosigned(&self, note: &Note, lines: Vec<Signature>, policy: &Policy) -> Result<(), Error> {
        let mut witnessed = self.inner.witnessed();
        if witnessed.note.as_ref().is_none_or(|known| known.text != note.text) {
            witnessed.note = Some(Note { text: note.text.clone(), signatures: Vec::new() });
        }
        let Some(cosigned) = &mut witnessed.note else { return Ok(()) };
        cosigned.signatures.retain(|known| !lines.iter().any(|l| l.name == known.name && l.id == known.id));
        cosigned.signatures.extend(lines);
        let signatures = note.signatures.iter().chain(&cosigned.signatures).cloned().collect();
        let whole = Note { text: note.text.clone(), signatures };
        let quorum = policy.judge(&whole).quorum;
        if quorum || !witnessed.quorum {
            witnessed.quorum = quorum;
            let path = self.inner.files.folder().join(COSIGNED);
            replace(&path, whole.to_string().as_bytes(), false)?;
        }
        Ok(())
    }

    /// A tile of the published tree: hashes, or entries. Blocks on files.
    pub fn tile(&self, tile: &TileName) -> Result<Vec<u8>, Error> {
        let size = self.inner.published()?.head.size;
        let there = tile.needs().is_some_and(|needs| needs <= size);
        if !there {
            return Err(Error::NotThere(format!("tile {tile} of a tree of {size} entries")));
        }
        let from = tile.index * TILE as u64;
        match tile.content {
            Content::Hashes(level) => {
                let hashes = self.inner.files.hashes(level, from, tile.width)?;
                Ok(hashes.iter().flat_map(|hash| hash.0).collect())
            }
            Content::Entries => {
                // c2sp.org/tlog-tiles lets go of bundles that end at or below the minimum. Segments begin anywhere: of the
                // bundle in which the minimum lies, the first entries are gone with them.
                if from < self.inner.journal.minimum() {
                    return Err(Error::Pruned(format!("tile {tile}")));
                }
                let lines = self.inner.journal.lines(from.checked_sub(1), tile.width)?;
                // Lines are bounded by what a bundle can say, and all of them are durable.
                let bytes = bundle(lines.iter().map(|line| line.as_str().as_bytes()));
                bytes
                    .filter(|_| lines.len() == tile.width)
                    .ok_or_else(|| Error::NotThere(format!("tile {tile}")))
            }
        }
    }

    /// The proof that an entry is in the published tree; with the entry in it, if wanted. It is checked before it is given:
    /// a damaged cache is made anew, not served. Blocks on files.
    pub fn proof(&self, seq: Seq, with_entry: bool) -> Result<Proof, Error> {
        let published = self.inner.published()?;
        let head = &published.head;
        if seq < self.inner.journal.minimum() {
            return Err(Error::Pruned(format!("entry {seq}")));
        }
        let line = self.inner.journal.line(seq)?.ok_or_else(|| Error::NotThere(format!("entry {seq}")))?;
        if seq >= head.size {
            return Err(Error::NotYet { retry_after_s: 1 });
        }
        let entry = line.as_str().as_bytes();
        let path = inclusion(&self.inner.files, seq, head.size)?;
        let note = Note::parse(&published.note).map_err(|error| Error::Silent(error.to_string()))?;
        let proof = Proof { extra: with_entry.then(|| entry.to_vec()), index: seq, path, note };
        if proof.shows(entry) {
            return Ok(proof);
        }
        self.inner.doubted.store(true, Ordering::Relaxed);
        Err(Error::NotYet { retry_after_s: 5 })
    }
}
