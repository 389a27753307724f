//! `sentinel snippet`: the line of shell that gives a heartbeat, or that reports from outside. The token is read from
//! a file by the shell itself, so that it stands in no argument list.

use serde::Serialize;

use super::find;
use crate::cli::client::Client;
use crate::cli::{Exit, Global, Home, Outcome, Output, out};
use crate::event::plan::{LookPlan, SentinelPlan};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator sentinel snippet nightly-backup --token-file ~/backup.token")]
pub struct Args {
    /// A sentinel's id, or a file with one. For one that expects a heartbeat: the line that gives it. For others: the
    /// line with which a program of yours reports the same.
    sentinel: String,
    /// File with the token of whoever runs the line: see `remediator sentinel grant`.
    #[arg(long, value_name = "PATH", default_value = "/etc/remediator/token")]
    token_file: String,
}

#[derive(Serialize)]
struct Report<'a> {
    v: u32,
    sentinel: &'a str,
    heartbeat: Option<&'a str>,
    snippet: &'a str,
}

/// Prints it.
pub fn run(args: Args, global: &Global) -> Outcome {
    let plan = find::sentinel(global, &args.sentinel)?;
    let client = Client::new(&Home::existing(global)?)?;
    let heartbeat = match &plan.probe.look {
        LookPlan::Heartbeat(look) => Some(look.name.as_str()),
        _ => None,
    };
    let snippet = text(&plan, heartbeat, client.address(), &args.token_file);
    match global.output {
        Output::Json => out::json_of(&Report { v: 1, sentinel: &plan.id, heartbeat, snippet: &snippet })?,
        Output::Human => out::say(&snippet)?,
    }
    Ok(Exit::Ok)
}

fn text(plan: &SentinelPlan, heartbeat: Option<&str>, address: &str, token_file: &str) -> String {
    let (path, body) = match heartbeat {
        Some(name) => (format!("heartbeats/{name}"), "{\\\"at_ms\\\":$(date +%s%3N)}".to_owned()),
        None => {
            let json = |text: &str| serde_json::to_string(text).unwrap_or_default();
            let body = format!(
                r#"{{"subsystem":{},"code":{},"target":{},"severity":{},"summary":{}}}"#,
                json(&plan.subsystem),
                json(&plan.code),
                json(&plan.target),
                json(&out::word(&plan.severity)),
                json(&plan.summary)
            );
            ("degradations".to_owned(), in_double_quotes(&body))
        }
    };
    format!(
        "printf 'Authorization: Bearer %s' \"$(cat {})\" |\n  curl -fsS --max-time 10 --retry 3 -H @- \
         -H 'Content-Type: application/json' \\\n  -d \"{body}\" 'http://{address}/v1/{path}'",
        in_single_quotes(token_file)
    )
}

fn in_single_quotes(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// As the shell reads it back between double quotes.
fn in_double_quotes(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 32);
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}
