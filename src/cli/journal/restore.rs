//! `remediator journal restore`: damaged entries are taken from an export, where hash and signature hold.

use std::path::PathBuf;

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::base::digest::Blake3;
use crate::base::ids::BootId;
use crate::journal::{Depth, IntentJournal, Options, verify};
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
    // One that cannot be read at all is what this is for.
    if let Ok(report) = verify(&home.state(), Depth::Full, &mut |_| {}) {
        must_be_of_it(&args, report.genesis)?;
        if report.is_good() && report.torn.is_none() {
            return nothing_wrong(global);
        }
    }
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

/// Another machine's entries mend nothing here.
fn must_be_of_it(args: &Args, own: Option<Blake3>) -> Result<(), Failure> {
    let export = verify(&args.from, Depth::Quick, &mut |_| {})?;
    if own.is_none() || export.genesis == own {
        return Ok(());
    }
    let node = export.node.map(|node| format!(" of node {node}")).unwrap_or_default();
    let what = format!("{} is an export of another journal{node}", args.from.display());
    Err(Failure::new(Exit::Refused, what).hint("name an export of this home; nothing was changed"))
}

fn nothing_wrong(global: &Global) -> Outcome {
    match global.output {
        Output::Json => out::json(r#"{"v":1,"restored":false,"damage":null}"#)?,
        Output::Human => out::say("nothing is wrong with this journal: nothing was restored")?,
    }
    Ok(Exit::Ok)
}
