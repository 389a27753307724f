//! `remediator journal restore`: damaged entries are taken from an export, where hash and signature hold; pruned ones from
//! the archive that they were pruned to, byte for byte.

use std::path::{Path, PathBuf};

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::base::digest::Blake3;
use crate::base::ids::BootId;
use crate::journal::{Depth, IntentJournal, Options, verify};
use crate::remediator::read_journal_key;

/// Mend a damaged journal from an export of it, or bring pruned entries back from an archive. The daemon must be stopped.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 it is whole, 2 the archive does not end where the journal begins, \
4 the export or archive is of another journal, 5 it is still damaged or the archive is not whole, 75 a daemon runs.

Example:
  remediator journal restore --from ./evidence
  remediator journal restore --from-archive ./archive-1")]
#[group(required = true, multiple = false)]
pub struct Args {
    /// The folder that `audit export` wrote.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// The folder that `journal archive` wrote. Of several the newest comes first.
    #[arg(long, value_name = "DIR")]
    from_archive: Option<PathBuf>,
}

/// Restores.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let key = read_journal_key(&home.state())
        .map_err(|e| Failure::new(Exit::Refused, "the journal cannot be opened").because(e))?;
    if let Some(archive) = &args.from_archive {
        return from_archive(Options::new(home.state(), BootId::fresh(), key), archive, global);
    }
    let Some(from) = args.from else {
        return Err(
            Failure::new(Exit::Usage, "it is not said where from").hint("--from DIR or --from-archive DIR")
        );
    };
    // One that cannot be read at all is what this is for.
    if let Ok(report) = verify(&home.state(), Depth::Full, &mut |_| {}) {
        must_be_of_it(&from, report.genesis)?;
        if report.is_good() && report.torn.is_none() {
            return nothing_wrong(global);
        }
    }
    let options = Options::new(home.state(), BootId::fresh(), key);
    let (journal, _) = IntentJournal::restore(options, &from)?;
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

/// What was pruned comes back, and all of it is verified.
fn from_archive(options: Options, archive: &Path, global: &Global) -> Outcome {
    let state = options.state.clone();
    let restored = IntentJournal::restore_archive(options, archive)?;
    let report = verify(&state, Depth::Full, &mut |_| {})?;
    match global.output {
        Output::Json => out::json_of(&serde_json::json!({
            "v": 1, "restored": true, "minimum": restored.minimum, "entry": restored.entry,
            "segments": restored.segments, "blobs": restored.blobs, "whole": report.is_good(),
        }))?,
        Output::Human => {
            let (minimum, segments, entry) = (restored.minimum, restored.segments, restored.entry);
            let word = if report.is_good() { "healthy" } else { "failed" };
            out::say(format!(
                "{} restored: the journal begins with entry {minimum}; {segments} segment(s) are back, entry {entry} says so",
                out::state(word)
            ))?;
        }
    }
    Ok(if report.is_good() { Exit::Ok } else { Exit::Damage })
}

/// Another machine's entries mend nothing here.
fn must_be_of_it(from: &Path, own: Option<Blake3>) -> Result<(), Failure> {
    let export = verify(from, Depth::Quick, &mut |_| {})?;
    if own.is_none() || export.genesis == own {
        return Ok(());
    }
    let node = export.node.map(|node| format!(" of node {node}")).unwrap_or_default();
    let what = format!("{} is an export of another journal{node}", from.display());
    Err(Failure::new(Exit::Refused, what).hint("name an export of this home; nothing was changed"))
}

fn nothing_wrong(global: &Global) -> Outcome {
    match global.output {
        Output::Json => out::json(r#"{"v":1,"restored":false,"damage":null}"#)?,
        Output::Human => out::say("nothing is wrong with this journal: nothing was restored")?,
    }
    Ok(Exit::Ok)
}
