//! `remediator explain WHAT`: why and why-not.

use super::exit::{Failure, NOT_THERE};
use super::incident;
use super::reader::Reader;
use super::{Exit, Global, Outcome, Output, out};
use crate::audit::ExplainView;
use crate::base::ids::{IncidentId, Seq};

/// Say why something was done or not done: for an entry (seq), an incident or a receipt.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator explain 17\n  remediator explain 6f1c0e8a\n  remediator explain 6f1c0e8a-7d1b-8f3a-9a51-2b8f0d3c4e5f"
)]
pub struct Args {
    /// A seq, an incident's id or the beginning of it, or a receipt.
    what: String,
}

/// Prints the explanation.
pub fn run(args: Args, global: &Global) -> Outcome {
    let mut what = args.what.trim().to_owned();
    let reader = Reader::new(global)?;
    if what.parse::<Seq>().is_err() && what.parse::<IncidentId>().is_err() {
        if !incident::named::is_beginning(&what) {
            let failure = Failure::from(crate::audit::Error::NotAName(what.chars().take(80).collect()));
            return Err(failure.hint(NOT_THERE));
        }
        what = incident::named::incident(&reader, &what)?.to_string();
    }
    let answer = reader.view(&format!("/v1/explain/{what}"), |audit| audit.explain(&what))?;
    match global.output {
        Output::Json => out::json(&answer.text)?,
        Output::Human => print(&answer.view)?,
    }
    Ok(Exit::Ok)
}

fn print(view: &ExplainView) -> Result<(), Failure> {
    let state = view.state.map(|s| format!("  {}", out::state(&out::word(&s)))).unwrap_or_default();
    out::say(format!("{}{state}", out::head(&out::line(&view.about))))?;
    if let Some(id) = view.incident.filter(|id| view.about != format!("incident {id}")) {
        out::say(format!("incident {id}"))?;
    }
    out::say(out::line(&view.answer))?;
    for decision in &view.decisions {
        let chosen = decision.chosen.as_deref().map_or("no runbook".into(), out::line);
        let at = out::short(&decision.at);
        out::say(format!(
            "\n{} {chosen}  (seq {}, as things were at {at})",
            out::head("Decision:"),
            decision.seq
        ))?;
        incident::candidates(&decision.candidates, decision.more, decision.not_candidates)?;
    }
    if !view.holds.is_empty() {
        out::say(format!("\n{}", out::head("Held, each for what held then")))?;
    }
    for hold in &view.holds {
        let (reason, detail) = (out::line(&hold.reason), out::line(&hold.detail));
        out::say(format!("  seq {}, {}  {reason}: {detail}", hold.seq, out::short(&hold.at)))?;
    }
    if !view.failures.is_empty() {
        out::say(format!("\n{}", out::head("Steps that failed")))?;
    }
    for failure in &view.failures {
        out::say(format!("  seq {}  {}", failure.seq, out::line(&failure.said)))?;
        incident::last_lines(&failure.last_lines)?;
    }
    limits_and_authority(view)?;
    out::say(format!("\n{}", out::head("Where it comes from")))?;
    for link in &view.walk {
        out::say(format!("{:>8} {}", out::line(&link.link), incident::timeline(&link.entry).trim_start()))?;
    }
    Ok(())
}

fn limits_and_authority(view: &ExplainView) -> Result<(), Failure> {
    if !view.limits.is_empty() {
        let then = out::faint("what they were at a decision stands with its candidates");
        out::say(format!("\n{}  {then}", out::head("Limits as they are now")))?;
    }
    for limit in &view.limits {
        let window = limit.window.as_ref().map(|w| format!(" in {}", out::line(w))).unwrap_or_default();
        out::say(format!("  {}: now {} of {}{window}", out::line(&limit.name), limit.used, limit.allowed))?;
    }
    if !view.authority.is_empty() {
        out::say(format!("\n{}", out::head("Authority")))?;
    }
    for a in &view.authority {
        let (runbook, signer) = (out::line(&a.runbook), out::line(&a.signer));
        let (proposal, approvers) = (out::line(&a.proposal), out::line(&a.approvers.join(", ")));
        out::say(format!(
            "  seq {}  {runbook} {}\n          signed by {signer}, proposal {proposal}, approved by {approvers}, catalog at seq {}",
            a.seq, a.digest, a.catalog
        ))?;
        for other in &a.relies_on {
            out::say(format!("          relies on {}", out::line(other)))?;
        }
    }
    Ok(())
}
