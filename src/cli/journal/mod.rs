//! `remediator journal …`: an independent check, archives and pruning, and the two ways out of a damaged journal.

mod archive;
mod fork;
mod fsck;
mod prune;
mod refold;
mod restore;

use clap::Subcommand;

use super::{Global, Outcome};

/// Check the journal a second way; archive what is old, and prune it; and the two ways out when it is damaged and sled
/// has not what is missing.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fsck(fsck::Args),
    Archive(archive::Args),
    Prune(prune::Args),
    Refold(refold::Args),
    Restore(restore::Args),
    Fork(fork::Args),
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.command {
        Command::Fsck(args) => fsck::run(args, global),
        Command::Archive(args) => archive::run(args, global),
        Command::Prune(args) => prune::run(args, global),
        Command::Refold(args) => refold::run(args, global),
        Command::Restore(args) => restore::run(args, global),
        Command::Fork(args) => fork::run(args, global),
    }
}
