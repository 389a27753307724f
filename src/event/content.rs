//! Configuration, catalog and trust become entries before they are used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::{Blake3, FileDigest};
use crate::base::time::Span;

/// Every value of the configuration that a decision may read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigLoaded {
    /// Attempts that may run at once on this machine (RM-23).
    pub attempts_at_once: u32,
    /// Attempts for one fingerprint within [`Self::fingerprint_window`] after which it is announced only (RM-22).
    pub fingerprint_attempts: u32,
    /// See [`Self::fingerprint_attempts`].
    pub fingerprint_window: Span,
    /// How long attempts may wait for a precondition probe.
    pub preconditions_timeout: Span,
    /// How long a lock may be waited for.
    pub lock_timeout: Span,
    /// How long a frozen attempt waits for a person.
    pub frozen_for: Span,
    /// Pause between re-probing a held escalation.
    pub reprobe_every: Span,
    /// Limits lifted (benchmarks and rehearsals only): caps, cooldowns and attempts at once do not bind.
    pub limits_lifted: bool,
}

impl Default for ConfigLoaded {
    fn default() -> Self {
        Self {
            attempts_at_once: 2,
            fingerprint_attempts: 3,
            fingerprint_window: Span::from_secs(4 * 3600),
            preconditions_timeout: Span::from_secs(30),
            lock_timeout: Span::from_secs(60),
            frozen_for: Span::from_ms(crate::base::limits::FROZEN_MS_MAX),
            reprobe_every: Span::from_secs(30),
            limits_lifted: false,
        }
    }
}

/// What a content file may do (RM-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Does not parse or lint.
    Refused,
    /// Lints, but is unsigned, wrongly signed, unapproved or drifted: it may be matched, never run.
    ObserveOnly,
    /// Signed, approved and unchanged since.
    Live,
}

/// The catalog in force from here on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogLoaded {
    /// Blob of the manifest: every file's bytes, signatures and approvals.
    pub manifest: Blake3,
    /// `kind/id` → digest and standing.
    pub contents: BTreeMap<String, ContentStanding>,
    /// Files that have no id because they do not parse: path → first error.
    pub unreadable: BTreeMap<String, String>,
}

/// One content file in the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentStanding {
    /// Digest of its bytes.
    pub digest: FileDigest,
    /// What it may do.
    pub standing: Standing,
    /// Why it is not live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A signed change of the trust files took effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustChanged {
    /// Name under `proposals/trust/` → digest now in force.
    pub files: BTreeMap<String, FileDigest>,
    /// The blobs holding those bytes: name → blob.
    pub blobs: BTreeMap<String, Blake3>,
    /// The principal whose `trust@remediator` signature was accepted.
    pub signer: String,
}

/// A change of the trust files was not accepted; the version before stays in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRefused {
    /// What is there now.
    pub files: BTreeMap<String, FileDigest>,
    /// What is wrong and how to mend it.
    pub reason: String,
}
