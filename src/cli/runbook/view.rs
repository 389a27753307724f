//! What `list` and `show` say of a content file, as data. What it says is made in `runbook::listing`.

pub use crate::runbook::listing::{Line, Reason, line};
