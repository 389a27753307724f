//! What recorded history says a runbook would have done, kept beside its proposal and bound to its bytes:
//! `proposals/ID/backtests/RUNBOOK.json`, signed by whoever ran it. Shown with the proposal; the policy may ask for it.
//! Not for running it: that is `backtest`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::time::rfc3339;

use super::content::ContentFolder;
use super::evidence;
use super::model::V1;
use super::trust::{Signed, Trust};

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backtested {
    /// Version of the format.
    pub v: V1,
    /// Digest of the runbook.
    pub runbook: FileDigest,
    /// Version of the program that ran it.
    pub program: String,
    /// When it was written down, Unix µs.
    pub at_us: i64,
    /// The machine whose journal it was.
    pub node: String,
    /// First entry that was decided anew.
    pub from: u64,
    /// The last one.
    pub to: u64,
    /// Attempts that would have begun a step.
    pub fired: u64,
    /// Incidents on which it would have.
    pub incidents: u64,
    /// Distinct targets at one moment, at most.
    pub targets_at_once: u64,
    /// Limit → how often it would have kept it back.
    #[serde(default)]
    pub blocked: BTreeMap<String, u64>,
    /// All of it in one line.
    pub line: String,
}

/// Where the backtest of a runbook stands.
pub fn path(proposal: &str, runbook: &str) -> String {
    format!("proposals/{proposal}/backtests/{runbook}.json")
}

/// The backtest at a path with a signature that counts, and whose it is. The error says what is wrong.
pub fn read(
    folder: &ContentFolder,
    trust: &Trust,
    path: &str,
    now_us: i64,
) -> Result<(Backtested, Signed), String> {
    let (text, signed) = evidence::signed_by_anybody(folder, trust, path, now_us)?;
    let backtested = serde_json::from_str(text).map_err(|e| format!("{path} cannot be read: {e}"))?;
    Ok((backtested, signed))
}

impl Backtested {
    /// Why it says nothing of these bytes.
    pub fn falls_short(&self, runbook: &FileDigest, now_us: i64) -> Option<String> {
        if self.runbook != *runbook {
            return Some("it is of other bytes: the runbook was changed since".to_owned());
        }
        (self.at_us > now_us).then(|| format!("it is of a time to come, {}", rfc3339(self.at_us)))
    }
}
