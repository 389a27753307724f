//! `remediator journal refold`: the state that a pruned journal begins with, made anew by this version.

use std::path::PathBuf;

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use super::prune::refused;
use crate::base::ids::BootId;
use crate::context::FOLD_VERSION;
use crate::journal::{Options, read_offline};
use crate::remediator::{read_journal_key, refold};

/// Make the state that a pruned journal begins with anew, when the one that is there was written by another version of
/// this program. The archives are verified and folded where they are; the journal stays pruned. The daemon must be stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 it begins with a state of this version, 2 an archive is missing, \
4 an archive is of another journal, 5 one is not whole, 75 a daemon runs.\n\n\
Example:\n  remediator journal refold --archive ./archive-1 --archive ./archive-2")]
pub struct Args {
    /// A folder that `journal archive` wrote; all of them, back to the first entry, in any order.
    #[arg(long, value_name = "DIR", required = true, num_args = 1..)]
    archive: Vec<PathBuf>,
}

/// Folds anew.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let key = read_journal_key(&home.state())
        .map_err(|e| Failure::new(Exit::Refused, "the journal cannot be opened").because(e))?;
    let options = Options::new(home.state(), BootId::fresh(), key);
    let archives: Vec<PathBuf> =
        args.archive.into_iter().map(|path| std::path::absolute(&path).unwrap_or(path)).collect();
    let done = refold(options, &archives).map_err(refused)?;
    let (minimum, entry) = match &done {
        Some(done) => (done.minimum, Some(done.entry)),
        None => (read_offline(&home.state())?.minimum(), None),
    };
    match global.output {
        Output::Json => out::json_of(&serde_json::json!({
            "v": 1, "minimum": minimum, "refolded": entry.is_some(), "entry": entry, "fold_version": FOLD_VERSION,
        }))?,
        Output::Human => out::say(match entry {
            Some(entry) => format!(
                "folded anew: what begins with entry {minimum} begins with a state of this version (fold {FOLD_VERSION}), \
                 entry {entry} says so"
            ),
            None if minimum == 0 => "nothing is pruned from this journal: nothing was done".to_owned(),
            None => format!(
                "the state that it begins with is of this version (fold {FOLD_VERSION}): nothing was done"
            ),
        })?,
    }
    Ok(Exit::Ok)
}
