//! `remediator incidents`: the list, newest first.

use super::reader::{Reader, asking};
use super::{Exit, Global, Outcome, Output, out};
use crate::audit::{IncidentFilter, IncidentSummary};
use crate::base::ids::Seq;
use crate::base::time::{Since, rfc3339};
use crate::context::IncidentState;

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
    let header = ["opened", "state", "what", "target", "reports", "runbook", "id"];
    out::say(out::table(&header, list.incidents.iter().map(row).collect()))?;
    if let Some(next) = list.next {
        out::say(out::faint(format!("more with --before {next}")))?;
    }
    Ok(Exit::Ok)
}

fn row(incident: &IncidentSummary) -> Vec<String> {
    let word = match &incident.closure {
        Some(closure) => out::word(closure),
        None => out::word(&incident.state),
    };
    vec![
        out::when(&incident.opened_at),
        out::state(&word),
        out::cut(&format!("{}/{}", incident.subsystem, incident.code), 40),
        out::cut(&incident.target, 32),
        incident.count.to_string(),
        incident.runbook.as_deref().map(|r| out::cut(r, 32)).unwrap_or_else(|| "-".into()),
        incident.id.to_string(),
    ]
}
