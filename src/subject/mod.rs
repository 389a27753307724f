//! Text that can be forgotten: what a report says about a subject is sealed with a key of that subject before it is kept
//! anywhere, opened where a person reads it, and gone for good once the key is destroyed. The journal itself is never
//! changed. Not for what sealed text looks like (`base::sealed`), nor for the entry that says that a key is gone.

mod error;
mod files;
mod seal;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use error::SubjectError;
pub use files::{Erasing, Listed};
use files::{Folder, Key};

use crate::base::digest::Blake3;
use crate::base::ids::SubjectId;
use crate::base::sealed;

/// The subjects' keys of one home. A cheap handle; the files are the truth, also when another process changes them.
#[derive(Clone)]
pub struct Subjects {
    inner: Arc<Inner>,
}

struct Inner {
    folder: Folder,
    held: Mutex<Held>,
}

/// What was read: worth something only while the file of a key is there.
#[derive(Default)]
struct Held {
    keys: BTreeMap<SubjectId, Arc<Key>>,
    /// By the digest of the subject's name.
    names: BTreeMap<Blake3, SubjectId>,
}

impl Held {
    fn forget(&mut self, id: SubjectId) {
        self.keys.remove(&id);
        self.names.retain(|_, known| *known != id);
    }
}

/// What stands for text whose key was destroyed.
pub const ERASED: &str = "(erased)";
/// What stands for text whose key is not here, and was not destroyed as far as this journal knows.
pub const NO_KEY: &str = "(sealed; no key here)";
/// What stands for text that its key does not open.
pub const DAMAGED: &str = "(sealed; damaged)";
/// What is kept of text that cannot be sealed any more.
pub const NOT_KEPT: &str = "(not kept: the key of its subject is gone)";

impl Subjects {
    /// Those of a state folder; it need not hold any yet.
    pub fn of_state(state: &Path) -> Self {
        Self::at(state.join("subjects"))
    }

    /// Those of whatever a journal may be read from: a home, a state folder, or an export, which has none.
    pub fn beside(folder: &Path) -> Self {
        let own = folder.join("subjects");
        let below = folder.join("state").join("subjects");
        Self::at(if below.is_dir() && !own.is_dir() { below } else { own })
    }

    fn at(folder: PathBuf) -> Self {
        Self { inner: Arc::new(Inner { folder: Folder(folder), held: Mutex::default() }) }
    }

    /// The id of the subject's key; a subject without one gets one, durable when this returns.
    pub fn id_of(&self, name: &str) -> Result<SubjectId, SubjectError> {
        let digest = Blake3::of(name.as_bytes());
        let known = self.held().names.get(&digest).copied();
        if let Some(id) = known.filter(|id| self.inner.folder.has(*id)) {
            return Ok(id);
        }
        let key = self.inner.folder.key_of(name)?;
        let id = key.id;
        self.hold(Arc::new(key), Some(digest));
        Ok(id)
    }

    /// The text, sealed for these subjects: it takes all of their keys to read it. With none of them it is as it was.
    pub fn seal(&self, subjects: &BTreeSet<SubjectId>, text: &str) -> Result<String, SubjectError> {
        if subjects.is_empty() {
            return Ok(text.to_owned());
        }
        if subjects.len() > crate::base::limits::SEALED_SUBJECTS_MAX {
            return Err(SubjectError::TooMany(subjects.len()));
        }
        let keys = subjects.iter().map(|id| self.key(*id)?.ok_or(SubjectError::Gone(*id)));
        let keys: Vec<Arc<Key>> = keys.collect::<Result<_, _>>()?;
        seal::seal(&keys, &sealed::head(subjects), text)
    }

    /// The same for text that comes from within: what cannot be sealed is not kept, and that stands in its place.
    pub fn seal_or_drop(&self, subjects: &BTreeSet<SubjectId>, text: &str) -> String {
        self.seal(subjects, text).unwrap_or_else(|error| {
            tracing::warn!(%error, "text about a subject is not kept");
            NOT_KEPT.to_owned()
        })
    }

