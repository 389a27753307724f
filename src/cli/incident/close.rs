//! `remediator incident close`: a person says that it is over.

use super::super::client::{Client, NoAnswer};
use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};

/// Close an incident that nothing is acting on. The same trouble reported again opens another one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator incident close 0190… --reason \"a test of ours\"")]
pub struct Args {
    /// The incident's id.
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
    let client = Client::new(&Home::existing(global)?)?;
    let path = format!("/v1/incidents/{}/close", args.id);
    let text = client.post(&path, serde_json::json!({ "reason": reason }).to_string());
    let text = text.map_err(NoAnswer::into_failure)?;
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => out::say("closed")?,
    }
    Ok(Exit::Ok)
}
