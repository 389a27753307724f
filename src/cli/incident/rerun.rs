//! `remediator incident rerun`: a person orders a failed attempt again, from the step at which it failed.

use super::super::reader::Reader;
use super::super::statement::{self, Signing};
use super::super::{Exit, Global, Home, Outcome, Output, out};
use super::named;
use crate::remediator::Control;

/// Run the last attempt of an incident again, from the step at which it failed: steps that stand are not done again.
/// It is planned from what is in force now; what differs from before is recorded. Cooldown and caps do not hold it.
/// Signs a statement with your SSH key: your role is `control@remediator`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator incident rerun 6f1c0e8a --reason \"the disk has room again\"\n  \
                  remediator incident rerun 6f1c0e8a --from restore --reason \"better copy\""
)]
pub struct Args {
    /// The incident's id, or the beginning of it.
    id: String,
    /// The step to begin with. Default: the first one that does not stand.
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
    #[command(flatten)]
    signing: Signing,
}

/// Orders it.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let id = named::incident(&Reader::new(global)?, &args.id)?.to_string();
    let subject = match &args.from {
        Some(step) => format!("{id}/{step}"),
        None => id.clone(),
    };
    let text = statement::send(&home, Control::Rerun, Some(&subject), args.signing)?;
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => out::say(format!("ordered: `remediator incident show {id}` shows how it goes"))?,
    }
    Ok(Exit::Ok)
}
