//! An incident that needs a decision gets one: a runbook, a hold with its reason, or an escalation.
//! The decision trace says of every candidate why or why not (RM-5).

use super::desk::Desk;
use super::limits::{self, Blocked};
use super::runbooks::{Offer, OfferStanding, Planned};
use super::{attempt, escalation, held};
use crate::base::ids::{AttemptId, IncidentId, Seq};
use crate::base::limits::{SUMMARY_BYTES_MAX, TRACE_CANDIDATES_MAX};
use crate::base::text::{clean, clip};
use crate::context::IncidentState;
use crate::event::attempt::AttemptPlanned;
use crate::event::incident::{Candidate, IncidentHeld, IncidentMatched};

/// Pause before space is asked for again.
const SPACE_AGAIN_MS: u64 = 10_000;

/// What is to be done with an incident.
enum Course {
    /// Plan this one.
    Act { runbook: String, planned: Box<Planned>, dry_run: bool },
    /// Wait until then.
    Wait { until: u64, detail: String },
    /// Nothing that may act fits.
    Tell { reason: String },
}

/// Decides, and records whatever is decided.
pub(super) fn settle(desk: &mut Desk<'_>, id: IncidentId, cause: Seq) {
    if let Some((reason, detail)) = limits::all_held(desk, id) {
        let until = (reason == held::SPACE).then(|| desk.now() + SPACE_AGAIN_MS);
        hold(desk, id, cause, reason, detail, until);
        return;
    }
    let Some((trace, course)) = choose(desk, id) else { return };
    let Some(matched) = desk.record(id, cause, trace) else { return };
    match course {
        Course::Act { runbook, planned, dry_run } => act(desk, id, matched, runbook, *planned, dry_run),
        Course::Wait { until, detail } => hold(desk, id, matched, held::COOLDOWN, detail, Some(until)),
        Course::Tell { reason } => escalation::begin(desk, id, matched, reason),
    }
}

/// The same for an incident whose hold or escalation is already recorded: only news is.
pub(super) fn settle_quietly(desk: &mut Desk<'_>, id: IncidentId, cause: Seq) {
    if limits::all_held(desk, id).is_some() {
        return;
    }
    let Some((trace, course)) = choose(desk, id) else { return };
    if let Course::Act { runbook, planned, dry_run } = course
        && let Some(matched) = desk.record(id, cause, trace)
    {
        act(desk, id, matched, runbook, *planned, dry_run);
    }
}

/// Incidents that were held because others ran, oldest and worst first.
pub(super) fn settle_waiting(desk: &mut Desk<'_>, cause: Seq, reason: &str) {
    let mut waiting: Vec<_> = desk
        .world
        .open_incidents()
        .filter(|i| i.state == IncidentState::Held && i.held.as_ref().is_some_and(|h| h.reason == reason))
        .map(|i| (std::cmp::Reverse(i.signal.severity), i.opened_seq, i.id))
        .collect();
    waiting.sort();
    for (_, _, id) in waiting {
        if limits::all_held(desk, id).is_some() {
            return;
        }
        settle(desk, id, cause);
    }
}

/// Records why nothing is done now (X14), unless that is what is recorded already.
pub(super) fn hold(
    desk: &mut Desk<'_>,
    id: IncidentId,
    cause: Seq,
    reason: &str,
    detail: String,
    until: Option<u64>,
) {
    let held = IncidentHeld { reason: reason.into(), detail, until_elapsed_ms: until };
    if desk.incident(id).is_some_and(|i| i.held.as_ref() != Some(&held)) {
        desk.record(id, cause, held);
    }
}

fn choose(desk: &Desk<'_>, id: IncidentId) -> Option<(IncidentMatched, Course)> {
    let incident = desk.incident(id)?;
    let seen = &incident.signal.first;
    let (offers, not_candidates) = desk.runbooks.offers(seen, incident.signal.count);
    let mut trace =
        IncidentMatched { chosen: None, digest: None, candidates: Vec::new(), more: 0, not_candidates };
    let mut chosen: Option<(usize, Planned)> = None;
    let mut dry: Option<usize> = None;
    let mut wait: Option<(u64, String)> = None;
    for (index, offer) in offers.iter().enumerate() {
        let (eligible, why, detail) = match judge(desk, incident, offer) {
            Verdict::No(why, detail) => (false, why, detail),
            Verdict::DryOnly(detail) => {
                dry = dry.or(Some(index));
                (false, "observe_only".into(), detail)
            }
            Verdict::Later(until, detail) => {
                if wait.as_ref().is_none_or(|(at, _)| until < *at) {
                    wait = Some((until, detail.clone()));
                }
                (false, "cooldown".into(), detail)
            }
            Verdict::Yes if chosen.is_some() => (true, "lower_priority".into(), "another fits better".into()),
            Verdict::Yes => match desk.runbooks.plan(&offer.runbook, seen, false) {
                Ok(planned) => {
                    chosen = Some((index, planned));
                    (true, "matched".into(), format!("priority {}", offer.priority))
                }
                Err(error) => (false, "unresolved".into(), error),
            },
        };
        if index < TRACE_CANDIDATES_MAX || chosen.as_ref().is_some_and(|(i, _)| *i == index) {
            trace.candidates.push(candidate(offer, eligible, why, detail));
        }
    }
    trace.more = (offers.len() - trace.candidates.len()) as u32;
    let course = course(desk, incident, &offers, chosen, dry, wait, &mut trace);
    Some((trace, course))
}

