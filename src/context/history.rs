//! Attempts as they count towards limits (RM-22): per runbook and target, and per fingerprint.
//! All on the journal's own clock, so a restart resets nothing (X4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::ids::Fingerprint;

/// How long an attempt can matter to any limit: the longest window a runbook may declare.
const KEPT_MS: u64 = 31 * 86_400_000;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// runbook → target → when attempts touched it; cleared by a verified success.
    touched: BTreeMap<String, BTreeMap<String, Vec<u64>>>,
    /// runbook → target → when its last attempt ended.
    ended: BTreeMap<String, BTreeMap<String, u64>>,
    /// fingerprint → when attempts touched it.
    fingerprints: BTreeMap<Fingerprint, Vec<u64>>,
}

impl History {
    /// An attempt is about to change something.
    pub fn touch(&mut self, runbook: &str, target: &str, fingerprint: Fingerprint, now: u64) {
        let times = self.touched.entry(runbook.into()).or_default().entry(target.into()).or_default();
        remember(times, now);
        remember(self.fingerprints.entry(fingerprint).or_default(), now);
    }
    /// An attempt is over.
    pub fn end(&mut self, runbook: &str, target: &str, verified: bool, now: u64) {
        self.ended.entry(runbook.into()).or_default().insert(target.into(), now);
        if verified && let Some(targets) = self.touched.get_mut(runbook) {
            targets.remove(target);
        }
    }
    /// Attempts of a runbook on a target within the last `window_ms`.
    pub fn attempts(&self, runbook: &str, target: &str, window_ms: u64, now: u64) -> usize {
        let times = self.touched.get(runbook).and_then(|t| t.get(target));
        times.map_or(0, |times| within(times, window_ms, now))
    }
    /// Attempts for a fingerprint within the last `window_ms`.
    pub fn fingerprint_attempts(&self, fingerprint: Fingerprint, window_ms: u64, now: u64) -> usize {
        self.fingerprints.get(&fingerprint).map_or(0, |times| within(times, window_ms, now))
    }
    /// When the oldest attempt inside the window leaves it.
    pub fn attempts_free_at(&self, runbook: &str, target: &str, window_ms: u64, now: u64) -> Option<u64> {
        let times = self.touched.get(runbook)?.get(target)?;
        times.iter().find(|t| **t + window_ms > now).map(|t| t + window_ms)
    }
    /// The same for a fingerprint.
    pub fn fingerprint_free_at(&self, fingerprint: Fingerprint, window_ms: u64, now: u64) -> Option<u64> {
        let times = self.fingerprints.get(&fingerprint)?;
        times.iter().find(|t| **t + window_ms > now).map(|t| t + window_ms)
    }
    /// When the runbook's last attempt on the target ended.
    pub fn last_end(&self, runbook: &str, target: &str) -> Option<u64> {
        self.ended.get(runbook)?.get(target).copied()
    }
}

fn remember(times: &mut Vec<u64>, now: u64) {
    times.retain(|t| t + KEPT_MS > now);
    times.push(now);
}

fn within(times: &[u64], window_ms: u64, now: u64) -> usize {
    times.iter().filter(|t| **t + window_ms > now).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_forgets_and_a_verified_success_resets() {
        let mut history = History::default();
        let fp = Fingerprint::of("a", "B", "c");
        for now in [0, 10, 20] {
            history.touch("rb", "web", fp, now);
        }
        assert_eq!(history.attempts("rb", "web", 15, 20), 2);
        assert_eq!(history.attempts("rb", "other", 15, 20), 0, "targets do not share a cap");
        assert_eq!(history.attempts_free_at("rb", "web", 15, 20), Some(25));
        history.end("rb", "web", true, 30);
        assert_eq!(history.attempts("rb", "web", 1000, 30), 0);
        assert_eq!(history.fingerprint_attempts(fp, 1000, 30), 3, "the fingerprint's own cap stays");
        assert_eq!(history.last_end("rb", "web"), Some(30));
    }
}
