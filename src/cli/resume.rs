//! `remediator resume`: more power needs a signed statement (RM-44).

use super::exit::Failure;
use super::statement;
use super::{Exit, Global, Home, Outcome, Output, out};
use crate::remediator::Control;

/// Let attempts start again. Signs a statement with your SSH key: your role is `control@remediator`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator resume --reason \"the disk was replaced\"\n  remediator resume --reason \"done\" --key ~/.ssh/id_ed25519"
)]
pub struct Args {
    #[command(flatten)]
    signing: statement::Signing,
}

/// Resumes.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let text = statement::send(&home, Control::Resume, None, args.signing)?;
    // The daemon has the pause on record as lifted; the file that may have made it must not make it again.
    match std::fs::remove_file(home.paused()) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            let what = format!("resumed, but {} cannot be removed and pauses again", home.paused().display());
            return Err(Failure::new(Exit::Findings, what).hint("remove it by hand").because(e));
        }
        _ => {}
    }
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => out::say("resumed: attempts may start again")?,
    }
    Ok(Exit::Ok)
}
