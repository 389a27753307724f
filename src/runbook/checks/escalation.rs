//! Rungs and `notify` steps tell somebody something, on a channel that exists.

use std::collections::BTreeSet;

use super::{Action, Content, Lint, Problem, Runbook, Source, actions, yaml};
use crate::base::limits::SUMMARY_BYTES_MAX;

/// The check.
pub fn check(lint: &mut Lint) {
    let Some(runbook) = lint.runbook() else { return };
    if runbook.escalation.len() > 16 {
        lint.report("escalation", "more than 16 rungs", "keep the ones that reach somebody");
    }
    for (index, rung) in runbook.escalation.iter().enumerate() {
        lint.telling(&format!("escalation[{index}]"), &rung.channel, &rung.message);
    }
}

impl Lint<'_> {
    /// Checks a channel and what is told on it, wherever a file says that.
    pub(in crate::runbook) fn telling(&mut self, path: &str, channel: &str, message: &str) {
        if !is_channel(channel) {
            let help = "`log`, or the name of a channel of remediator.yaml: ^[a-z][a-z0-9-]{0,62}$";
            self.report(&format!("{path}.channel"), "this cannot be a channel's name", help);
        }
        if message.trim().is_empty() || message.len() > SUMMARY_BYTES_MAX {
            let help = format!("1 to {SUMMARY_BYTES_MAX} bytes");
            self.report(&format!("{path}.message"), "the message is empty or too long", help);
        }
    }
}

/// Whether a channel could have this name. Which ones there are is a question of the configuration, not of the file.
pub fn is_channel(name: &str) -> bool {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= 63 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(rest)
}

/// Rungs and `notify` steps of a file whose channel the configuration does not have. Not a check: a file is right or
/// wrong wherever it lies, and this is about where it lies.
pub fn unknown_channels(file: &str, bytes: &[u8], known: &BTreeSet<String>) -> Vec<Problem> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    let source = Source { file, text };
    let (Ok(Content::Runbook(runbook)), Ok(outline)) = (super::read(file, bytes), yaml::outline(source))
    else {
        return Vec::new();
    };
    let names = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let unknown = named(&runbook).into_iter().filter(|(_, channel)| !known.contains(*channel));
    unknown
        .map(|(path, channel)| {
            let at = outline.positions.of(&path);
            let help = format!("known here: {names}; or write it under `channels` (docs/channels.md)");
            let message = format!("remediator.yaml has no channel `{channel}`");
            source.problem(at, "escalation", message).with_help(help)
        })
        .collect()
}

/// Every channel that a runbook names, with its path.
fn named(runbook: &Runbook) -> Vec<(String, &str)> {
    let rungs = runbook.escalation.iter().enumerate();
    let rungs = rungs.map(|(index, rung)| (format!("escalation[{index}].channel"), rung.channel.as_str()));
    let steps = actions(runbook).into_iter().filter_map(|(path, _, action)| match action {
        Action::Notify(notify) => Some((format!("{path}.channel"), notify.channel.as_str())),
        _ => None,
    });
    rungs.chain(steps).collect()
}
