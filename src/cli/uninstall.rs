//! `remediator uninstall`: takes a home away. Says first what would go; the journal stays unless it is named.

use std::path::{Path, PathBuf};

use super::client::{Client, NoAnswer};
use super::exit::Failure;
use super::{Exit, Global, Home, Outcome, Output, out};
use crate::audit::StatusView;

/// Remove a home. Without --yes it only says what would go. Journal, blobs and the journal's key stay, so that what was
/// done can still be proved, unless --purge says otherwise. Stops nothing: a running daemon or service is named, and
/// then nothing is removed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 removed, or said what would go; 1 something of it still runs; 69 there is no home.\n\n\
Example:\n  remediator uninstall\n  remediator uninstall --yes\n  remediator uninstall --yes --purge"
)]
pub struct Args {
    /// Really remove.
    #[arg(long)]
    yes: bool,
    /// The journal, its blobs and its key, too. Nothing can be proved afterwards.
    #[arg(long)]
    purge: bool,
}

/// What of a home is ours, beside `state/`. Everything else in the folder is the operator's and stays.
const OURS: [&str; 7] =
    ["remediator.yaml", ".gitignore", "runbooks", "proposals", "schemas", "sample", "state"];
/// What stays of `state/` without --purge.
const PROOF: [&str; 3] = ["journal", "blobs", "keys"];

/// Removes, or says what would be removed.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::readable(global)?;
    let running = running(&home)?;
    let (go, stay) = sorted(&home, args.purge)?;
    let removed = args.yes && running.is_empty();
    if removed {
        go.iter().try_for_each(|path| remove(path)).map_err(|e| {
            Failure::new(Exit::Unavailable, "not everything could be removed")
                .hint("do it again once that is mended: what is left is named then")
                .because(e)
        })?;
        // Only when nothing is left in them.
        for folder in [home.state(), home.root().to_owned()] {
            let _ = std::fs::remove_dir(folder);
        }
    }
    if global.output == Output::Json {
        out::json_of(&serde_json::json!({
            "v": 1, "removed": removed, "goes": go, "stays": stay, "running": running,
        }))?;
    } else {
        print(&go, &stay, &running, removed)?;
    }
    Ok(if running.is_empty() || !args.yes { Exit::Ok } else { Exit::Findings })
}

fn print(go: &[PathBuf], stay: &[PathBuf], running: &[String], removed: bool) -> Result<(), Failure> {
    let word = if removed { "removed" } else { "would go" };
    go.iter().try_for_each(|path| out::say(format!("{word:<9} {}", path.display())))?;
    stay.iter().try_for_each(|path| out::say(format!("stays     {}", path.display())))?;
    for what in running {
        out::say(format!("{} {what}", out::state("running")))?;
    }
    if !running.is_empty() {
        out::say("nothing was removed: stop what runs first, it is not stopped for you")?;
    } else if !removed {
        out::say(out::faint("nothing was removed; to do it: remediator uninstall --yes"))?;
    }
    Ok(())
}

/// What of this home runs: nothing of it is stopped here.
fn running(home: &Home) -> Result<Vec<String>, Failure> {
    let mut running = Vec::new();
    if home.is_imported() {
        // What its journal names runs for the home that the export came from.
        return Ok(running);
    }
    let client = Client::new(home)?;
    match client.get("/v1/status") {
        Err(NoAnswer::NoDaemon { .. } | NoAnswer::OtherHome { .. }) => {}
        _ => running
            .push(format!("the daemon at {} (end it with SIGTERM or systemctl stop)", client.address())),
    }
    let status: Option<StatusView> =
        crate::audit::Audit::offline(&home.state()).ok().and_then(|audit| audit.status().ok());
    for (name, service) in status.map(|s| s.services).unwrap_or_default() {
        let Some(pid) = service.pid else { continue };
        let process = i32::try_from(pid).ok().and_then(|pid| procfs::process::Process::new(pid).ok());
        let start = process.and_then(|process| process.stat().ok()).map(|stat| stat.starttime);
        if start == Some(service.start_ticks) {
            running.push(format!("service {name}, process {pid}, which was started for it (kill {pid})"));
        }
    }
    Ok(running)
}

/// What goes and what stays.
fn sorted(home: &Home, purge: bool) -> Result<(Vec<PathBuf>, Vec<PathBuf>), Failure> {
    let list = |folder: &Path| -> Result<Vec<PathBuf>, Failure> {
        let entries = std::fs::read_dir(folder).map_err(|e| {
            Failure::new(Exit::Unavailable, format!("cannot list {}", folder.display())).because(e)
        })?;
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        Ok(paths)
    };
    let named = |path: &Path, names: &[&str]| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| names.contains(&name))
    };
    let (mut go, mut stay) = (Vec::new(), Vec::new());
    for path in list(home.root())? {
        if path == home.state() && !purge {
            let (proof, rest): (Vec<_>, Vec<_>) = list(&path)?.into_iter().partition(|p| named(p, &PROOF));
            go.extend(rest);
            stay.extend(proof);
        } else if named(&path, &OURS) {
            go.push(path);
        } else {
            stay.push(path);
        }
    }
    Ok((go, stay))
}

/// Links are removed, never followed.
fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::symlink_metadata(path)?.is_dir() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    }
}
