//! What shows that a runbook does what it says: one signed rehearsal of these very bytes, or dry runs that a journal
//! recorded (RM-30). `proposals/ID/evidence/RUNBOOK.json`, signed by whoever made it.
//! Not for whether it is asked for: that is `verified`, by the policy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::time::rfc3339;

use super::checks::signed_text;
use super::content::ContentFolder;
use super::model::V1;
use super::trust::{Role, Signed, Trust};

/// How long a rehearsal, and the newest dry run, count for going live.
pub const REHEARSAL_US_MAX: i64 = 30 * 86_400_000_000;
/// The newest dry run must not be older.
pub const DRY_RUN_US_MAX: i64 = 48 * 3_600_000_000;
/// The first and the newest dry run lie at least so far apart.
pub const DRY_RUNS_US_MIN: i64 = 7 * 86_400_000_000;
/// Dry runs that are enough.
pub const DRY_RUNS_MIN: u32 = 5;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Version of the format.
    pub v: V1,
    /// Digest of the runbook.
    pub runbook: FileDigest,
    /// What it relied on: `kind/id` → digest.
    #[serde(default)]
    pub relies_on: BTreeMap<String, FileDigest>,
    /// Version of the program that saw it.
    pub program: String,
    /// When it was written down, Unix µs.
    pub at_us: i64,
    /// What it is.
    pub seen: Seen,
}

/// A rehearsal, or dry runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Seen {
    /// The copy was healthy, was broken, was healed by this runbook and was healthy again.
    Rehearsal {
        /// From the report of the degradation to its verification, ms.
        healed_ms: u64,
        /// Head of the rehearsal's journal, which is not kept.
        head: String,
    },
    /// Attempts that a journal recorded and that ran nothing.
    DryRuns {
        /// The machine that recorded them.
        node: String,
        /// How many.
        count: u32,
        /// Time of the first, Unix µs.
        first_us: i64,
        /// Time of the newest, Unix µs.
        last_us: i64,
        /// Seq of the newest.
        last_seq: u64,
    },
}

/// Where the evidence for a runbook stands.
pub fn path(proposal: &str, runbook: &str) -> String {
    format!("proposals/{proposal}/evidence/{runbook}.json")
}

/// The evidence at a path with a signature that counts, and whose it is. The error says what is wrong.
pub fn read(
    folder: &ContentFolder,
    trust: &Trust,
    path: &str,
    now_us: i64,
) -> Result<(Evidence, Signed), String> {
    let (text, signed) = signed_by_anybody(folder, trust, path, now_us)?;
    let evidence = serde_json::from_str(text).map_err(|e| format!("{path} cannot be read: {e}"))?;
    Ok((evidence, signed))
}

/// The text at a path, signed by somebody who may write, propose or approve: any of them may have tried it.
pub(super) fn signed_by_anybody<'a>(
    folder: &'a ContentFolder,
    trust: &Trust,
    path: &str,
    now_us: i64,
) -> Result<(&'a str, Signed), String> {
    let bytes = folder.get(path).ok_or_else(|| format!("there is no {path}"))?;
    let text = signed_text(path, bytes).map_err(|problem| problem.to_string())?;
    if trust.revoked().has_file(&FileDigest::of(bytes)) {
        return Err(format!("{path} is revoked"));
    }
    let armored = folder.signature_of(path).ok_or_else(|| format!("{path} is not signed"))?;
    let mut refused = None;
    for role in [Role::Runbook, Role::Proposal, Role::Approval] {
        match trust.verify(role, bytes, armored, now_us) {
            Ok(signed) => return Ok((text, signed)),
            Err(error) => drop(refused.get_or_insert(error)),
        }
    }
    let why = refused.map(|error| error.to_string()).unwrap_or_default();
    Err(format!("the signature of {path} does not count: {why}"))
}

impl Evidence {
    /// Why it is not enough for these bytes to go live now.
    pub fn falls_short(&self, runbook: &FileDigest, now_us: i64) -> Option<String> {
        if self.runbook != *runbook {
            return Some("it is of other bytes: the runbook was changed since".to_owned());
        }
        if self.at_us > now_us {
            return Some(format!("it is of a time to come, {}", rfc3339(self.at_us)));
        }
        match &self.seen {
            Seen::Rehearsal { .. } if now_us - self.at_us > REHEARSAL_US_MAX => {
                Some(format!("the rehearsal is of {}, more than 30 days ago", rfc3339(self.at_us)))
            }
            Seen::Rehearsal { .. } if self.program != env!("CARGO_PKG_VERSION") => {
                Some(format!("it was rehearsed with version {}", self.program))
            }
            Seen::Rehearsal { .. } => None,
            Seen::DryRuns { count, .. } if *count < DRY_RUNS_MIN => {
                Some(format!("{count} dry runs are recorded, {DRY_RUNS_MIN} are needed"))
            }
            Seen::DryRuns { first_us, last_us, .. }
                if last_us.saturating_sub(*first_us) < DRY_RUNS_US_MIN =>
            {
                Some("its dry runs lie less than 7 days apart".to_owned())
            }
            Seen::DryRuns { last_us, .. } if now_us.saturating_sub(*last_us) > DRY_RUN_US_MAX => {
                Some(format!("the newest dry run is of {}, more than 48 hours ago", rfc3339(*last_us)))
            }
            Seen::DryRuns { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;
    const NOW: i64 = 100 * DAY;

    fn evidence(seen: Seen, at_us: i64) -> Evidence {
        let (program, runbook) = (env!("CARGO_PKG_VERSION").to_owned(), FileDigest::of(b"a"));
        Evidence { v: V1, runbook, relies_on: BTreeMap::new(), program, at_us, seen }
    }

    #[test]
    fn a_rehearsal_counts_for_its_bytes_its_version_and_thirty_days() {
        let rehearsal = |at| evidence(Seen::Rehearsal { healed_ms: 1, head: "x".into() }, at);
        let short = |e: Evidence, of: &[u8]| e.falls_short(&FileDigest::of(of), NOW);
        assert_eq!(short(rehearsal(NOW - 30 * DAY), b"a"), None);
        assert!(short(rehearsal(NOW - 30 * DAY - 1), b"a").is_some_and(|why| why.contains("30 days")));
        assert!(short(rehearsal(NOW), b"b").is_some_and(|why| why.contains("other bytes")));
        assert!(short(rehearsal(NOW + 1), b"a").is_some_and(|why| why.contains("to come")));
        let older = Evidence { program: "0.0.1".into(), ..rehearsal(NOW) };
        assert!(short(older, b"a").is_some_and(|why| why.contains("0.0.1")));
    }

    #[test]
    fn dry_runs_count_when_they_are_five_over_seven_days_and_fresh() {
        let runs = |count, first_us, last_us| {
            let seen = Seen::DryRuns { node: "n".into(), count, first_us, last_us, last_seq: 9 };
            evidence(seen, NOW).falls_short(&FileDigest::of(b"a"), NOW)
        };
        assert_eq!(runs(5, NOW - 9 * DAY, NOW - 2 * DAY), None);
        assert!(runs(4, NOW - 9 * DAY, NOW).is_some_and(|why| why.contains("4 dry runs")));
        assert!(runs(5, NOW - 7 * DAY + 1, NOW).is_some_and(|why| why.contains("7 days")));
        assert!(runs(5, NOW - 19 * DAY, NOW - 2 * DAY - 1).is_some_and(|why| why.contains("48 hours")));
    }
}
