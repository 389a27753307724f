//! A copy of the newest index, to be looked at beside the segments. Opening sled writes, and this changes nothing: so
//! what is opened is a copy. Not for answering queries (`index`).

use std::fs;
use std::path::Path;

use super::durable::Head;
use super::error::Error;
use super::files::FolderLock;
use super::index::newest_folder;
use super::rows::{By, Rows, incident_term, kind_term};
use crate::base::ids::{IncidentId, Seq};

/// What came of copying it.
pub enum IndexSeen {
    /// There is none: it is built anew at the next start.
    Absent,
    /// A daemon has it open, so a copy would be of two moments.
    InUse,
    /// It cannot be opened.
    Broken(String),
    /// A copy.
    Copied(Box<IndexCopy>),
}

/// See the module. Gone when it is dropped.
pub struct IndexCopy {
    rows: Rows,
    _folder: tempfile::TempDir,
}

/// Copies the index of a home's state folder.
pub fn copy_index(state: &Path) -> Result<IndexSeen, Error> {
    let (_, newest) = newest_folder(state);
    if !newest.is_dir() {
        return Ok(IndexSeen::Absent);
    }
    let lock = match FolderLock::take(&state.join("journal")) {
        Ok(lock) => lock,
        Err(Error::Locked { .. }) => return Ok(IndexSeen::InUse),
        Err(other) => return Err(other),
    };
    let folder = tempfile::tempdir().map_err(Error::io("make a folder in", std::env::temp_dir()))?;
    copy_folder(&newest, folder.path()).map_err(Error::io("copy", &newest))?;
    drop(lock);
    Ok(match Rows::open(folder.path(), None) {
        Ok(rows) => IndexSeen::Copied(Box::new(IndexCopy { rows, _folder: folder })),
        Err(trouble) => IndexSeen::Broken(trouble.0),
    })
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

impl IndexCopy {
    /// The last entry that is wholly in it.
    pub fn head(&self) -> Option<Head> {
        self.rows.head()
    }
    /// Lines from a seq on, at most `limit`.
    pub fn lines(&self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, String> {
        self.rows.lines(from, limit).map_err(|trouble| trouble.0)
    }
    /// Entries of an incident.
    pub fn by_incident(&self, id: &IncidentId) -> Result<Vec<Seq>, String> {
        let seqs = self.rows.seqs(By::Incident, &incident_term(id), None, usize::MAX);
        seqs.map_err(|trouble| trouble.0)
    }
    /// Entries of a kind.
    pub fn by_kind(&self, kind: &str) -> Result<Vec<Seq>, String> {
        self.rows.seqs(By::Kind, &kind_term(kind), None, usize::MAX).map_err(|trouble| trouble.0)
    }
    /// Whether every index row checks and none is missing, as far as the index itself can tell.
    pub fn check_rows(&self) -> Result<(), String> {
        self.rows.check(&|| false).map_err(|trouble| trouble.0)
    }
}
