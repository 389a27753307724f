//! Reports that `emit` left while no daemon ran. Stand-in: the real file replaces this one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::event::degradation::DegradationReport;

/// A spooled report. Whoever may write into `state/` (0700) is the owner of the home.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spooled {
    /// Version of this form: 1.
    pub v: u32,
    /// In whose name.
    pub person: String,
    /// The report; it always has an id, so that taking it in twice is one entry.
    pub report: DegradationReport,
}

/// Where the files are.
pub fn folder(state: &Path) -> PathBuf {
    state.join("spool")
}
