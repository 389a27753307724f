//! `remediator incident show ID`: its four parts by name (RM-50), and its timeline.

use super::super::exit::Failure;
use super::super::reader::Reader;
use super::super::{Exit, Global, Outcome, Output, out};
use super::{elevate, named};
use crate::audit::views::{AttemptView, ChoiceView, IntermediateView, SignalView, VerificationView};
use crate::audit::{EntryView, IncidentView};
use crate::base::text::OutsideText;

/// Show one incident: originating signal, chosen runbook, intermediate state, verification results, timeline.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  remediator incident show 6f1c0e8a\n  remediator incident show 6f1c0e8a-7d1b-8f3a-9a51-2b8f0d3c4e5f"
)]
pub struct Args {
    /// Its id, as `remediator incidents` lists it, or the beginning of it.
    id: String,
}

/// Prints the incident.
pub fn run(args: Args, global: &Global) -> Outcome {
    let reader = Reader::new(global)?;
    let id = named::incident(&reader, &args.id)?;
    let answer = reader.view(&format!("/v1/incidents/{id}"), |audit| audit.incident(id))?;
    match global.output {
        Output::Json => out::json(&answer.text)?,
        Output::Human => print(&answer.view)?,
    }
    Ok(Exit::Ok)
}

fn print(incident: &IncidentView) -> Result<(), Failure> {
    let state = out::state(&out::word(&incident.state));
    out::say(format!("{} {}  {state}", out::head("Incident"), incident.id))?;
    out::say(format!(
        "opened {}, last entry {}",
        out::when(&incident.opened_at),
        out::when(&incident.last_at)
    ))?;
    if let Some(closed) = &incident.closed {
        let word = out::state(&out::word(&closed.closure));
        out::say(format!("closed {word}: {}", out::line(&closed.evidence)))?;
    }
    if let Some(alarm) = &incident.alarm {
        out::say(format!("ALARM {}", out::line(alarm)))?;
    }
    signal(&incident.originating_signal)?;
    choice(incident.chosen_runbook.as_ref())?;
    intermediate(&incident.intermediate_state)?;
    verification(&incident.verification_results)?;
    if let Some(rung) = incident.escalation.rung {
        let (rungs, reason) = (incident.escalation.rungs, out::line(&incident.escalation.reason));
        out::say(format!("\n{}\n  rung {} of {rungs}: {reason}", out::head("Escalation"), rung + 1))?;
    }
    out::say(format!("\n{}", out::head("Timeline")))?;
    incident.timeline.iter().try_for_each(|entry| out::say(timeline(entry)))
}

/// One entry in a line.
pub fn timeline(entry: &EntryView) -> String {
    let (seq, kind) = (entry.seq, out::faint(format!("{:<29}", out::line(&entry.kind))));
    format!("  {seq:>6}  {}  {kind} {}", out::short(&entry.at), out::line(&entry.said))
}

fn signal(signal: &SignalView) -> Result<(), Failure> {
    out::say(format!("\n{}", out::head("Originating signal")))?;
    let (subsystem, code) = (out::line(&signal.subsystem), out::line(&signal.code));
    let severity = out::state(&out::word(&signal.severity));
    out::say(format!("  {subsystem}/{code} on {}  {severity}", out::line(&signal.target)))?;
    out::say(format!("  {}", out::line(&signal.summary)))?;
    match &signal.detail {
        Some(OutsideText::Text(detail)) => out::say(format!("  {}", out::line(detail)))?,
        Some(OutsideText::Blob(blob)) => out::say(format!("  detail in blob {blob}"))?,
        None => {}
    }
    for (name, value) in &signal.attributes {
        out::say(format!("  {} = {}", out::line(name), out::line(value)))?;
    }
    let (source, count) = (out::line(&signal.source), signal.count);
    let acted = if signal.actionable { "" } else { ", free text: never acted upon" };
    out::say(format!("  from {source}, {count} report(s), receipt {}{acted}", signal.receipt))
}

fn choice(choice: Option<&ChoiceView>) -> Result<(), Failure> {
    out::say(format!("\n{}", out::head("Chosen runbook")))?;
    let Some(choice) = choice else { return out::say("  none was looked for yet") };
    match (&choice.runbook, &choice.digest) {
        (Some(runbook), Some(digest)) => out::say(format!("  {}  {digest}", out::line(runbook)))?,
        _ => out::say("  none")?,
    }
    if let (Some(signer), Some(proposal)) = (&choice.signer, &choice.proposal) {
        let approvers = out::line(&choice.approvers.join(", "));
        let (signer, proposal) = (out::line(signer), out::line(proposal));
        out::say(format!("  signed by {signer}, proposal {proposal}, approved by {approvers}"))?;
    }
    candidates(&choice.candidates, choice.more, choice.not_candidates)
}

