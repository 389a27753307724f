//! `proposal show`: an argument with what its files may do at most, which they are and how each stands, who approved
//! them and whether that counts, what is missing and what mends it. Not for approving it (`approve`).

use serde::Serialize;

use super::counted::{self, Quorum};
use super::desk::{Argument, Desk};
use crate::base::digest::FileDigest;
use crate::cli::exit::Failure;
use crate::cli::runbook::view::{self, Reason};
use crate::cli::{Exit, Global, Outcome, Output, out};
use crate::runbook::model::{Action, Limits, Proposal};
use crate::runbook::{Entry, backtested};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 shown, 1 it cannot be read, 2 wrong use.\n\n\
Example:\n  remediator proposal show process-dead --output json")]
pub struct Args {
    /// The proposal: the name of its folder under proposals/. A runbook's id, or the path of one of its files, does as well.
    proposal: String,
}

#[derive(Serialize)]
struct Report {
    v: u32,
    name: String,
    path: String,
    digest: FileDigest,
    /// `draft`, `signed`, `approved` or `refused`.
    standing: &'static str,
    title: String,
    failure_class: String,
    evidence: Vec<String>,
    /// Step kinds that its content files may use.
    steps: Vec<String>,
    targets: Vec<String>,
    blast_radius: String,
    credentials: Vec<String>,
    model_tier: String,
    limits: Option<String>,
    risks: Vec<String>,
    undo: String,
    /// Whose signature of the argument counts.
    signer: Option<String>,
    /// The content files that name it.
    files: Vec<String>,
    /// The same with what each may do.
    contents: Vec<File>,
    approvals: Vec<counted::Line>,
    quorum: Quorum,
    /// What has to be done until every file is live.
    missing: Vec<Reason>,
    /// The next command to type, or what to do.
    next: Option<String>,
}

#[derive(Serialize)]
struct File {
    #[serde(flatten)]
    line: view::Line,
    quorum: Quorum,
    /// What recorded history says that these very bytes would have done.
    #[serde(skip_serializing_if = "Option::is_none")]
    backtest: Option<Backtest>,
}

/// A kept backtest.
#[derive(Serialize)]
pub(super) struct Backtest {
    path: String,
    /// All of it in one line.
    line: String,
    /// Who signed it; none = it does not count.
    signed_by: Option<String>,
    /// Why it does not count.
    problem: Option<String>,
}

impl Backtest {
    /// In one line.
    pub(super) fn say(&self) -> String {
        match (&self.signed_by, &self.problem) {
            (_, Some(why)) => format!("does not count: {why}"),
            (by, None) => format!("{} (signed by {})", self.line, by.as_deref().unwrap_or("-")),
        }
    }
}

/// The backtest beside a runbook, if one was kept.
pub(super) fn backtest(desk: &Desk, entry: &Entry) -> Option<Backtest> {
    let runbook = entry.runbook()?;
    let path = backtested::path(&runbook.proposal, &runbook.id);
    let folder = desk.catalog.folder();
    folder.get(&path)?;
    let now_us = desk.catalog.context().now_us;
    let (line, signed_by, problem) = match backtested::read(folder, desk.catalog.trust(), &path, now_us) {
        Err(why) => (String::new(), None, Some(why)),
        Ok((kept, signed)) => match kept.falls_short(&entry.digest, now_us).or(signed.untimely) {
            Some(why) => (kept.line, None, Some(why)),
            None => (kept.line, Some(signed.principal), None),
        },
    };
    Some(Backtest { path, line, signed_by, problem })
}

/// Shows one.
pub fn run(args: Args, global: &Global) -> Outcome {
    named(&args.proposal, global)
}

/// The same by name: `runbook show proposal/ID` is this.
pub fn named(name: &str, global: &Global) -> Outcome {
    let desk = Desk::open(global)?;
    let id = desk.proposal_of(name, global).map_err(|failure| Failure { exit: Exit::Findings, ..failure })?;
    let argument = desk.argument(&id)?;
    let argued = rows(&argument.proposal);
    let report = report(&desk, &id, argument);
    if global.output == Output::Json {
        out::json_of(&report)?
    } else {
        print(&report, &argued)?
    }
    Ok(Exit::Ok)
}

fn report(desk: &Desk, id: &str, argument: Argument<'_>) -> Report {
    let Argument { path, digest, proposal, .. } = argument;
    let approvals = counted::approvals(desk, id);
    let quorum = counted::quorum(desk, id, &approvals);
    let argued = desk.catalog.proposals().get(id);
    let entries = desk.files_of(id);
    let missing = missing(desk, id);
    Report {
        v: 1,
        name: format!("proposal/{id}"),
        path,
        digest,
        standing: argued.map_or("refused", |argued| counted::standing(argued, quorum)),
        title: proposal.title,
        failure_class: proposal.failure_class,
        evidence: proposal.evidence,
        steps: proposal.may.steps.iter().map(out::word).collect(),
        targets: proposal.may.targets,
        blast_radius: out::word(&proposal.may.blast_radius),
        credentials: proposal.may.credentials,
        model_tier: out::word(&proposal.may.model_tier),
        limits: proposal.may.limits.as_ref().map(say_limits),
        risks: proposal.risks,
        undo: proposal.undo,
        signer: argued.and_then(|a| a.argument.as_ref().ok()).map(|(_, signed)| signed.principal.clone()),
        files: entries.iter().map(|entry| entry.path.clone()).collect(),
        contents: entries
            .iter()
            .map(|e| File {
                line: view::line(e),
                quorum: counted::quorum_of(desk, e, &approvals),
                backtest: backtest(desk, e),
            })
            .collect(),
        approvals,
        quorum,
        next: missing.first().map(|first| first.mend.clone()),
        missing,
    }
}

