//! `remediator journal …`: an independent check, and the two ways out of a damaged journal.

mod fork;
mod fsck;
mod restore;

use clap::Subcommand;

use super::{Global, Outcome};

/// Check the journal a second way; and the two ways out when it is damaged and sled has not what is missing.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fsck(fsck::Args),
    Restore(restore::Args),
    Fork(fork::Args),
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.command {
        Command::Fsck(args) => fsck::run(args, global),
        Command::Restore(args) => restore::run(args, global),
        Command::Fork(args) => fork::run(args, global),
    }
}