/// Each candidate with its why or why-not.
pub fn candidates(
    candidates: &[crate::event::incident::Candidate],
    more: u32,
    others: u32,
) -> Result<(), Failure> {
    for c in candidates {
        let mark = if c.eligible { "+" } else { "-" };
        let (runbook, why, detail) = (out::line(&c.runbook), out::line(&c.why), out::line(&c.detail));
        out::say(format!("  {mark} {runbook} (priority {}): {why}, {detail}", c.priority))?;
    }
    if more > 0 {
        out::say(format!("    and {more} more"))?;
    }
    if others > 0 {
        out::say(out::faint(format!("  {others} other runbook(s) name another subsystem or code")))?;
    }
    Ok(())
}

fn intermediate(state: &IntermediateView) -> Result<(), Failure> {
    out::say(format!("\n{}", out::head("Intermediate state")))?;
    if let Some(held) = &state.held {
        out::say(format!("  held ({}): {}", out::line(&held.reason), out::line(&held.detail)))?;
    }
    for e in &state.elevations {
        let by = e.by.as_ref().map(|by| format!(" by {}", out::line(by))).unwrap_or_default();
        let why = e.reason.as_ref().map(|why| format!(": {}", out::line(why))).unwrap_or_default();
        out::say(format!("  trust {}{by}{why}: {}", out::state(&e.state), elevate::says(e)))?;
    }
    if state.attempts.is_empty() {
        out::say("  no attempt")?;
    }
    for (n, attempt) in (1..).zip(&state.attempts) {
        one_attempt(n, attempt)?;
    }
    match state.relapses {
        0 => Ok(()),
        relapses => out::say(format!("  relapsed {relapses} time(s)")),
    }
}

fn one_attempt(n: u32, attempt: &AttemptView) -> Result<(), Failure> {
    let word = match &attempt.outcome {
        Some(outcome) => out::state(&out::word(outcome)),
        None => out::state(&out::word(&attempt.state)),
    };
    let dry = if attempt.dry_run { ", dry run" } else { "" };
    out::say(format!("  attempt {n}: {} {word}{dry}", out::line(&attempt.runbook)))?;
    if let Some(reason) = &attempt.reason {
        out::say(format!("    {}", out::line(reason)))?;
    }
    for (resource, token) in &attempt.lock {
        out::say(format!("    holds lock {} with token {token}", out::line(resource)))?;
    }
    for step in &attempt.steps {
        let took = step.took_ms.map(|ms| format!(" in {}", out::span(ms))).unwrap_or_default();
        let again = if step.tries > 1 { format!(", {} tries", step.tries) } else { String::new() };
        let (id, action) = (out::line(&step.id), out::cut(&step.action, 80));
        out::say(format!("    step {id}: {}{took}{again}  {action}", out::state(&step.state)))?;
        last_lines(&step.last_lines)?;
    }
    match &attempt.undo {
        Some(undo) => {
            let (outcome, reason) = (out::word(&undo.outcome), out::line(&undo.reason));
            out::say(format!("    taken back ({outcome}): {reason}"))
        }
        None => Ok(()),
    }
}

/// What a failed step has printed last.
pub fn last_lines(lines: &[String]) -> Result<(), Failure> {
    lines.iter().try_for_each(|line| out::say(format!("      | {}", out::line(line))))
}

fn verification(results: &[VerificationView]) -> Result<(), Failure> {
    out::say(format!("\n{}", out::head("Verification results")))?;
    if results.is_empty() {
        return out::say("  none yet");
    }
    for result in results {
        let verdict = match &result.verdict {
            Some(verdict) => out::state(&out::word(verdict)),
            None => "under way".into(),
        };
        let seen = result.last.as_ref().map(|l| out::line(&l.evidence)).unwrap_or_default();
        let (good, needed, looks) = (result.consecutive, result.needed, result.looks);
        out::say(format!("  {verdict}: {good} of {needed} good in a row, {looks} look(s): {seen}"))?;
    }
    Ok(())
}
