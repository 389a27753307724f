//! The witness of other logs: keeps, for each, the head that it cosigned last, and cosigns only what continues it. What it
//! keeps is durable before its cosignature leaves, and one request is compared and kept at a time, so that it can never
//! go back. Not for reading and judging a request (`witness_request`).

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};

use super::checkpoint::LogKey;
use super::error::Error;
use super::levels::replace;
use super::merkle::Hash;
use super::note::{Kind, Signature, Verifier, cosign};
use super::witness_request::{AddCheckpoint, Refusal, Seen};
use crate::base::digest::FileDigest;
use crate::base::formats::{self, Version};
use crate::base::sign::JournalKey;
use crate::journal::Clock;

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// By the rules of the protocol.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What it cosigned last cannot be read or kept: then it cosigns nothing.
    #[error("the witness cannot keep what it cosigns: {0}")]
    Store(#[from] Error),
    /// The record on disk is no record.
    #[error("{} is no record of a witness: put it back from a backup", .0.display())]
    Record(PathBuf),
}

/// What is kept of a log, a file each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    v: Version<{ formats::WITNESS }>,
    origin: String,
    size: u64,
    root: String,
    /// The checkpoint itself: two of one size and different roots prove that the log forked.
    checkpoint: String,
}

/// A witness. Clones are handles to the same one.
#[derive(Clone)]
pub struct Witness {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    name: String,
    key: JournalKey,
    clock: Arc<dyn Clock>,
    logs: RwLock<Vec<LogKey>>,
    /// Held from comparing to keeping.
    one_at_a_time: Mutex<()>,
}

impl Witness {
    /// A witness of no log yet, that keeps its records in `folder` and cosigns under a name.
    pub fn new(folder: PathBuf, name: String, key: JournalKey, clock: Arc<dyn Clock>) -> Self {
        let (logs, one_at_a_time) = (RwLock::default(), Mutex::default());
        Self { inner: Arc::new(Inner { folder, name, key, clock, logs, one_at_a_time }) }
    }

    /// These logs are known from here on, and no others.
    pub fn know(&self, logs: Vec<LogKey>) {
        *self.inner.logs.write().unwrap_or_else(PoisonError::into_inner) = logs;
    }

    /// The key of its cosignatures, as a policy names it.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(&self.inner.name, Kind::Timestamped, self.inner.key.public())
    }

    /// Takes a checkpoint in: compared with the one before, kept, and only then cosigned. Blocks on the disk.
    pub fn add_checkpoint(&self, body: &str) -> Result<Signature, WitnessError> {
        let request = AddCheckpoint::parse(body)?;
        let logs = self.inner.logs.read().unwrap_or_else(PoisonError::into_inner).clone();
        let _one_at_a_time = self.inner.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.inner.folder.join(file_name(&request.head.origin));
        let seen = read(&path, &request.head.origin)?;
        let new = request.judge(&logs, seen)?;
        if seen != Some(new) {
            self.keep(&path, &request, new)?;
        }
        let time = u64::try_from(self.inner.clock.now().time_us / 1_000_000).unwrap_or(0);
        Ok(cosign(&self.inner.name, &self.inner.key, &request.note.text, time))
    }

    fn keep(&self, path: &Path, request: &AddCheckpoint, new: Seen) -> Result<(), Error> {
        let folder = &self.inner.folder;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(Error::io("make", folder))?;
        let record = Record {
            v: Version,
            origin: request.head.origin.clone(),
            size: new.size,
            root: new.root.to_string(),
            checkpoint: request.note.to_string(),
        };
        let mut text = serde_json::to_vec_pretty(&record).unwrap_or_default();
        text.push(b'\n');
        replace(path, &text, true)
    }
}

/// Origins may hold anything; file names may not.
fn file_name(origin: &str) -> String {
    format!("{}.json", FileDigest::of(origin.as_bytes()).to_string().trim_start_matches("sha256:"))
}

