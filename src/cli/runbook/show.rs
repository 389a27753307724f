//! `runbook show`: one content file as it is understood, defaults filled in, with who signed and approved it.

use serde::Serialize;

use super::recorded::Recorded;
use super::{folder, view};
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Outcome, Output, out, proposal};
use crate::runbook::model::{Rehearsal, Retry, Step, Targets, Verification};
use crate::runbook::problem::likely;
use crate::runbook::{Catalog, Entry, Kind, Runbook};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator runbook show process-dead\n  remediator runbook show service/web\n  remediator runbook show proposal/web"
)]
pub struct Args {
    /// A runbook's id, `kind/id`, or `proposal/id`.
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
    /// How it is tried on a copy: what stands in, what sets it up and breaks it.
    rehearsal: Vec<String>,
}

#[derive(Serialize)]
struct ResolvedStep {
    id: String,
    does: String,
    /// What else it says and is bounded by.
    bounds: Vec<String>,
    targets: Option<ResolvedTargets>,
    timeout: String,
    retries: u32,
    retry: Option<String>,
    idempotent: bool,
    undo: Option<String>,
    undo_bounds: Vec<String>,
    undo_when_unknown: bool,
    irreversible: Option<String>,
}

/// What a step is done for.
#[derive(Serialize)]
struct ResolvedTargets {
    list: Vec<String>,
    lock: String,
    canary: u32,
    at_once: u32,
    stop_percent: u32,
    check: Option<String>,
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
        let ids = catalog.entries().filter(|entry| kind.is_none_or(|kind| entry.kind == kind));
        let ids: Vec<String> = ids.map(|entry| entry.id.clone()).collect();
        let wanted = name.split_once('/').map_or(name, |(_, id)| id);
        let near = likely(wanted, ids.iter().map(String::as_str));
        let hint = "`remediator runbook list` lists them; services are service/ID, proposals proposal/ID";
        Failure::new(Exit::Findings, what).hint(match (near, name.split_once('/')) {
            (Some(near), Some((word, _))) => format!("did you mean `{word}/{near}`? {hint}"),
            (Some(near), None) => format!("did you mean `{near}`? {hint}"),
            (None, _) => hint.to_owned(),
        })
    })
}

/// What a runbook would do, a row for each fact.
pub fn rows(runbook: &Runbook) -> Vec<(&'static str, String)> {
    runbook_rows(&resolve(runbook))
}

fn resolve(runbook: &Runbook) -> Resolved {
    let limits = runbook.limits();
    let (matcher, proof) = (&runbook.matcher, &runbook.verification);
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
        locks: runbook.all_locks(),
        preconditions: runbook
            .preconditions
            .iter()
            .map(|p| format!("{}: {} of {}", p.id, p.expect, p.probe.says()))
            .collect(),
        steps: runbook.steps.iter().map(step).collect(),
        verification: proof.as_ref().map(verification),
        escalation: runbook
            .escalation
            .iter()
            .map(|r| format!("{}: {}: {}", r.after, r.channel, r.message))
            .collect(),
        rehearsal: runbook.rehearsal.as_ref().map(rehearsal).unwrap_or_default(),
    }
}

/// What it replaces says most of what a rehearsal is worth.
fn rehearsal(rehearsal: &Rehearsal) -> Vec<String> {
    let stand_ins = rehearsal.stand_ins.iter().map(|(from, to)| format!("{from} is replaced by {to}"));
    let services = rehearsal.services.iter().map(|(id, s)| format!("service {id} is {}", s.argv.join(" ")));
    let setup = rehearsal.setup.iter().map(|command| format!("set up by {}", command.argv.join(" ")));
    let breaks = rehearsal.breaks.iter().map(|command| format!("broken by {}", command.argv.join(" ")));
    let healed = rehearsal.healed.iter().map(|probe| format!("healed is {}", probe.says()));
    stand_ins.chain(services).chain(setup).chain(breaks).chain(healed).collect()
}

fn step(step: &Step) -> ResolvedStep {
    let (action, undo) = (step.action(), step.undo.as_ref().and_then(|undo| undo.action()));
    ResolvedStep {
        id: step.id.clone(),
        does: action.map(|a| a.say()).unwrap_or_default(),
        bounds: action.map(|a| a.details()).unwrap_or_default(),
        targets: step.targets.as_ref().map(targets),
        timeout: step.timeout.to_string(),
        retries: step.retry.as_ref().map_or(0, |r| r.times),
        retry: step.retry.as_ref().map(retry),
        idempotent: step.may_repeat(),
        undo: undo.map(|a| a.say()),
        undo_bounds: undo.map(|a| a.details()).unwrap_or_default(),
        undo_when_unknown: step.undo_when_unknown,
        irreversible: step.irreversible.clone(),
    }
}

fn targets(targets: &Targets) -> ResolvedTargets {
    ResolvedTargets {
        list: targets.list.clone(),
        lock: targets.lock.clone(),
        canary: targets.canary,
        at_once: targets.at_once,
        stop_percent: targets.stop_percent,
        check: targets.check.as_ref().map(|check| check.says()),
    }
}

fn retry(retry: &Retry) -> String {
    let mut text = format!("{} retries, {} before the first", retry.times, retry.delay);
    if retry.factor > 1 {
        text += &format!(", each pause {} times the one before, at most {}", retry.factor, retry.max_delay);
    }
    if !retry.on.is_empty() {
        let on: Vec<String> = retry.on.iter().map(out::word).collect();
        text += &format!(", only on {}", on.join(", "));
    }
    text
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
