//! Snapshots of the fold: a shortcut at start, believed only when an entry of the journal names their hash.
//! What is in them is the caller's business.

use std::fs;
use std::path::{Path, PathBuf};

use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::event::journal::SnapshotTaken;

use super::error::Error;
use super::files::{make_folder, write_durably};

/// Snapshots that are kept: the newest, and one more in case it turns out unreadable.
const KEPT: usize = 2;

/// The folder of snapshots. A file's name says what it holds and which entry vouches for it.
#[derive(Debug, Clone)]
pub(super) struct Snapshots {
    folder: PathBuf,
}

/// A snapshot file and the entry that should vouch for it.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub entry: Seq,
    path: PathBuf,
}

impl Snapshots {
    pub fn new(state: &Path) -> Self {
        Self { folder: state.join("snapshots") }
    }

    /// Writes the bytes, not yet vouched for.
    pub fn write(&self, seq: Seq, bytes: &[u8]) -> Result<(), Error> {
        make_folder(&self.folder)?;
        write_durably(&self.folder, &pending(seq), bytes)
    }

    /// The entry that vouches for it is durable: gives the file its name and removes old ones.
    pub fn keep(&self, seq: Seq, entry: Seq) -> Result<(), Error> {
        let to = self.folder.join(format!("{seq:020}-{entry:020}.snapshot"));
        fs::rename(self.folder.join(pending(seq)), &to).map_err(Error::io("rename to", to))?;
        for old in self.candidates().into_iter().skip(KEPT) {
            let _ = fs::remove_file(old.path);
        }
        Ok(())
    }

    /// Removes those whose entry is below a seq: nothing vouches for them any more.
    pub fn forget_below(&self, minimum: Seq) {
        for old in self.candidates().into_iter().filter(|candidate| candidate.entry < minimum) {
            let _ = fs::remove_file(old.path);
        }
    }

    /// All named snapshots, newest first.
    pub fn candidates(&self) -> Vec<Candidate> {
        let entry_of = |name: &str| name.strip_suffix(".snapshot")?.split_once('-')?.1.parse().ok();
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut found: Vec<Candidate> = files
            .filter_map(|file| {
                let entry = entry_of(file.file_name().to_str()?)?;
                Some(Candidate { entry, path: file.path() })
            })
            .collect();
        found.sort_unstable_by_key(|candidate| std::cmp::Reverse(candidate.entry));
        found
    }
}

impl Candidate {
    /// The bytes, when they are those that the entry names.
    pub fn read(&self, taken: &SnapshotTaken) -> Option<Vec<u8>> {
        let bytes = fs::read(&self.path).ok()?;
        (Blake3::of(&bytes) == taken.state_hash && bytes.len() as u64 == taken.bytes).then_some(bytes)
    }
}

fn pending(seq: Seq) -> String {
    format!("{seq:020}.pending")
}
