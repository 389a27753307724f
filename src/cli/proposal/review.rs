//! The page that an approver reads before saying yes: the argument, its bounds, and for each file its digest, what it
//! would do, where it goes beyond, and what its meaning has changed in since it was live last.
//! Not for asking or signing (`approve`).

use super::desk::{Argument, Desk};
use super::past::{self, Past};
use super::show::{self, row};
use crate::cli::out;
use crate::cli::runbook;
use crate::runbook::evidence::{self, Seen};
use crate::runbook::verified::within;
use crate::runbook::{Entry, Runbook};

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
            lines.push(row("evidence", &evidence(desk, runbook, entry)));
            let kept = super::show::backtest(desk, entry);
            lines.push(row("backtest", &kept.map_or_else(|| "none".to_owned(), |kept| kept.say())));
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

/// What shows that it works: whose word that is, and of when.
fn evidence(desk: &Desk, runbook: &Runbook, entry: &Entry) -> String {
    let path = evidence::path(&runbook.proposal, &runbook.id);
    let (folder, now_us) = (desk.catalog.folder(), out::now_us());
    if folder.get(&path).is_none() {
        return "none".to_owned();
    }
    match evidence::read(folder, desk.catalog.trust(), &path, now_us) {
        Err(why) => why,
        Ok((found, signed)) => {
            let what = match found.seen {
                Seen::Rehearsal { healed_ms, .. } => {
                    format!("a rehearsal that healed in {}", out::span(healed_ms))
                }
                Seen::DryRuns { count, .. } => format!("{count} dry runs"),
            };
            let short =
                found.falls_short(&entry.digest, now_us).map(|why| format!("; does not count: {why}"));
            let at = crate::base::time::rfc3339(found.at_us);
            format!("{what}, says {} on {at}{}", signed.principal, short.unwrap_or_default())
        }
    }
}

fn changed(changes: &[String]) -> Vec<String> {
    let name = |n: usize| if n == 0 { "compared" } else { "  changed" };
    changes.iter().enumerate().map(|(n, line)| row(name(n), line)).collect()
}
