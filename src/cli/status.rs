//! `remediator status`: how things are now.

use owo_colors::OwoColorize as _;

use super::exit::Failure;
use super::hung::{self, Hung};
use super::reader::Reader;
use super::{Exit, Global, Outcome, Output, out};
use crate::audit::{IncidentFilter, IncidentSummary, StatusView};

/// Open incidents that are shown.
const SHOWN_MAX: usize = 10;
/// The newest incidents, among which open ones are looked for.
const LOOKED_AT: usize = 1000;

/// Show how things are now: pauses, open incidents, services, eyes, content, the journal.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator status\n  remediator status --output json")]
pub struct Args {}

/// Prints the status.
pub fn run(_: Args, global: &Global) -> Outcome {
    let reader = Reader::new(global)?;
    let hung = hung::look(&reader);
    let answer = reader.view("/v1/status", |audit| audit.status())?;
    let beside = Beside { hung, ..Beside::of(&reader, &answer.view) };
    if global.output == Output::Json {
        out::json(&beside.added_to(&answer.text)?)?;
        return Ok(Exit::Ok);
    }
    let open = if answer.view.incidents.is_empty() { Vec::new() } else { open(&reader)? };
    print(&answer.view, &beside, &open)?;
    Ok(Exit::Ok)
}

/// What stands in the home and not in its journal.
struct Beside {
    /// Why the file pauses that no daemon has taken up yet.
    paused_by_file: Option<String>,
    /// It was made from an export.
    imported: bool,
    /// Its daemon does not answer.
    hung: Option<Hung>,
}

impl Beside {
    fn of(reader: &Reader, status: &StatusView) -> Self {
        let home = reader.home();
        let file = if status.paused.is_none() { home.paused_by_file() } else { None };
        Self { paused_by_file: file, imported: home.is_imported(), hung: None }
    }

    /// The daemon's bytes as they are, where there is nothing to add.
    fn added_to(&self, text: &str) -> Result<String, Failure> {
        let unreadable = |e| Failure::new(Exit::Unavailable, "the status cannot be understood").because(e);
        if self.paused_by_file.is_none() && self.hung.is_none() {
            return Ok(text.to_owned());
        }
        let mut status: serde_json::Value = serde_json::from_str(text).map_err(unreadable)?;
        if let Some(why) = &self.paused_by_file {
            status["paused_by_file"] = why.as_str().into();
        }
        if let Some(hung) = &self.hung {
            status["daemon_hangs"] = format!("{}; {}", hung.what, hung.fix).into();
        }
        Ok(status.to_string())
    }
}

/// The newest incidents that are not closed.
fn open(reader: &Reader) -> Result<Vec<IncidentSummary>, Failure> {
    let filter = IncidentFilter { limit: LOOKED_AT, ..IncidentFilter::default() };
    let list = reader.view(&format!("/v1/incidents?limit={LOOKED_AT}"), |audit| audit.incidents(&filter))?;
    Ok(list.view.incidents.into_iter().filter(|i| i.closure.is_none()).take(SHOWN_MAX).collect())
}

/// One open incident: enough of its id to ask on, and why nothing is done, if so.
fn incident(incident: &IncidentSummary) -> String {
    let id: String = incident.id.to_string().chars().take(8).collect();
    let state = out::state(&out::word(&incident.state));
    let (subsystem, code, target) =
        (out::line(&incident.subsystem), out::line(&incident.code), out::line(&incident.target));
    let why = out::line(incident.held.as_deref().unwrap_or(&incident.summary));
    out::fit(format!("  {id}  {state}  {subsystem}/{code} on {target}: {why}"))
}

/// A journal that holds its genesis only: `init` made it, and nobody has served it yet.
pub(super) fn was_never_served(status: &StatusView) -> bool {
    status.head.as_ref().is_some_and(|head| head.seq == 0)
}

fn print(status: &StatusView, beside: &Beside, incidents: &[IncidentSummary]) -> Result<(), Failure> {
    let node = status.node.map(|n| n.to_string()).unwrap_or_default();
    out::say(format!("{} {}  node {node}", out::head("remediator"), out::line(&status.version)))?;
    if let Some(hung) = &beside.hung {
        out::say(format!("daemon       {}: {}; {}", out::state("failed"), hung.what, hung.fix))?;
    }
    if was_never_served(status) {
        let word = "daemon       never started on this home: `remediator serve` loads its content and begins to watch";
        out::say(word)?;
    }
    match &status.head {
        Some(head) => out::say(format!("journal      seq {}, {}", head.seq, out::when(&head.at)))?,
        None => out::say("journal      empty")?,
    }
    if status.minimum > 0 {
        out::say(format!("             begins with seq {}: what is older was pruned", status.minimum))?;
    }
    if let Some(sealed) = &status.journal.sealed {
        out::say(format!("journal      {}: {}", out::state("failed"), out::line(sealed)))?;
    }
    if status.journal.space != "ample" {
        out::say(format!("disk         {}", out::line(&status.journal.space)))?;
    }
    if beside.imported {
        out::say("read-only    this home was made from an export: nothing is started here")?;
    }
    match (&status.paused, &beside.paused_by_file) {
        (Some(p), _) => out::say(format!("paused       by {}: {}", out::line(&p.by), out::line(&p.reason)))?,
        (None, Some(why)) => out::say(format!(
            "paused       by the file state/PAUSED as soon as a daemon sees it (within a second while one runs, else at its \
             start): {}",
            out::line(why)
        ))?,
        (None, None) => out::say("paused       no")?,
    }
    if let Some(d) = &status.draining {
        let still = match d.drained {
            Some(_) => "nothing runs any more".to_owned(),
            None => format!("{} attempt(s) under way", d.running),
        };
        out::say(format!("draining     said {}: {} ({still})", out::line(&d.by), out::line(&d.reason)))?;
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
    incidents.iter().try_for_each(|i| out::say(incident(i)))?;
    let listed = u64::try_from(incidents.len()).unwrap_or(u64::MAX);
    let more = status.incidents.values().sum::<u64>().saturating_sub(listed);
    if more > 0 {
        out::say(format!("  and {more} more: remediator incidents"))?;
    }
    let c = &status.catalog;
    out::say(format!(
        "content      {} live, {} observe only, {} refused",
        c.live, c.observe_only, c.refused
    ))?;
    for content in &c.not_live {
        let (name, standing) = (out::line(&content.content), out::state(&out::word(&content.standing)));
        out::say(out::fit(format!("  {name}  {standing}  {}", out::line(&content.reason))))?;
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
            (Some(pid), _) => format!("{} pid {pid}", "running".green()),
            (None, Some(exit)) => format!("ended, {}", out::line(exit)),
            (None, None) => "not started".into(),
        };
        let line = format!("service      {}  {how}, {} start(s)", out::line(name), service.starts);
        out::say(out::fit(line))?;
    }
    for (name, sentinel) in &status.sentinels {
        let how = match (&sentinel.trouble, &sentinel.degraded) {
            (Some(trouble), _) => out::line(trouble),
            (None, Some(_)) => format!("sees that it {}", out::state("failed")),
            (None, None) => "watches".into(),
        };
        out::say(out::fit(format!("sentinel     {}  {how}", out::line(name))))?;
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
