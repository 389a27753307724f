//! `remediator incident refuse`: a person does not let a runbook act that asks for more trust.

use super::super::client::{Client, NoAnswer};
use super::super::exit::Failure;
use super::super::reader::Reader;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use super::named;

/// Do not let the runbook act that asks for more trust, or no longer: what was granted and not yet used is taken back.
/// The incident goes to people.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator incident refuse 6f1c0e8a --reason \"we mend this by hand\"")]
pub struct Args {
    /// The incident's id, or the beginning of it.
    id: String,
    /// Why; it stands in the journal.
    #[arg(long)]
    reason: String,
}

/// Refuses.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reason = args.reason.trim();
    if reason.is_empty() {
        return Err(Failure::new(Exit::Usage, "refusing needs a reason").hint("--reason \"why\""));
    }
    let client = Client::new(&Home::acting(global)?)?;
    let id = named::incident(&Reader::new(global)?, &args.id)?;
    let path = format!("/v1/incidents/{id}/refuse");
    let text = client.post(&path, serde_json::json!({ "reason": reason }).to_string());
    let text = text.map_err(NoAnswer::into_failure)?;
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => out::say("refused")?,
    }
    Ok(Exit::Ok)
}
