//! Which approvals of a proposal count, of what is on a desk. The judgement is `runbook::counted`'s.

use super::desk::Desk;
use crate::runbook::{Entry, counted};

pub use crate::runbook::counted::{Line, Quorum, say, standing};

/// Every approval of a proposal.
pub fn approvals(desk: &Desk, id: &str) -> Vec<Line> {
    counted::approvals(&desk.catalog, id)
}

/// How many approvals a file has, and needs.
pub fn quorum_of(desk: &Desk, entry: &Entry, approvals: &[Line]) -> Quorum {
    counted::quorum_of(&desk.catalog, entry, approvals)
}

/// The same for the file that lacks most.
pub fn quorum(desk: &Desk, id: &str, approvals: &[Line]) -> Quorum {
    counted::quorum(&desk.catalog, id, approvals)
}
