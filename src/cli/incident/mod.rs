//! `remediator incident …`: one incident.

mod close;
mod elevate;
pub(super) mod named;
mod refuse;
mod rerun;
mod show;
mod thaw;

pub(super) use show::{candidates, last_lines, timeline};

use clap::Subcommand;

use super::{Global, Outcome};

/// Look at one incident, close it, let or refuse what it asks for, thaw its attempt or run it again.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Args),
    Close(close::Args),
    Elevate(elevate::Args),
    Refuse(refuse::Args),
    Rerun(rerun::Args),
    Thaw(thaw::Args),
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    match args.command {
        Command::Show(args) => show::run(args, global),
        Command::Close(args) => close::run(args, global),
        Command::Elevate(args) => elevate::run(args, global),
        Command::Refuse(args) => refuse::run(args, global),
        Command::Rerun(args) => rerun::run(args, global),
        Command::Thaw(args) => thaw::run(args, global),
    }
}
