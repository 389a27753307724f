//! `runbook show`: one content file as it is understood, defaults filled in, with who signed and approved it.

use serde::Serialize;

use super::recorded::Recorded;
use super::{folder, view};
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Outcome, Output, out};
use crate::runbook::model::{Step, Verification};
use crate::runbook::{Catalog, Entry, Kind, Runbook};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator runbook show process-dead\n  remediator runbook show service/web"
)]
pub struct Args {
    /// A runbook's id, or `kind/id`.
    id: String,
}

#[derive(Serialize)]
struct Report {
    v: u32,
    #[serde(flatten)]
    line: view::Line,
    runbook: Option<Resolved>,
    text: String,
}

/// A runbook with its defaults.
#[derive(Serialize)]
struct Resolved {
    subsystem: String,
    code: String,
    target: String,
    when: Option<String>,
    priority: i32,
    blast_radius: String,
    attempts: u32,
    window: String,
    cooldown: String,
    runtime: String,
    locks: Vec<String>,
    preconditions: Vec<String>,
    steps: Vec<ResolvedStep>,
    verification: Option<String>,
    escalation: Vec<String>,
}

#[derive(Serialize)]
struct ResolvedStep {
    id: String,
    does: String,
    timeout: String,
    retries: u32,
    idempotent: bool,
    undo: Option<String>,
    irreversible: Option<String>,
}

/// Shows.
pub fn run(args: Args, global: &Global) -> Outcome {
    let root = folder::root(global)?;
    let catalog = folder::catalog(&root, folder::read(&root)?, &Recorded::of(global, &root));
    let entry = find(&catalog, &args.id)?;
    let text = catalog.folder().get(&entry.path).unwrap_or_default();
    let report = Report {
        v: 1,
        line: view::line(entry),
        runbook: entry.runbook().map(resolve),
        text: String::from_utf8_lossy(text).into_owned(),
    };
    if global.output == Output::Json {
        out::json_of(&report)?;
    } else {
        print(&report)?;
    }
    Ok(Exit::Ok)
}

/// An entry by id or `kind/id`.
pub fn find<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Entry, Failure> {
    let (kind, id) = match name.split_once('/') {
        Some((kind, id)) => (Kind::of_word(kind), id),
        None => (Some(Kind::Runbook), name),
    };
    let found = kind.and_then(|kind| catalog.get(kind, id));
    found.ok_or_else(|| {
        let what = format!("there is no content file `{}`", out::line(name));
        Failure::new(Exit::Findings, what)
            .hint("`remediator runbook list` lists them; services are service/ID")
    })
}

fn resolve(runbook: &Runbook) -> Resolved {
    let limits = runbook.limits();
    let (matcher, proof) = (&runbook.matcher, &runbook.verification);
    let steps = runbook.steps.iter().map(|step: &Step| ResolvedStep {
        id: step.id.clone(),
        does: step.action().map(|a| a.say()).unwrap_or_default(),
        timeout: step.timeout.to_string(),
        retries: step.retry.as_ref().map_or(0, |r| r.times),
        idempotent: step.may_repeat(),
        undo: step.undo.as_ref().and_then(|u| u.action()).map(|a| a.say()),
        irreversible: step.irreversible.clone(),
    });
    Resolved {
        subsystem: matcher.subsystem.clone(),
        code: matcher.code.clone(),
        target: matcher.target.clone().unwrap_or_else(|| "*".to_owned()),
        when: matcher.when.clone(),
        priority: runbook.priority,
        blast_radius: out::word(&runbook.blast_radius),
        attempts: limits.attempts,
        window: limits.window.to_string(),
        cooldown: limits.cooldown.to_string(),
        runtime: limits.runtime.to_string(),
        locks: runbook.locks.clone(),
        preconditions: runbook
            .preconditions
            .iter()
            .map(|p| format!("{}: {} of {}", p.id, p.expect, p.probe.says()))
            .collect(),
        steps: steps.collect(),
        verification: proof.as_ref().map(verification),
        escalation: runbook
            .escalation
            .iter()
            .map(|r| format!("{}: {}: {}", r.after, r.channel, r.message))
            .collect(),
    }
}

fn verification(v: &Verification) -> String {
    let (looks, within, settle) = (v.successes, v.within, v.settle);
    let watch = match v.watch.ms() {
        0 => "not watched afterwards".to_owned(),
        _ => format!("watched for {} afterwards", v.watch),
    };
    format!("{looks} good looks in a row, from {settle} on, within {within}, at {}; {watch}", v.probe.says())
}

fn print(report: &Report) -> Result<(), Failure> {
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
    for step in &runbook.steps {
        let mut text = format!("{}: {} (at most {}", step.id, step.does, step.timeout);
        if step.retries > 0 {
            text += &format!(", {} retries", step.retries);
        }
        text += if step.idempotent { ", may be repeated)" } else { ")" };
        rows.push(("step", text));
        rows.extend(step.undo.iter().map(|undo| ("  undo", undo.clone())));
        rows.extend(step.irreversible.iter().map(|why| ("  final", why.clone())));
    }
    rows.extend(runbook.verification.iter().map(|v| ("verified by", v.clone())));
    rows.extend(runbook.escalation.iter().map(|rung| ("else", rung.clone())));
    rows
}
