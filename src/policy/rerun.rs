//! A person who may orders a failed attempt again from the step at which it failed, without doing again what stands.
//! Planned from what is in force now; what differs from before is recorded. A signed statement lifts the cooldown and
//! the caps, nothing else: a pause, a taint, a freeze or an unsigned runbook holds as ever.

use std::collections::{BTreeMap, BTreeSet};

use super::desk::{Answer, Desk};
use super::runbooks::{Offer, OfferStanding, Planned};
use super::trust::{self, Trusted};
use super::{attempt, limits, people};
use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, IncidentId, Seq};
use crate::base::limits::DIFFERENCES_MAX;
use crate::base::text::clip;
use crate::context::{Attempt, IncidentState, RemediationContext};
use crate::event::attempt::AttemptPlanned;
use crate::event::control::SignedStatement;
use crate::event::incident::{InputDifference, RerunOrdered};
use crate::event::plan::{Plan, StepPlan};

/// One side of a difference.
const SIDE_BYTES_MAX: usize = 128;

/// Everything that an ordered attempt needs.
struct Ready {
    of: AttemptId,
    runbook: String,
    digest: FileDigest,
    target: String,
    planned: Planned,
    elevation: Option<Seq>,
    skips: u32,
    catalog: Seq,
    differences: Vec<InputDifference>,
    cause: Seq,
    attempt: AttemptId,
}

/// Begins it, or says why not.
pub(super) fn ordered(
    desk: &mut Desk<'_>,
    id: IncidentId,
    from: Option<&str>,
    by: String,
    reason: String,
    statement: SignedStatement,
) -> Answer {
    if people::used(desk, &statement) {
        return Answer::Nothing;
    }
    let ready = match prepare(desk, id, from) {
        Ok(ready) => ready,
        Err(why) => return Answer::NotNow(why),
    };
    let Ready {
        of,
        runbook,
        digest,
        target,
        planned,
        elevation,
        skips,
        catalog,
        differences,
        cause,
        attempt,
    } = ready;
    let from = planned.plan.steps.get(skips as usize).map_or_else(String::new, |step| step.id.clone());
    let event =
        RerunOrdered { of, runbook: runbook.clone(), from, skips, by, reason, statement, differences };
    let Some(order) = desk.record(id, cause, event) else { return Answer::Nothing };
    let event = AttemptPlanned {
        attempt,
        runbook,
        digest,
        signer: planned.signer,
        proposal: planned.proposal,
        approvers: planned.approvers,
        catalog,
        relies_on: planned.relies_on,
        target,
        dry_run: false,
        skips,
        elevation,
        plan: planned.plan,
    };
    if let Some(seq) = desk.record(id, order, event) {
        attempt::planned(desk, id, seq);
    }
    Answer::Recorded(order)
}

