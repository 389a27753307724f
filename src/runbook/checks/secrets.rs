//! No secret stands in a content file: it would be in the manifest, in the repository and in every export.

use super::Lint;
use crate::base::redact;

/// The check.
pub fn check(lint: &mut Lint) {
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
        let help = "name a credential under `credentials`, or a file that holds it (a name ending in _FILE)";
        let mut problem =
            lint.source.problem((line, 1), "secrets", format!("this looks like a secret ({name})"));
        // The excerpt would print the secret once more.
        problem.excerpt = None;
        lint.found.push(problem.with_help(help));
    }
}