fn read(path: &Path, origin: &str) -> Result<Option<Seen>, WitnessError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", path)(e).into()),
    };
    let no_record = || WitnessError::Record(path.to_owned());
    let record: Record = serde_json::from_slice(&bytes).map_err(|_| no_record())?;
    let root = Hash::parse(&record.root).filter(|_| record.origin == origin);
    Ok(Some(Seen { size: record.size, root: root.ok_or_else(no_record)? }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Stamp;
    use crate::journal::FixedClock;
    use crate::tlog::checkpoint::Checkpoint;
    use crate::tlog::merkle::{InMemory, consistency, root};
    use crate::tlog::note::{Note, Verdict};

    fn log() -> JournalKey {
        JournalKey::from_seed(&[1; 32])
    }

    fn witness(folder: &Path) -> Witness {
        let clock = Arc::new(FixedClock(Stamp { time_us: 99_000_000, mono_ms: 0 }));
        let key = JournalKey::from_seed(&[2; 32]);
        let witness = Witness::new(folder.join("witness"), "w.example".into(), key, clock);
        witness.know(vec![LogKey { origin: "log".into(), key: log().public() }]);
        witness
    }

    fn body(old: u64, new: u64) -> String {
        let mut tree = InMemory::default();
        (0..new).for_each(|n| tree.push(Hash::of_leaf(&n.to_be_bytes())));
        let head = Checkpoint { origin: "log".into(), size: new, root: root(&tree, new).expect("a root") };
        let proof = consistency(&tree, old, new).expect("a proof");
        AddCheckpoint { old, proof, note: head.signed(&log(), 3), head }.body()
    }

    #[test]
    fn what_was_cosigned_is_remembered_over_a_restart_and_there_is_no_way_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let signature = witness(folder.path()).add_checkpoint(&body(0, 7)).expect("the first");
        let text = AddCheckpoint::parse(&body(0, 7)).expect("a request").note.text;
        let note = Note { text, signatures: vec![signature] };
        assert_eq!(witness(folder.path()).verifier().verify(&note), Verdict::Holds(Some(99)));
        let again = witness(folder.path());
        let size = |e| matches!(e, WitnessError::Refused(Refusal::OtherSize(7)));
        assert!(again.add_checkpoint(&body(0, 40)).is_err_and(size));
        assert!(again.add_checkpoint(&body(7, 40)).is_ok());
        assert!(witness(folder.path()).add_checkpoint(&body(40, 40)).is_ok());
        assert!(witness(folder.path()).add_checkpoint(&body(7, 8)).is_err());
    }

    #[test]
    fn a_witness_that_cannot_keep_cosigns_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("witness"), "in the way").expect("a file");
        let refused = witness(folder.path()).add_checkpoint(&body(0, 7));
        assert!(matches!(refused, Err(WitnessError::Store(_))), "{refused:?}");
        std::fs::remove_file(folder.path().join("witness")).expect("out of the way");
        let good = witness(folder.path());
        good.add_checkpoint(&body(0, 7)).expect("the first");
        let path = folder.path().join("witness").join(file_name("log"));
        std::fs::write(&path, "{}").expect("damaged");
        assert!(matches!(good.add_checkpoint(&body(0, 9)), Err(WitnessError::Record(_))));
    }

    #[test]
    fn of_many_at_once_each_size_is_left_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let witness = witness(folder.path());
        witness.add_checkpoint(&body(0, 5)).expect("the first");
        let bodies: Vec<String> = (6..30).map(|new| body(5, new)).collect();
        let taken = std::thread::scope(|scope| {
            let witness = &witness;
            let threads: Vec<_> =
                bodies.iter().map(|body| scope.spawn(move || witness.add_checkpoint(body).is_ok())).collect();
            threads.into_iter().map(|t| t.join().expect("no panic")).filter(|taken| *taken).count()
        });
        assert_eq!(taken, 1);
    }
}
