//! `remediator incident close`: a person says that it is over.

use super::super::client::{Client, NoAnswer};
use super::super::exit::Failure;
use super::super::reader::Reader;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use super::named;

/// Close an incident that nothing is acting on. The same trouble reported again opens another one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator incident close 6f1c0e8a --reason \"a test of ours\"")]
pub struct Args {
    /// The incident's id, or the beginning of it.
    id: String,
    /// Why; it stands in the journal.
    #[arg(long)]
    reason: String,
}

/// Closes.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reason = args.reason.trim();
    if reason.is_empty() {
        return Err(Failure::new(Exit::Usage, "closing needs a reason").hint("--reason \"why\""));
    }
    let client = Client::new(&Home::acting(global)?)?;
    let id = named::incident(&Reader::new(global)?, &args.id)?;
    let path = format!("/v1/incidents/{id}/close");
    let text = client.post(&path, serde_json::json!({ "reason": reason }).to_string());
    let text = text.map_err(NoAnswer::into_failure)?;
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => out::say("closed")?,
    }
    Ok(Exit::Ok)
}
