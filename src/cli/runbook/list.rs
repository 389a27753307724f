//! `runbook list`: every content file with its standing, the reason and the mend.

use super::folder;
use super::recorded::Recorded;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Home, Outcome, Output, out};
use crate::runbook::listing::{self, ContentList};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 all live, 1 something is refused or only observes.\n\n\
Example:\n  remediator runbook list --output json")]
pub struct Args {
    /// Exit 0 whatever stands there.
    #[arg(long)]
    quiet_exit: bool,
}

/// Lists.
pub fn run(args: Args, global: &Global) -> Outcome {
    let root = folder::root(global)?;
    if Home::locate(global).is_ok_and(|home| home.is_imported()) {
        anstream::eprintln!(
            "note: this home was made from an export: it is read-only, and nothing acts on these files"
        );
    }
    let catalog = folder::catalog(&root, folder::read(&root)?, &Recorded::of(global, &root));
    let report = listing::contents(&catalog);
    let sound = report.unreadable.is_empty() && report.files.iter().all(|f| f.standing == "live");
    if global.output == Output::Json {
        out::json_of(&report)?;
    } else {
        print(&report)?;
    }
    Ok(if sound || args.quiet_exit { Exit::Ok } else { Exit::Findings })
}

fn print(report: &ContentList) -> Result<(), Failure> {
    let rows = report.files.iter().map(|file| {
        vec![
            out::state(file.standing),
            file.name.clone(),
            out::line(&file.title),
            file.signer.clone().unwrap_or_else(|| "-".to_owned()),
            if file.approvers.is_empty() { "-".to_owned() } else { file.approvers.join(", ") },
        ]
    });
    out::say(out::table(&["standing", "file", "title", "signed by", "approved by"], rows.collect()))?;
    for file in &report.files {
        for wrong in &file.reasons {
            out::say(format!("\n{}: {}\n  mend: {}", file.name, out::line(&wrong.problem), wrong.mend))?;
        }
    }
    for file in &report.unreadable {
        out::say(format!("\n{} {}: {}", out::state("refused"), file.path, out::line(&file.problem)))?;
    }
    Ok(())
}
