//! No secret stands in a content file: it would be in the manifest, in the repository and in every export.

use super::Lint;
use crate::base::redact;

/// The check.
pub fn check(lint: &mut Lint) {
    if lint.runbook().is_some_and(|runbook| !runbook.credentials.is_empty()) {
        let help = "leave it out; let the program read a file that only the daemon's user may read";
        lint.report("credentials", "credentials cannot be given to steps yet: it would never run", help);
    }
    let mut found = Vec::new();
    for (index, line) in lint.source.text.lines().enumerate() {
        // Addresses are for people to judge: an escalation may name one.
        found.extend(
            redact::findings(line)
                .into_iter()
                .filter(|name| !name.ends_with("address"))
                .map(|name| (index as u64 + 1, name)),
        );
    }
    for (line, name) in found {
        let help =
            "name a file that holds it and that only the daemon's user may read (a name ending in _FILE)";
        let mut problem =
            lint.source.problem((line, 1), "secrets", format!("this looks like a secret ({name})"));
        // The excerpt would print the secret once more.
        problem.excerpt = None;
        lint.found.push(problem.with_help(help));
    }
}
