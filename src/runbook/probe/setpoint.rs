//! Probe kind `setpoint`, as written: a value that another probe measures, and its band.

use serde::Deserialize;

use super::{Filled, Probe, Resolve, Spelling, Wrong};
use crate::base::limits::{INTEGER_MAX, VALUE_NAME_BYTES_MAX};
use crate::base::text::clip;
use crate::event::plan::{LookPlan, SetpointLook};
use crate::event::verification::is_value_name;
use crate::runbook::planning::PlanError;
use crate::runbook::problem::likely;

/// Which value, and its band. Whole numbers; the unit is in the value's name (`latency_ms`, `free_bytes`).
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetpointProbe {
    /// The probe that measures it.
    pub of: Box<Probe>,
    /// The name of the value, such as `latency_ms`: docs/sentinels.md lists them.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_]{0,63}$"))]
    pub value: String,
    /// Least good value.
    #[serde(default)]
    pub low: Option<i64>,
    /// Most good value.
    #[serde(default)]
    pub high: Option<i64>,
}

impl Spelling for SetpointProbe {
    fn texts(&self) -> Vec<(String, &str, Filled)> {
        vec![("value".into(), &self.value, Filled::No)]
    }
    fn problems(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        if !is_value_name(&self.value) {
            let what = format!("not the name of a value: a to z, 0 to 9, _, at most {VALUE_NAME_BYTES_MAX}");
            wrong.push(Wrong::new("value", what, "such as latency_ms: docs/sentinels.md lists them"));
        }
        if let Some(known) = self.of.measures().filter(|known| !known.contains(&self.value.as_str())) {
            let near = likely(&self.value, known.iter().copied());
            let words = near.map_or_else(|| known.join(", "), |near| format!("did you mean `{near}`?"));
            let what = format!("the probe does not measure `{}` ({words})", clip(&self.value, 40));
            wrong.push(Wrong::new("value", what, "docs/sentinels.md lists what each probe measures"));
        }
        if self.low.is_none() && self.high.is_none() {
            wrong.push(Wrong::new("", "a set-point needs a band", "write `low`, `high` or both"));
        }
        if let (Some(low), Some(high)) = (self.low, self.high)
            && low > high
        {
            wrong.push(Wrong::new("high", "nothing is in this band", "`low` must not be above `high`"));
        }
        for (at, bound) in [("low", self.low), ("high", self.high)] {
            if bound.is_some_and(|bound| bound.unsigned_abs() > INTEGER_MAX) {
                wrong.push(Wrong::new(at, "out of range", "write a smaller number"));
            }
        }
        if self.of.setpoint.is_some() {
            let help = "let it measure something itself";
            wrong.push(Wrong::new("of", "a set-point of a set-point", help));
        }
        if self.of.timeout.is_some() {
            let help = "write it beside `setpoint`";
            wrong.push(Wrong::new("of", "the inner probe has no timeout of its own", help));
        }
        wrong
    }
    fn plan(&self, with: &mut dyn Resolve) -> Result<LookPlan, PlanError> {
        let of = Box::new(with.look(&self.of)?.look);
        let (value, low, high) = (self.value.clone(), self.low, self.high);
        Ok(LookPlan::Setpoint(SetpointLook { of, value, low, high }))
    }
    fn measures(&self) -> Option<&'static [&'static str]> {
        self.of.measures()
    }
    fn says(&self) -> String {
        let bound = |bound: Option<i64>| bound.map_or("any".to_owned(), |bound| bound.to_string());
        let (low, high) = (bound(self.low), bound(self.high));
        format!("{} from {low} to {high}, measured by {}", self.value, self.of.says())
    }
}
