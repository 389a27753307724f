//! `remediator incidents`: the list, newest first.

use super::reader::Reader;
use super::{Exit, Global, Outcome, Output, out};
use crate::audit::{IncidentFilter, IncidentSummary};
use crate::base::ids::Seq;
use crate::context::IncidentState;

/// List incidents, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator incidents\n  remediator incidents --state held --output json")]
pub struct Args {
    /// Only those in this state: open, held, remediating, escalated, watching, frozen or closed.
    #[arg(long, value_parser = state)]
    state: Option<IncidentState>,
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
    let mut path = format!("/v1/incidents?limit={}", args.limit);
    if let Some(state) = args.state {
        path += &format!("&state={}", out::word(&state));
    }
    if let Some(before) = args.before {
        path += &format!("&before={before}");
    }
    let filter = IncidentFilter { state: args.state, before: args.before, limit: args.limit.into() };
    let answer = Reader::new(global)?.view(&path, |audit| audit.incidents(&filter))?;
    if global.output == Output::Json {
        out::json(&answer.text)?;
        return Ok(Exit::Ok);
    }
    let list = answer.view;
    if list.incidents.is_empty() {
        out::say("no incidents")?;
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
