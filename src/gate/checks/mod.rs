//! The checks of a change, one file each and one line in the registry. What a file must be by itself and beside the others
//! is checked by `runbook` alone, the same for loader and gate; here stands what only a change can get wrong, and how
//! the loader's words become findings.

mod approvals;
mod attributes;
pub mod config;
mod modes;
mod proposals;
mod retirement;
mod standing;
mod text;
mod trust;

use super::finding::Finding;
use super::judge::Case;

/// A check: adds what it finds.
type Check = fn(&Case<'_>, &mut Vec<Finding>);

/// Every check, by its stable word.
pub const CHECKS: &[(&str, Check)] = &[
    ("trust", trust::check),
    ("config", config::check),
    ("modes", modes::check),
    ("attributes", attributes::check),
    ("text", text::check),
    ("standing", standing::check),
    ("proposals", proposals::check),
    ("approvals", approvals::check),
    ("retirement", retirement::check),
];
