//! An incident that needs a decision gets one: a runbook, a hold with its reason, or an escalation.
//! The decision trace says of every candidate why or why not (RM-5).

use super::desk::Desk;
use super::limits::{self, Blocked};
use super::runbooks::{Offer, OfferStanding, Planned};
use super::trust::{self, Trusted};
use super::{attempt, escalation, held};
use crate::base::ids::{AttemptId, IncidentId, Seq};
use crate::base::limits::{SUMMARY_BYTES_MAX, TRACE_CANDIDATES_MAX};
use crate::base::text::{clean, clip};
use crate::context::{IncidentState, RemediationContext};
use crate::event::attempt::AttemptPlanned;
use crate::event::incident::{Candidate, IncidentHeld, IncidentMatched};

/// Pause before space is asked for again.
const SPACE_AGAIN_MS: u64 = 10_000;

/// What is to be done with an incident.
enum Course {
    /// Plan this one.
    Act { runbook: String, planned: Box<Planned>, dry_run: bool, elevation: Option<Seq> },
    /// Ask whether this one may.
    Ask(Box<Offer>),
    /// It was asked: the answer can come until then.
    Answer { until: u64, detail: String },
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
    let cause = trust::expire(desk, id, cause);
    let Some((trace, course)) = choose(desk, id) else { return };
    let Some(matched) = desk.record(id, cause, trace) else { return };
    match course {
        Course::Act { runbook, planned, dry_run, elevation } => {
            act(desk, id, matched, runbook, *planned, dry_run, elevation)
        }
        Course::Ask(offer) => trust::ask(desk, id, matched, &offer),
        Course::Answer { until, detail } => hold(desk, id, matched, held::ELEVATION, detail, Some(until)),
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
    match course {
        Course::Act { runbook, planned, dry_run, elevation } => {
            if let Some(matched) = desk.record(id, cause, trace) {
                act(desk, id, matched, runbook, *planned, dry_run, elevation);
            }
        }
        Course::Ask(offer) => {
            if let Some(matched) = desk.record(id, cause, trace) {
                trust::ask(desk, id, matched, &offer);
            }
        }
        Course::Answer { .. } | Course::Wait { .. } | Course::Tell { .. } => {}
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

/// What was found among the offers, best first.
#[derive(Default)]
struct Found {
    chosen: Option<(usize, Planned, Option<Seq>)>,
    asked: Option<(u64, String)>,
    ask: Option<usize>,
    wait: Option<(u64, String)>,
    dry: Option<usize>,
}

impl Found {
    /// Whether the offer could act, and the stable word and detail for why or why not.
    fn consider(
        &mut self,
        desk: &Desk<'_>,
        incident: &RemediationContext,
        index: usize,
        offer: &Offer,
        verdict: Verdict,
    ) -> Considered {
        let plan = || desk.runbooks.plan(&offer.runbook, &incident.signal.first, false);
        let no = |why: &str, detail: String| (false, why.to_owned(), detail);
        match verdict {
            Verdict::No(why, detail) => (false, why, detail),
            Verdict::DryOnly(detail) => {
                self.dry = self.dry.or(Some(index));
                no("observe_only", detail)
            }
            Verdict::Later(until, detail) => {
                if self.wait.as_ref().is_none_or(|(at, _)| until < *at) {
                    self.wait = Some((until, detail.clone()));
                }
                no("cooldown", detail)
            }
            Verdict::Asked(until, detail) => {
                self.asked = self.asked.take().or(Some((until, detail.clone())));
                no("elevation", detail)
            }
            Verdict::Yes(_) if self.chosen.is_some() => {
                (true, "lower_priority".into(), "another fits better".into())
            }
            Verdict::Ask(detail) => match plan() {
                Ok(_) => {
                    self.ask = self.ask.or(Some(index));
                    no("elevation", detail)
                }
                Err(error) => no("unresolved", error),
            },
            Verdict::Yes(elevation) => match plan() {
                Ok(planned) => {
                    self.chosen = Some((index, planned, elevation));
                    (true, "matched".into(), format!("priority {}", offer.priority))
                }
                Err(error) => no("unresolved", error),
            },
        }
    }
}

type Considered = (bool, String, String);

fn choose(desk: &Desk<'_>, id: IncidentId) -> Option<(IncidentMatched, Course)> {
    let incident = desk.incident(id)?;
    let seen = &incident.signal.first;
    let (offers, not_candidates) = desk.runbooks.offers(seen, incident.signal.count);
    let mut trace =
        IncidentMatched { chosen: None, digest: None, candidates: Vec::new(), more: 0, not_candidates };
    let mut found = Found::default();
    for (index, offer) in offers.iter().enumerate() {
        let verdict = judge(desk, incident, offer);
        let (eligible, why, detail) = found.consider(desk, incident, index, offer, verdict);
        if index < TRACE_CANDIDATES_MAX || found.chosen.as_ref().is_some_and(|(i, ..)| *i == index) {
            trace.candidates.push(candidate(offer, eligible, why, detail));
        }
    }
    trace.more = (offers.len() - trace.candidates.len()) as u32;
    let course = course(desk, incident, &offers, found, &mut trace);
    Some((trace, course))
}

/// What may act now acts. Else people who were asked, or can be, decide: that comes before waiting for what cools down.
fn course(
    desk: &Desk<'_>,
    incident: &RemediationContext,
    offers: &[Offer],
    found: Found,
    trace: &mut IncidentMatched,
) -> Course {
    if let Some((index, planned, elevation)) = found.chosen {
        let offer = &offers[index];
        (trace.chosen, trace.digest) = (Some(offer.runbook.clone()), Some(offer.digest));
        let (runbook, planned) = (offer.runbook.clone(), Box::new(planned));
        return Course::Act { runbook, planned, dry_run: false, elevation };
    }
    if let Some((until, detail)) = found.asked {
        return Course::Answer { until, detail };
    }
    if let Some(index) = found.ask {
        return Course::Ask(Box::new(offers[index].clone()));
    }
    if let Some((until, detail)) = found.wait {
        return Course::Wait { until, detail };
    }
    if let Some(offer) = found.dry.map(|index| &offers[index])
        && !incident.attempts.iter().any(|a| a.planned.dry_run && a.planned.digest == offer.digest)
        && let Ok(planned) = desk.runbooks.plan(&offer.runbook, &incident.signal.first, true)
    {
        let (runbook, planned) = (offer.runbook.clone(), Box::new(planned));
        return Course::Act { runbook, planned, dry_run: true, elevation: None };
    }
    let seen = &incident.signal.first;
    let reason = match trace.candidates.first() {
        None => format!("no runbook names subsystem `{}` and code `{}`", seen.subsystem, seen.code),
        Some(best) => format!("no runbook may act: `{}` ({}: {})", best.runbook, best.why, best.detail),
    };
    Course::Tell { reason }
}

enum Verdict {
    /// By this grant, where it needs one.
    Yes(Option<Seq>),
    Asked(u64, String),
    Ask(String),
    DryOnly(String),
    Later(u64, String),
    No(String, String),
}

fn judge(desk: &Desk<'_>, incident: &RemediationContext, offer: &Offer) -> Verdict {
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
        None => match trust::judge(desk, incident, offer) {
            Trusted::Yes(elevation) => Verdict::Yes(elevation),
            Trusted::Waiting(until, detail) => Verdict::Asked(until, detail),
            Trusted::Ask(detail) => Verdict::Ask(detail),
            Trusted::No(why, detail) => Verdict::No(why.into(), detail),
        },
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

fn act(
    desk: &mut Desk<'_>,
    id: IncidentId,
    matched: Seq,
    runbook: String,
    planned: Planned,
    dry_run: bool,
    elevation: Option<Seq>,
) {
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
        elevation,
        plan: planned.plan,
    };
    if let Some(seq) = desk.record(id, matched, event) {
        attempt::planned(desk, id, seq);
    }
}