fn course(
    desk: &Desk<'_>,
    incident: &crate::context::RemediationContext,
    offers: &[Offer],
    chosen: Option<(usize, Planned)>,
    dry: Option<usize>,
    wait: Option<(u64, String)>,
    trace: &mut IncidentMatched,
) -> Course {
    if let Some((index, planned)) = chosen {
        let offer = &offers[index];
        (trace.chosen, trace.digest) = (Some(offer.runbook.clone()), Some(offer.digest));
        return Course::Act { runbook: offer.runbook.clone(), planned: Box::new(planned), dry_run: false };
    }
    if let Some((until, detail)) = wait {
        return Course::Wait { until, detail };
    }
    if let Some(offer) = dry.map(|index| &offers[index])
        && !incident.attempts.iter().any(|a| a.planned.dry_run && a.planned.digest == offer.digest)
        && let Ok(planned) = desk.runbooks.plan(&offer.runbook, &incident.signal.first, true)
    {
        return Course::Act { runbook: offer.runbook.clone(), planned: Box::new(planned), dry_run: true };
    }
    let seen = &incident.signal.first;
    let reason = match trace.candidates.first() {
        None => format!("no runbook names subsystem `{}` and code `{}`", seen.subsystem, seen.code),
        Some(best) => format!("no runbook may act: `{}` ({}: {})", best.runbook, best.why, best.detail),
    };
    Course::Tell { reason }
}

enum Verdict {
    Yes,
    DryOnly(String),
    Later(u64, String),
    No(String, String),
}

fn judge(desk: &Desk<'_>, incident: &crate::context::RemediationContext, offer: &Offer) -> Verdict {
    if let Some((why, detail)) = &offer.mismatch {
        return Verdict::No(why.clone(), detail.clone());
    }
    if let OfferStanding::ObserveOnly(reason) = &offer.standing {
        return Verdict::DryOnly(reason.clone());
    }
    if let Some(reason) = &desk.world.observe_only {
        return Verdict::DryOnly(format!("the daemon runs observe-only: {reason}"));
    }
    match limits::blocked(desk, incident, offer) {
        Some(Blocked::Until(until, detail)) => Verdict::Later(until, detail),
        Some(Blocked::For(why, detail)) => Verdict::No(why.into(), detail),
        None => Verdict::Yes,
    }
}

fn candidate(offer: &Offer, eligible: bool, why: String, detail: String) -> Candidate {
    Candidate {
        runbook: offer.runbook.clone(),
        digest: offer.digest,
        priority: offer.priority,
        eligible,
        why,
        // What an expression says of itself may hold anything; a trace of many must fit one entry.
        detail: clip(&clean(&detail), SUMMARY_BYTES_MAX).to_owned(),
    }
}

fn act(desk: &mut Desk<'_>, id: IncidentId, matched: Seq, runbook: String, planned: Planned, dry_run: bool) {
    let (Some(incident), Some((catalog, _))) = (desk.incident(id), &desk.world.catalog) else { return };
    let Some(choice) = &incident.chosen else { return };
    let digest = choice.matched.candidates.iter().find(|c| c.runbook == runbook).map(|c| c.digest);
    let Some(digest) = choice.matched.digest.or(digest) else { return };
    let attempt = AttemptId::derive(&desk.world.genesis, &id, incident.attempts.len() as u64 + 1);
    let event = AttemptPlanned {
        attempt,
        runbook,
        digest,
        signer: planned.signer,
        proposal: planned.proposal,
        approvers: planned.approvers,
        catalog: *catalog,
        relies_on: planned.relies_on,
        target: incident.signal.first.target.clone(),
        dry_run,
        skips: 0,
        plan: planned.plan,
    };
    if let Some(seq) = desk.record(id, matched, event) {
        attempt::planned(desk, id, seq);
    }
}
