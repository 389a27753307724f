//! `remediator key`: the keys that sign the journal (RM-25).

mod ls;
mod rotate;

use super::{Global, Outcome};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Ls(ls::Args),
    Rotate(rotate::Args),
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.command {
        Command::Ls(args) => ls::run(args, global),
        Command::Rotate(args) => rotate::run(args, global),
    }
}
