//! `remediator journal fork`: a journal that cannot be mended is set aside, and one begun that continues it.

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::base::ids::BootId;
use crate::base::sign::KeyId;
use crate::journal::{Depth, IntentJournal, Options, verify};
use crate::remediator::read_journal_key;
use crate::runbook::loader;

/// Set a journal that cannot be mended aside and begin one that continues it from its last good entry. What came
/// after that entry stays readable beside it. The trust files on disk are in force from the start of the new one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator journal fork --reason \"the disk lost a segment, no export has it\""
)]
pub struct Args {
    /// Why; it stands in the first entry of the new journal.
    #[arg(long)]
    reason: String,
    /// Also where nothing is wrong with it, such as when its key may have been read by others.
    #[arg(long)]
    although_whole: bool,
}

/// Forks.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reason = args.reason.trim();
    if reason.is_empty() {
        return Err(Failure::new(Exit::Usage, "a fork needs a reason").hint("--reason \"why\""));
    }
    let home = Home::acting(global)?;
    let cannot = |e| Failure::new(Exit::Refused, "the journal cannot be opened").because(e);
    let key = read_journal_key(&home.state()).map_err(cannot)?;
    if !args.although_whole {
        must_need_it(&home, key.id())?;
    }
    let config = crate::remediator::config::read(home.root(), None)
        .map_err(|e| Failure::new(Exit::Usage, "the configuration cannot be read").because(e))?;
    let trust = loader::read_folder(&config.content)
        .map_err(|e| Failure::new(Exit::Usage, "the content folder cannot be read").because(e))?
        .trust_files();
    let options = Options::new(home.state(), BootId::fresh(), key);
    let (journal, continues) = IntentJournal::fork(options, trust, reason)?;
    journal.clean_stop()?;
    match global.output {
        Output::Json => {
            let text = serde_json::to_string(&continues)
                .map_err(|e| Failure::new(Exit::Findings, "the answer cannot be written").because(e))?;
            out::json(&text)?;
        }
        Output::Human => {
            out::say(format!("forked: the new journal continues the old one from entry {}", continues.seq))?;
            out::say(out::faint(format!("the old one is in state/journal-until-{}", continues.seq)))?;
        }
    }
    Ok(Exit::Ok)
}

/// A fork ends the old journal for good: one that can go on is not forked without a word about it.
fn must_need_it(home: &Home, at_hand: KeyId) -> Result<(), Failure> {
    // One that cannot be read at all needs it.
    let Ok(report) = verify(&home.state(), Depth::Quick, &mut |_| {}) else { return Ok(()) };
    let signs = report.keys.last().map(|key| key.id);
    if !report.is_good() || signs != Some(at_hand) {
        return Ok(());
    }
    let what = "nothing is wrong with this journal: it was not forked";
    Err(Failure::new(Exit::Refused, what).hint("--although-whole forks it all the same"))
}