/// What stands between a proposal and all of its files being live, in the order in which it is mended.
fn missing(desk: &Desk, id: &str) -> Vec<Reason> {
    let mut found: Vec<Reason> = Vec::new();
    let mut add = |problem: String, mend: &str| {
        if !found.iter().any(|known| known.problem == problem) {
            found.push(Reason { problem, mend: mend.to_owned() });
        }
    };
    let argued = desk.catalog.proposals().get(id).and_then(|proposed| proposed.argument.as_ref().err());
    if let Some(wrong) = argued {
        add(wrong.problem.clone(), &wrong.mend);
    }
    let entries = desk.files_of(id);
    if entries.is_empty() {
        let mend = format!("write a runbook with `proposal: {id}` (remediator runbook new)");
        add("no content file names it".to_owned(), &mend);
    }
    // Signatures before approvals: who approves wants to see what is signed.
    let of_file = |check: &str| ["signature", "validity"].contains(&check);
    for first in [true, false] {
        for entry in &entries {
            for wrong in entry.reasons.iter().filter(|wrong| of_file(wrong.check) == first) {
                // What is wrong with the argument is told once.
                let problem = match argued == Some(wrong) {
                    true => wrong.problem.clone(),
                    false => format!("{}: {}", entry.path, wrong.problem),
                };
                add(problem, &wrong.mend);
            }
        }
    }
    found
}

fn say_limits(limits: &Limits) -> String {
    format!(
        "at most {} attempts in at least {}, at least {} between them, at most {} each",
        limits.attempts, limits.window, limits.cooldown, limits.runtime
    )
}

/// What an argument says, a row for each fact.
pub fn rows(proposal: &Proposal) -> Vec<(&'static str, String)> {
    let may = &proposal.may;
    let steps = match may.steps.len() {
        0 => format!("none of {}", Action::WORDS.join(", ")),
        _ => may.steps.iter().map(out::word).collect::<Vec<_>>().join(", "),
    };
    let mut rows = vec![
        ("title", proposal.title.clone()),
        ("against", proposal.failure_class.clone()),
        ("may do", steps),
    ];
    rows.extend(may.targets.iter().map(|target| ("  target", target.clone())));
    rows.push(("  radius", out::word(&may.blast_radius)));
    rows.extend((!may.credentials.is_empty()).then(|| ("  credentials", may.credentials.join(", "))));
    rows.push(("  model", out::word(&may.model_tier)));
    let limits = may.limits.as_ref().map(say_limits);
    rows.push(("  limits", limits.unwrap_or_else(|| "those of its files".to_owned())));
    rows.extend(proposal.evidence.iter().map(|line| ("evidence", line.clone())));
    rows.extend(proposal.risks.iter().map(|line| ("risk", line.clone())));
    rows.push(("undo", proposal.undo.clone()));
    rows
}

/// A row for people.
pub fn row(name: &str, value: &str) -> String {
    format!("{} {}", out::faint(format!("{name:<13}")), out::line(value))
}

fn print(report: &Report, argued: &[(&str, String)]) -> Result<(), Failure> {
    let say = |name: &str, value: &str| out::say(row(name, value));
    say("file", &report.path)?;
    say("digest", &report.digest.to_string())?;
    out::say(format!(
        "{} {}",
        out::faint(format!("{:<13}", "standing")),
        out::state(&counted::say(report.standing, report.quorum))
    ))?;
    say("signed by", report.signer.as_deref().unwrap_or("-"))?;
    for (name, value) in argued {
        say(name, value)?;
    }
    for File { line, quorum, backtest } in &report.contents {
        let (reached, needed) = (quorum.reached, quorum.needed);
        out::say(format!(
            "{} {}  {}, approved {reached} of {needed}",
            out::faint(format!("{:<13}", "for")),
            line.path,
            out::state(line.standing)
        ))?;
        if let Some(kept) = backtest {
            say("  backtest", &kept.say())?;
        }
    }
    for approval in &report.approvals {
        print_approval(approval)?;
    }
    for Reason { problem, mend } in &report.missing {
        say("missing", problem)?;
        say("  mend", mend)?;
    }
    say("next", report.next.as_deref().unwrap_or("nothing: every file is live"))
}

fn print_approval(approval: &counted::Line) -> Result<(), Failure> {
    let counts = if approval.counts { "counts" } else { "does not count" };
    out::say(row("approval", &format!("by {}: {counts}", approval.principal)))?;
    out::say(row("  file", &approval.path))?;
    for (name, value) in [("  reason", &approval.reason), ("  adopt before", &approval.adopt_before)] {
        value.iter().try_for_each(|value| out::say(row(name, value)))?;
    }
    for Reason { problem, mend } in &approval.problems {
        out::say(row("  because", problem))?;
        out::say(row("  mend", mend))?;
    }
    Ok(())
}
