//! `remediator audit verify`: always reads the segments themselves, never what a daemon says about them.

use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::journal::{Depth, Report, verify};

/// Check the journal: the chain, or with --full every signature and blob. Ends with 5 when there is damage.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator audit verify\n  remediator audit verify --full\n  remediator audit verify --folder ./export --full"
)]
pub struct Args {
    /// Every signature and every blob as well.
    #[arg(long)]
    full: bool,
    /// Another folder than the home: an export, or a copy of a journal.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Verifies and reports.
pub fn run(args: Args, global: &Global) -> Outcome {
    let folder = match args.folder {
        Some(folder) => folder,
        None => Home::existing(global)?.state(),
    };
    let depth = if args.full { Depth::Full } else { Depth::Quick };
    // Drawn on stderr, and only where somebody watches.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("verifying {bar:30} {bytes} of {total_bytes}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    let report = verify(&folder, depth, &mut |progress| {
        bar.set_length(progress.of);
        bar.set_position(progress.bytes);
    });
    bar.finish_and_clear();
    let report = report.map_err(Failure::from)?;
    match global.output {
        Output::Json => out::json(
            &serde_json::to_string(&report)
                .map_err(|e| Failure::new(Exit::Unavailable, "cannot write JSON").because(e))?,
        )?,
        Output::Human => print(&report)?,
    }
    Ok(if report.is_good() { Exit::Ok } else { Exit::Damage })
}

fn print(report: &Report) -> Result<(), Failure> {
    let keys = report.keys.len();
    match &report.first_bad {
        Some(bad) => {
            let (file, what) = (out::line(&bad.file), out::line(&bad.what));
            out::say(format!(
                "{} first bad entry: seq {}, byte {} of {file}: {what}",
                out::state("failed"),
                bad.seq,
                bad.byte
            ))?;
            out::say(format!("{} entries before it are good", report.entries))?;
        }
        None => {
            let proved = match report.depth {
                Depth::Quick => "chain, seals and keys hold".to_owned(),
                Depth::Full => format!(
                    "chain, seals and keys hold, {} signatures and {} blobs verified",
                    report.signatures, report.blobs
                ),
            };
            let word = if report.is_good() { "healthy" } else { "failed" };
            out::say(format!("{} {} entries, {keys} key(s): {proved}", out::state(word), report.entries))?;
            if let Some(head) = &report.head {
                out::say(format!("head: seq {}, {}", head.seq, head.hash))?;
            }
        }
    }
    for blob in &report.bad_blobs {
        out::say(format!("{} blob {blob} does not hold what its name promises", out::state("failed")))?;
    }
    for (blob, seq) in &report.missing_blobs {
        out::say(format!("{} blob {blob}, which entry {seq} names, is missing", out::state("failed")))?;
    }
    if let Some(torn) = &report.torn {
        let (seq, byte, file) = (torn.seq, torn.byte, out::line(&torn.file));
        out::say(format!(
            "a write of seq {seq} was cut off at byte {byte} of {file}: it was never acknowledged"
        ))?;
    }
    if report.depth == Depth::Quick && report.is_good() {
        out::say(out::faint("every signature: remediator audit verify --full"))?;
    }
    Ok(())
}
