//! Which blobs an entry names: without them it says less than it did. Not for reading them (journal).

use super::Event;
use crate::base::digest::Blake3;
use crate::base::text::OutsideText;

impl Event {
    /// Kinds whose entries may name blobs.
    pub const KINDS_WITH_BLOBS: [&'static str; 7] = [
        "journal.genesis",
        "journal.pruned",
        "content.catalog_loaded",
        "content.trust_changed",
        "degradation.seen",
        "degradation.refused",
        "step.finished",
    ];

    /// The blobs that this entry names.
    pub fn blobs(&self) -> Vec<Blake3> {
        let outside = |text: &OutsideText| match text {
            OutsideText::Blob(digest) => vec![*digest],
            OutsideText::Text(_) => Vec::new(),
        };
        match self {
            Self::Genesis(genesis) => genesis.trust_blobs.values().copied().collect(),
            Self::Pruned(pruned) => vec![pruned.state],
            Self::CatalogLoaded(loaded) => vec![loaded.manifest],
            Self::TrustChanged(changed) => changed.blobs.values().copied().collect(),
            Self::DegradationSeen(seen) => seen.detail.as_ref().map(outside).unwrap_or_default(),
            Self::DegradationRefused(refused) => outside(&refused.said),
            Self::StepFinished(finished) => outside(&finished.output),
            _ => Vec::new(),
        }
    }
}