fn prepare(desk: &Desk<'_>, id: IncidentId, from: Option<&str>) -> Result<Ready, &'static str> {
    let incident = desk.incident(id).ok_or("there is no such incident")?;
    let at_rest =
        matches!(incident.state, IncidentState::Open | IncidentState::Held | IncidentState::Escalated);
    if !at_rest || incident.alarm.is_some() {
        return Err(
            "the incident is not at rest: an attempt runs or is frozen (thaw it first), or it is over",
        );
    }
    let before = incident.attempts.iter().rev().find(|a| !a.planned.dry_run);
    let before = before.ok_or("no attempt of it has run, so there is nothing to run again")?;
    if limits::all_held(desk, id).is_some() || desk.world.observe_only.is_some() {
        return Err("nothing may begin now: `remediator status` says what holds it");
    }
    let offer = offer(desk, incident, before)?;
    let Trusted::Yes(elevation) = trust::judge(desk, incident, &offer) else {
        return Err(
            "its runbook needs more trust than the policy gives: `remediator incident show` says how it is let",
        );
    };
    let seen = &incident.signal.first;
    let planned = desk.runbooks.plan(&offer.runbook, seen, false);
    let planned =
        planned.map_err(|_| "its runbook cannot be resolved any more: try `remediator runbook test`")?;
    let skips = first_step(before, &planned.plan, from)?;
    let (catalog, _) = desk.world.catalog.as_ref().ok_or("there is no catalog")?;
    Ok(Ready {
        of: before.id(),
        runbook: offer.runbook,
        digest: offer.digest,
        target: seen.target.clone(),
        elevation,
        skips,
        catalog: *catalog,
        differences: differences(before, offer.digest, *catalog, &planned),
        planned,
        cause: incident.last_seq,
        attempt: AttemptId::derive(&desk.world.genesis, &id, incident.attempts.len() as u64 + 1),
    })
}

fn offer(desk: &Desk<'_>, incident: &RemediationContext, before: &Attempt) -> Result<Offer, &'static str> {
    let seen = &incident.signal.first;
    let (offers, _) = desk.runbooks.offers(seen, incident.signal.count);
    let mut fitting = offers.into_iter().filter(|offer| offer.mismatch.is_none());
    let offer = fitting.find(|offer| offer.runbook == before.planned.runbook);
    let offer = offer.ok_or("its runbook is gone, or does not fit this trouble any more")?;
    if offer.standing != OfferStanding::Live {
        return Err("its runbook is not live: `remediator runbook list` says why");
    }
    if desk.world.machine.frozen_for(&offer.runbook, &seen.target).is_some() {
        return Err("its runbook is frozen for this target: thaw it first");
    }
    Ok(offer)
}

/// How many steps stand and are not done again: those that were done, are what they were, and were not taken back.
fn first_step(before: &Attempt, plan: &Plan, from: Option<&str>) -> Result<u32, &'static str> {
    let old = &before.planned.plan.steps;
    let skipped = 0..before.planned.skips;
    let standing: BTreeSet<u32> = skipped.chain(before.standing_steps()).collect();
    let stands = |step: &StepPlan| {
        let same = |index: &u32| {
            old.get(*index as usize).is_some_and(|was| was.id == step.id && was.action == step.action)
        };
        standing.iter().any(same)
    };
    let most = plan.steps.iter().take_while(|step| stands(step)).count() as u32;
    // A group is begun with as a whole.
    let most = plan.group_of(most).map_or(most, |group| group.first);
    match from {
        // All of it stands, so it was the verification that failed.
        None if most as usize == plan.steps.len() => Ok(0),
        None => Ok(most),
        Some(id) => {
            let group = plan.groups.iter().find(|group| group.id == id).map(|group| group.first);
            let named = plan.steps.iter().position(|step| step.id == id).map(|index| index as u32);
            let index = group.or(named).ok_or("its runbook has no such step")?;
            match plan.group_of(index).is_some_and(|group| group.first != index) {
                true => Err("several targets are begun with as a whole: name their step"),
                false if index > most => {
                    Err("a step before it was not done, was taken back, or is another one now: begin there")
                }
                false => Ok(index),
            }
        }
    }
}

fn differences(before: &Attempt, digest: FileDigest, catalog: Seq, now: &Planned) -> Vec<InputDifference> {
    let old = &before.planned;
    let mut found = Vec::new();
    let mut tell = |what: &str, before: Option<String>, now: Option<String>| {
        if before != now && found.len() < DIFFERENCES_MAX {
            let side = |text: Option<String>| text.map(|text| clip(&text, SIDE_BYTES_MAX).to_owned());
            found.push(InputDifference { what: what.to_owned(), before: side(before), now: side(now) });
        }
    };
    tell("runbook", Some(old.digest.to_string()), Some(digest.to_string()));
    tell("catalog", Some(old.catalog.to_string()), Some(catalog.to_string()));
    tell("relies_on", Some(old.relies_on.join(", ")), Some(now.relies_on.join(", ")));
    tell("locks", Some(old.plan.locks.join(", ")), Some(now.plan.locks.join(", ")));
    let verification = |plan: &Plan| {
        let text = serde_json::to_string(&plan.verification).unwrap_or_default();
        Some(FileDigest::of(text.as_bytes()).to_string())
    };
    tell("verification", verification(&old.plan), verification(&now.plan));
    let by_id = |plan: &Plan| -> BTreeMap<String, String> {
        plan.steps
            .iter()
            .map(|s| (s.id.clone(), format!("{} ({})", s.action.say(), s.action.digest())))
            .collect()
    };
    let (old_steps, new_steps) = (by_id(&old.plan), by_id(&now.plan));
    for id in old_steps.keys().chain(new_steps.keys()).collect::<BTreeSet<_>>() {
        tell(&format!("step {id}"), old_steps.get(id).cloned(), new_steps.get(id).cloned());
    }
    found
}
