//! `state/subjects`: one file per subject with its name and its key, and one per erasure that is under way. For their owner
//! only (0600 in 0700), each written beside, synced and renamed, one process at a time. Not for what keys do (`seal`).

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::error::SubjectError;
use crate::base::formats::{SUBJECT, Version};
use crate::base::ids::SubjectId;
use crate::base::limits::SUBJECTS_MAX;
use crate::base::secret::Secret;

const KEY: &str = "key";
const ERASING: &str = "erasing";

/// A key file is shorter than this.
const FILE_BYTES_MAX: u64 = 4 * 1024;

/// The key of a subject.
pub(super) struct Key {
    pub id: SubjectId,
    pub secret: Secret<[u8; 32]>,
}

/// A subject that has a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its name.
    pub subject: String,
    /// The id of its key.
    pub id: SubjectId,
}

/// An erasure that was begun: everything that its entry will say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasing {
    v: Version<SUBJECT>,
    /// The key that is destroyed.
    pub id: SubjectId,
    /// `person:NAME`.
    pub by: String,
    /// Why.
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    v: Version<SUBJECT>,
    id: SubjectId,
    subject: String,
    /// Padded base64 of 32 bytes.
    key: String,
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl KeyFile {
    fn key(&self) -> Option<Key> {
        let bytes = Zeroizing::new(STANDARD.decode(self.key.as_bytes()).ok()?);
        let secret = Secret::new(bytes.as_slice().try_into().ok()?);
        Some(Key { id: self.id, secret })
    }
}

/// The folder.
pub(super) struct Folder(pub PathBuf);

