//! `remediator config check`: every way in which the configuration could stop a start, with line and column.

use std::path::PathBuf;

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out, variables};
use crate::remediator::config::{self, ConfigError};
use crate::runbook::problem::Problem;

/// Check the configuration as a start would read it: file, then environment. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 it is right, 1 it is not.\n\n\
Example:\n  remediator config check\n  remediator config check --file ./remediator.yaml --output json")]
pub struct Args {
    /// Another file than the home's.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

/// Checks.
pub fn run(args: Args, global: &Global) -> Outcome {
    let environment = if args.file.is_none() { variables::unread() } else { Vec::new() };
    let (name, checked) = match args.file {
        Some(path) => {
            let text = std::fs::read_to_string(&path).map_err(|e| {
                Failure::new(Exit::Usage, format!("cannot read {}", path.display())).because(e)
            })?;
            (path.display().to_string(), config::check(&text))
        }
        None => {
            let home = Home::existing(global)?;
            let listen = std::env::var("REMEDIATOR_LISTEN").ok().filter(|said| !said.is_empty());
            let read = config::read(home.root(), listen.as_deref()).map(|_| ());
            (home.root().join(config::FILE).display().to_string(), read)
        }
    };
    let problem = checked.err();
    if global.output == Output::Json {
        let problems: Vec<_> = problem.iter().map(as_json).collect();
        let warnings: Vec<_> =
            environment.iter().map(|w| serde_json::json!({"message": w.what, "help": w.fix})).collect();
        let said = serde_json::json!({"v": 1, "file": name, "problems": problems, "warnings": warnings});
        out::json_of(&said)?;
    } else {
        for warning in &environment {
            out::say(format!("warning: {}; {}", warning.what, warning.fix))?;
        }
        match &problem {
            None => out::say(format!("{name}: nothing found"))?,
            Some(problem) => out::say(problem)?,
        }
    }
    Ok(if problem.is_none() { Exit::Ok } else { Exit::Findings })
}

fn as_json(error: &ConfigError) -> serde_json::Value {
    match error {
        ConfigError::Problem(problem) => {
            let Problem { line, column, message, help, .. } = problem.as_ref();
            serde_json::json!({"line": line, "column": column, "message": message, "help": help})
        }
        other => serde_json::json!({"line": 0, "column": 0, "message": other.to_string(), "help": null}),
    }
}
