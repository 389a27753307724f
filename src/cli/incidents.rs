//! `remediator incidents`: the list, newest first.

use super::reader::{Reader, asking};
use super::{Exit, Global, Outcome, Output, out};
use crate::audit::{IncidentFilter, IncidentSummary};
use crate::base::ids::Seq;
use crate::base::time::{Since, rfc3339};
use crate::context::IncidentState;

/// A terminal with fewer columns gets a shorter table.
const NARROW: usize = 120;

/// List incidents, newest first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator incidents\n  remediator incidents --state held --output json\n  remediator incidents --code PROCESS_DEAD --target 'web-*' --since 24h"
)]
pub struct Args {
    /// Only those in this state: open, held, remediating, escalated, watching, frozen or closed.
    #[arg(long, value_parser = state)]
    state: Option<IncidentState>,
    /// Only those with this code; SUBSYSTEM/CODE means the subsystem as well.
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Only those of this target; `*` stands for any characters, `?` for one.
    #[arg(long, value_name = "GLOB")]
    target: Option<String>,
    /// Only those opened since then: how long ago (24h, 7d), or a time (2026-01-31T08:00:00Z).
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    since: Option<Since>,
    /// At most so many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Only those opened before this seq (the `next` of the page before).
    #[arg(long, value_name = "SEQ")]
    before: Option<Seq>,
}

fn state(word: &str) -> Result<IncidentState, String> {
    serde_json::from_value(word.into())
        .map_err(|_| "one of open, held, remediating, escalated, watching, frozen, closed".into())
}

/// Prints the list.
pub fn run(args: Args, global: &Global) -> Outcome {
    let filter = IncidentFilter {
        state: args.state,
        code: args.code,
        target: args.target,
        since_us: args.since.map(|since| since.time_us(out::now_us())),
        before: args.before,
        limit: args.limit.into(),
    };
    let parameters = [
        ("limit", Some(filter.limit.to_string())),
        ("state", filter.state.map(|state| out::word(&state))),
        ("code", filter.code.clone()),
        ("target", filter.target.clone()),
        ("since", filter.since_us.map(rfc3339)),
        ("before", filter.before.map(|before| before.to_string())),
    ];
    let path = asking("/v1/incidents", &parameters);
    let answer = Reader::new(global)?.view(&path, |audit| audit.incidents(&filter))?;
    if global.output == Output::Json {
        out::json(&answer.text)?;
        return Ok(Exit::Ok);
    }
    let list = answer.view;
    if list.incidents.is_empty() {
        let all = IncidentFilter { limit: filter.limit, ..IncidentFilter::default() };
        let none = if filter == all { "no incidents" } else { "no incidents that fit" };
        out::say(none)?;
        return Ok(Exit::Ok);
    }
    let narrow = out::columns().is_some_and(|columns| columns < NARROW);
    match narrow {
        true => {
            let header = ["opened", "state", "what", "target", "id"];
            out::say(out::table(&header, list.incidents.iter().map(short_row).collect()))?;
        }
        false => {
            let header = ["opened", "state", "what", "target", "reports", "runbook", "id"];
            out::say(out::table(&header, list.incidents.iter().map(row).collect()))?;
        }
    }
    if let Some(next) = list.next {
        out::say(out::faint(format!("more with --before {next}")))?;
    }
    Ok(Exit::Ok)
}

fn word(incident: &IncidentSummary) -> String {
    let word = match &incident.closure {
        Some(closure) => out::word(closure),
        None => out::word(&incident.state),
    };
    out::state(&word)
}

/// What a narrow terminal has room for: enough to ask on.
fn short_row(incident: &IncidentSummary) -> Vec<String> {
    vec![
        out::since(&incident.opened_at),
        word(incident),
        out::line(&incident.code),
        out::line(&incident.target),
        incident.id.to_string().chars().take(8).collect(),
    ]
}

fn row(incident: &IncidentSummary) -> Vec<String> {
    vec![
        out::when(&incident.opened_at),
        word(incident),
        out::line(&format!("{}/{}", incident.subsystem, incident.code)),
        out::line(&incident.target),
        incident.count.to_string(),
        incident.runbook.as_deref().map(out::line).unwrap_or_else(|| "-".into()),
        incident.id.to_string(),
    ]
}
