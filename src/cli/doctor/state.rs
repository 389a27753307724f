//! The journal, and what stands in it about pauses, freezes and eyes.

use super::{Patient, Sheet};

pub(super) fn journal(patient: &Patient, sheet: &mut Sheet) {
    let folder = patient.home.state().join("journal");
    if let Err(error) = std::fs::read_dir(&folder)
        && error.kind() == std::io::ErrorKind::PermissionDenied
    {
        let what = format!("{} cannot be looked at: {error}", folder.display());
        return sheet.finding(what, "run as the owner of the home; it need not be damaged");
    }
    match patient.report() {
        Err(error) => sheet.finding(
            error,
            "docs/operating.md, \"When the journal is damaged\": `remediator journal restore` or `fork`",
        ),
        Ok(report) => match (&report.first_bad, &report.head) {
            (Some(bad), _) => sheet.finding(
                format!("damage at seq {}, byte {} of {}: {}", bad.seq, bad.byte, bad.file, bad.what),
                "docs/operating.md, \"When the journal is damaged\": `remediator journal restore` or `fork`",
            ),
            (None, Some(head)) => {
                sheet.ok(format!("{} entries hold together; the last is seq {}", report.entries, head.seq))
            }
            (None, None) => sheet.finding("the journal is empty", "make a home with `remediator init`"),
        },
    }
    if let Some(sealed) = patient.status().ok().and_then(|s| s.journal.sealed.clone()) {
        sheet.finding(
            format!("the journal is sealed: {sealed}"),
            "look at the disk, then start the daemon again",
        );
    }
}

/// What keeps the remediator from acting, by somebody's word or by a freeze.
pub(super) fn operation(patient: &Patient, sheet: &mut Sheet) {
    let status = match patient.status() {
        Ok(status) => status,
        Err(error) => return sheet.unknown(error),
    };
    let mut free = true;
    let mut held = |sheet: &mut Sheet, what: String, fix: &str| {
        free = false;
        sheet.finding(what, fix);
    };
    let resume = "`remediator resume --reason …` when it is over";
    if let Some(p) = &status.paused {
        held(sheet, format!("paused by {}: {}", p.by, p.reason), resume);
    }
    if let Some(why) = patient.home.paused_by_file().filter(|_| status.paused.is_none()) {
        let what = format!(
            "the file state/PAUSED pauses it as soon as a daemon sees it (within a second while one runs, else at its start): {why}"
        );
        held(sheet, what, "remove the file when it is over, or `remediator resume --reason …` once it runs");
    }
    if patient.home.is_imported() {
        let fix = "use the home that the export came from, or make one with `remediator init`";
        held(sheet, "this home was made from an export: it is read-only".to_owned(), fix);
    }
    if let Some(d) = &status.draining {
        held(sheet, format!("draining, said {}: {}", d.by, d.reason), resume);
    }
    if let Some(why) = &status.observe_only {
        held(
            sheet,
            format!("observes only: {why}"),
            "start it without --observe-only once the reason is gone",
        );
    }
    for (target, tainted) in &status.tainted {
        let fix = "make sure that it does not, then `remediator target clear`";
        held(sheet, format!("something unknown may act on {target}: {}", tainted.reason), fix);
    }
    for frozen in &status.frozen {
        let what = format!("{} is frozen for {}: {}", frozen.runbook, frozen.target, frozen.reason);
        held(sheet, what, "look at the target, then `remediator incident thaw`");
    }
    for alarm in &status.alarms {
        held(sheet, format!("alarm at seq {}: {}", alarm.seq, alarm.what), "a defect: please report it");
    }
    if free {
        sheet.ok("nothing keeps it from acting");
    }
}

pub(super) fn sentinels(patient: &Patient, sheet: &mut Sheet) {
    let status = match patient.status() {
        Ok(status) => status,
        Err(error) => return sheet.unknown(error),
    };
    if super::super::status::was_never_served(status) {
        return sheet.unknown("no daemon was started on this home yet: `remediator serve` begins to watch");
    }
    let troubled: Vec<_> =
        status.sentinels.iter().filter_map(|(name, s)| Some((name, s.trouble.as_ref()?))).collect();
    for (name, trouble) in &troubled {
        sheet.finding(
            format!("sentinel {name} sees nothing: {trouble}"),
            "mend what it looks through; it is started again by itself",
        );
    }
    match (status.sentinels.len(), troubled.is_empty()) {
        (0, _) => sheet.finding(
            "no sentinel watches anything",
            "write one (docs/runbooks.md), or let programs report over HTTP",
        ),
        (n, true) => sheet.ok(format!("{n} sentinel(s) watch")),
        _ => {}
    }
}
