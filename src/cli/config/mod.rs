//! `remediator config`: is the configuration right, and what is in force, said by whom.

mod check;
mod show;

use super::{Global, Outcome};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Check(check::Args),
    Show(show::Args),
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.command {
        Command::Check(args) => check::run(args, global),
        Command::Show(args) => show::run(args, global),
    }
}
