//! `proposal sign`: the author's signature of the argument, and of its files if that is said.

use std::path::PathBuf;

use super::desk::Desk;
use crate::cli::runbook::sign;
use crate::cli::{Global, Outcome};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 signed, 1 a file has problems, 2 wrong use, 4 your key has no such role.\n\n\
Example:\n  remediator proposal sign process-dead --files\n\n`remediator runbook sign FILE` signs single files."
)]
pub struct Args {
    /// Proposals: the names of their folders under proposals/.
    #[arg(required = true)]
    proposals: Vec<String>,
    /// Sign the content files that name it as well.
    #[arg(long)]
    files: bool,
    /// Your SSH key: private, or public with the private half in your agent. Default: the one that `init` would take.
    #[arg(long)]
    key: Option<PathBuf>,
}

/// Signs.
pub fn run(args: Args, global: &Global) -> Outcome {
    let desk = Desk::open(global)?;
    let mut files = Vec::new();
    for name in &args.proposals {
        let id = desk.proposal_of(name, global)?;
        files.push(desk.root.join(desk.argument(&id)?.path));
        if args.files {
            files.extend(desk.files_of(&id).into_iter().map(|entry| desk.root.join(&entry.path)));
        }
    }
    sign::all(&files, args.key.as_deref(), global)
}
