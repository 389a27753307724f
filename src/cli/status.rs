//! `remediator status`: how things are now.

use super::exit::Failure;
use super::reader::Reader;
use super::{Exit, Global, Outcome, Output, out};
use crate::audit::StatusView;

/// Show how things are now: pauses, open incidents, services, eyes, content, the journal.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator status\n  remediator status --output json")]
pub struct Args {}

/// Prints the status.
pub fn run(_: Args, global: &Global) -> Outcome {
    let answer = Reader::new(global)?.view("/v1/status", |audit| audit.status())?;
    match global.output {
        Output::Json => out::json(&answer.text)?,
        Output::Human => print(&answer.view)?,
    }
    Ok(Exit::Ok)
}

fn print(status: &StatusView) -> Result<(), Failure> {
    let node = status.node.map(|n| n.to_string()).unwrap_or_default();
    out::say(format!("{} {}  node {node}", out::head("remediator"), out::line(&status.version)))?;
    match &status.head {
        Some(head) => out::say(format!("journal      seq {}, {}", head.seq, out::when(&head.at)))?,
        None => out::say("journal      empty")?,
    }
    if let Some(sealed) = &status.journal.sealed {
        out::say(format!("journal      {}: {}", out::state("failed"), out::line(sealed)))?;
    }
    if status.journal.space != "ample" {
        out::say(format!("disk         {}", out::line(&status.journal.space)))?;
    }
    match &status.paused {
        Some(p) => out::say(format!("paused       by {}: {}", out::line(&p.by), out::line(&p.reason)))?,
        None => out::say("paused       no")?,
    }
    if let Some(why) = &status.observe_only {
        out::say(format!("observe-only {}", out::line(why)))?;
    }
    if let Some(why) = &status.trust.refused {
        out::say(format!("trust        the files on disk are not in force: {}", out::line(why)))?;
    }
    let open: Vec<String> = status.incidents.iter().map(|(s, n)| format!("{n} {}", out::state(s))).collect();
    let open = if open.is_empty() { "none open".to_owned() } else { open.join(", ") };
    out::say(format!("incidents    {open}"))?;
    let c = &status.catalog;
    out::say(format!(
        "content      {} live, {} observe only, {} refused",
        c.live, c.observe_only, c.refused
    ))?;
    for content in &c.not_live {
        let (name, standing) = (out::line(&content.content), out::state(&out::word(&content.standing)));
        out::say(format!("  {name}  {standing}  {}", out::line(&content.reason)))?;
    }
    if c.not_listed > 0 {
        out::say(format!("  and {} more file(s): remediator runbook list", c.not_listed))?;
    }
    if status.outbox_waiting > 0 || status.outbox_given_up > 0 {
        let (waiting, given_up) = (status.outbox_waiting, status.outbox_given_up);
        out::say(format!("notices      {waiting} waiting, {given_up} given up"))?;
    }
    machine(status)
}

fn machine(status: &StatusView) -> Result<(), Failure> {
    for (name, service) in &status.services {
        let how = match (service.pid, &service.last_exit) {
            (Some(pid), _) => format!("{} pid {pid}", out::state("running")),
            (None, Some(exit)) => format!("ended, {}", out::line(exit)),
            (None, None) => "not started".into(),
        };
        out::say(format!("service      {}  {how}, {} start(s)", out::line(name), service.starts))?;
    }
    for (name, sentinel) in &status.sentinels {
        let how = match (&sentinel.trouble, &sentinel.degraded) {
            (Some(trouble), _) => out::line(trouble),
            (None, Some(_)) => format!("sees a {}", out::state("failed")),
            (None, None) => "watches".into(),
        };
        out::say(format!("sentinel     {}  {how}", out::line(name)))?;
    }
    for (target, tainted) in &status.tainted {
        out::say(format!("tainted      {}: {}", out::line(target), out::line(&tainted.reason)))?;
    }
    for frozen in &status.frozen {
        let (runbook, target) = (out::line(&frozen.runbook), out::line(&frozen.target));
        out::say(format!("frozen       {runbook} on {target}: {}", out::line(&frozen.reason)))?;
    }
    for alarm in &status.alarms {
        out::say(format!("alarm        seq {}: {}", alarm.seq, out::line(&alarm.what)))?;
    }
    Ok(())
}
