//! Ids are well-formed and unique in their file; titles say something.

use std::collections::BTreeSet;

use super::Lint;
use crate::base::text::is_invisible;
use crate::runbook::model::is_id;

const RULE: &str = "lower-case letters, digits and dashes, beginning with a letter, 2 to 63 characters";

/// The check.
pub fn check(lint: &mut Lint) {
    if !is_id(lint.content.id()) {
        lint.report("id", format!("`{}` is not an id", clip(lint.content.id())), RULE);
    }
    if !is_id(lint.content.proposal()) {
        let message = format!("`{}` is not the id of a proposal", clip(lint.content.proposal()));
        lint.report("proposal", message, RULE);
    }
    // Titles are what people choose by: one that moves a cursor could look like another.
    let odd = |c: char| c.is_control() || is_invisible(c);
    let title = lint.content.title();
    if title.trim().is_empty() || title.chars().count() > 200 || title.chars().any(odd) {
        lint.report(
            "title",
            "the title is empty, too long, has several lines or characters that show nothing",
            "one line, at most 200 characters",
        );
    }
    let Some(runbook) = lint.runbook() else { return };
    let steps = runbook.steps.iter().enumerate().map(|(i, s)| (format!("steps[{i}].id"), &s.id));
    let conditions =
        runbook.preconditions.iter().enumerate().map(|(i, p)| (format!("preconditions[{i}].id"), &p.id));
    for list in [steps.collect::<Vec<_>>(), conditions.collect()] {
        let mut seen = BTreeSet::new();
        for (path, id) in list {
            if !is_id(id) {
                lint.report(&path, format!("`{}` is not an id", clip(id)), RULE);
            } else if !seen.insert(id) {
                lint.report(&path, format!("the id `{id}` is used twice"), "give each its own");
            }
        }
    }
}

fn clip(text: &str) -> &str {
    crate::base::text::clip(text, 64)
}
