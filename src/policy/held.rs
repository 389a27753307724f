//! The stable words of `incident.held`: why nothing is done now. Programs and tests know them; the detail is for people.

/// A person paused.
pub(super) const PAUSED: &str = "paused";
/// A person drains it.
pub(super) const DRAINING: &str = "draining";
/// Others run.
pub(super) const ATTEMPTS_AT_ONCE: &str = "attempts_at_once";
/// Something unknown may still act on the target.
pub(super) const TAINTED: &str = "tainted";
/// Only the journal's reserve is left.
pub(super) const SPACE: &str = "journal_space";
/// Somebody is asked whether a runbook may act.
pub(super) const ELEVATION: &str = "elevation";
/// Every runbook that fits cools down.
pub(super) const COOLDOWN: &str = "cooldown";
/// A fresh look comes first.
pub(super) const LOOK_FIRST: &str = "look_first";