/// Held while files come and go; given back when dropped.
struct Lock(#[expect(dead_code, reason = "the lock is the open file")] File);

impl Folder {
    fn path(&self, id: SubjectId, what: &str) -> PathBuf {
        self.0.join(format!("{id}.{what}"))
    }

    /// Whether the key is there: asked each time, since another process may destroy it.
    pub fn has(&self, id: SubjectId) -> bool {
        self.path(id, KEY).exists()
    }

    pub fn read(&self, id: SubjectId) -> Result<Option<Key>, SubjectError> {
        let path = self.path(id, KEY);
        let Some(file) = read_key(&path)? else { return Ok(None) };
        let key = file.key().filter(|key| key.id == id);
        key.map(Some).ok_or_else(|| unreadable(&path, "it is not 32 bytes under their own id"))
    }

    /// The key of a name, made when there is none.
    pub fn key_of(&self, name: &str) -> Result<Key, SubjectError> {
        let _lock = self.lock()?;
        let all = self.list()?;
        if let Some(known) = all.iter().find(|listed| listed.subject == name) {
            return self.read(known.id)?.ok_or(SubjectError::Gone(known.id));
        }
        if all.len() >= SUBJECTS_MAX {
            return Err(SubjectError::Full);
        }
        let random = |_| SubjectError::Cipher("the system gives no randomness");
        let id = SubjectId::fresh().map_err(random)?;
        let mut bytes = Zeroizing::new([0u8; 32]);
        getrandom::fill(bytes.as_mut()).map_err(random)?;
        let key = STANDARD.encode(bytes.as_ref());
        self.write(&self.path(id, KEY), &KeyFile { v: Version, id, subject: name.to_owned(), key })?;
        Ok(Key { id, secret: Secret::new(*bytes) })
    }

    pub fn ids(&self) -> Result<BTreeSet<SubjectId>, SubjectError> {
        let name = |path: &PathBuf| path.file_stem()?.to_str()?.parse().ok();
        Ok(self.files(KEY)?.iter().filter_map(name).collect())
    }

    pub fn list(&self) -> Result<Vec<Listed>, SubjectError> {
        let mut all = Vec::new();
        for path in self.files(KEY)? {
            if let Some(file) = read_key(&path)? {
                all.push(Listed { subject: file.subject.clone(), id: file.id });
            }
        }
        all.sort();
        Ok(all)
    }

    /// From here on a crash leads to the end of the key.
    pub fn begin_erasing(&self, name: &str, by: &str, reason: &str) -> Result<Erasing, SubjectError> {
        if !self.0.is_dir() {
            return Err(SubjectError::Unknown);
        }
        let _lock = self.lock()?;
        let known = self.list()?.into_iter().find(|listed| listed.subject == name);
        let id = known.ok_or(SubjectError::Unknown)?.id;
        let erasing = Erasing { v: Version, id, by: by.to_owned(), reason: reason.to_owned() };
        self.write(&self.path(id, ERASING), &erasing)?;
        Ok(erasing)
    }

    pub fn erasing(&self) -> Result<Vec<Erasing>, SubjectError> {
        let mut all = Vec::new();
        for path in self.files(ERASING)? {
            let bytes = fs::read(&path).map_err(io("read", &path))?;
            all.push(serde_json::from_slice(&bytes).map_err(|e| unreadable(&path, &e.to_string()))?);
        }
        Ok(all)
    }

    pub fn erased(&self, id: SubjectId) -> Result<(), SubjectError> {
        remove(&self.path(id, ERASING))?;
        self.sync()
    }

    /// Overwritten, synced, removed, its folder synced.
    pub fn destroy(&self, id: SubjectId) -> Result<bool, SubjectError> {
        let path = self.path(id, KEY);
        let mut file = match OpenOptions::new().write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(io("open", &path)(source)),
        };
        let length = file.metadata().map_err(io("look at", &path))?.len().min(FILE_BYTES_MAX);
        let nothing = vec![0u8; usize::try_from(length).unwrap_or_default()];
        file.write_all(&nothing).and_then(|()| file.sync_all()).map_err(io("overwrite", &path))?;
        remove(&path)?;
        self.sync()?;
        Ok(true)
    }

    fn lock(&self) -> Result<Lock, SubjectError> {
        fs::DirBuilder::new().mode(0o700).recursive(true).create(&self.0).map_err(io("make", &self.0))?;
        let path = self.0.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(io("open", &path))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|errno| io("lock", &path)(errno.into()))?;
        Ok(Lock(file))
    }

    /// Temporary files are for their owner only.
    fn write(&self, path: &Path, what: &impl Serialize) -> Result<(), SubjectError> {
        let fail = || io("write", path);
        let text =
            serde_json::to_vec(what).map(Zeroizing::new).map_err(|e| unreadable(path, &e.to_string()))?;
        let mut file = tempfile::Builder::new().prefix(".tmp").tempfile_in(&self.0).map_err(fail())?;
        file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(fail())?;
        file.persist(path).map_err(|e| fail()(e.error))?;
        self.sync()
    }

    fn sync(&self) -> Result<(), SubjectError> {
        File::open(&self.0).and_then(|folder| folder.sync_all()).map_err(io("sync", &self.0))
    }

    fn files(&self, what: &str) -> Result<Vec<PathBuf>, SubjectError> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(io("list", &self.0)(source)),
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == what));
        paths.sort();
        Ok(paths)
    }
}

fn read_key(path: &Path) -> Result<Option<KeyFile>, SubjectError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX as usize));
    match File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)) {
        Ok(_) => {}
        // Destroyed just now.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io("read", path)(source)),
    }
    // A crash while it was destroyed: it is nobody's key any more.
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|e| unreadable(path, &e.to_string()))
}

fn remove(path: &Path) -> Result<(), SubjectError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(io("remove", path)(source)),
        _ => Ok(()),
    }
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SubjectError + use<> {
    let path = path.to_owned();
    move |source| SubjectError::Io { doing, path, source }
}

fn unreadable(path: &Path, problem: &str) -> SubjectError {
    SubjectError::Unreadable { path: path.to_owned(), problem: problem.to_owned() }
}
