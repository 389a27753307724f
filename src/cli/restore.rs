//! `remediator restore`: makes a home from a backup, whole or not at all.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::backup::manifest::{FILE as MANIFEST, Manifest};
use super::exit::Failure;
use super::init::staging::Staging;
use super::init::{files, home as making};
use super::{Exit, Global, Home, Outcome, Output, out};
use crate::journal::{Depth, Report, verify};
use crate::remediator::read_journal_key;

/// Make a home from a backup. Every file is checked against the backup's manifest, the journal with every signature and
/// blob; a home that holds something is never touched.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 restored, 2 there is something at the home already or no such backup, 5 the backup is not whole.\n\n\
Example:\n  remediator restore ./backup-1 --home ./restored-home"
)]
pub struct Args {
    /// The folder that `remediator backup` wrote.
    from: PathBuf,
}

/// Restores.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::locate(global)?;
    making::must_be_free(home.root()).map_err(|e| {
        Failure::new(Exit::Usage, format!("{e:#}")).hint("name another place with --home DIR")
    })?;
    if !args.from.is_dir() {
        let what = format!("there is no folder {}", args.from.display());
        return Err(Failure::new(Exit::Usage, what).hint("name the folder that `remediator backup` wrote"));
    }
    if !args.from.join(MANIFEST).exists() {
        let what = format!("{} is no backup: there is no {MANIFEST} in it", args.from.display());
        return Err(Failure::new(Exit::Usage, what).hint("name the folder that `remediator backup` wrote"));
    }
    let damaged = |e: anyhow::Error| {
        Failure::new(Exit::Damage, format!("the backup is not whole: {e:#}")).hint("use another backup")
    };
    let manifest = Manifest::checked(&args.from).map_err(damaged)?;
    let report = whole(&args.from).map_err(damaged)?;
    copy(&manifest, &args.from, home.root()).map_err(|e| {
        Failure::new(Exit::Unavailable, format!("cannot restore: {e:#}")).hint("nothing was left at the home")
    })?;
    let key = read_journal_key(&home.state()).map(|key| key.id());
    let in_force = report.keys.last().map(|key| key.id);
    let can_serve = key.as_ref().is_ok_and(|key| Some(*key) == in_force);
    if global.output == Output::Json {
        let problem = key.as_ref().err().map(ToString::to_string);
        out::json_of(&serde_json::json!({
            "v": 1, "home": home.root(), "made": manifest.made, "entries": report.entries, "head": report.head,
            "can_serve": can_serve, "problem": problem,
        }))?;
    } else {
        let (root, made, entries) = (home.root().display(), out::short(&manifest.made), report.entries);
        out::say(format!(
            "{root}: restored as it was at {made}, {entries} entries, every signature verified"
        ))?;
        match (can_serve, key) {
            (true, _) => {
                out::say(out::faint("it goes on with `remediator serve`; make sure that no other copy runs"))?
            }
            (false, Ok(_)) => {
                out::say("its key is not the one that signs: put the newest state/keys/journal.key there")?
            }
            (false, Err(error)) => out::say(format!("before it can serve: {error}"))?,
        }
    }
    Ok(Exit::Ok)
}

fn whole(from: &Path) -> anyhow::Result<Report> {
    let report = verify(&from.join("state"), Depth::Full, &mut |_| {})?;
    if !report.is_good() {
        let what =
            report.first_bad.as_ref().map(ToString::to_string).unwrap_or_else(|| "blobs are missing".into());
        bail!("its journal is damaged: {what}");
    }
    Ok(report)
}

/// Builds the home beside its place and renames it there.
fn copy(manifest: &Manifest, from: &Path, home: &Path) -> anyhow::Result<()> {
    let parent = home.parent().with_context(|| format!("{} cannot be a home", home.display()))?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let staging = Staging::beside(parent, "restore")?;
    let root = staging.path();
    files::private_folder(&root.join("state/keys"))?;
    for (name, digest) in &manifest.files {
        let (source, target) = (from.join(name), root.join(name));
        let bytes = std::fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?;
        if crate::base::digest::FileDigest::of(&bytes) != *digest {
            bail!("{} changed while it was read", source.display());
        }
        match name.starts_with("state/") {
            true => files::write_private(&target, &bytes)?,
            false => files::write_new(&target, &bytes)?,
        }
        let executable =
            std::fs::metadata(&source).map(|m| std::os::unix::fs::PermissionsExt::mode(&m.permissions()));
        if executable.is_ok_and(|mode| mode & 0o100 != 0) {
            std::fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
    }
    for folder in ["state", "state/keys"] {
        std::fs::set_permissions(root.join(folder), std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    std::fs::set_permissions(root, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    files::sync_folder(root)?;
    if let Err(error) = std::fs::rename(root, home) {
        making::must_be_free(home)?;
        return Err(error).with_context(|| format!("cannot rename to {}", home.display()));
    }
    staging.keep();
    files::sync_folder(parent)
}
