//! Reports that `emit` left while no daemon ran: one synced file each in `state/spool/`, taken in first.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::about::SealedWords;
use super::handle::{Handle, Rejection};
use crate::base::formats;
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
    /// What the report says, when it is about a subject: then no word of it stands in `report`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<SealedWords>,
}

/// How often the folder is looked into while the daemon runs.
const PAUSE: Duration = Duration::from_secs(1);

/// Where the files are.
pub fn folder(state: &Path) -> PathBuf {
    state.join("spool")
}

/// What became of a spooled report.
enum Taken {
    /// It is durable.
    In,
    /// It breaks a rule, and why.
    Refused(String),
    /// It cannot be taken now, and why; it stays where it is.
    NotNow(String),
}

/// Takes in every spooled report, oldest name first; how many. One that cannot be read is set aside, one that cannot
/// be taken now stays: none is lost.
pub(super) async fn drain(state: &Path, handle: &Handle) -> std::io::Result<usize> {
    let mut names: Vec<PathBuf> = match std::fs::read_dir(folder(state)) {
        Ok(entries) => entries.filter_map(|e| e.ok().map(|e| e.path())).collect(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(e),
    };
    names.retain(|path| path.extension().is_some_and(|e| e == "json") && !is_hidden(path));
    names.sort();
    let mut taken = 0;
    for path in names {
        match take(&path, handle).await {
            Taken::In => {
                std::fs::remove_file(&path)?;
                taken += 1;
            }
            Taken::Refused(why) => {
                let aside = path.with_extension("refused");
                tracing::error!(file = %path.display(), why, "a spooled report was refused and set aside");
                std::fs::rename(&path, aside)?;
            }
            Taken::NotNow(why) => {
                tracing::warn!(file = %path.display(), why, "spooled reports wait");
                break;
            }
        }
    }
    Ok(taken)
}

/// `emit` may have found no daemon just before this one was ready: what it left then is taken in soon after.
pub(super) fn watch(state: &Path, handle: &Handle, runtime: &tokio::runtime::Handle, stop: &AtomicBool) {
    let mut complained = false;
    while !stop.load(Ordering::Relaxed) {
        std::thread::park_timeout(PAUSE);
        match runtime.block_on(drain(state, handle)) {
            Ok(0) => complained = false,
            Ok(taken) => tracing::info!(taken, "spooled reports were taken in"),
            Err(error) if !complained => {
                complained = true;
                tracing::error!(%error, "spooled reports cannot be taken in: look at state/spool");
            }
            Err(_) => {}
        }
    }
}

/// A file under its own name is whole: the one who writes it renames it into place.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

async fn take(path: &Path, handle: &Handle) -> Taken {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Taken::Refused(error.to_string()),
    };
    let spooled: Spooled = match serde_json::from_slice(&bytes) {
        Ok(spooled) => spooled,
        Err(error) => return Taken::Refused(error.to_string()),
    };
    if spooled.v != formats::SPOOL {
        return Taken::Refused(formats::unknown(spooled.v, formats::SPOOL));
    }
    match handle.report_early(spooled.report, spooled.sealed, Source::Person(spooled.person)).await {
        Ok(_) => Taken::In,
        Err(rejection @ (Rejection::Invalid(_) | Rejection::Refused { .. })) => {
            Taken::Refused(rejection.to_string())
        }
        Err(rejection) => Taken::NotNow(rejection.to_string()),
    }
}
