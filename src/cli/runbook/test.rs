//! `runbook test`: a draft on a made-up degradation. Parses, lints, matches, resolves, and prints exactly what would be
//! run. Nothing is run, signed or written, and the draft needs no signature; with --rehearse it heals a copy (`rehearse`).

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::recorded::Recorded;
use super::{folder, rehearse};
use crate::base::ids::{Fingerprint, Receipt};
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Outcome, Output, out};
use crate::event::degradation::{DegradationReport, DegradationSeen, Severity, Source};
use crate::event::plan::{ActionPlan, Plan, StepPlan, WaitPlan};
use crate::runbook::{Catalog, Content, ContentFolder, Entry, Kind, PlanFor, Runbook, Verdict, checks};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 it matches and resolves, 1 it does not, 2 wrong use.\n\n\
Examples:\n  remediator runbook test restart.yaml --target web --attribute host=a1\n  \
remediator runbook test restart.yaml --rehearse")]
pub struct Args {
    /// The draft.
    file: PathBuf,
    /// The target of the made-up degradation.
    #[arg(long, required_unless_present = "rehearse")]
    target: Option<String>,
    /// Its attributes: NAME=VALUE, as often as needed.
    #[arg(long = "attribute", value_parser = pair)]
    attributes: Vec<(String, String)>,
    /// Its severity.
    #[arg(long, default_value = "error", value_parser = severity)]
    severity: Severity,
    /// Let it heal a throw-away copy, as its `rehearsal` says, and sign what came of it. Runs the programs of the file.
    #[arg(long, conflicts_with_all = ["target", "attributes"])]
    rehearse: bool,
    /// Leave the copy behind.
    #[arg(long, requires = "rehearse")]
    keep: bool,
    /// Write no evidence.
    #[arg(long, requires = "rehearse")]
    no_evidence: bool,
    /// Your SSH key, for the evidence. Default: the one that `init` would take.
    #[arg(long, requires = "rehearse")]
    key: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    v: u32,
    runbook: String,
    matches: bool,
    why: String,
    blast_radius: String,
    limits: String,
    plan: Option<Plan>,
    relies_on: Vec<String>,
    trouble: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn severity(text: &str) -> Result<Severity, String> {
    let quoted = serde_json::Value::String(text.to_owned());
    serde_json::from_value(quoted).map_err(|_| "one of info, warning, error, critical".to_owned())
}

/// Tries it.
pub fn run(args: Args, global: &Global) -> Outcome {
    let args = Args { file: folder::locate(global, &args.file), ..args };
    let bytes = std::fs::read(&args.file)
        .map_err(|e| Failure::new(Exit::Usage, format!("cannot read {}", args.file.display())).because(e))?;
    let content = match checks::read(&args.file.to_string_lossy(), &bytes) {
        Ok(content) => content,
        Err(rejected) => {
            for problem in &rejected.problems {
                anstream::eprintln!("{problem}\n");
            }
            let what = format!("{} has {} problem(s)", args.file.display(), rejected.problems.len());
            return Err(Failure::new(Exit::Findings, what));
        }
    };
    let Content::Runbook(runbook) = content else {
        let what = format!("{} is a {}, not a runbook", args.file.display(), content.kind().word());
        return Err(
            Failure::new(Exit::Usage, what).hint("test a runbook; services and sentinels are used by it")
        );
    };
    let catalog = with_draft(global, &args.file, &runbook, bytes)?;
    let entry = catalog.get(Kind::Runbook, &runbook.id).ok_or_else(|| {
        Failure::new(Exit::Findings, format!("the id `{}` belongs to another file", runbook.id))
            .hint("give the draft an id of its own")
    })?;
    if args.rehearse {
        let draft = rehearse::Draft {
            file: &args.file,
            catalog: &catalog,
            entry,
            runbook: rehearse::of(&args.file, &runbook)?,
        };
        return rehearse::run(&draft, args.keep, args.key.as_deref(), args.no_evidence, global);
    }
    let report = attempt(&catalog, entry, &seen(&runbook, &args));
    let good = report.matches && report.trouble.is_none();
    if global.output == Output::Json {
        out::json_of(&report)?;
    } else {
        print(&report)?;
    }
    Ok(if good { Exit::Ok } else { Exit::Findings })
}

/// The catalog of the home, or of the folder that the draft lies in, with the draft in it.
fn with_draft(global: &Global, file: &Path, runbook: &Runbook, bytes: Vec<u8>) -> Result<Catalog, Failure> {
    let root = match folder::root_of(file) {
        Some(root) => root,
        None => folder::root(global)?,
    };
    let mut content: ContentFolder = folder::read(&root)?;
    let name = folder::name_in(&root, file).filter(|name| name.starts_with("runbooks/"));
    let name = name.unwrap_or_else(|| format!("runbooks/{}/draft.yaml", runbook.id));
    // The draft stands in for the version that is in force.
    content.files.retain(|path, old| {
        let same =
            || checks::read(path, old).is_ok_and(|c| c.kind() == Kind::Runbook && c.id() == runbook.id);
        !(path.starts_with("runbooks/") && path.ends_with(".yaml") && same())
    });
    content.files.insert(name, bytes);
    Ok(folder::catalog(&root, content, &Recorded::of(global, &root)))
}

fn seen(runbook: &Runbook, args: &Args) -> DegradationSeen {
    seen_of(&DegradationReport {
        subject: None,
        subsystem: runbook.matcher.subsystem.clone(),
        code: runbook.matcher.code.clone(),
        target: args.target.clone().unwrap_or_default(),
        severity: args.severity,
        summary: "made up by `runbook test`".to_owned(),
        detail: None,
        attributes: args.attributes.iter().cloned().collect(),
        observed_at: None,
        id: None,
    })
}

/// A made-up report as the journal would hold it.
pub(super) fn seen_of(report: &DegradationReport) -> DegradationSeen {
    DegradationSeen {
        subject: None,
        receipt: Receipt::fresh(),
        fingerprint: Fingerprint::of(&report.subsystem, &report.code, &report.target),
        subsystem: report.subsystem.clone(),
        code: report.code.clone(),
        target: report.target.clone(),
        severity: report.severity,
        summary: report.summary.clone(),
        detail: None,
        attributes: report.attributes.clone(),
        observed_at: None,
        source: Source::Person("test".to_owned()),
        sender_id: None,
        actionable: true,
    }
}

fn attempt(catalog: &Catalog, entry: &Entry, seen: &DegradationSeen) -> Report {
    let matches = catalog.candidates(seen, 1);
    let considered = matches.considered.iter().find(|c| c.entry.id == entry.id);
    let (matched, why) = match considered.map(|c| (&c.verdict, &c.runbook.matcher)) {
        Some((Verdict::Matched, matcher)) => {
            let target = matcher.target.as_deref().unwrap_or("*");
            (true, format!("{}/{} on `{target}`", matcher.subsystem, matcher.code))
        }
        Some((Verdict::NotMatched { why, detail }, _)) => (false, format!("{why}: {detail}")),
        None => (false, "it is not considered at all".to_owned()),
    };
    let (plan, relies_on, trouble) = match catalog.plan(entry, seen, PlanFor::DryRun) {
        Ok(resolved) => (Some(resolved.plan), resolved.relies_on, None),
        Err(error) => (None, Vec::new(), Some(error.to_string())),
    };
    let runbook = entry.runbook();
    let limits = runbook.map(|runbook| {
        let limits = runbook.limits();
        let (attempts, window, cooldown, runtime) =
            (limits.attempts, limits.window, limits.cooldown, limits.runtime);
        format!("{attempts} attempts in {window}, {cooldown} between them, {runtime} each")
    });
    Report {
        v: 1,
        runbook: entry.id.clone(),
        matches: matched,
        why,
        blast_radius: runbook.map(|runbook| out::word(&runbook.blast_radius)).unwrap_or_default(),
        limits: limits.unwrap_or_default(),
        plan,
        relies_on,
        trouble,
    }
}

fn print(report: &Report) -> Result<(), Failure> {
    let word = if report.matches { "matches" } else { "does not match" };
    out::say(format!("{} {word}: {}", report.runbook, out::line(&report.why)))?;
    if let Some(trouble) = &report.trouble {
        out::say(format!("it cannot be resolved: {}", out::line(trouble)))?;
    }
    let Some(plan) = &report.plan else { return Ok(()) };
    out::say(format!("\nradius    {}", report.blast_radius))?;
    out::say(format!("limits    {}", report.limits))?;
    out::say(format!("locks     {}", plan.locks.join(", ")))?;
    for precondition in &plan.preconditions {
        let look = out::line(&precondition.probe.look.say());
        out::say(format!("only if   {}: {} of {look}", precondition.id, precondition.expect))?;
    }
    for group in &plan.groups {
        let (id, targets) = (&group.id, out::line(&group.targets.join(", ")));
        let (canary, at_once, percent) = (group.canary, group.at_once, group.stop_percent);
        out::say(format!(
            "targets   {id}: {targets}: {canary} one after another (canary), then {at_once} at once, \
             stopped above {percent} percent failed"
        ))?;
    }
    plan.steps.iter().try_for_each(step)?;
    let verification = &plan.verification;
    out::say(format!(
        "verified  {} good looks within {} by {}",
        verification.successes,
        verification.within,
        out::line(&verification.probe.look.say())
    ))?;
    for rung in &plan.escalation {
        out::say(format!("else      after {}: {}: {}", rung.after, rung.channel, out::line(&rung.message)))?;
    }
    for other in &report.relies_on {
        out::say(format!("relies on {other}"))?;
    }
    out::say("\nnothing was run")
}

fn step(step: &StepPlan) -> Result<(), Failure> {
    let mut bounds = format!("at most {}", step.timeout);
    if step.retries > 0 {
        bounds += &format!(", {} retries, {} before the first", step.retries, step.retry_delay);
    }
    bounds += if step.idempotent { ", may be repeated" } else { "" };
    out::say(format!("step      {}: {} ({bounds})", step.id, action(&step.action)?))?;
    if let Some(undo) = &step.undo {
        out::say(format!("  undo    {}", action(undo)?))?;
    }
    match &step.irreversible {
        Some(why) => out::say(format!("  final   {}", out::line(why))),
        None => Ok(()),
    }
}

fn action(action: &ActionPlan) -> Result<String, Failure> {
    Ok(match action {
        ActionPlan::Run(run) => format!("run {} in {}", json(&run.argv)?, run.cwd),
        ActionPlan::Service(s) => format!("{} {} = {}", out::word(&s.verb), s.service, json(&s.start.argv)?),
        ActionPlan::Wait(WaitPlan::For(span)) => format!("wait {span}"),
        ActionPlan::Wait(WaitPlan::Until { probe, successes, every, within }) => {
            let look = out::line(&probe.look.say());
            format!("wait for {successes} good looks in a row, every {every}, within {within}, at {look}")
        }
        other => format!("{}: {}", out::line(&other.say()), json(other)?),
    })
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|e| Failure::new(Exit::Unavailable, "cannot write JSON").because(e))
}
