//! `token list`: whose tokens there are, with their roles; never the tokens.

use serde::Serialize;

use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::api::Role;
use crate::api::tokens::{Bearer, Stored};

/// List whose tokens this home knows, and what each may. The tokens themselves are kept nowhere.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator token list\n  remediator token list --output json")]
pub struct Args {}

#[derive(Serialize)]
struct List {
    v: u32,
    tokens: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    id: String,
    name: String,
    /// None for a sentinel's token.
    role: Option<Role>,
    /// What a sentinel may speak of.
    subsystems: Vec<String>,
    created: String,
    /// Whether the commands of this home use it.
    own: bool,
}

/// Lists.
pub fn run(_: Args, global: &Global) -> Outcome {
    let home = Home::readable(global)?;
    let tokens = super::load(&home)?;
    let own = super::own(&home, &tokens);
    let lines = tokens.bearers().map(|stored| line(stored, own.as_ref() == Some(stored))).collect();
    let list = List { v: 1, tokens: lines };
    if global.output == Output::Json {
        out::json_of(&list)?;
        return Ok(Exit::Ok);
    }
    if list.tokens.is_empty() {
        out::say("this home has no token; the daemon makes one when it starts")?;
        return Ok(Exit::Ok);
    }
    let rows = list.tokens.into_iter().map(|line| {
        let role =
            line.role.map_or_else(|| format!("sentinel: {}", line.subsystems.join(", ")), |r| r.to_string());
        let own = if line.own { "state/token" } else { "" };
        vec![line.id, out::line(&line.name), out::line(&role), out::when(&line.created), own.to_owned()]
    });
    out::say(out::table(&["ID", "NAME", "ROLE", "SINCE", ""], rows.collect()))?;
    Ok(Exit::Ok)
}

fn line(stored: &Stored, own: bool) -> Line {
    let (id, created) = (stored.id(), stored.created.clone());
    match &stored.bearer {
        Bearer::Person { name, role } => {
            Line { id, name: name.clone(), role: Some(*role), subsystems: Vec::new(), created, own }
        }
        Bearer::Sentinel { name, subsystems } => {
            Line { id, name: name.clone(), role: None, subsystems: subsystems.clone(), created, own }
        }
    }
}
