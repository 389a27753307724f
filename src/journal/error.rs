//! What can go wrong with the journal: each says what was attempted and what to do about it.
//! Not for: what is wrong with one line (`line`), which is data of a report.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::base::sign::KeyId;

/// Where stored bytes are not what they must be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Damage {
    /// First entry that is not as it must be.
    pub seq: Seq,
    /// Name of the file that holds it.
    pub file: String,
    /// Byte in that file at which the trouble shows.
    pub byte: u64,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "entry {} at byte {} of {}: {}", self.seq, self.byte, self.file, self.what)
    }
}

/// Why the journal did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the journal open.
    #[error("the journal in {} is in use by another process: stop it, or ask it instead", path.display())]
    Locked {
        /// The journal's folder.
        path: PathBuf,
    },
    /// There is no journal here.
    #[error("no journal in {}: make a home with `remediator init`", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There already is one.
    #[error("{} already holds a journal: choose another home", path.display())]
    Exists {
        /// The journal's folder.
        path: PathBuf,
    },
    /// The key at hand is not the one that signs this journal.
    #[error(
        "the journal is signed with key {expected}, the key at hand is {got}: put the right key back, \
         or go on with `journal fork --reason`"
    )]
    WrongKey {
        /// Id of the key in force.
        expected: KeyId,
        /// Id of the key that was given.
        got: KeyId,
    },
    /// A write or sync failed: nothing more is acknowledged by this process.
    #[error("the journal is sealed since a write failed ({reason}): restart once the disk is well")]
    Sealed {
        /// What failed.
        reason: String,
    },
    /// Entries that were once durable cannot be read and were found nowhere else.
    #[error(
        "the journal is damaged and read-only ({0}): `journal restore --from EXPORT` or \
         `journal fork --reason`"
    )]
    ReadOnly(Damage),
    /// The disk is full; what is left is kept for outcomes and controls.
    #[error("the disk is full: free some space; outcomes and controls still go through")]
    DiskFull,
    /// What was handed in may not become an entry.
    #[error("not a legal entry: {0}")]
    Illegal(String),
    /// Stored bytes are not what they must be.
    #[error("damaged: {0}; `remediator audit verify` says more")]
    Damaged(Damage),
    /// The journal, or what stands beside it, is of a form that this version does not read.
    #[error("{} cannot be read: {what}; use the version that wrote it, or a later one", path.display())]
    OtherFormat {
        /// The journal's folder, or the file.
        path: PathBuf,
        /// Which version was found and which is known.
        what: String,
    },
    /// An entry of a newer version: it can be shown and exported, not folded.
    #[error("entry {seq}: {source}")]
    Unreadable {
        /// Which entry.
        seq: Seq,
        /// Why.
        source: crate::event::Error,
    },
    /// An export would be mixed with what is there.
    #[error("{} is not empty: name an empty or new folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// No sealed segment may be archived yet.
    #[error("no sealed segment is that old: a segment is sealed when the next one is begun")]
    NothingOld,
    /// The indexes are being built.
    #[error("the journal's indexes are being built: ask again in {} s", retry_after.as_secs())]
    Rebuilding {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The entry is below the journal's minimum.
    #[error(
        "entry {seq} was pruned: this journal begins with entry {minimum}; `remediator journal restore --from-archive DIR` \
         brings older ones back"
    )]
    Pruned {
        /// Which entry.
        seq: Seq,
        /// The first that is there.
        minimum: Seq,
    },
    /// The state that folding has to begin with cannot be used.
    #[error(
        "what is folded from entry {minimum} on begins with a state that {why}: `remediator journal refold --archive DIR` \
         makes it anew from what was pruned; {archive}"
    )]
    NoState {
        /// The first entry that is there.
        minimum: Seq,
        /// What is wrong with the state.
        why: String,
        /// Which archive holds what was pruned last, and where it was.
        archive: String,
    },
    /// An archive is not what it says, or does not fit this journal.
    #[error("the archive {} cannot be used: {what}", path.display())]
    Archive {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// An archive is whole, or there is none, and it is not the one that this is to be done with.
    #[error("the archive {} is not the one for this: {what}", path.display())]
    UnfitArchive {
        /// The folder.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// An archive is another journal's.
    #[error("the archive {} is of another journal: name one of this home; nothing was changed", path.display())]
    ForeignArchive {
        /// The folder.
        path: PathBuf,
    },
    /// A blob's bytes are not those its name promises.
    #[error("blob {0} is damaged: restore it from an export")]
    BlobDamaged(Blake3),
    /// The folder is neither a journal nor an export, or is not whole.
    #[error("{} is not a usable journal or export: {what}", path.display())]
    NotAJournal {
        /// Which folder.
        path: PathBuf,
        /// What is missing or wrong.
        what: String,
    },
}

impl Error {
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }

    /// The documented exit code of a command that ends with this.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Damaged(_) | Self::ReadOnly(_) | Self::BlobDamaged(_) | Self::Archive { .. } => 5,
            Self::WrongKey { .. } | Self::ForeignArchive { .. } => 4,
            Self::Missing { .. }
            | Self::Exists { .. }
            | Self::Illegal(_)
            | Self::NotAJournal { .. }
            | Self::NothingOld
            | Self::UnfitArchive { .. }
            | Self::NotEmpty { .. } => 2,
            Self::Unreadable { .. }
            | Self::OtherFormat { .. }
            | Self::Pruned { .. }
            | Self::NoState { .. } => 69,
            Self::Io { .. }
            | Self::Locked { .. }
            | Self::Sealed { .. }
            | Self::DiskFull
            | Self::Rebuilding { .. } => 75,
        }
    }

    /// The documented HTTP status of an answer that ends with this.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::Illegal(_) => 422,
            Self::Missing { .. } => 404,
            Self::Pruned { .. } => 410,
            Self::Damaged(_) | Self::BlobDamaged(_) | Self::Unreadable { .. } => 500,
            _ => 503,
        }
    }
}
