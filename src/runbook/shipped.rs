//! Runbooks that come with remediator, embedded: their bytes and digests. A file with such a digest has the
//! author `shipped` and needs no author's signature, but still somebody's approval.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use crate::base::digest::FileDigest;

use super::checks;
use super::model::{BlastRadius, Content};

macro_rules! embed {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)))),+]
    };
}

/// Path in a content folder and bytes of each embedded file. Sentinels are samples, switched off by the end `.off`:
/// which service or volume they watch is the operator's to say.
pub const FILES: &[(&str, &[u8])] = embed![
    "proposals/database-corrupt/proposal.yaml",
    "proposals/delivery-stuck/proposal.yaml",
    "proposals/disk-filling/proposal.yaml",
    "proposals/fd-leak/proposal.yaml",
    "proposals/http-wedged/proposal.yaml",
    "proposals/memory-growth/proposal.yaml",
    "proposals/process-dead/proposal.yaml",
    "runbooks/database-corrupt/runbook.yaml",
    "runbooks/database-corrupt/sentinel.yaml.off",
    "runbooks/delivery-stuck/runbook.yaml",
    "runbooks/delivery-stuck/sentinel.yaml.off",
    "runbooks/disk-filling/runbook.yaml",
    "runbooks/disk-filling/sentinel.yaml.off",
    "runbooks/fd-leak/runbook.yaml",
    "runbooks/fd-leak/sentinel.yaml.off",
    "runbooks/http-wedged/runbook.yaml",
    "runbooks/http-wedged/sentinel.yaml.off",
    "runbooks/memory-growth/runbook.yaml",
    "runbooks/memory-growth/sentinel.yaml.off",
    "runbooks/process-dead/runbook.yaml",
    "runbooks/process-dead/sentinel.yaml.off",
];

/// What is said of a shipped runbook when its approval is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its proposal.
    pub proposal: String,
    /// Path in a content folder.
    pub path: &'static str,
    /// Digest of its bytes.
    pub digest: FileDigest,
    /// The largest thing that it may affect.
    pub blast_radius: BlastRadius,
}

/// The digests of all embedded files.
pub fn digests() -> Arc<BTreeSet<FileDigest>> {
    static DIGESTS: LazyLock<Arc<BTreeSet<FileDigest>>> =
        LazyLock::new(|| Arc::new(FILES.iter().map(|(_, bytes)| FileDigest::of(bytes)).collect()));
    Arc::clone(&DIGESTS)
}

/// The embedded runbooks.
pub fn runbooks() -> Vec<Shipped> {
    let content = FILES.iter().filter(|(path, _)| path.ends_with("/runbook.yaml"));
    content
        .filter_map(|(path, bytes)| match checks::read(path, bytes) {
            Ok(Content::Runbook(runbook)) => Some(Shipped {
                id: runbook.id.clone(),
                title: runbook.title.clone(),
                proposal: runbook.proposal.clone(),
                path,
                digest: FileDigest::of(bytes),
                blast_radius: runbook.blast_radius,
            }),
            _ => None,
        })
        .collect()
}
