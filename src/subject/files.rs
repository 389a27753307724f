//! `state/subjects`: one file per subject with its name and its key, and one per erasure that is under way. For their owner
//! only (0600 in 0700), each written beside, synced and renamed, one process at a time. Not for what keys do (`seal`).

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
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
/// What the name of a file begins with until it is whole.
const UNFINISHED: &str = ".tmp";

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

    /// Whether the key is there and nobody has begun to destroy it: asked each time, since another process may.
    pub fn has(&self, id: SubjectId) -> bool {
        self.path(id, KEY).exists() && !self.path(id, ERASING).exists()
    }

    pub fn read(&self, id: SubjectId) -> Result<Option<Key>, SubjectError> {
        let path = self.path(id, KEY);
        let Some(file) = read_key(&path)? else { return Ok(None) };
        file.key().map(Some).ok_or_else(|| unreadable(&path, "it is not 32 bytes"))
    }

    /// The key of a name, made when there is none.
    pub fn key_of(&self, name: &str) -> Result<Key, SubjectError> {
        let _lock = self.lock()?;
        let all = self.list()?;
        // What is sealed with a key that is about to go would be lost with it.
        if let Some(known) = all.iter().find(|listed| listed.subject == name && self.has(listed.id)) {
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
        Ok(self.files(KEY)?.iter().filter_map(|path| id_of(path)).collect())
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

    /// From here on a crash leads to the end of every key of that name. There are several where old files were put back
    /// when there was a new one already.
    pub fn begin_erasing(&self, name: &str, by: &str, reason: &str) -> Result<Vec<Erasing>, SubjectError> {
        if !self.0.is_dir() {
            return Err(SubjectError::Unknown);
        }
        let _lock = self.lock()?;
        let mut all = Vec::new();
        for listed in self.list()?.into_iter().filter(|listed| listed.subject == name) {
            let erasing = Erasing { v: Version, id: listed.id, by: by.to_owned(), reason: reason.to_owned() };
            self.write(&self.path(listed.id, ERASING), &erasing)?;
            all.push(erasing);
        }
        if all.is_empty() { Err(SubjectError::Unknown) } else { Ok(all) }
    }

    /// Those that are under way. One whose word cannot be read keeps none of the others back.
    pub fn erasing(&self) -> Result<Vec<Erasing>, SubjectError> {
        let read = |path: &PathBuf| -> Result<Erasing, SubjectError> {
            let bytes = fs::read(path).map_err(io("read", path))?;
            serde_json::from_slice(&bytes).map_err(|e| unreadable(path, &e.to_string()))
        };
        let told = |error: &SubjectError| tracing::error!(%error, "an erasure cannot be recorded: mend or remove the file");
        Ok(self.files(ERASING)?.iter().filter_map(|path| read(path).inspect_err(told).ok()).collect())
    }

    /// The ids of keys that are to be destroyed, whatever their files hold.
    pub fn doomed(&self) -> Result<BTreeSet<SubjectId>, SubjectError> {
        Ok(self.files(ERASING)?.iter().filter_map(|path| id_of(path)).collect())
    }

    pub fn erased(&self, id: SubjectId) -> Result<(), SubjectError> {
        remove(&self.path(id, ERASING))?;
        self.sync()
    }

    /// Overwritten, synced, removed, its folder synced.
    pub fn destroy(&self, id: SubjectId) -> Result<bool, SubjectError> {
        let path = self.path(id, KEY);
        let open = || OpenOptions::new().write(true).open(&path);
        let opened = match open() {
            // Made read-only by whoever copied it here; it is ours to destroy.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).and_then(|()| open())
            }
            other => other,
        };
        let mut file = match opened {
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
        self.remove_unfinished()?;
        Ok(Lock(file))
    }

    /// What a crash left of a file that was being written: it holds a name, and a key that nothing was sealed with. Nobody
    /// writes now, for that takes the lock.
    fn remove_unfinished(&self) -> Result<(), SubjectError> {
        for entry in fs::read_dir(&self.0).map_err(io("list", &self.0))?.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Temporary files are for their owner only.
    fn write(&self, path: &Path, what: &impl Serialize) -> Result<(), SubjectError> {
        let fail = || io("write", path);
        let text =
            serde_json::to_vec(what).map(Zeroizing::new).map_err(|e| unreadable(path, &e.to_string()))?;
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.0).map_err(fail())?;
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
    let file: KeyFile = serde_json::from_slice(&bytes).map_err(|e| unreadable(path, &e.to_string()))?;
    // Destroying goes by the name of the file: under another one the key would outlive it.
    match id_of(path) == Some(file.id) {
        true => Ok(Some(file)),
        false => Err(unreadable(path, "it holds the key of another id")),
    }
}

/// The id in a file's name.
fn id_of(path: &Path) -> Option<SubjectId> {
    path.file_stem()?.to_str()?.parse().ok()
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
