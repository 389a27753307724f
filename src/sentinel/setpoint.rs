//! Look kind `setpoint`: a value that another look measures, and its band. What was not measured is unknown; the
//! other look's own verdict counts for nothing here.

use crate::event::plan::SetpointLook;
use crate::event::verification::{Observation, Verdict};

/// Judges what the other look has seen.
pub(super) fn judge(look: &SetpointLook, seen: Observation) -> Observation {
    let name = &look.value;
    let Some(value) = seen.values.get(name).copied() else {
        let measured: Vec<&str> = seen.values.keys().map(String::as_str).collect();
        let said = if measured.is_empty() {
            format!("{name} was not measured: {}", seen.evidence)
        } else {
            format!("{name} was not measured (there are {}): {}", measured.join(", "), seen.evidence)
        };
        return Observation { verdict: Verdict::Unknown, evidence: said, ..seen };
    };
    let (verdict, words) = match (look.low, look.high) {
        (Some(low), _) if value < low => (Verdict::Failed, format!("below {low}")),
        (_, Some(high)) if value > high => (Verdict::Failed, format!("above {high}")),
        _ => (Verdict::Healthy, "within its band".to_owned()),
    };
    let evidence = format!("{name} is {value}, {words} ({})", seen.evidence);
    Observation { verdict, evidence, ..seen }
}

#[cfg(test)]
mod tests {
    use super::super::{saw, with};
    use super::*;
    use crate::event::plan::{LookPlan, ProcessLook};

    fn judged(low: Option<i64>, high: Option<i64>, inner: Verdict, value: Option<u64>) -> Verdict {
        let of = Box::new(LookPlan::Process(ProcessLook::Name("x".into())));
        let look = SetpointLook { of, value: "depth".into(), low, high };
        let values: Vec<(&str, u64)> = value.into_iter().map(|value| ("depth", value)).collect();
        judge(&look, with(saw(inner, "seen"), &values)).verdict
    }

    #[test]
    fn only_a_measured_value_tells_and_both_ends_belong_to_the_band() {
        use Verdict::{Failed, Healthy, Unknown};
        for (value, expected) in [(9, Failed), (10, Healthy), (15, Healthy), (20, Healthy), (21, Failed)] {
            assert_eq!(judged(Some(10), Some(20), Healthy, Some(value)), expected, "{value}");
        }
        assert_eq!(judged(None, Some(20), Failed, Some(1)), Healthy, "the other verdict counts for nothing");
        assert_eq!(judged(Some(10), None, Healthy, Some(u64::MAX)), Healthy);
        assert_eq!(judged(Some(10), None, Healthy, None), Unknown);
        assert_eq!(judged(Some(10), None, Failed, None), Unknown);
    }
}
