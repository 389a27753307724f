//! `remediator incident elevate`: a person lets a runbook act once that needs more trust than the policy gives.

use super::super::exit::Failure;
use super::super::reader::Reader;
use super::super::statement::{self, Signing};
use super::super::{Exit, Global, Home, Outcome, Output, out};
use super::named;
use crate::audit::views::ElevationView;
use crate::remediator::Control;

/// Let the runbook act, once, that asks for more trust than the policy gives. What is signed names the request and the
/// digest of the runbook. Signs a statement with your SSH key: your role is `approval@remediator`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator incident elevate 6f1c0e8a --reason \"the team is on call\"")]
pub struct Args {
    /// The incident's id, or the beginning of it.
    id: String,
    #[command(flatten)]
    signing: Signing,
}

/// Lets it.
pub fn run(args: Args, global: &Global) -> Outcome {
    let home = Home::acting(global)?;
    let reader = Reader::new(global)?;
    let id = named::incident(&reader, &args.id)?;
    let answer = reader.view(&format!("/v1/incidents/{id}"), |audit| audit.incident(id))?;
    let elevations = &answer.view.intermediate_state.elevations;
    let waiting = elevations.iter().rev().find(|e| e.state == "waiting").ok_or_else(|| {
        Failure::new(Exit::Usage, format!("incident {id} does not ask for anything"))
            .hint(format!("remediator incident show {id}"))
    })?;
    if global.output == Output::Human {
        out::say(says(waiting))?;
    }
    let read = serde_json::json!({"request": waiting.request, "digest": waiting.digest});
    let subject = id.to_string();
    let text = statement::send_with(
        &home,
        Control::Elevate,
        Some(&subject),
        Some(("elevation", read)),
        args.signing,
    )?;
    match global.output {
        Output::Json => out::json(&text)?,
        Output::Human => out::say(format!("granted: `remediator incident show {id}` shows how it goes"))?,
    }
    Ok(Exit::Ok)
}

/// What is asked, in a line.
pub(super) fn says(e: &ElevationView) -> String {
    let record = &e.record;
    format!(
        "{} {} wants {} on {} (the policy gives {}); {} healed, {} failed, {} taken over by people",
        out::line(&e.runbook),
        e.digest,
        e.needed,
        out::line(&e.target),
        e.given,
        record.successes,
        record.failures,
        record.overrides
    )
}
