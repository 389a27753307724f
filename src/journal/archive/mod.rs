//! Archives of old segments: written, signed, verified by reading them back, pruned to, and put back from.
//! Not for what is kept beside the live segments (`base`).

mod blobs;
mod manifest;
mod prune;
mod read;
mod restore;
mod write;

pub use manifest::{ArchiveManifest, ArchivedSegment};
pub use prune::{PrunePlan, PruneStep, Pruning};
pub use read::{Archive, verify_archive};
pub use restore::Restoring;
pub use write::{Below, archive};
