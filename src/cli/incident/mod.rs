//! `remediator incident …`: one incident.

mod show;

pub(super) use show::{candidates, timeline};

use clap::Subcommand;

use super::{Global, Outcome};

/// Look at one incident.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Args),
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.command {
        Command::Show(args) => show::run(args, global),
    }
}
