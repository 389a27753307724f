//! Where the read model gets entries from: a running journal, segments without a daemon, or a test's memory.
//! Not for folding (`projection`) nor for answers (`views`).

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tail::Tail;
use crate::base::digest::Blake3;
use crate::base::ids::{IncidentId, Seq};
use crate::event::Record;
use crate::journal::{Latency, Selection};

/// Why a read cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The indexes are being built anew.
    #[error("the journal's indexes are being rebuilt; ask again in {retry_after_s} s (reads by seq work)")]
    Rebuilding {
        /// When to ask again.
        retry_after_s: u64,
    },
    /// The projection did not reach an entry in time.
    #[error("the view is at seq {folded:?} and {wanted} was asked for; ask again in a second")]
    Behind {
        /// The entry that the answer must rest on.
        wanted: Seq,
        /// The last folded entry.
        folded: Option<Seq>,
    },
    /// There is no such thing in this journal.
    #[error("{what} is not in this journal")]
    NotFound {
        /// What was asked for: `incident 0190…`.
        what: String,
    },
    /// The entry was pruned.
    #[error(
        "entry {seq} was pruned: this journal begins with entry {minimum}; what is older is in an archive"
    )]
    Pruned {
        /// Which entry.
        seq: Seq,
        /// The first that is there.
        minimum: Seq,
    },
    /// Not a seq, an incident id or a receipt.
    #[error("`{0}` is neither a seq nor the id of an incident or a receipt")]
    NotAName(String),
    /// The journal could not be read.
    #[error("cannot read the journal: {what}")]
    Journal {
        /// What was attempted.
        what: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// For things that are not there.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }
}

/// How the journal itself is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Why nothing can be appended any more.
    pub sealed: Option<String>,
    /// `ample`, or `reserve_only` when the disk is nearly full.
    pub space: String,
}

impl Default for Health {
    fn default() -> Self {
        Self { sealed: None, space: "ample".into() }
    }
}

/// The last durable entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its seq.
    pub seq: Seq,
    /// Its chain hash.
    pub hash: Blake3,
}

/// A journal to read from. All of it blocks: call it from a thread that may.
pub trait Entries: Send + Sync {
    /// The last durable entry.
    fn head(&self) -> Result<Option<Head>, Error>;
    /// The first entry there is; those below it were pruned.
    fn minimum(&self) -> Seq {
        0
    }
    /// Entries from below the minimum that are kept all the same: genesis, changes of key, names of the log.
    fn below(&self) -> Vec<Record> {
        Vec::new()
    }
    /// One entry, decoded.
    fn record(&self, seq: Seq) -> Result<Option<Record>, Error>;
    /// One entry as it is stored, byte for byte.
    fn line(&self, seq: Seq) -> Result<Option<String>, Error>;
    /// Entries after a seq, as they are stored, at most `limit`.
    fn lines(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, String)>, Error>;
    /// Entries of an incident, oldest first.
    fn by_incident(&self, id: IncidentId) -> Result<Vec<Seq>, Error>;
    /// Entries of a kind, oldest first.
    fn by_kind(&self, kind: &str) -> Result<Vec<Seq>, Error>;
    /// Entries from `from` to `upto` that fit everything that is asked, oldest first, at most `limit`.
    fn select(&self, selection: &Selection, from: Seq, upto: Seq, limit: usize) -> Result<Vec<Seq>, Error>;
    /// Entries whose wall time is within a range (Unix µs, both ends included).
    fn by_time(&self, from_us: i64, to_us: i64) -> Result<Vec<Seq>, Error>;
    /// What a blob holds; none when it is not there.
    fn blob(&self, _digest: &Blake3) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }
    /// How long appends took since the journal was opened.
    fn latency(&self) -> Latency {
        Latency::default()
    }
    /// How the journal itself is.
    fn health(&self) -> Health;
    /// A place of its own behind a seq, when the source has such places.
    fn tail(&self, _after: Option<Seq>) -> Option<Box<dyn Tail>> {
        None
    }
    /// New decoded entries after a seq; waits up to `patience` for the first. `None` = there will be no more.
    fn follow(&self, after: Option<Seq>, patience: Duration) -> Result<Option<Vec<Record>>, Error>;
}
