//! `remediator audit verify`: always reads the segments themselves, never what a daemon says about them.

mod head;
mod print;
mod proofs;

pub use head::beside;

use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::base::time::Span;
use crate::journal::{Depth, Report, verify};
use crate::tlog::judge::Finding;
use crate::tlog::policy::Policy;

/// Check the journal: the chain, or with --full every signature, every blob and the log's newest checkpoint. With --policy,
/// --state, --checkpoint or --max-age the checkpoint is checked against these; with --proof a proof is.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes, the first that holds: 0 good, 5 tampered (not what was signed), 7 forked (two histories), 6 truncated or rolled \
back, 8 unknown key, 10 quorum missing, 9 stale. A state file is written only when all is good.

Example:
  remediator audit verify
  remediator audit verify --full
  remediator audit verify --folder ./export --full
  remediator audit verify --state ./seen.json --max-age 5m
  remediator audit verify --policy ./policy --proof ./17.tlog-proof")]
pub struct Args {
    /// Every signature and every blob as well, and the checkpoint.
    #[arg(long)]
    full: bool,
    /// Another folder than the home: an export, or a copy of a journal.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Whom to believe: a file as c2sp.org/tlog-policy has it. Otherwise the key that the journal names.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A checkpoint; otherwise the one beside the journal.
    #[arg(long, value_name = "FILE", conflicts_with = "proof")]
    checkpoint: Option<PathBuf>,
    /// The head that was seen last: compared, and written anew. It is made when it is not there.
    #[arg(long, value_name = "FILE", conflicts_with = "proof")]
    state: Option<PathBuf>,
    /// How long ago somebody who is believed may have called the checkpoint the newest.
    #[arg(long, value_name = "SPAN", value_parser = Span::parse)]
    max_age: Option<Span>,
    /// A proof instead of the journal: its path, its signatures, and whether its checkpoint is one of this journal.
    #[arg(long, value_name = "FILE")]
    proof: Vec<PathBuf>,
    /// The entry of the proof, without the LF behind it; otherwise the proof's extra data, or the journal's entry.
    #[arg(long, value_name = "FILE", requires = "proof")]
    entry: Option<PathBuf>,
}

impl Args {
    /// Whether the tree and its checkpoint are looked at.
    fn wants_head(&self) -> bool {
        self.full
            || self.policy.is_some()
            || self.checkpoint.is_some()
            || self.state.is_some()
            || self.max_age.is_some()
    }

    /// The policy that was given.
    fn policy(&self) -> Result<Option<Policy>, Failure> {
        let Some(path) = &self.policy else { return Ok(None) };
        let text = read_text(path, "the policy")?;
        Policy::parse(&text)
            .map(Some)
            .map_err(|e| Failure::new(Exit::Usage, format!("{}: {e}", path.display())))
    }
}

/// What is printed with --output json.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a head::Head>,
}

/// Verifies and reports.
pub fn run(args: Args, global: &Global) -> Outcome {
    if !args.proof.is_empty() {
        return proofs::run(&args, global);
    }
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => Home::readable(global)?.state(),
    };
    // Before the journal: it may grow while it is read, and then has more than these say, never less.
    let before = if args.wants_head() { Some(head::Before::read(&args, &folder)?) } else { None };
    let depth = if args.full { Depth::Full } else { Depth::Quick };
    let report = verified(&folder, depth)?;
    // A chain that does not hold has no tree worth speaking of.
    let log = match before.filter(|_| report.first_bad.is_none()) {
        Some(before) => before.judge(&args, &folder, report.entries)?,
        None => None,
    };
    match global.output {
        Output::Json => out::json_of(&Shown { report: &report, log: log.as_ref() })?,
        Output::Human => {
            print::report(&report)?;
            log.as_ref().map_or(Ok(()), print::head)?;
        }
    }
    Ok(match (report.is_good(), log) {
        (false, _) if report.is_cut_off() => Exit::Truncated,
        (false, _) => Exit::Damage,
        (true, Some(log)) => log.exit(),
        (true, None) => Exit::Ok,
    })
}

fn verified(folder: &std::path::Path, depth: Depth) -> Result<Report, Failure> {
    // Drawn on stderr, and only where somebody watches.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("verifying {bar:30} {bytes} of {total_bytes}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    let report = verify(folder, depth, &mut |progress| {
        bar.set_length(progress.of);
        bar.set_position(progress.bytes);
    });
    bar.finish_and_clear();
    report.map_err(Failure::from)
}

/// How a check ends that found these: the first of them, as they are ordered.
fn exit(findings: &[Finding]) -> Exit {
    match findings.iter().min() {
        None => Exit::Ok,
        Some(Finding::Tampered(_)) => Exit::Damage,
        Some(Finding::Forked(_)) => Exit::Forked,
        Some(Finding::Truncated(_)) => Exit::Truncated,
        Some(Finding::UnknownKey(_)) => Exit::UnknownKey,
        Some(Finding::NoQuorum(_)) => Exit::NoQuorum,
        Some(Finding::Stale(_)) => Exit::Stale,
    }
}

/// A file that was named on the command line.
fn read_text(path: &std::path::Path, what: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|e| Failure::new(Exit::Usage, format!("cannot read {what} {}", path.display())).because(e))
}
