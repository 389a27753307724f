//! `runbook new`: a runbook and its proposal to begin with, each line explained. Both lint; neither may do anything
//! until somebody has signed and approved it.

use std::path::PathBuf;

use super::folder;
use crate::cli::exit::{Exit, Failure};
use crate::cli::init::files;
use crate::cli::{Global, Outcome, Output, out};
use crate::event::degradation::DegradationReport;
use crate::runbook::{checks, proposals};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator runbook new disk-slow --subsystem disk --code DISK_SLOW\n  \
remediator runbook lint")]
pub struct Args {
    /// Its id, which is also its proposal's: lower-case letters, digits and dashes.
    id: String,
    /// Part of the system that its degradations come from.
    #[arg(long, default_value = "service")]
    subsystem: String,
    /// Code of its degradations, in capitals.
    #[arg(long)]
    code: String,
    /// Content folder. Default: the home's.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Writes both.
pub fn run(args: Args, global: &Global) -> Outcome {
    let root = match &args.folder {
        Some(folder) => folder.clone(),
        None => folder::root(global)?,
    };
    let runbook = format!("runbooks/{}/runbook.yaml", args.id);
    let proposal = format!("proposals/{}/proposal.yaml", args.id);
    let texts = [(&runbook, text(&args, RUNBOOK)?), (&proposal, text(&args, PROPOSAL)?)];
    checks::read(&runbook, texts[0].1.as_bytes()).map_err(|rejected| {
        let first = rejected.problems.first().map(ToString::to_string).unwrap_or_default();
        Failure::new(Exit::Usage, format!("a runbook cannot be called or be for that: {first}"))
    })?;
    proposals::parse_proposal(&proposal, texts[1].1.as_bytes())
        .map_err(|problem| Failure::new(Exit::Usage, problem.to_string()))?;
    if let Some((path, _)) = texts.iter().find(|(path, _)| root.join(path).exists()) {
        let what = format!("{} is there already; nothing was written", root.join(path).display());
        return Err(Failure::new(Exit::Usage, what).hint("choose another id, or edit that file"));
    }
    for (path, text) in &texts {
        files::write_new(&root.join(path), text.as_bytes())
            .map_err(|e| Failure::new(Exit::Unavailable, e.to_string()).because(e))?;
    }
    let (runbook, proposal) = (root.join(runbook), root.join(proposal));
    if global.output == Output::Json {
        out::json_of(&serde_json::json!({"v": 1, "runbook": runbook, "proposal": proposal}))?;
        return Ok(Exit::Ok);
    }
    out::say(format!("written: {}\n         {}", runbook.display(), proposal.display()))?;
    out::say("edit both, then:")?;
    out::say(format!("  remediator runbook test {} --target NAME", runbook.display()))?;
    for path in [&runbook, &proposal] {
        out::say(format!("  remediator runbook sign {}", path.display()))?;
    }
    out::say(format!("  remediator proposal approve {} --reason \"…\"", args.id))?;
    Ok(Exit::Ok)
}

/// A template filled in. Both names are held to the rules of a report, so that nothing in them is YAML.
fn text(args: &Args, template: &str) -> Result<String, Failure> {
    let report = DegradationReport {
        subject: None,
        subsystem: args.subsystem.clone(),
        code: args.code.clone(),
        target: "x".into(),
        severity: crate::event::degradation::Severity::Error,
        summary: "x".into(),
        detail: None,
        attributes: Default::default(),
        observed_at: None,
        id: None,
    };
    report.check().map_err(|e| Failure::new(Exit::Usage, e.to_string()))?;
    // Legal names may still hold quotes; JSON strings are YAML strings.
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let filled = template.replace("@ID@", &args.id).replace("@CODE@", &args.code);
    Ok(filled.replace("@SUBSYSTEM@", &quoted(&args.subsystem)))
}

const RUNBOOK: &str = r#"# yaml-language-server: $schema=../../schemas/runbook.schema.json
# A draft: nothing of it runs until it is signed and approved. `remediator runbook lint` checks it.
v: 1
kind: runbook
id: @ID@
title: What it does about @CODE@, in one line
proposal: @ID@
# Which degradations it is for. `target: "web-*"` and `severity: [error, critical]` narrow it.
matcher: {subsystem: @SUBSYSTEM@, code: @CODE@}
# The largest thing it may affect: process, machine or fleet.
blast_radius: machine
limits: {attempts: 3, window: 24h, cooldown: 30s, runtime: 2m}
# What has to be true for it to act at all. Looked at before the lock and again under it.
# preconditions:
#   - id: still-bad
#     probe: {http: {url: "http://127.0.0.1:8080/health"}}
#     expect: 'observed.verdict != "healthy"'
steps:
  # Words, no shell: the first is the absolute path of a program. `service: {restart: "${target}"}` is another kind.
  - id: act
    run: {argv: ["/bin/true"]}
    timeout: 10s
    # May it be done twice? If not, say `undo:` or `irreversible: why`.
    idempotent: true
# Has it helped? Another look than the step's own result.
verification:
  probe: {http: {url: "http://127.0.0.1:8080/health"}, timeout: 2s}
  settle: 1s
  successes: 3
  every: 1s
  within: 30s
  watch: 5m
  watch_every: 10s
# Who is told when it has not.
escalation:
  - {after: 0s, channel: log, message: "${target}: @CODE@ was not healed"}
# How it is tried on a throw-away copy: healthy, broken, healed, healthy again (docs/rehearsal.md). Here a web server of the
# copy is killed, which a step `service: {restart: "${target}"}` heals. `remediator runbook test FILE --rehearse` does it.
# rehearsal:
#   target: web
#   services:
#     web:
#       argv: [/usr/bin/python3, -m, http.server, "${port}", --bind, 127.0.0.1, --directory, "${home}/www"]
#       probe: {http: {url: "http://127.0.0.1:${port}/health"}}
#   stand_ins: {"127.0.0.1:8080": "127.0.0.1:${port}"}
#   files: {www/health: well}
#   break:
#     - argv: [/usr/bin/kill, -KILL, "${pid.web}"]
"#;

const PROPOSAL: &str = r#"# yaml-language-server: $schema=../../schemas/proposal.schema.json
# Why the runbook should exist, for whoever approves it.
v: 1
id: @ID@
title: Why @CODE@ should be healed without a person
failure_class: What is broken when @CODE@ is reported
evidence:
  - Where it was seen, and how often.
may:
  steps: [run]
  targets: ["*"]
  blast_radius: machine
risks:
  - What can go wrong when it acts.
undo: How a person takes it back.
"#;
