//! `remediator journal fsck`: the journal checked a second way, by code that shares no reader with the journal itself.

use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::replay::fsck::{Report, fsck};

/// Check chain, signatures, segments, end, blobs, index, Merkle tree and folds independently. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "The daemon may run; then the index is not checked.\n\n\
Exit codes: 0 all of it holds, 2 wrong use, 5 something does not.\n\n\
Example:\n  remediator journal fsck\n  remediator journal fsck --folder ./export --output json")]
pub struct Args {
    /// Another folder than the home: an export, or a copy of a journal.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Checks.
pub fn run(args: Args, global: &Global) -> Outcome {
    let folder = match args.folder {
        Some(folder) => folder,
        None => Home::readable(global)?.state(),
    };
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("checking {spinner} {human_pos} entries") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    let report = fsck(&folder, &mut |entries| bar.set_position(entries));
    bar.finish_and_clear();
    let report = report?;
    match global.output {
        Output::Json => out::json_of(&report)?,
        Output::Human => print(&report)?,
    }
    Ok(if report.good { Exit::Ok } else { Exit::Damage })
}

fn print(report: &Report) -> Result<(), super::super::Failure> {
    for check in &report.checks {
        let state = match (check.wrong, &check.note) {
            (0, Some(_)) if check.looked == 0 => "-".to_owned(),
            (0, _) => out::state("healthy"),
            _ => out::state("failed"),
        };
        out::say(format!("{state}  {}: {} ({} looked at)", check.name, check.what, check.looked))?;
        if let Some(note) = &check.note {
            out::say(out::faint(format!("    {}", out::line(note))))?;
        }
        for problem in &check.problems {
            let seq = problem.seq.map(|seq| format!("entry {seq}: ")).unwrap_or_default();
            out::say(format!("    {seq}{}", out::line(&problem.what)))?;
        }
        let more = check.wrong - check.problems.len() as u64;
        if more > 0 {
            out::say(format!("    and {more} more"))?;
        }
    }
    let head = report.head.as_deref().unwrap_or("-");
    out::say(format!("{} entries, the last has chain hash {head}", report.entries))
}
