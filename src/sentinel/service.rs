//! Look kind `service`: what a supervised service declares as its probe, and its own process. A good answer counts only
//! while the process runs: another one may hold its port and answer in its place.

use crate::event::verification::{Observation, Verdict};

/// Judges what was seen of the process and through the declared look. The values are the declared look's.
pub(super) fn judge(process: Observation, declared: Observation) -> Observation {
    let (verdict, words) = match (process.verdict, declared.verdict) {
        (Verdict::Healthy, _) | (Verdict::Unknown, Verdict::Failed) => return declared,
        (Verdict::Failed, Verdict::Healthy) => (Verdict::Failed, "somebody else answers in its place"),
        (Verdict::Failed, _) => (Verdict::Failed, "its probe"),
        (Verdict::Unknown, _) => (Verdict::Unknown, "its probe"),
    };
    let evidence = format!("{}; {words}: {}", process.evidence, declared.evidence);
    Observation { verdict, evidence, values: declared.values }
}

#[cfg(test)]
mod tests {
    use super::super::{saw, with};
    use super::*;

    #[test]
    fn an_answer_counts_only_while_the_own_process_runs() {
        use Verdict::{Failed, Healthy, Unknown};
        let judged = |process, declared| judge(saw(process, "web"), saw(declared, "HTTP 200")).verdict;
        for (process, declared, expected) in [
            (Healthy, Healthy, Healthy),
            (Healthy, Failed, Failed),
            (Healthy, Unknown, Unknown),
            (Failed, Healthy, Failed),
            (Failed, Unknown, Failed),
            (Failed, Failed, Failed),
            (Unknown, Healthy, Unknown),
            (Unknown, Failed, Failed),
            (Unknown, Unknown, Unknown),
        ] {
            assert_eq!(judged(process, declared), expected, "{process:?} {declared:?}");
        }
        let other = judge(
            saw(Failed, "service web does not run"),
            with(saw(Healthy, "HTTP 200"), &[("status", 200)]),
        );
        assert_eq!(other.evidence, "service web does not run; somebody else answers in its place: HTTP 200");
        assert_eq!(other.values["status"], 200);
    }
}