    /// The text with everything in it opened whose key is at hand; of the rest, what became of it.
    pub fn open<'a>(&self, text: &'a str, erased: &BTreeSet<SubjectId>) -> Cow<'a, str> {
        sealed::replaced(text, &mut |sealed| self.opened(sealed, erased))
    }

    /// The same within JSON: what is opened is escaped.
    pub fn open_json<'a>(&self, json: &'a str, erased: &BTreeSet<SubjectId>) -> Cow<'a, str> {
        sealed::replaced(json, &mut |sealed| {
            let quoted = serde_json::to_string(&self.opened(sealed, erased)).unwrap_or_default();
            quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
        })
    }

    fn opened(&self, sealed: &sealed::Sealed<'_>, erased: &BTreeSet<SubjectId>) -> String {
        if sealed.subjects.iter().any(|id| erased.contains(id)) {
            return ERASED.to_owned();
        }
        let keys = sealed.subjects.iter().map(|id| self.key(*id).ok().flatten());
        match keys.collect::<Option<Vec<Arc<Key>>>>() {
            Some(keys) => seal::open(&keys, sealed).unwrap_or_else(|| DAMAGED.to_owned()),
            None => NO_KEY.to_owned(),
        }
    }

    /// Every subject with a key, by name.
    pub fn list(&self) -> Result<Vec<Listed>, SubjectError> {
        self.inner.folder.list()
    }

    /// Destroys every key of a subject, of whom nothing can be read from here on; never none. That it is being done is
    /// durable before, and stays so until [`Subjects::erased`]: whoever did not come so far finishes it at the next start.
    pub fn erase(&self, name: &str, by: &str, reason: &str) -> Result<Vec<Erasing>, SubjectError> {
        let erasing = self.inner.folder.begin_erasing(name, by, reason)?;
        erasing.iter().try_for_each(|one| self.destroy(one.id).map(drop))?;
        Ok(erasing)
    }

    /// Destroys a key by its id, if it is there; whether it was.
    pub fn destroy(&self, id: SubjectId) -> Result<bool, SubjectError> {
        let destroyed = self.inner.folder.destroy(id);
        // The last holder of the key in memory wipes it. After its file is gone nobody holds it anew.
        self.held().forget(id);
        destroyed
    }

    /// The ids of all keys, also of those that cannot be read.
    pub fn ids(&self) -> Result<BTreeSet<SubjectId>, SubjectError> {
        self.inner.folder.ids()
    }

    /// Erasures that were begun and not recorded.
    pub fn erasing(&self) -> Result<Vec<Erasing>, SubjectError> {
        self.inner.folder.erasing()
    }

    /// The ids of keys whose erasure was begun, also where nobody can read on whose word.
    pub fn doomed(&self) -> Result<BTreeSet<SubjectId>, SubjectError> {
        self.inner.folder.doomed()
    }

    /// The entry that says that the key is gone is durable.
    pub fn erased(&self, id: SubjectId) -> Result<(), SubjectError> {
        self.inner.folder.erased(id)
    }

    fn key(&self, id: SubjectId) -> Result<Option<Arc<Key>>, SubjectError> {
        if !self.inner.folder.has(id) {
            self.held().forget(id);
            return Ok(None);
        }
        if let Some(key) = self.held().keys.get(&id) {
            return Ok(Some(Arc::clone(key)));
        }
        let Some(key) = self.inner.folder.read(id)?.map(Arc::new) else { return Ok(None) };
        self.hold(Arc::clone(&key), None);
        Ok(Some(key))
    }

    /// Remembers a key, unless it was destroyed since it was read: then nothing would wipe this copy.
    fn hold(&self, key: Arc<Key>, name: Option<Blake3>) {
        let mut held = self.held();
        if self.inner.folder.has(key.id) {
            held.names.extend(name.map(|name| (name, key.id)));
            held.keys.insert(key.id, key);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
