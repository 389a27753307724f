//! `remediator lock`: who holds which lock, and taking one from a holder that hangs (RM-13).

mod breaking;
mod ls;

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
    Break(breaking::Args),
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.command {
        Command::Ls(args) => ls::run(args, global),
        Command::Break(args) => breaking::run(args, global),
    }
}
