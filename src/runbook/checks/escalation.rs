//! Rungs tell somebody something, on a channel that exists.

use std::collections::BTreeSet;

use super::{Content, Lint, Problem, Source, yaml};
use crate::base::limits::SUMMARY_BYTES_MAX;

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    if runbook.escalation.len() > 16 {
        lint.report("escalation", "more than 16 rungs", "keep the ones that reach somebody");
    }
    for (index, rung) in runbook.escalation.iter().enumerate() {
        if !is_channel(&rung.channel) {
            let help = "`log`, or the name of a channel of remediator.yaml: ^[a-z][a-z0-9-]{0,62}$";
            lint.report(&format!("escalation[{index}].channel"), "this cannot be a channel's name", help);
        }
        if rung.message.trim().is_empty() || rung.message.len() > SUMMARY_BYTES_MAX {
            let help = format!("1 to {SUMMARY_BYTES_MAX} bytes");
            lint.report(&format!("escalation[{index}].message"), "the message is empty or too long", help);
        }
    }
}

/// Whether a channel could have this name. Which ones there are is a question of the configuration, not of the file.
pub fn is_channel(name: &str) -> bool {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= 63 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(rest)
}

/// Rungs of a file whose channel the configuration does not have. Not a check: a file is right or wrong wherever it
/// lies, and this is about where it lies.
pub fn unknown_channels(file: &str, bytes: &[u8], known: &BTreeSet<String>) -> Vec<Problem> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    let source = Source { file, text };
    let (Ok(Content::Runbook(runbook)), Ok(outline)) = (super::read(file, bytes), yaml::outline(source))
    else {
        return Vec::new();
    };
    let rungs = runbook.escalation.iter().enumerate().filter(|(_, rung)| !known.contains(&rung.channel));
    rungs
        .map(|(index, rung)| {
            let at = outline.positions.of(&format!("escalation[{index}].channel"));
            let names: Vec<&str> = known.iter().map(String::as_str).collect();
            let help =
                format!("known here: {}; or write it under `channels` (docs/channels.md)", names.join(", "));
            let message = format!("remediator.yaml has no channel `{}`", rung.channel);
            source.problem(at, "escalation", message).with_help(help)
        })
        .collect()
}
