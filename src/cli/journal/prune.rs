//! `remediator journal prune`: what an archive holds is taken out of the journal.

use std::path::PathBuf;

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::base::ids::BootId;
use crate::journal::Options;
use crate::remediator::{RetentionError, prune, read_journal_key};

/// Take out of the journal what an archive holds, after verifying the archive again. The daemon must be stopped. Nothing
/// below an open incident or above the log's checkpoint goes. `journal restore --from-archive` brings it back.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 pruned; 2 there is no such archive, or it does not begin where the journal does; \
4 it may not be pruned yet, or the archive is of another journal; 5 the archive is not whole; 75 a daemon runs.\n\n\
Example:\n  remediator journal prune --archive ./archive-1"
)]
pub struct Args {
    /// The folder that `journal archive` wrote.
    #[arg(long, value_name = "DIR")]
    archive: PathBuf,
}

/// Prunes.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let key = read_journal_key(&home.state())
        .map_err(|e| Failure::new(Exit::Refused, "the journal cannot be opened").because(e))?;
    let archive = std::path::absolute(&args.archive).unwrap_or(args.archive);
    let pruned = prune(Options::new(home.state(), BootId::fresh(), key), &archive).map_err(refused)?;
    match global.output {
        Output::Json => out::json_of(&serde_json::json!({
            "v": 1, "minimum": pruned.minimum, "entry": pruned.entry, "segments": pruned.segments,
            "bytes": pruned.bytes, "blobs": pruned.blobs, "archive": archive,
        }))?,
        Output::Human => {
            out::say(format!(
                "pruned: the journal begins with entry {}; {} segment(s) of {} bytes and {} blob(s) removed, entry {} says so",
                pruned.minimum, pruned.segments, pruned.bytes, pruned.blobs, pruned.entry
            ))?;
            out::say(out::faint(
                "keep the archive, and a copy of it elsewhere: it is the only place where they are now",
            ))?;
        }
    }
    Ok(Exit::Ok)
}

/// As the end of a command.
pub(super) fn refused(error: RetentionError) -> Failure {
    let what = error.to_string();
    match error {
        RetentionError::Journal(error) => error.into(),
        RetentionError::Open { first, .. } => Failure::new(Exit::Refused, what).hint(format!(
            "archive less with `remediator journal archive --below {first}`, or wait until it is closed"
        )),
        RetentionError::NoCheckpoint(_) | RetentionError::Log(_) => {
            Failure::new(Exit::Refused, what).hint("nothing was removed")
        }
        RetentionError::State(_) => Failure::new(Exit::Temporary, what),
    }
}
