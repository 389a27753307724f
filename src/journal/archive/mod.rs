//! Archives of old segments: written, signed, verified by reading them back, pruned to, and put back from.
//! A pruned journal's first state is made anew from them, too.
//! Not for what is kept beside the live segments (`base`).

mod blobs;
mod manifest;
mod prune;
mod read;
mod refold;
mod restore;
mod write;

pub use manifest::{ArchiveManifest, ArchivedSegment};
pub use prune::{PrunePlan, PruneStep, Pruning};
pub use read::{Archive, must_be_of, verify_archive};
pub use refold::{PrunedHistory, RefoldStep, Refolding};
pub use restore::Restoring;
pub use write::{Below, archive};

/// Whether a folder is an archive, by its signature's name; nothing of it was looked at.
pub(super) fn is_one(folder: &std::path::Path) -> bool {
    folder.join(manifest::SIGNATURE).is_file()
}
