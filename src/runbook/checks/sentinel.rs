//! A sentinel reports what a matcher can match, at edges that can be reached.

use super::Lint;
use super::matcher::is_subsystem;
use crate::base::limits::SUMMARY_BYTES_MAX;
use crate::event::degradation::is_code;

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(sentinel) = lint.sentinel() else { return };
    if sentinel.every.ms() == 0 {
        lint.report("every", "looks need a pause between them", "write a span above 0, such as 5s");
    }
    let counts =
        [("failures", sentinel.failures), ("successes", sentinel.successes), ("unknowns", sentinel.unknowns)];
    for (key, count) in counts {
        if !(1..=1000).contains(&count) {
            lint.report(key, format!("`{key}` must be 1 to 1000"), "write how many looks in a row it takes");
        }
    }
    let report = &sentinel.report;
    if !is_subsystem(&report.subsystem) {
        lint.report("report.subsystem", "`subsystem` must be one literal name", "such as `service`");
    }
    if !is_code(&report.code) {
        lint.report("report.code", "not a code", "^[A-Z][A-Z0-9_]{2,40}$, such as HTTP_WEDGED");
    }
    if !is_subsystem(&report.target) {
        lint.report("report.target", "`target` must be one literal name", "such as the id of a service");
    }
    if report.summary.trim().is_empty() || report.summary.len() > SUMMARY_BYTES_MAX {
        lint.report(
            "report.summary",
            "empty or too long",
            format!("one line, at most {SUMMARY_BYTES_MAX} bytes"),
        );
    }
}
