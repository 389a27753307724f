//! What steps need of this machine: a configuration, a folder of locks that can be trusted, /proc, descriptors.

use super::{Patient, Sheet};
use crate::base::limits::CONNECTIONS_MAX;
use crate::cli::variables;
use crate::coordination::MachineLock;

pub(super) fn configuration(patient: &Patient, sheet: &mut Sheet) {
    for unread in variables::unread() {
        sheet.finding(unread.what, unread.fix);
    }
    match &patient.config {
        Ok(config) if config.decisions.limits_lifted => sheet.finding(
            "`limits.lifted` is true: caps and cooldowns do not hold",
            "remove it from remediator.yaml; it is for benchmarks",
        ),
        Ok(_) => sheet.ok("remediator.yaml is right"),
        Err(error) => sheet.finding(error.clone(), "`remediator config check` shows the place"),
    }
}

pub(super) fn locks(_: &Patient, sheet: &mut Sheet) {
    match MachineLock::open() {
        Ok(locks) => sheet.ok(format!("locks are in {}", locks.path().display())),
        // It says itself what to do.
        Err(error) => sheet.finding(error.to_string(), "no attempt can get a lock until then"),
    }
}

/// Steps run in groups that are found again through /proc, with their own limits.
pub(super) fn processes(_: &Patient, sheet: &mut Sheet) {
    let own = procfs::process::Process::myself().and_then(|me| me.stat());
    let first = std::fs::read_to_string("/proc/1/stat");
    match (own, first) {
        (Err(error), _) => sheet.finding(
            format!("/proc cannot be read: {error}"),
            "mount it: without it left-over steps and services are not found",
        ),
        (Ok(_), Err(error)) => sheet.finding(
            format!("processes of others are hidden in /proc: {error}"),
            "mount it without hidepid, or run as root when services of others are to be watched",
        ),
        (Ok(_), Ok(_)) => sheet.ok("/proc shows every process"),
    }
    let program = std::env::current_exe().ok().filter(|path| path.is_file());
    match program {
        Some(path) => sheet.ok(format!("steps are started through {}", path.display())),
        None => sheet.finding(
            "this program's own file is gone (replaced while it ran?)",
            "restart the daemon: steps are started through that file",
        ),
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let wanted = CONNECTIONS_MAX as u64 * 2;
    if let Some(files) = limit.filter(|files| *files < wanted) {
        let fix = format!("raise it to {wanted}: `ulimit -n`, or LimitNOFILE= in the unit");
        sheet.finding(format!("{files} files may be open at once"), fix);
    } else {
        sheet.ok("enough files may be open at once");
    }
}
