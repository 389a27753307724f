//! A matcher names one subsystem and one code literally: that is what is indexed and compared for overlap.

use super::Lint;
use crate::base::limits::NAME_BYTES_MAX;
use crate::event::degradation::is_code;

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    let matcher = &runbook.matcher;
    if !is_subsystem(&matcher.subsystem) {
        lint.report(
            "matcher.subsystem",
            "`subsystem` must be one literal name",
            "write exactly one subsystem, such as `service`, without * or ?",
        );
    }
    if !is_code(&matcher.code) {
        lint.report(
            "matcher.code",
            "`code` must be one literal code",
            "^[A-Z][A-Z0-9_]{2,40}$, such as PROCESS_DEAD",
        );
    }
    if matcher.target.as_deref().is_some_and(|t| t.is_empty() || t.len() > NAME_BYTES_MAX) {
        lint.report(
            "matcher.target",
            "`target` is empty or too long",
            "leave it out, or write a glob such as `web-*`",
        );
    }
    if matcher.severity.as_ref().is_some_and(Vec::is_empty) {
        lint.report("matcher.severity", "no severity would match", "leave it out, or list at least one");
    }
}

/// One literal name of a part of the system.
pub fn is_subsystem(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.trim() == name
        && !name.contains(['*', '?'])
        && !name.chars().any(char::is_control)
}
