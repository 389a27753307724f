//! `remediator backup`: a consistent copy of a home, running or not, that `restore` can make a home from again.
//! Byte for byte the home's own files, beside a manifest of their digests. Not for showing a journal to others: that is
//! `audit export`.

pub mod manifest;
mod walk;

use std::path::{Path, PathBuf};

use super::exit::Failure;
use super::init::files;
use super::{Exit, Global, Home, Outcome, Output, out};
use crate::base::time::rfc3339;
use crate::journal::{Depth, verify};
use crate::subject::Subjects;
use manifest::Manifest;

/// Copy the home into a new folder: content, configuration, journal with its blobs, reports that wait; with --with-keys
/// the journal's key and the tokens as well. Never the keys of subjects (docs/retention.md). The daemon may run meanwhile. The copy is verified before this ends.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 the copy is whole, 5 the journal is damaged (the copy is kept), 69 it could not be made.\n\n\
Example:\n  remediator backup ./backup-1\n  remediator backup ./backup-2 --with-keys"
)]
pub struct Args {
    /// A folder that does not exist, or is empty. For its owner only.
    to: PathBuf,
    /// The journal's key and the tokens too: whoever has such a backup can write in the journal's name.
    #[arg(long)]
    with_keys: bool,
}

/// Copies.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let cannot = |e: anyhow::Error| {
        Failure::new(Exit::Unavailable, format!("cannot make the backup: {e:#}"))
            .hint("remove what was begun, then try again")
    };
    let to = empty(&args.to)?;
    if to.starts_with(home.root()) && !to.starts_with(home.state()) {
        return Err(Failure::new(Exit::Usage, "a backup cannot lie in the home that it is of")
            .hint("name a folder elsewhere, best on another disk"));
    }
    let manifest = copy(&home, &to, args.with_keys).map_err(cannot)?;
    let report = verify(&to.join("state"), Depth::Full, &mut |_| {})?;
    if args.with_keys
        && !crate::remediator::read_journal_key(&to.join("state"))
            .is_ok_and(|key| report.keys.last().is_some_and(|last| last.id == key.id()))
    {
        return Err(Failure::new(
            Exit::Temporary,
            "the key in the copy is not the one that signs the copied journal",
        )
        .hint(
            "it is lost, or was rotated meanwhile: `remediator key ls` tells; remove the copy and try again",
        ));
    }
    let elsewhere = elsewhere(&home);
    let subjects = Subjects::of_state(&home.state()).ids().map_or(0, |ids| ids.len());
    if global.output == Output::Json {
        out::json_of(&serde_json::json!({
            "v": 1, "folder": to, "files": manifest.files.len(), "keys": manifest.keys,
            "head": report.head, "whole": report.is_good(), "not_included": elsewhere,
            "subjects_not_included": subjects,
        }))?;
    } else {
        let (files, entries) = (manifest.files.len(), report.entries);
        out::say(format!("{}: {files} files, {entries} entries of the journal", to.display()))?;
        if !manifest.keys {
            out::say(out::faint(
                "without keys: keep a copy of state/keys/journal.key apart, or use --with-keys",
            ))?;
        }
        if subjects > 0 {
            out::say(out::faint(format!(
                "never included: the keys of {subjects} subject(s), or an erased one could be read in it for ever; in a \
                 restored home what is about them stays sealed until you put your own copy of state/subjects there"
            )))?;
        }
        if let Some(folder) = &elsewhere {
            out::say(format!("not included: {}, where remediator.yaml has the content", folder.display()))?;
        }
        if !report.is_good() {
            out::say(format!("{}: `remediator audit verify --full` says where", out::state("failed")))?;
        }
    }
    Ok(if report.is_good() { Exit::Ok } else { Exit::Damage })
}

fn empty(to: &Path) -> Result<PathBuf, Failure> {
    let to = std::path::absolute(to)
        .map_err(|e| Failure::new(Exit::Usage, format!("not a path: {}", to.display())).because(e))?;
    match std::fs::read_dir(&to).map(|mut entries| entries.next().is_none()) {
        Ok(false) => Err(Failure::new(Exit::Usage, format!("{} is not empty", to.display()))
            .hint("name a new folder: a backup never overwrites another")),
        Ok(true) => Ok(to),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(to),
        Err(e) => Err(Failure::new(Exit::Usage, format!("cannot look into {}", to.display())).because(e)),
    }
}

/// Where content lies that is not under the home.
fn elsewhere(home: &Home) -> Option<PathBuf> {
    let config = crate::remediator::config::read(home.root(), None).ok()?;
    let content = config.content.canonicalize().ok()?;
    let root = home.root().canonicalize().ok()?;
    (!content.starts_with(root)).then_some(content)
}

fn copy(home: &Home, to: &Path, with_keys: bool) -> anyhow::Result<Manifest> {
    files::private_folder(to)?;
    let now = rfc3339(out::now_us());
    let mut manifest = Manifest { v: 1, made: now, keys: with_keys, files: Default::default() };
    let mut take = |path: &Path| -> anyhow::Result<()> {
        let (name, digest) = walk::copy_file(home.root(), path, to)?;
        if let Some(digest) = digest {
            manifest.files.insert(name, digest);
        }
        Ok(())
    };
    // The key before the journal that it signs: should it be rotated meanwhile, the two differ, and that is seen.
    if with_keys {
        walk::KEYS.iter().try_for_each(|name| take(&home.root().join(name)))?;
    }
    for path in walk::journal(&home.state())? {
        take(&path)?;
    }
    for path in walk::blobs_and_spool(&home.state())? {
        take(&path)?;
    }
    for path in walk::content(home.root(), to)? {
        take(&path)?;
    }
    manifest.write(to)?;
    files::sync_folder(to)?;
    Ok(manifest)
}
