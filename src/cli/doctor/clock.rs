//! Is the wall clock believable? Approvals and keys expire by it; limits and deadlines do not depend on it.

use super::{Patient, Sheet};
use crate::base::limits::CLOCK_STEP_US;
use crate::cli::out;

/// A wall clock before this moment (2025-01-01) was never set.
const NEVER_SET_US: i64 = 1_735_689_600_000_000;

pub(super) fn check(patient: &Patient, sheet: &mut Sheet) {
    let now = out::now_us();
    if now < NEVER_SET_US {
        let fix = "set it (`timedatectl set-time`, or start an NTP client), then start the daemon again";
        return sheet.finding("the wall clock stands before 2025: it was never set", fix);
    }
    let last = patient.status().ok().and_then(|s| s.head.as_ref().map(|head| head.at.clone()));
    let last = last.and_then(|at| at.parse::<jiff::Timestamp>().ok()).map(|at| at.as_microsecond());
    match last {
        Some(last) if now < last - CLOCK_STEP_US => {
            let behind = out::span(u64::try_from((last - now) / 1000).unwrap_or_default());
            let fix = "set the clock right (`timedatectl`); what needs it waits until then";
            sheet.finding(format!("the wall clock is {behind} behind the journal's last entry"), fix);
        }
        Some(_) => sheet.ok("the wall clock is not behind the journal"),
        None => sheet.unknown("there is no entry to compare the wall clock with"),
    }
    synchronised(sheet);
}

/// What systemd-timesyncd leaves behind; other clients leave nothing that can be read by everybody.
fn synchronised(sheet: &mut Sheet) {
    let timesyncd = std::path::Path::new("/run/systemd/timesync");
    if timesyncd.join("synchronized").exists() {
        sheet.ok("systemd-timesyncd keeps it");
    } else if timesyncd.exists() {
        sheet.finding(
            "systemd-timesyncd runs but has not synchronised the clock",
            "`timedatectl timesync-status` says why",
        );
    } else {
        sheet.unknown("nothing tells whether an NTP client keeps it");
    }
}
