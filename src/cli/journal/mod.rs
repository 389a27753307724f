//! `remediator journal …`: the two ways out of a damaged journal. The daemon must not run.

mod fork;
mod restore;

use clap::Subcommand;

use super::{Global, Outcome};

/// The two ways out when the journal is damaged and sled has not what is missing.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Restore(restore::Args),
    Fork(fork::Args),
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.command {
        Command::Restore(args) => restore::run(args, global),
        Command::Fork(args) => fork::run(args, global),
    }
}
