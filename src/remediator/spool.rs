//! Reports that `emit` left while no daemon ran: one synced file each in `state/spool/`, taken in first.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::handle::Handle;
use crate::event::degradation::{DegradationReport, Source};

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

/// Takes in every spooled report, oldest name first. One that cannot be read is set aside, never lost.
pub(super) async fn drain(state: &Path, handle: &Handle) -> std::io::Result<usize> {
    let mut names: Vec<PathBuf> = match std::fs::read_dir(folder(state)) {
        Ok(entries) => entries.filter_map(|e| e.ok().map(|e| e.path())).collect(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(e),
    };
    names.retain(|path| path.extension().is_some_and(|e| e == "json"));
    names.sort();
    let mut taken = 0;
    for path in names {
        match take(&path, handle).await {
            Ok(()) => {
                std::fs::remove_file(&path)?;
                taken += 1;
            }
            Err(why) => {
                let aside = path.with_extension("refused");
                tracing::error!(file = %path.display(), why, "a spooled report was refused and set aside");
                std::fs::rename(&path, aside)?;
            }
        }
    }
    Ok(taken)
}

async fn take(path: &Path, handle: &Handle) -> Result<(), String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let spooled: Spooled = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
    if spooled.v != 1 {
        return Err(format!("version {} is not known", spooled.v));
    }
    let accepted = handle.report_early(spooled.report, Source::Person(spooled.person)).await;
    accepted.map(|_| ()).map_err(|rejection| rejection.to_string())
}
