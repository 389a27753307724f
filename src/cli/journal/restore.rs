//! `remediator journal restore`: damaged entries are taken from an export, where hash and signature hold.

use std::path::PathBuf;

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::base::ids::BootId;
use crate::journal::{IntentJournal, Options};
use crate::remediator::read_journal_key;

/// Mend a damaged journal from an export of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator journal restore --from ./evidence")]
pub struct Args {
    /// The folder that `audit export` wrote.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
}

/// Restores.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let key = read_journal_key(&home.state())
        .map_err(|e| Failure::new(Exit::Refused, "the journal cannot be opened").because(e))?;
    let options = Options::new(home.state(), BootId::fresh(), key);
    let (journal, _) = IntentJournal::restore(options, &args.from)?;
    let mended = journal.damage().is_none();
    let damage = journal.damage().map(ToString::to_string);
    journal.clean_stop()?;
    match global.output {
        Output::Json => {
            out::json(&serde_json::json!({"v": 1, "restored": mended, "damage": damage}).to_string())?
        }
        Output::Human => match &damage {
            None => out::say("restored: `remediator audit verify --full` checks all of it")?,
            Some(damage) => out::say(format!("still damaged: {damage}"))?,
        },
    }
    Ok(if mended { Exit::Ok } else { Exit::Damage })
}
