//! `IntentJournal`: every entry one signed, chained line; durable before anything that rests on it leaves.
//! Segments are the truth, sled answers questions; each mends the other. docs/journal-format.md has the bytes.
//! Not for: what entries mean (`context`), who may write them (`remediator`), people's keys (`base`).

mod appender;
mod archive;
mod base;
mod batch;
mod blobs;
mod clock;
mod durable;
mod encode;
mod error;
mod export;
mod files;
mod handle;
mod head;
mod index;
mod index_copy;
mod json;
mod latency;
mod line;
mod line_rows;
mod memory;
mod offline;
mod open;
mod pieces;
pub mod proof;
mod queries;
mod recovery;
mod repair;
mod rows;
mod seals;
mod segment;
mod select;
mod sign;
mod signatures;
mod snapshot;
mod store;
mod subscribe;
mod verify;
mod walk;
mod words;
mod writer;

pub use appender::Appended;
pub use archive::{
    Archive, ArchiveManifest, ArchivedSegment, Below, PrunePlan, PruneStep, PrunedHistory, Pruning,
    RefoldStep, Refolding, Restoring, archive, must_be_of, verify_archive,
};
pub use base::{Base, KeptTree};
pub use clock::{Clock, FixedClock, SystemClock};
pub use durable::Head;
pub use error::{Damage, Error};
pub use export::{Exported, Manifest, export};
pub use handle::{IndexMode, IntentJournal, Opened, Options};
pub use index_copy::{IndexCopy, IndexSeen, copy_index};
pub use latency::{BOUNDS_US, Latency};
pub use line::{DATA_BYTES_MAX, Line, LineError, LineRef};
pub use memory::{Fault, Memory};
pub use offline::{Offline, read_offline};
pub use select::{AnyOf, Listed, Postings, Selection, intersect};
pub use subscribe::Subscription;
pub use verify::{Depth, Progress, Report, Torn, verify};
pub use words::{Following, Theirs, Word};
pub use writer::{AppendClass, Space};
