//! Looks look at exactly one thing, in a way that can give an answer. What each kind asks of itself stands with
//! its spelling (`runbook::probe`).

use super::Lint;
use crate::runbook::model::{Content, ProbeLook};

/// The check.
pub fn check(lint: &mut Lint) {
    for (path, probe) in lint.probes() {
        if probe.timeout.is_some_and(|timeout| timeout.ms() == 0) {
            lint.report(
                &format!("{path}.timeout"),
                "a look needs time",
                "write a timeout above 0, such as 2s",
            );
        }
        let Some(look) = probe.look() else {
            let help = format!("write one of: {}", ProbeLook::WORDS.join(", "));
            lint.report(&path, "a probe must look at exactly one thing", help);
            continue;
        };
        if let (ProbeLook::Service(_), Content::Service(_)) = (look, lint.content) {
            let what = "a service's own probe cannot be a service's probe";
            lint.report(&path, what, "write another kind of probe, such as `http` or `process`");
        }
        let is_log = matches!(look, ProbeLook::Log(_));
        if is_log && !matches!(lint.content, Content::Sentinel(_)) {
            let what = "a log says free text, on which nothing may be decided";
            lint.report(&path, what, "look at the thing itself; a log can only be watched by a sentinel");
        }
        for wrong in look.spelling().map(|spelling| spelling.problems()).unwrap_or_default() {
            let at = format!("{path}.{}", look.word());
            let at = if wrong.at.is_empty() { at } else { format!("{at}.{}", wrong.at) };
            lint.report(&at, wrong.what, wrong.help);
        }
    }
}
