//! `remediator audit …`: the journal itself.

mod cosign;
mod export;
mod filters;
mod import;
mod prove;
mod query;
mod show;
mod tail;
mod verify;

pub use show::Decoded;

use clap::Subcommand;

use super::{Global, Outcome};

/// Read, search, prove, verify, export and import the journal.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Tail(tail::Args),
    Query(query::Args),
    Show(show::Args),
    Prove(prove::Args),
    Cosign(cosign::Args),
    Verify(verify::Args),
    Export(export::Args),
    Import(import::Args),
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.command {
        Command::Tail(args) => tail::run(args, global),
        Command::Query(args) => query::run(args, global),
        Command::Show(args) => show::run(args, global),
        Command::Prove(args) => prove::run(args, global),
        Command::Cosign(args) => cosign::run(args, global),
        Command::Verify(args) => verify::run(args, global),
        Command::Export(args) => export::run(args, global),
        Command::Import(args) => import::run(args, global),
    }
}
