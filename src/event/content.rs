//! Configuration, catalog and trust become entries before they are used.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::Seq;
use crate::base::time::Span;

/// Every value of the configuration that a decision may read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Channels by name, with their kind. `log` is always there and not listed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, String>,
    /// Channels that are told of everything that is announced (RM-4).
    #[serde(default = "announce_default")]
    pub announce: Vec<String>,
    /// Channels that are told how each attempt ended (RM-50).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<String>,
}

fn announce_default() -> Vec<String> {
    vec!["log".into()]
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
            channels: BTreeMap::new(),
            announce: announce_default(),
            outcomes: Vec::new(),
        }
    }
}

/// What a content file may do (RM-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Does not parse or lint.
    Refused,
    /// Lints, but is unsigned, wrongly signed, unapproved or drifted: it may be matched, never run.
    ObserveOnly,
    /// Signed, approved and unchanged since.
    Live,
}

/// Content that is live for the first time, in order of adoption. Stands before the catalog that brings it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentAdopted {
    /// At most [`Self::DIGESTS_MAX`].
    pub digests: Vec<FileDigest>,
}

impl ContentAdopted {
    /// Digests that one entry holds: 74 bytes each, well below the bound of a line.
    pub const DIGESTS_MAX: usize = 400;
}

/// The catalog in force from here on. All of it is in the manifest; what stands here is for people and bounded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogLoaded {
    /// Blob of the manifest: every file's bytes, signatures and approvals.
    pub manifest: Blake3,
    /// How many of each standing; files that do not parse are refused ones.
    pub counts: BTreeMap<Standing, u32>,
    /// `kind/id` → digest and standing; what is not live first, then as many as fit.
    pub contents: BTreeMap<String, ContentStanding>,
    /// Files that have no id because they do not parse: path → first error; as many as fit.
    pub unreadable: BTreeMap<String, String>,
    /// How many more there are of either.
    pub more: u32,
}

impl CatalogLoaded {
    /// Remembers of each name the first entry at which it was live. A name is forgotten only when its file is gone for
    /// certain: being broken or unsigned for a while makes nobody younger.
    pub fn remember_live(&self, seq: Seq, first_live: &mut BTreeMap<String, Seq>) {
        if self.more == 0 && self.unreadable.is_empty() {
            first_live.retain(|name, _| self.contents.contains_key(name));
        }
        for (name, _) in self.contents.iter().filter(|(_, c)| c.standing == Standing::Live) {
            first_live.entry(name.clone()).or_insert(seq);
        }
    }

    /// Bytes of names and reasons that one entry holds.
    const SHOWN_BYTES_MAX: usize = 32 * 1024;

    /// Keeps what fits an entry, what needs a person first.
    pub fn new(
        manifest: Blake3,
        contents: BTreeMap<String, ContentStanding>,
        unreadable: BTreeMap<String, String>,
    ) -> Self {
        let mut loaded = Self {
            manifest,
            counts: BTreeMap::new(),
            contents: BTreeMap::new(),
            unreadable: BTreeMap::new(),
            more: 0,
        };
        let mut left = Self::SHOWN_BYTES_MAX;
        let mut fits = |bytes: usize| match left.checked_sub(bytes) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        if !unreadable.is_empty() {
            let refused = u32::try_from(unreadable.len()).unwrap_or(u32::MAX);
            loaded.counts.insert(Standing::Refused, refused);
        }
        for (path, problem) in unreadable {
            if fits(encoded_len(&path) + encoded_len(&problem)) {
                loaded.unreadable.insert(path, problem);
            } else {
                loaded.more += 1;
            }
        }
        let (live, wrong): (Vec<_>, Vec<_>) =
            contents.into_iter().partition(|(_, c)| c.standing == Standing::Live);
        for (name, content) in wrong.into_iter().chain(live) {
            *loaded.counts.entry(content.standing).or_default() += 1;
            let reason = content.reason.as_deref().map_or(0, encoded_len);
            if fits(encoded_len(&name) + reason + 140) {
                loaded.contents.insert(name, content);
            } else {
                loaded.more += 1;
            }
        }
        loaded
    }
}

/// Bytes that a text takes in a line at most: JSON may write one byte as six.
fn encoded_len(text: &str) -> usize {
    text.bytes().map(|b| if b < 0x20 || b == b'"' || b == b'\\' { 6 } else { 1 }).sum()
}

/// One content file in the catalog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustChanged {
    /// Name under `proposals/trust/` → digest now in force.
    pub files: BTreeMap<String, FileDigest>,
    /// The blobs holding those bytes: name → blob.
    pub blobs: BTreeMap<String, Blake3>,
    /// The principal whose `trust@remediator` signature was accepted.
    pub signer: String,
}

/// The trust files on disk are again the ones in force: what was refused is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustRestored {
    /// What is there now, and in force.
    pub files: BTreeMap<String, FileDigest>,
}

/// A change of the trust files was not accepted; the version before stays in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustRefused {
    /// What is there now.
    pub files: BTreeMap<String, FileDigest>,
    /// What is wrong and how to mend it.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_age_while_its_file_is_broken_and_loses_it_when_the_file_is_gone() {
        let of = |standing: Option<Standing>, broken: &[&str]| {
            let digest = FileDigest::of(b"x");
            let one = standing
                .map(|s| ("runbook/a".to_owned(), ContentStanding { digest, standing: s, reason: None }));
            let broken = broken.iter().map(|path| ((*path).to_owned(), "not YAML".to_owned()));
            CatalogLoaded::new(Blake3::ZERO, one.into_iter().collect(), broken.collect())
        };
        let mut first_live = BTreeMap::new();
        let mut age_after = |seq, loaded: CatalogLoaded| {
            loaded.remember_live(seq, &mut first_live);
            first_live.get("runbook/a").copied()
        };
        assert_eq!(age_after(1, of(Some(Standing::ObserveOnly), &[])), None);
        assert_eq!(age_after(2, of(Some(Standing::Live), &[])), Some(2));
        assert_eq!(age_after(3, of(Some(Standing::Refused), &[])), Some(2));
        assert_eq!(age_after(4, of(None, &["runbooks/a.yaml"])), Some(2));
        assert_eq!(age_after(5, of(Some(Standing::Live), &[])), Some(2));
        assert_eq!(age_after(6, of(None, &[])), None);
    }

    #[test]
    fn a_catalog_of_ten_thousand_fits_an_entry_and_shows_what_is_wrong_first() {
        let content = |standing, reason: Option<String>| ContentStanding {
            digest: FileDigest::of(b"x"),
            standing,
            reason,
        };
        let mut contents: BTreeMap<_, _> =
            (0..10_000).map(|n| (format!("runbook/a{n}"), content(Standing::Live, None))).collect();
        contents.insert("runbook/z".into(), content(Standing::ObserveOnly, Some("\n\"".repeat(200))));
        let loaded = CatalogLoaded::new(Blake3::ZERO, contents, BTreeMap::new());
        assert!(loaded.contents.contains_key("runbook/z"));
        assert_eq!(loaded.counts[&Standing::Live], 10_000);
        assert_eq!(loaded.more as usize + loaded.contents.len(), 10_001);
        let bytes = serde_json::to_string(&loaded).expect("written").len();
        assert!(bytes < 60_000, "{bytes}");
    }
}
