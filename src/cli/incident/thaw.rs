//! `remediator incident thaw`: a person has looked at an attempt whose outcome nobody knew (RM-46).

use super::super::reader::Reader;
use super::super::statement::{self, Signing};
use super::super::{Exit, Global, Home, Outcome, Output, out};
use super::named;
use crate::remediator::Control;

/// End the freeze of an incident whose interrupted step you have looked at. Signs a statement with your SSH key:
/// your role is `control@remediator`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator incident thaw 6f1c0e8a --reason \"the copy was whole, I looked\""
)]
pub struct Args {
    /// The incident's id, or the beginning of it.
    id: String,
    #[command(flatten)]
    signing: Signing,
}

/// Thaws.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let id = named::incident(&Reader::new(global)?, &args.id)?.to_string();
    let text = statement::send(&home, Control::Thaw, Some(&id), args.signing)?;
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => out::say("thawed: the incident is decided anew")?,
    }
    Ok(Exit::Ok)
}
