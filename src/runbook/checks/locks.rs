//! Locks have names that mean the same everywhere; nothing runs without one.

use std::collections::BTreeSet;

use super::Lint;
use crate::base::limits::NAME_BYTES_MAX;

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    if runbook.locks.is_empty() || runbook.locks.len() > 8 {
        let help = "leave `locks` out for the default, or name 1 to 8 resources";
        lint.report("locks", format!("{} locks; 1 to 8 are allowed", runbook.locks.len()), help);
    }
    let mut seen = BTreeSet::new();
    for (index, lock) in runbook.locks.iter().enumerate() {
        let path = format!("locks[{index}]");
        let odd = lock.chars().any(|c| c.is_control() || c.is_whitespace());
        if lock.is_empty() || lock.len() > NAME_BYTES_MAX || odd || lock.split('/').any(|part| part == "..") {
            let help = "such as service/${target}: no blanks, no `..`, at most 128 bytes";
            lint.report(&path, "not the name of a lock", help);
        } else if !seen.insert(lock) {
            lint.report(&path, format!("the lock `{lock}` stands here twice"), "name each once");
        }
    }
}
