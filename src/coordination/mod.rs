//! MachineLock (RM-13): one holder per resource on this machine, and a fencing token that only grows.
//! The kernel's lock is the heartbeat: it ends with the process that holds it. Who may act is not decided
//! here; a [`LockProof`] only says that the lock is held and that its grant is durable.

mod break_lock;
mod file;
mod folder;
mod node;
mod proof;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::ids::{AttemptId, NodeId};
use crate::base::time::rfc3339;

pub use break_lock::{Broken, Seen};
pub use file::Held;
pub use node::Served;
pub use proof::LockProof;

/// Who holds a lock; stands in the lock's file for whoever finds it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id of the daemon.
    pub pid: u32,
    /// Its home's node id.
    pub node: NodeId,
    /// The attempt it is for.
    pub attempt: AttemptId,
    /// Since when, Unix µs.
    pub since: i64,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pid, node, attempt, since } = self;
        write!(f, "process {pid} of node {node} for attempt {attempt} since {}", rfc3339(*since))
    }
}

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it.
    #[error("lock `{resource}` is held by {holder}: wait until that attempt ends")]
    Busy {
        /// The resource.
        resource: String,
        /// Who, as far as known.
        holder: String,
    },
    /// A daemon of the same node runs, from another folder.
    #[error(
        "a daemon of this node ({node}) runs already, {by}: a copy of a home must not run beside the original, \
         whose services and steps it would take for its own"
    )]
    NodeServed {
        /// The node.
        node: NodeId,
        /// Which process, from where, as far as known.
        by: String,
    },
    /// The folder cannot be trusted or used.
    #[error("lock folder {path}: {problem}; set REMEDIATOR_LOCK_DIR to a folder of root or of this user")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The file of the resource is not what a lock file is.
    #[error(
        "lock `{resource}`, file {path}: {problem}; when no remediator runs on this machine, remove the file"
    )]
    Damaged {
        /// The resource.
        resource: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The system refused.
    #[error("cannot {what} lock `{resource}`, file {path}: {source}; check owner, mode and free space")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The resource.
        resource: String,
        /// Its file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The durable grant is not about these locks.
    #[error("the durable lock.granted names {granted:?}, held are {held:?}: ask for the locks again")]
    NotThisGrant {
        /// Tokens in the entry.
        granted: BTreeMap<String, u64>,
        /// Tokens in the files.
        held: BTreeMap<String, u64>,
    },
    /// It is not held as somebody said.
    #[error(
        "lock `{resource}` is not held with token {token}: {problem}; `remediator lock ls --machine` shows what is"
    )]
    NotHeldSo {
        /// The resource.
        resource: String,
        /// The token that was said.
        token: u64,
        /// What was found.
        problem: String,
    },
    /// The lock was ours and is not any more.
    #[error(
        "lock `{resource}` is no longer held with token {token}: {problem}; nothing may be done under it"
    )]
    Lost {
        /// The resource.
        resource: String,
        /// Our token.
        token: u64,
        /// What was found.
        problem: String,
    },
}

impl LockError {
    /// The resource it is about, where it is about one.
    pub fn resource(&self) -> Option<&str> {
        match self {
            Self::Busy { resource, .. }
            | Self::Damaged { resource, .. }
            | Self::Io { resource, .. }
            | Self::NotHeldSo { resource, .. }
            | Self::Lost { resource, .. } => Some(resource),
            Self::Folder { .. } | Self::NotThisGrant { .. } | Self::NodeServed { .. } => None,
        }
    }
}

/// The locks of this machine: one file per resource in one folder that every home shares.
#[derive(Debug)]
pub struct MachineLock {
    folder: folder::Folder,
}

impl MachineLock {
    /// The machine's folder: `$REMEDIATOR_LOCK_DIR`, else `/run/lock/remediator`, else
    /// `/tmp/remediator-locks`.
    pub fn open() -> Result<Self, LockError> {
        folder::Folder::of_this_machine().map(|folder| Self { folder })
    }

    /// A given folder, made when it does not exist.
    pub fn at(path: &Path) -> Result<Self, LockError> {
        folder::Folder::at(path).map(|folder| Self { folder })
    }

    /// Where the files are.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes one lock or says who has it. `floor` is the last token of this resource in the own journal:
    /// the new token is larger than it and than the file's, and synced before this returns.
    pub fn try_acquire(&self, resource: &str, floor: u64, holder: &Holder) -> Result<Held, LockError> {
        file::try_acquire(&self.folder, resource, floor, holder)
    }

    /// Lets one daemon of a node run on this machine, whichever copy of its home it is started from. Held until what
    /// is given back is dropped or the process ends.
    pub fn serve_node(&self, node: NodeId, home: &Path) -> Result<Served, LockError> {
        node::serve(&self.folder, node, home)
    }

    /// Takes all of them (resource → floor), in the map's order, or none.
    pub fn try_acquire_all(
        &self,
        resources: &BTreeMap<String, u64>,
        holder: &Holder,
    ) -> Result<Vec<Held>, LockError> {
        // Dropping what was taken so far gives it back.
        resources.iter().map(|(resource, floor)| self.try_acquire(resource, *floor, holder)).collect()
    }

    /// Takes a lock from whoever holds it with this token. The caller has a person's signed word for it.
    pub fn break_lock(
        &self,
        resource: &str,
        token: u64,
        floor: u64,
        breaker: &Holder,
    ) -> Result<Broken, LockError> {
        break_lock::break_lock(&self.folder, resource, token, floor, breaker)
    }

    /// Every lock of this machine that is held, of whichever home. Takes none of them.
    pub fn held(&self) -> std::io::Result<Vec<Seen>> {
        break_lock::held(&self.folder)
    }
}
