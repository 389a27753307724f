//! Rungs and `notify` steps tell somebody something, on a channel that exists.

use super::Lint;
use crate::base::limits::SUMMARY_BYTES_MAX;

/// Channels that exist. A new one is a line here and a file in `notify`.
pub const CHANNELS: [&str; 1] = ["log"];

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
        if !CHANNELS.contains(&channel) {
            let help = format!("known: {}", CHANNELS.join(", "));
            self.report(&format!("{path}.channel"), "there is no such channel", help);
        }
        if message.trim().is_empty() || message.len() > SUMMARY_BYTES_MAX {
            let help = format!("1 to {SUMMARY_BYTES_MAX} bytes");
            self.report(&format!("{path}.message"), "the message is empty or too long", help);
        }
    }
}
