//! Why the daemon did not start, or ended.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{config, content, keys};
use crate::{action, journal};

/// Why the daemon did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] config::ConfigError),
    /// The address is taken.
    #[error(
        "cannot listen on {address}: {source}; is another daemon running? `--listen` or `listen:` in remediator.yaml chooses another"
    )]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The key.
    #[error(transparent)]
    Key(#[from] keys::KeyError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// Runbooks and trust.
    #[error(transparent)]
    Content(#[from] content::ContentError),
    /// Hands.
    #[error(transparent)]
    Hands(#[from] action::Error),
    /// Leftovers.
    #[error(transparent)]
    Leftovers(#[from] action::leftovers::HuntError),
    /// Locks.
    #[error(transparent)]
    Locks(#[from] crate::coordination::LockError),
    /// Eyes.
    #[error(transparent)]
    Eyes(#[from] crate::sentinel::Error),
    /// Channels.
    #[error(transparent)]
    Channels(#[from] crate::notify::Error),
    /// Something that only the operating system can refuse.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was attempted.
        doing: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The journal could not be written any more.
    #[error("the journal was sealed: {0}; nothing was acknowledged since. Restart once the disk is well")]
    Sealed(String),
    /// There was a journal, for its key is there.
    #[error(
        "the journal of {} is missing although its key is there: put state/journal back from a backup or an export, or \
         make another home with `remediator init`", .0.display()
    )]
    JournalLost(PathBuf),
    /// The home has no journal.
    #[error("{} is not a home: make one with `remediator init --home {}`", .0.display(), .0.display())]
    NoHome(PathBuf),
}

impl Error {
    /// The documented exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::NoHome(_) => 2,
            Self::JournalLost(_) => 5,
            Self::Journal(error) => error.exit_code(),
            Self::Key(_) => 4,
            _ => 75,
        }
    }
}
