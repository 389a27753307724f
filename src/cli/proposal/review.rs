//! The page that an approver reads before saying yes: the argument, its bounds, and for each file its digest, what it
//! would do, where it goes beyond, and what its meaning has changed in since it was live last.
//! Not for asking or signing (`approve`).

use super::desk::{Argument, Desk};
use super::past::{self, Past};
use super::show::{self, row};
use crate::cli::out;
use crate::cli::runbook;
use crate::runbook::Entry;
use crate::runbook::verified::within;

/// The page, line by line.
pub fn page(desk: &Desk, id: &str, argument: &Argument<'_>, entries: &[&Entry]) -> Vec<String> {
    let mut past = Past::of(desk);
    let mut lines = vec![out::head(&format!("proposal/{id}")), row("file", &argument.path)];
    lines.push(row("digest", &argument.digest.to_string()));
    lines.extend(show::rows(&argument.proposal).iter().map(|(name, value)| row(name, value)));
    lines.extend(changed(&past::changes(past.argument(id).as_ref(), argument.bytes)));
    for entry in entries {
        lines.push(String::new());
        lines.extend(file(desk, argument, entry));
        let bytes = desk.catalog.folder().get(&entry.path).unwrap_or_default();
        lines.extend(changed(&past::changes(past.version(entry, id).as_ref(), bytes)));
    }
    lines.push(String::new());
    lines
}

fn file(desk: &Desk, argument: &Argument<'_>, entry: &Entry) -> Vec<String> {
    let mut lines = vec![out::head(&entry.name()), row("file", &entry.path), row("title", entry.title())];
    lines.push(row("digest", &entry.digest.to_string()));
    lines.push(row("signed by", entry.author().unwrap_or("nobody whose signature counts")));
    match entry.runbook() {
        Some(runbook) => {
            lines.extend(runbook::show::rows(runbook).iter().map(|(name, value)| row(name, value)));
        }
        None => {
            let text = String::from_utf8_lossy(desk.catalog.folder().get(&entry.path).unwrap_or_default());
            lines.extend(text.lines().map(|line| format!("  | {}", out::line(line))));
        }
    }
    let beyond = entry.content().map(|content| within(&argument.proposal, content)).unwrap_or_default();
    lines.extend(beyond.iter().map(|(at, problem)| row("beyond", &format!("{at}: {problem}"))));
    lines
}

fn changed(changes: &[String]) -> Vec<String> {
    let name = |n: usize| if n == 0 { "compared" } else { "  changed" };
    changes.iter().enumerate().map(|(n, line)| row(name(n), line)).collect()
}
