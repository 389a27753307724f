//! Target `expressions`: CEL of `when` and `expect`. It has one answer, whatever the order of a map; nothing brings the
//! process down; and what is wrong is said without a value in it.

use std::sync::LazyLock;

use remediator::base::ids::{Fingerprint, Receipt};
use remediator::event::degradation::{DegradationSeen, Severity, Source};
use remediator::event::verification::{Observation, Verdict};
use remediator::runbook::expr::{self, EXPECT_NAMES, ExprError, WHEN_NAMES};
use serde_json::Value;

use super::said;

/// It stands in values and in no expression of the corpus: an error text with it tells a value.
const VALUE: &str = "qzjxkvw-77";

static VARS: LazyLock<[Value; 2]> = LazyLock::new(|| {
    let seen = DegradationSeen {
        subject: None,
        receipt: Receipt(uuid::Uuid::nil()),
        subsystem: "service".into(),
        code: "PROCESS_DEAD".into(),
        target: "web".into(),
        severity: Severity::Error,
        summary: VALUE.into(),
        detail: None,
        attributes: (0..8).map(|n| (format!("a{n}"), format!("{VALUE}{n}"))).collect(),
        observed_at: None,
        source: Source::Sentinel("eye".into()),
        sender_id: None,
        fingerprint: Fingerprint::of("service", "PROCESS_DEAD", "web"),
        actionable: true,
    };
    let values = (0..8).map(|n| (format!("v{n}"), i64::MAX - n)).collect();
    let observed = Observation { verdict: Verdict::Failed, evidence: VALUE.into(), values };
    let mut when = expr::when_vars(&seen, 3);
    when["names"] = serde_json::json!(["a", "b", 7, null, {"x": VALUE, "y": 1}]);
    [when, expr::expect_vars(&seen, &observed)]
});

/// See the module.
pub fn check(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes) else { return };
    for names in [WHEN_NAMES, EXPECT_NAMES] {
        if let Err(why) = expr::check(source, names, None) {
            sound(source, &why);
        }
    }
    let jobs: Vec<(&str, &Value)> = VARS.iter().map(|vars| (source, vars)).collect();
    let first = expr::evaluate(&jobs);
    assert_eq!(first, expr::evaluate(&jobs), "another answer to the same question");
    first.iter().filter_map(|answer| answer.as_ref().err()).for_each(|why| sound(source, why));
}

fn sound(source: &str, why: &ExprError) {
    said::is_fit(why);
    assert!(!matches!(why, ExprError::Thread(_)), "{why}");
    assert!(source.contains(VALUE) || !why.to_string().contains(VALUE), "a value is told: {why}");
}
