//! Why the log has no answer.

use std::path::PathBuf;

use crate::journal;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is being built, or is about to have it.
    #[error("the log is not that far yet: ask again in {retry_after_s} s")]
    NotYet {
        /// When to ask again.
        retry_after_s: u64,
    },
    /// The log has no such thing.
    #[error("{0} is not in the log")]
    NotThere(String),
    /// The entries were pruned.
    #[error("{0} is below the minimum of this log: its entries were pruned, its hashes were not")]
    Pruned(String),
    /// It publishes nothing, and why.
    #[error("the log publishes nothing: {0}")]
    Silent(String),
    /// The journal could not be read.
    #[error("the log cannot read the journal: {0}")]
    Journal(#[from] journal::Error),
    /// A file of the log could not be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    /// Of a system call about a file.
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
