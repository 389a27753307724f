//! Room for the journal: without it nothing can be recorded, and what cannot be recorded is not done.

use super::{Patient, Sheet};
use crate::base::limits::SEGMENT_BYTES_MAX;
use crate::cli::exit::Failure;

/// Below this the daemon may come to its reserve within a day: two segments.
const LITTLE_BYTES: u64 = 2 * SEGMENT_BYTES_MAX;

pub(super) fn check(patient: &Patient, sheet: &mut Sheet) {
    let state = patient.home.state();
    match free(&state) {
        Err(failure) => sheet.unknown(failure.to_string()),
        Ok((bytes, _)) if bytes < LITTLE_BYTES => sheet.finding(
            format!("{} MiB are free under {}", bytes >> 20, state.display()),
            "free some, or move the home to a larger disk: `remediator backup`, then `restore` there",
        ),
        Ok((_, Some(files))) if files < 1_000 => sheet.finding(
            format!("{files} more files can be made under {}", state.display()),
            "remove files that are not needed: `df -i` shows which disk",
        ),
        Ok((bytes, _)) => sheet.ok(format!("{} MiB are free for the journal", bytes >> 20)),
    }
    if let Ok(status) = patient.status()
        && status.journal.space != "ample"
    {
        let what = format!("the journal says that room is {}", status.journal.space);
        sheet.finding(what, "free some; it goes on by itself");
    }
}

/// Bytes and files that may still be made; no number of files where the file system has no bound.
fn free(path: &std::path::Path) -> Result<(u64, Option<u64>), Failure> {
    let stat = rustix::fs::statvfs(path).map_err(|e| {
        let what = format!("cannot tell how much room there is under {}", path.display());
        Failure::new(crate::cli::Exit::Unavailable, what).because(e)
    })?;
    Ok((stat.f_bavail.saturating_mul(stat.f_frsize), (stat.f_files > 0).then_some(stat.f_favail)))
}
