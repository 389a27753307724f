//! `token new`: a token with a role, printed once.

use serde::Serialize;

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::api::Role;
use crate::api::tokens::{self, Bearer};
use crate::base::signers::is_principal;

/// Make a token for a person or a program that speaks for one, with a role. It is printed once and can be read nowhere
/// later. A daemon that runs takes it from the next request on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Roles, each with all that the ones before it may:\n  \
audit  the audit log: entries, stream, proofs, keys; metrics\n  \
read   every view: incidents, status, explanations, sentinels, the page\n  \
write  reports: degradations, what other programs send, heartbeats\n  \
lead   all that a person may: pause, drain, close, signed statements\n\n\
Exit codes: 0 made, 2 wrong use.\n\n\
Examples:\n  remediator token new --role audit --name prometheus\n  \
remediator token new --role write --name alertmanager --output json")]
pub struct Args {
    /// lead, write, read or audit.
    #[arg(long)]
    role: Role,
    /// Who it is: what this one reports or orders stands under that name in the journal.
    #[arg(long, value_name = "NAME")]
    name: String,
}

#[derive(Serialize)]
struct Made<'a> {
    v: u32,
    id: String,
    name: &'a str,
    role: Role,
    token: &'a str,
}

/// Makes one.
pub fn run(args: Args, global: &Global) -> Outcome {
    if !is_principal(&args.name) {
        let what = format!("`{}` cannot be a name", out::line(&args.name));
        return Err(Failure::new(Exit::Usage, what).hint("letters, digits, `.`, `_`, `-` and `@`"));
    }
    let home = Home::acting(global)?;
    let token = tokens::mint().map_err(super::unusable)?;
    let (name, role) = (args.name, args.role);
    let id = super::change(&home, |known| {
        known.add(Bearer::Person { name: name.clone(), role }, &token, out::now_us());
        Ok(known.stored(&token).map(tokens::Stored::id).unwrap_or_default())
    })?;
    match global.output {
        Output::Json => out::json_of(&Made { v: 1, id, name: &name, role, token: &token })?,
        Output::Human => {
            anstream::eprintln!(
                "{name} has the role {role} with this token ({id}), which is shown only now:"
            );
            out::say(&token)?;
        }
    }
    Ok(Exit::Ok)
}
