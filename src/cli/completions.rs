//! `remediator completions SHELL`: what the shell needs to complete our commands.

use std::io::Write as _;

use clap_complete::Shell;

use super::exit::Failure;
use super::{Exit, Global, Outcome, Output, out};

/// Print the completions of a shell. Needs no home.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator completions bash > remediator.bash\n  remediator completions zsh > _remediator"
)]
pub struct Args {
    /// Which shell.
    shell: Shell,
}

/// Prints.
pub fn run(args: Args, global: &Global) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "remediator", &mut text);
    if global.output == Output::Json {
        let text = String::from_utf8_lossy(&text);
        out::json_of(&serde_json::json!({"v": 1, "shell": args.shell.to_string(), "script": text}))?;
        return Ok(Exit::Ok);
    }
    match std::io::stdout().write_all(&text) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Unavailable, "cannot write to stdout").because(e))
        }
        _ => Ok(Exit::Ok),
    }
}
