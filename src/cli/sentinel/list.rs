//! `sentinel list`: what the daemon's eyes see just now. Not for what was seen before (`audit`, `incidents`).

use serde::Deserialize;

use crate::cli::client::{Client, NoAnswer};
use crate::cli::exit::{Exit, Failure};
use crate::cli::{Global, Home, Outcome, Output, out};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 all healthy, 1 one is not, 69 no daemon.\n\n\
Examples:\n  remediator sentinel list\n  remediator sentinel list --output json")]
pub struct Args {}

/// As far as it is shown.
#[derive(Deserialize)]
struct List {
    sentinels: Vec<Line>,
    granted: Vec<Granted>,
}

#[derive(Deserialize)]
struct Line {
    sentinel: String,
    subsystem: String,
    code: String,
    target: String,
    degraded: bool,
    free_text: bool,
    verdict: Option<String>,
    evidence: Option<String>,
    looked_ms_ago: Option<u64>,
}

#[derive(Deserialize)]
struct Granted {
    sentinel: String,
    subsystems: Vec<String>,
    granted_by: String,
}

/// Asks and prints.
pub fn run(_: Args, global: &Global) -> Outcome {
    let client = Client::new(&Home::existing(global)?)?;
    let text = client.get("/v1/sentinels").map_err(NoAnswer::into_failure)?;
    let list: List = serde_json::from_str(&text).map_err(|e| {
        Failure::new(Exit::Unavailable, "the daemon's answer cannot be understood").because(e)
    })?;
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => print(&list)?,
    }
    let bad = |line: &Line| line.degraded || line.verdict.as_deref().is_some_and(|v| v != "healthy");
    Ok(if list.sentinels.iter().any(bad) { Exit::Findings } else { Exit::Ok })
}

fn print(list: &List) -> Result<(), Failure> {
    if list.sentinels.is_empty() {
        out::say(
            "no sentinel watches: `remediator runbook list` says why, `remediator sentinel new` writes one",
        )?;
    } else {
        let rows = list.sentinels.iter().map(|line| {
            let verdict = line.verdict.clone().unwrap_or_else(|| "not yet".to_owned());
            let mut edge = if line.degraded { "degraded".to_owned() } else { "good".to_owned() };
            if line.free_text {
                edge += ", free text";
            }
            vec![
                out::state(&verdict),
                edge,
                line.sentinel.clone(),
                format!("{}/{} {}", line.subsystem, line.code, line.target),
                line.looked_ms_ago.map(|ms| format!("{} ago", out::span(ms))).unwrap_or_default(),
                out::cut(line.evidence.as_deref().unwrap_or_default(), 70),
            ]
        });
        let header = ["looks", "edge", "sentinel", "reports", "looked", "evidence"];
        out::say(out::table(&header, rows.collect()))?;
    }
    for granted in &list.granted {
        let (name, by) = (&granted.sentinel, &granted.granted_by);
        out::say(format!("external {name} may report {}, granted by {by}", granted.subsystems.join(", ")))?;
    }
    Ok(())
}
