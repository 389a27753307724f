//! `remediator target clear`: a person has made sure that nothing unknown acts on a target any more (RM-16).

use super::statement::{self, Signing};
use super::{Exit, Global, Home, Outcome, Output, out};
use crate::remediator::Control;

/// Targets that something unknown may be acting on.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Clear(Clear),
}

/// Let a tainted target be acted upon again. Signs a statement with your SSH key: your role is
/// `control@remediator`. `remediator status` lists tainted targets.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator target clear web --reason \"process 4711 is gone, I looked\"")]
struct Clear {
    /// The target.
    target: String,
    #[command(flatten)]
    signing: Signing,
}

/// Runs the subcommand.
pub fn run(args: Args, global: &Global) -> Outcome {
    let Command::Clear(args) = args.command;
    let home = Home::acting(global)?;
    let text = statement::send(&home, Control::Clear, Some(&args.target), args.signing)?;
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => out::say(format!("cleared: {} may be acted upon again", args.target))?,
    }
    Ok(Exit::Ok)
}
