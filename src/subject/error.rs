//! Why text could not be sealed, or a key not destroyed.

use std::path::PathBuf;

use crate::base::ids::SubjectId;
use crate::base::limits::{SEALED_SUBJECTS_MAX, SUBJECTS_MAX};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// There is no such subject.
    #[error("there is no key of that subject here: nothing was reported about it, or it was erased before")]
    Unknown,
    /// The folder is full.
    #[error("{SUBJECTS_MAX} subjects have a key, more cannot be had: erase those that need no text any more")]
    Full,
    /// The key is gone.
    #[error("the key {0} is not here: it was destroyed, or not put back after a restore")]
    Gone(SubjectId),
    /// Too many subjects at once.
    #[error("text of {0} subjects at once, at most {SEALED_SUBJECTS_MAX}")]
    TooMany(usize),
    /// The cipher or the system's randomness.
    #[error("cannot seal: {0}")]
    Cipher(&'static str),
    /// A file of the folder.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that says something else.
    #[error("{} is not a subject's key: {problem}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}
