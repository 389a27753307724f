//! `proposal list`: every proposal with its standing, its files and who approved them.

use super::counted;
use super::desk::Desk;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Outcome, Output, out};
use crate::runbook::listing::{self, ProposalList};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 listed.\n\nExample:\n  remediator proposal list --output json")]
pub struct Args {}

/// Lists.
pub fn run(_: Args, global: &Global) -> Outcome {
    let desk = Desk::open(global)?;
    let report = listing::proposals(&desk.catalog);
    if global.output == Output::Json {
        out::json_of(&report)?
    } else {
        print(&report)?
    }
    Ok(Exit::Ok)
}

fn print(report: &ProposalList) -> Result<(), Failure> {
    let rows = report.proposals.iter().map(|line| {
        vec![
            out::state(&counted::say(line.standing, line.quorum)),
            line.id.clone(),
            out::cut(&line.title, 60),
            line.files.len().to_string(),
            if line.approvers.is_empty() { "-".to_owned() } else { line.approvers.join(", ") },
        ]
    });
    out::say(out::table(&["standing", "proposal", "title", "files", "approved by"], rows.collect()))?;
    for line in &report.proposals {
        if let (Some(problem), Some(mend)) = (&line.problem, &line.mend) {
            out::say(format!("\n{}: {}\n  mend: {mend}", line.id, out::line(problem)))?;
        }
    }
    Ok(())
}
