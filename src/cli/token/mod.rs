//! `remediator token`: who may ask the HTTP interface for what. Works with and without a daemon: one that runs reads
//! the file anew. Not for tokens of external sentinels (`sentinel grant`): those are entries.

mod list;
mod new;
mod revoke;

use super::exit::{Exit, Failure};
use super::{Global, Home, Outcome};
use crate::api::Tokens;
use crate::api::tokens::{self, Stored};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    New(new::Args),
    List(list::Args),
    Revoke(revoke::Args),
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.command {
        Command::New(args) => new::run(args, global),
        Command::List(args) => list::run(args, global),
        Command::Revoke(args) => revoke::run(args, global),
    }
}

/// The tokens of a home.
fn load(home: &Home) -> Result<Tokens, Failure> {
    Tokens::load(&home.tokens()).map_err(unusable)
}

fn unusable(error: tokens::Error) -> Failure {
    Failure::new(Exit::Unavailable, "the tokens of this home cannot be used").because(error)
}

/// Changes them, all or nothing. Of two at once the second waits: neither is lost.
fn change<T>(home: &Home, change: impl FnOnce(&mut Tokens) -> Result<T, Failure>) -> Result<T, Failure> {
    let state = home.state();
    let cannot = |e: std::io::Error| {
        Failure::new(Exit::Unavailable, format!("cannot lock {}", state.display())).because(e)
    };
    let folder = std::fs::File::open(&state).map_err(cannot)?;
    folder.lock().map_err(cannot)?;
    let mut tokens = load(home)?;
    let done = change(&mut tokens)?;
    tokens.save(&home.tokens()).map_err(unusable)?;
    Ok(done)
}

/// The token that the commands of this home use, as far as it is one of its own.
fn own(home: &Home, tokens: &Tokens) -> Option<Stored> {
    let token = std::fs::read_to_string(home.token()).ok()?;
    tokens.stored(token.trim()).cloned()
}
