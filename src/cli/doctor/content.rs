//! Content that is not live, and trust that is not in force.

use super::{Patient, Sheet};

/// Files that are named one by one; the rest is counted.
const NAMED_MAX: usize = 10;

pub(super) fn check(patient: &Patient, sheet: &mut Sheet) {
    let status = match patient.status() {
        Ok(status) => status,
        Err(error) => return sheet.unknown(error),
    };
    if let Some(why) = &status.trust.refused {
        let fix = "have it signed by a holder of trust@remediator, or put the old version back";
        sheet.finding(format!("the trust files on disk are not in force: {why}"), fix);
    }
    let catalog = &status.catalog;
    if catalog.seq.is_none() {
        return sheet.unknown("no daemon has loaded the content yet");
    }
    for content in catalog.not_live.iter().take(NAMED_MAX) {
        let standing = crate::cli::out::word(&content.standing);
        sheet.finding(format!("{} is {standing}", content.content), content.reason.clone());
    }
    if catalog.not_live.len() > NAMED_MAX {
        let more = catalog.not_live.len() - NAMED_MAX;
        sheet
            .finding(format!("{more} more file(s) are not live"), "`remediator runbook list` shows them all");
    }
    match catalog.live {
        0 => sheet.finding("no content is live: nothing can be healed", "`remediator runbook list` says why"),
        n => sheet.ok(format!("{n} file(s) are live")),
    }
}
