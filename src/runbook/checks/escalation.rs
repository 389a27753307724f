//! Rungs tell somebody something, on a channel that exists.

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
        if !CHANNELS.contains(&rung.channel.as_str()) {
            let help = format!("known: {}", CHANNELS.join(", "));
            lint.report(&format!("escalation[{index}].channel"), "there is no such channel", help);
        }
        if rung.message.trim().is_empty() || rung.message.len() > SUMMARY_BYTES_MAX {
            let help = format!("1 to {SUMMARY_BYTES_MAX} bytes");
            lint.report(&format!("escalation[{index}].message"), "the message is empty or too long", help);
        }
    }
}
