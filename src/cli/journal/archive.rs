//! `remediator journal archive`: old segments, compressed and signed, in a folder that can be verified by itself.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::{NodeId, Seq};
use crate::base::sign::KeyId;
use crate::base::time::Span;
use crate::journal::{Archive, Below, Error, archive, verify_archive};
use crate::remediator::read_journal_key;

/// Copy sealed segments, from the oldest on, with their blobs into a new folder, signed with the journal's key, and read
/// them back. Nothing is removed; the daemon may run. `journal archive verify DIR` verifies one anywhere.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "A segment is sealed when the next one is begun: at 64 MiB, and at each start.\n\n\
Exit codes: 0 archived and read back, or nothing is as old as --older-than says; 2 nothing is sealed below --below, or the folder is not empty; 5 a segment or the archive is damaged.\n\n\
Example:\n  remediator journal archive --into ./archive-1 --older-than 90d\n  remediator journal archive verify ./archive-1"
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// A folder that does not exist, or is empty.
    #[arg(long, value_name = "DIR", required = true)]
    into: Option<PathBuf>,
    /// Only segments that end before this entry.
    #[arg(long, value_name = "SEQ", conflicts_with = "older_than")]
    below: Option<Seq>,
    /// Only segments that were sealed longer ago than this.
    #[arg(long, value_name = "SPAN", value_parser = Span::parse)]
    older_than: Option<Span>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(VerifyArgs),
}

/// Verify an archive by itself: its signature, every file, every entry, every blob.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 good, 2 there is no such folder, 5 not good.\n\nExample:\n  remediator journal archive verify ./archive-1"
)]
pub struct VerifyArgs {
    /// The folder that `journal archive` wrote.
    folder: PathBuf,
}

/// What is printed with --output json.
#[derive(Serialize)]
struct Shown<'a> {
    v: u32,
    folder: &'a Path,
    node: NodeId,
    genesis: Blake3,
    first: Seq,
    last: Seq,
    hash: Blake3,
    segments: usize,
    blobs: usize,
    signatures: u64,
    manifest: FileDigest,
    signed_by: KeyId,
}

/// Archives or verifies.
pub fn run(args: Args, global: &Global) -> Outcome {
    if let Some(Command::Verify(args)) = args.command {
        return show(&verify_archive(&args.folder)?, global);
    }
    let home = Home::acting(global)?;
    let Some(into) = args.into else {
        return Err(Failure::new(Exit::Usage, "an archive needs a folder").hint("--into DIR"));
    };
    if is_within(&into, &home.state()) {
        let what = format!("{} lies within what it would be a copy of", into.display());
        return Err(Failure::new(Exit::Usage, what)
            .hint("name a folder outside of the home's state, best on another disk"));
    }
    let key = read_journal_key(&home.state())
        .map_err(|e| Failure::new(Exit::Refused, "the archive cannot be signed").because(e))?;
    let below = match (args.below, args.older_than) {
        (Some(seq), _) => Below::Seq(seq),
        (None, Some(span)) => {
            let us = i64::try_from(span.ms()).unwrap_or(i64::MAX).saturating_mul(1_000);
            Below::Time(out::now_us().saturating_sub(us))
        }
        (None, None) => Below::Head,
    };
    let archive = match archive(&home.state(), &into, below, &key) {
        // For a timer that is as good as done: there is something another day.
        Err(Error::NothingOld) if args.older_than.is_some() => return nothing_old(global),
        other => other?,
    };
    show(&archive, global)?;
    if global.output == Output::Human {
        let next =
            format!("take them out of the journal: remediator journal prune --archive {}", into.display());
        out::say(out::faint(next))?;
    }
    Ok(Exit::Ok)
}

/// Whether a path that need not exist yet lies within a folder.
fn is_within(path: &Path, folder: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let nearest = path.ancestors().find_map(real);
    nearest.zip(real(folder)).is_some_and(|(path, folder)| path.starts_with(folder))
}

/// Nothing was written.
fn nothing_old(global: &Global) -> Outcome {
    match global.output {
        Output::Json => out::json_of(&serde_json::json!({ "v": 1, "segments": 0 }))?,
        Output::Human => out::say("nothing is that old: no archive was made")?,
    }
    Ok(Exit::Ok)
}

fn show(archive: &Archive, global: &Global) -> Outcome {
    let manifest = &archive.manifest;
    let (segments, blobs, signatures) =
        (manifest.segments.len(), manifest.blobs.len(), archive.report.signatures);
    match global.output {
        Output::Json => out::json_of(&Shown {
            v: 1,
            folder: &archive.folder,
            node: manifest.node,
            genesis: manifest.genesis,
            first: manifest.first,
            last: manifest.last,
            hash: manifest.hash,
            segments,
            blobs,
            signatures,
            manifest: archive.digest,
            signed_by: archive.signed_by,
        })?,
        Output::Human => {
            let (folder, first, last) = (archive.folder.display(), manifest.first, manifest.last);
            out::say(format!(
                "{} {folder}: entries {first} to {last} in {segments} segment(s), {blobs} blob(s), {signatures} signatures verified",
                out::state("healthy")
            ))?;
            out::say(format!("signed by key {}, manifest {}", archive.signed_by, archive.digest))?;
        }
    }
    Ok(Exit::Ok)
}
