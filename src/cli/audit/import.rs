//! `remediator audit import DIR`: an export becomes a home that can be read with every reading command, and never serves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use super::super::exit::Failure;
use super::super::init::staging::Staging;
use super::super::init::{files, home as making};
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::base::digest::Blake3;
use crate::base::ids::{NodeId, Seq};
use crate::journal::{Depth, Error, Head, Manifest, Report, export, read_offline, verify};
use crate::tlog::CHECKPOINT;

/// Make a read-only home of an export: views, explanations and verification give the same as where it came from.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 imported, 2 there is something at the home already or DIR is no export, 5 the export is damaged.\n\n\
Example:\n  remediator audit import ./evidence --home ./investigation\n  remediator incidents --home ./investigation"
)]
pub struct Args {
    /// The folder that `remediator audit export` wrote.
    from: PathBuf,
}

/// What was imported; kept in the home, where it also says that it is read-only.
#[derive(Serialize)]
struct Imported {
    v: u32,
    node: NodeId,
    entries: u64,
    head: Head,
    /// Blobs that the export lacks, each with the first entry that names it.
    absent: BTreeMap<Blake3, Seq>,
}

/// Imports.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::locate(global)?;
    making::must_be_free(home.root()).map_err(|e| {
        Failure::new(Exit::Usage, format!("{e:#}")).hint("name another place with --home DIR")
    })?;
    let Some(manifest) = Manifest::read(&args.from) else {
        // One of another version says so; what is no journal either is no export.
        if let Err(error @ Error::OtherFormat { .. }) = read_offline(&args.from) {
            return Err(error.into());
        }
        let what = format!("{} is no export: it has no MANIFEST.json that can be read", args.from.display());
        return Err(Failure::new(Exit::Usage, what).hint("`remediator audit export DIR` writes one"));
    };
    let report = verify(&args.from, Depth::Full, &mut |_| {})?;
    if let Some(what) = damage(&report) {
        return Err(Failure::new(Exit::Damage, format!("the export is damaged: {what}")).hint(
            "get another copy; `remediator audit verify --full --folder DIR` says how far this one is good",
        ));
    }
    let imported = Imported {
        v: 1,
        node: manifest.node,
        entries: report.entries,
        head: manifest.head,
        absent: report.missing_blobs,
    };
    copy(&args.from, &home, &imported).map_err(|e| {
        Failure::new(Exit::Unavailable, format!("cannot import: {e:#}")).hint("nothing was left at the home")
    })?;
    if global.output == Output::Json {
        out::json_of(&imported)?;
        return Ok(Exit::Ok);
    }
    let (root, entries) = (home.root().display(), imported.entries);
    out::say(format!("{root}: {entries} entries of node {}, every signature verified", imported.node))?;
    for (blob, seq) in &imported.absent {
        out::say(format!("blob {blob}, which entry {seq} names, is not in the export"))?;
    }
    out::say(out::faint(format!("it is read-only: remediator incidents --home {root}")))?;
    Ok(Exit::Ok)
}

/// What is wrong with it; blobs that are not there are listed, not wrong.
fn damage(report: &Report) -> Option<String> {
    let bad_blob = |blob: &Blake3| format!("blob {blob} does not hold what its name promises");
    report.first_bad.as_ref().map(ToString::to_string).or_else(|| report.bad_blobs.first().map(bad_blob))
}

/// Builds the home beside its place and renames it there.
fn copy(from: &Path, home: &Home, imported: &Imported) -> anyhow::Result<()> {
    let home = home.root();
    let parent = home.parent().with_context(|| format!("{} cannot be a home", home.display()))?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let staging = Staging::beside(parent, "import")?;
    let state = staging.path().join("state");
    files::private_folder(&state)?;
    let journal = state.join("journal");
    export(from, &journal, None).with_context(|| format!("cannot copy {}", from.display()))?;
    // In a home the blobs stand beside the journal.
    std::fs::rename(journal.join("blobs"), state.join("blobs")).context("cannot move the blobs")?;
    // The head that was signed for: `audit verify --full` finds it at the same place as in a home that serves.
    let checkpoint = from.join(CHECKPOINT);
    if checkpoint.is_file() {
        let log = state.join("tlog");
        files::private_folder(&log)?;
        std::fs::copy(&checkpoint, log.join(CHECKPOINT)).context("cannot copy the checkpoint")?;
    }
    let mut text = serde_json::to_vec_pretty(imported)?;
    text.push(b'\n');
    files::write_private(&state.join(Home::IMPORTED), &text)?;
    files::sync_folder(&journal)?;
    files::sync_folder(&state)?;
    std::fs::set_permissions(staging.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    if let Err(error) = std::fs::rename(staging.path(), home) {
        making::must_be_free(home)?;
        return Err(error).with_context(|| format!("cannot rename to {}", home.display()));
    }
    staging.keep();
    files::sync_folder(parent)
}
