//! Starts that did not become ready: the fourth within ten minutes of three such runs observe-only (RM-34).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Starts that count.
const FAILED_STARTS_MAX: usize = 3;
/// Within which they count, µs.
const WINDOW_US: i64 = 600_000_000;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Starts {
    not_ready_us: Vec<i64>,
}

fn file(state: &Path) -> PathBuf {
    state.join("starts.json")
}

/// Notes a start; why it must observe only, if it must. The file is a convenience, never the truth: one that
/// cannot be read counts as none.
pub(super) fn begin(state: &Path, now_us: i64) -> Option<String> {
    let bytes = std::fs::read(file(state)).unwrap_or_default();
    let mut starts: Starts = serde_json::from_slice(&bytes).unwrap_or_default();
    starts.not_ready_us.retain(|at| (now_us - at).abs() < WINDOW_US);
    let failed = starts.not_ready_us.len();
    starts.not_ready_us.push(now_us);
    write(state, &starts);
    let why = "three starts within ten minutes did not become ready: look at the log, then start again";
    (failed >= FAILED_STARTS_MAX).then(|| why.to_owned())
}

/// Another daemon has this home: the start was none of its own and must not count against it.
pub(super) fn not_ours(state: &Path, now_us: i64) {
    let bytes = std::fs::read(file(state)).unwrap_or_default();
    let mut starts: Starts = serde_json::from_slice(&bytes).unwrap_or_default();
    if let Some(ours) = starts.not_ready_us.iter().position(|at| *at == now_us) {
        starts.not_ready_us.remove(ours);
        write(state, &starts);
    }
}

/// The start became ready.
pub(super) fn ready(state: &Path) {
    write(state, &Starts::default());
}

fn write(state: &Path, starts: &Starts) {
    let written =
        serde_json::to_vec(starts).map_err(std::io::Error::from).and_then(|b| std::fs::write(file(state), b));
    if let Err(error) = written {
        tracing::warn!(%error, "starts could not be noted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_on_another_daemons_home_does_not_count() {
        let state = tempfile::tempdir().expect("a temporary folder");
        for n in 0..5 {
            assert!(begin(state.path(), n).is_none());
            not_ours(state.path(), n);
        }
        assert!(begin(state.path(), 9).is_none());
    }

    #[test]
    fn the_fourth_failed_start_observes_only() {
        let state = tempfile::tempdir().expect("a temporary folder");
        let starts: Vec<bool> = (0..4).map(|n| begin(state.path(), n * 1_000_000).is_some()).collect();
        assert_eq!(starts, [false, false, false, true]);
        assert!(begin(state.path(), 2 * WINDOW_US).is_none(), "old ones do not count");
        for at in 0..5 {
            let at = 3 * WINDOW_US + at;
            assert!(begin(state.path(), at).is_none(), "a start that another daemon refused does not count");
            not_ours(state.path(), at);
        }
        ready(state.path());
        assert!(begin(state.path(), 2 * WINDOW_US + 1).is_none());
    }
}
