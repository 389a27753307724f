//! `runbook show proposal/ID`: the argument for content files, with what they may do at most and which they are.
//! Not for approving it (`approve`).

use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Output, out};
use crate::runbook::model::Action;
use crate::runbook::problem::likely;
use crate::runbook::{Catalog, Entry, proposals};

#[derive(Serialize)]
struct Report {
    v: u32,
    name: String,
    title: String,
    failure_class: String,
    evidence: Vec<String>,
    /// Step kinds that its content files may use.
    steps: Vec<String>,
    targets: Vec<String>,
    blast_radius: String,
    risks: Vec<String>,
    undo: String,
    /// The content files that name it.
    files: Vec<String>,
}

/// Shows one.
pub fn show(catalog: &Catalog, id: &str, global: &Global) -> Result<(), Failure> {
    let path = format!("proposals/{id}/proposal.yaml");
    let bytes = catalog.folder().get(&path).ok_or_else(|| missing(catalog, id))?;
    let proposal = proposals::parse_proposal(&path, bytes)
        .map_err(|problem| Failure::new(Exit::Findings, problem.to_string()))?;
    let of_it = |entry: &&Entry| entry.content().is_some_and(|content| content.proposal() == id);
    let report = Report {
        v: 1,
        name: format!("proposal/{id}"),
        title: proposal.title,
        failure_class: proposal.failure_class,
        evidence: proposal.evidence,
        steps: proposal.may.steps.iter().map(out::word).collect(),
        targets: proposal.may.targets,
        blast_radius: out::word(&proposal.may.blast_radius),
        risks: proposal.risks,
        undo: proposal.undo,
        files: catalog.entries().filter(of_it).map(|entry| entry.path.clone()).collect(),
    };
    if global.output == Output::Json { out::json_of(&report) } else { print(&report, &path) }
}

fn missing(catalog: &Catalog, id: &str) -> Failure {
    let near = likely(id, catalog.proposals().keys().map(String::as_str));
    let near = near.map(|near| format!("did you mean `proposal/{near}`? ")).unwrap_or_default();
    Failure::new(Exit::Findings, format!("there is no proposal `{}`", out::line(id)))
        .hint(format!("{near}proposals are proposals/ID/proposal.yaml"))
}

fn print(report: &Report, path: &str) -> Result<(), Failure> {
    let steps = match report.steps.len() {
        0 => format!("none of {}", Action::WORDS.join(", ")),
        _ => report.steps.join(", "),
    };
    let mut rows = vec![
        ("file", path),
        ("title", &report.title),
        ("against", &report.failure_class),
        ("may do", &steps),
    ];
    rows.extend(report.targets.iter().map(|target| ("  target", target.as_str())));
    rows.push(("  radius", &report.blast_radius));
    rows.extend(report.evidence.iter().map(|line| ("evidence", line.as_str())));
    rows.extend(report.risks.iter().map(|line| ("risk", line.as_str())));
    rows.push(("undo", &report.undo));
    rows.extend(report.files.iter().map(|file| ("for", file.as_str())));
    for (name, value) in rows {
        out::say(format!("{} {}", out::faint(format!("{name:<13}")), out::line(value)))?;
    }
    Ok(())
}
