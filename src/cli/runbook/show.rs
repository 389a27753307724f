//! `runbook show`: one content file as it is understood, defaults filled in, with who signed and approved it.

use super::folder;
use super::recorded::Recorded;
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Outcome, Output, out, proposal};
use crate::runbook::shown::{self, Resolved, ResolvedStep, ResolvedTargets, Shown};
use crate::runbook::{Catalog, Entry, Runbook};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator runbook show process-dead\n  remediator runbook show service/web\n  remediator runbook show proposal/web"
)]
pub struct Args {
    /// A runbook's id, `kind/id`, or `proposal/id`.
    id: String,
}

/// Shows.
pub fn run(args: Args, global: &Global) -> Outcome {
    if let Some(id) = args.id.strip_prefix("proposal/") {
        // What is meant instead is typed here as it is said.
        let spelt = |hint: String| hint.replace("did you mean `", "did you mean `proposal/");
        return proposal::show::named(id, global)
            .map_err(|failure| Failure { hint: failure.hint.map(spelt), ..failure });
    }
    let root = folder::root(global)?;
    let catalog = folder::catalog(&root, folder::read(&root)?, &Recorded::of(global, &root));
    let entry = find(&catalog, &args.id)?;
    let report = shown::shown(&catalog, entry);
    if global.output == Output::Json {
        out::json_of(&report)?;
    } else {
        print(&report)?;
    }
    Ok(Exit::Ok)
}

/// An entry by id or `kind/id`.
pub fn find<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Entry, Failure> {
    shown::find(catalog, name).map_err(|none| {
        let what = format!("there is no content file `{}`", out::line(&none.name));
        Failure::new(Exit::Findings, what).hint(none.hint)
    })
}

/// What a runbook would do, a row for each fact.
pub fn rows(runbook: &Runbook) -> Vec<(&'static str, String)> {
    runbook_rows(&shown::resolve(runbook))
}

fn print(report: &Shown) -> Result<(), Failure> {
    let line = &report.line;
    let mut rows: Vec<(&str, String)> = vec![
        ("file", line.path.clone()),
        ("title", line.title.clone()),
        ("digest", line.digest.to_string()),
        ("standing", out::state(line.standing)),
        ("proposal", line.proposal.clone().unwrap_or_default()),
        ("signed by", line.signer.clone().unwrap_or_else(|| "-".to_owned())),
        ("approved by", if line.approvers.is_empty() { "-".to_owned() } else { line.approvers.join(", ") }),
    ];
    for reason in &line.reasons {
        rows.push(("because", out::line(&reason.problem)));
        rows.push(("mend", reason.mend.clone()));
    }
    if let Some(runbook) = &report.runbook {
        rows.extend(runbook_rows(runbook));
    }
    for (name, value) in rows {
        out::say(format!("{} {value}", out::faint(format!("{name:<13}"))))?;
    }
    if report.runbook.is_none() {
        out::say(format!("\n{}", crate::base::text::clean(&report.text)))?;
    }
    Ok(())
}

fn runbook_rows(runbook: &Resolved) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        (
            "for",
            format!(
                "{} {} on {}, priority {}",
                runbook.subsystem, runbook.code, runbook.target, runbook.priority
            ),
        ),
        ("radius", runbook.blast_radius.clone()),
        (
            "limits",
            format!(
                "{} attempts in {}, {} between them, {} each",
                runbook.attempts, runbook.window, runbook.cooldown, runbook.runtime
            ),
        ),
        ("locks", runbook.locks.join(", ")),
    ];
    rows.extend(runbook.when.iter().map(|when| ("when", when.clone())));
    rows.extend(runbook.preconditions.iter().map(|p| ("only if", p.clone())));
    rows.extend(runbook.steps.iter().flat_map(step_rows));
    rows.extend(runbook.verification.iter().map(|v| ("verified by", v.clone())));
    rows.extend(runbook.escalation.iter().map(|rung| ("else", rung.clone())));
    rows.extend(runbook.rehearsal.iter().map(|line| ("rehearsed", out::line(line))));
    rows
}

fn step_rows(step: &ResolvedStep) -> Vec<(&'static str, String)> {
    let mut text = format!("{}: {} (at most {}", step.id, step.does, step.timeout);
    text += if step.idempotent { ", may be repeated)" } else { ")" };
    let mut rows = vec![("step", text)];
    rows.extend(step.bounds.iter().map(|bound| ("  bound", bound.clone())));
    if let Some(targets) = &step.targets {
        rows.push(("  targets", targets.list.join(", ")));
        rows.push(("  order", order(targets)));
        rows.push(("  lock", format!("{} for each of them", targets.lock)));
        rows.extend(targets.check.iter().map(|check| ("  check", format!("of each: {check}"))));
    }
    rows.extend(step.retry.iter().map(|retry| ("  again", retry.clone())));
    let unknown = if step.undo_when_unknown { ", also when nobody knows whether it was done" } else { "" };
    rows.extend(step.undo.iter().map(|undo| ("  undo", format!("{undo}{unknown}"))));
    rows.extend(step.undo_bounds.iter().map(|bound| ("    bound", bound.clone())));
    rows.extend(step.irreversible.iter().map(|why| ("  final", why.clone())));
    rows
}

fn order(targets: &ResolvedTargets) -> String {
    let (canary, at_once, percent) = (targets.canary, targets.at_once, targets.stop_percent);
    let stop = match percent {
        0 => "when one has failed".to_owned(),
        percent => format!("when more than {percent} percent have failed"),
    };
    format!("the first {canary} one after another (canary), then {at_once} at once, stopped {stop}")
}
