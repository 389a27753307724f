//! `proposal list`: every proposal with its standing, its files and who approved them.

use serde::Serialize;

use super::counted::{self, Quorum};
use super::desk::Desk;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Outcome, Output, out};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 listed.\n\nExample:\n  remediator proposal list --output json")]
pub struct Args {}

#[derive(Serialize)]
struct Report {
    v: u32,
    proposals: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    id: String,
    title: String,
    path: String,
    /// `draft`, `signed`, `approved` or `refused`.
    standing: &'static str,
    quorum: Quorum,
    signer: Option<String>,
    files: Vec<String>,
    /// Whose approvals count for a file of it.
    approvers: Vec<String>,
    /// Why it is a draft or refused, and the mend.
    problem: Option<String>,
    mend: Option<String>,
}

/// Lists.
pub fn run(_: Args, global: &Global) -> Outcome {
    let desk = Desk::open(global)?;
    let proposals = desk.catalog.proposals().keys().map(|id| line(&desk, id)).collect();
    let report = Report { v: 1, proposals };
    if global.output == Output::Json {
        out::json_of(&report)?
    } else {
        print(&report)?
    }
    Ok(Exit::Ok)
}

fn line(desk: &Desk, id: &str) -> Line {
    let proposed = &desk.catalog.proposals()[id];
    let approvals = counted::approvals(desk, id);
    let quorum = counted::quorum(desk, id, &approvals);
    let (argued, wrong) = (proposed.argument.as_ref().ok(), proposed.argument.as_ref().err());
    Line {
        id: id.to_owned(),
        title: argued.map(|(proposal, _)| proposal.title.clone()).unwrap_or_default(),
        path: proposed.path.clone(),
        standing: counted::standing(proposed, quorum),
        quorum,
        signer: argued.map(|(_, signed)| signed.principal.clone()),
        files: desk.files_of(id).into_iter().map(|entry| entry.path.clone()).collect(),
        approvers: approvals.into_iter().filter(|line| line.counts).map(|line| line.principal).collect(),
        problem: wrong.map(|wrong| wrong.problem.clone()),
        mend: wrong.map(|wrong| wrong.mend.clone()),
    }
}

fn print(report: &Report) -> Result<(), Failure> {
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
