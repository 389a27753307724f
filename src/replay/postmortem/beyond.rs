//! What an entry alone does not say: on whose authority it was done, what was not tried and why, which limits bound,
//! what people did, and which incidents before were alike.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use super::gather::{Gathered, Related};
use super::model::*;
use super::tell::Story;
use super::{Blobs, Error, LISTED, told, word};
use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::Seq;
use crate::context::{Attempt, RemediationContext};
use crate::event::Event;
use crate::event::attempt::{AttemptPlanned, Outcome};
use crate::event::control::SignedStatement;
use crate::event::degradation::Source;
use crate::event::incident::Closure;
use crate::event::step::StepOutcome;
use crate::runbook::proposals::Proposed;
use crate::runbook::{Catalog, Kind};

/// Words of candidates and holds that are limits rather than a matcher that does not fit.
const LIMITS: &[&str] = &[
    "attempts",
    "attempts_at_once",
    "cooldown",
    "draining",
    "fingerprint_attempts",
    "frozen",
    "journal_space",
    "observe_only",
    "paused",
    "tainted",
];

/// Adds all of it.
pub(super) fn add(it: &Gathered, blobs: &mut Blobs<'_>, page: &mut PostMortem) -> Result<(), Error> {
    let story = Story::new(it);
    page.authority = authority(it, blobs)?;
    page.people = people(&story);
    page.untried = untried(&story, page);
    page.bound = bound(&story);
    page.limits = limits(it);
    let same = it.past.iter().filter(|past| past.same).count() as u64;
    page.similar = Similar {
        same_fingerprint: same,
        same_code: it.past.len() as u64 - same,
        newest: it.past.iter().take(LISTED).cloned().collect(),
    };
    Ok(())
}

/// What the catalogs of then say; each is judged again, once.
struct Catalogs<'a> {
    it: &'a Gathered,
    read: BTreeMap<Blake3, Option<Catalog>>,
}

impl Catalogs<'_> {
    fn at(&mut self, seq: Seq, blobs: &mut Blobs<'_>) -> Result<Option<&Catalog>, Error> {
        let Some(manifest) = self.it.catalogs.get(&seq).copied() else { return Ok(None) };
        if let Slot::Vacant(slot) = self.read.entry(manifest) {
            let what = "the catalog: runbooks, proposals, approvals and trust of then";
            let bytes = blobs.read(&manifest, seq, what)?;
            slot.insert(bytes.and_then(|bytes| Catalog::from_manifest(&bytes).ok()));
        }
        Ok(self.read.get(&manifest).and_then(Option::as_ref))
    }
}

fn authority(it: &Gathered, blobs: &mut Blobs<'_>) -> Result<Vec<Authority>, Error> {
    let mut catalogs = Catalogs { it, read: BTreeMap::new() };
    it.context.attempts.iter().map(|a| one_authority(&a.planned, &mut catalogs, blobs)).collect()
}

fn one_authority(
    planned: &AttemptPlanned,
    catalogs: &mut Catalogs<'_>,
    blobs: &mut Blobs<'_>,
) -> Result<Authority, Error> {
    let catalog = catalogs.at(planned.catalog, blobs)?;
    let entry = catalog.and_then(|catalog| catalog.get(Kind::Runbook, &planned.runbook));
    let entry = entry.filter(|entry| entry.digest == planned.digest);
    let proposed = catalog.and_then(|catalog| catalog.proposals().get(&planned.proposal));
    let argument = proposed.and_then(|p| p.argument.as_ref().ok()).map(|(proposal, _)| proposal);
    Ok(Authority {
        attempt: planned.attempt,
        runbook: planned.runbook.clone(),
        title: entry.map(|entry| told(entry.title())),
        digest: planned.digest,
        signer: planned.signer.clone(),
        proposal: planned.proposal.clone(),
        argument: argument.map(|p| told(&format!("{}; against: {}", p.title, p.failure_class))),
        approvers: planned.approvers.clone(),
        approvals: proposed.map(|p| approvals(p, &planned.digest)).unwrap_or_default(),
        relies_on: planned.relies_on.clone(),
        catalog: planned.catalog,
        judged_again: entry.map(|entry| word(&entry.standing)),
    })
}

fn approvals(proposed: &Proposed, digest: &FileDigest) -> Vec<ApprovalPart> {
    let covering = proposed.approvals.iter().filter_map(|(path, approved)| match approved {
        Ok(approved) if !approved.approval.covers(digest) => None,
        Ok(approved) => Some(ApprovalPart {
            path: path.clone(),
            by: Some(approved.signed.principal.clone()),
            reason: told(&approved.approval.reason),
        }),
        Err(wrong) => Some(ApprovalPart { path: path.clone(), by: None, reason: told(&wrong.problem) }),
    });
    covering.collect()
}

fn people(story: &Story<'_>) -> Vec<Act> {
    let acts = story.it.rows.iter().filter_map(|row| {
        let (who, did, reason, statement) = act(&row.record.event)?;
        let (moment, statement) = (story.moment(row), statement.map(|s| s.digest));
        Some(Act { moment, who: who.to_owned(), did: told(&did), reason: told(reason), statement })
    });
    acts.collect()
}

/// Who did what and why, when it was a person.
fn act(event: &Event) -> Option<(&str, String, &str, Option<&SignedStatement>)> {
    use Event as E;
    Some(match event {
        E::DegradationSeen(e) => match &e.source {
            Source::Person(name) => (name, "reported it".to_owned(), &e.summary, None),
            _ => return None,
        },
        E::RerunOrdered(e) => (
            &e.by,
            format!("ordered {} again from step {}", e.runbook, e.from),
            &e.reason,
            Some(&e.statement),
        ),
        E::AttemptThawed(e) if e.statement.is_some() => {
            (&e.by, "ended the freeze".to_owned(), &e.reason, e.statement.as_ref())
        }
        E::ElevationGranted(e) => (&e.by, "let it act once".to_owned(), &e.reason, e.statement.as_ref()),
        E::ElevationRefused(e) => (&e.by, "did not let it act".to_owned(), &e.reason, None),
        E::TargetCleared(e) => {
            (&e.by, format!("cleared the target {}", told(&e.target)), &e.reason, Some(&e.statement))
        }
        E::LockBreakOrdered(e) => {
            (&e.by, format!("broke the lock {}", e.resource), &e.reason, Some(&e.statement))
        }
        E::Paused(e) => (&e.by, "paused".to_owned(), &e.reason, None),
        E::DrainStarted(e) => (&e.by, "drained".to_owned(), &e.reason, None),
        E::Resumed(e) => (&e.by, "resumed".to_owned(), &e.reason, Some(&e.statement)),
        E::TrustChanged(e) => (&e.signer, "changed the trust files".to_owned(), "", None),
        E::IncidentClosed(e) if e.closure == Closure::ClosedByPerson => {
            ("a person", "closed the incident".to_owned(), &e.evidence, None)
        }
        _ => return None,
    })
}

fn untried(story: &Story<'_>, page: &PostMortem) -> Vec<Untried> {
    let mut all: Vec<Untried> = Vec::new();
    for decision in &page.decisions {
        for c in decision.candidates.iter().filter(|c| decision.chosen.as_ref() != Some(&c.runbook)) {
            let one = Untried {
                what: format!("runbook {}", c.runbook),
                why: format!("{}: {}", c.why, c.detail),
                seq: Some(decision.moment.seq),
            };
            // Decided the same way again it is told once.
            if !all.iter().any(|known| known.what == one.what && known.why == one.why) {
                all.push(one);
            }
        }
    }
    let context = &story.it.context;
    context.attempts.iter().for_each(|attempt| steps_not_run(attempt, &mut all));
    rungs_not_climbed(context, &mut all);
    let last = page.decisions.last();
    if let Some(decision) = last.filter(|decision| decision.not_candidates > 0) {
        let n = decision.not_candidates;
        let why = "their matchers name another subsystem or code".to_owned();
        all.push(Untried { what: format!("{n} other runbook(s)"), why, seq: Some(decision.moment.seq) });
    }
    all
}

fn steps_not_run(a: &Attempt, all: &mut Vec<Untried>) {
    let n = a.id();
    let steps = (0u32..).zip(&a.planned.plan.steps);
    let why = match (&a.ended, a.planned.dry_run) {
        (_, true) => "the attempt was only planned: observe-only".to_owned(),
        (Some((outcome, reason)), _) => format!("the attempt ended before ({}): {reason}", word(outcome)),
        (None, _) => "the attempt is still under way".to_owned(),
    };
    for (index, step) in steps {
        let intended = a.running.values().chain(&a.interrupted).any(|r| r.intended.step == index);
        let done = a.done.iter().any(|d| d.step == index);
        let why = if index < a.planned.skips { "an attempt before had done it" } else { &why };
        if !done && !intended {
            let what = format!("step {} of attempt {n}", step.id);
            all.push(Untried { what, why: told(why), seq: Some(a.last_seq) });
        }
        let stands = a.done.iter().rev().find(|d| d.step == index && d.outcome == StepOutcome::Succeeded);
        let failed = a.ended.as_ref().is_some_and(|(o, _)| *o != Outcome::Healthy);
        if stands.is_some_and(|d| !d.undo) && failed && !step.action.is_harmless() {
            let why = match (&step.irreversible, &step.undo) {
                (Some(why), _) => format!("it cannot be taken back: {why}"),
                (None, None) => "it has no undo".to_owned(),
                (None, Some(_)) => "what it did was left as it was".to_owned(),
            };
            let what = format!("undo of step {} of attempt {n}", step.id);
            all.push(Untried { what, why: told(&why), seq: Some(a.last_seq) });
        }
    }
}

fn rungs_not_climbed(context: &RemediationContext, all: &mut Vec<Untried>) {
    let escalation = &context.escalation;
    let climbed = match escalation.rung {
        Some(rung) => rung + 1,
        // Nobody had to be told.
        None => return,
    };
    for rung in climbed..escalation.rungs {
        let why = match context.is_closed() {
            true => "the incident was over before it was due",
            false => "it is not due yet, or the rung before has not reached anybody",
        };
        let what = format!("rung {} of {}", rung + 1, escalation.rungs);
        all.push(Untried { what, why: why.to_owned(), seq: Some(context.last_seq) });
    }
}

fn bound(story: &Story<'_>) -> Vec<Bound> {
    story.own().flat_map(|row| limits_of(story, row)).collect()
}

fn limits_of(story: &Story<'_>, row: &Related) -> Vec<Bound> {
    let one = |limit: &str, detail: String| Bound {
        moment: story.moment(row),
        limit: limit.to_owned(),
        detail: told(&detail),
    };
    match &row.record.event {
        Event::IncidentHeld(h) if LIMITS.contains(&h.reason.as_str()) => {
            vec![one(&h.reason, h.detail.clone())]
        }
        Event::IncidentMatched(m) => {
            let stopped = m.candidates.iter().filter(|c| !c.eligible && LIMITS.contains(&c.why.as_str()));
            stopped.map(|c| one(&c.why, format!("{}: {}", c.runbook, c.detail))).collect()
        }
        Event::LockRefused(e) => vec![one("lock", format!("{}: {}", e.resource, e.reason))],
        Event::StepFinished(e) if matches!(e.outcome, StepOutcome::TimedOut | StepOutcome::WouldNotDie) => {
            vec![one("timeout", format!("step {} was ended after {} ms", e.step + 1, e.took_ms))]
        }
        Event::AttemptEnded(e) if e.outcome == Outcome::AbortedDeadline => {
            vec![one("deadline", e.reason.clone())]
        }
        Event::AttemptFrozen(e) => vec![one("frozen", e.reason.clone())],
        Event::TargetTainted(e) => vec![one("tainted", told(&format!("{}: {}", e.target, e.reason)))],
        _ => Vec::new(),
    }
}

fn limits(it: &Gathered) -> Vec<LimitPart> {
    let config = &it.config;
    let part = |name: &str, allowed: String| LimitPart { name: name.into(), used: None, allowed };
    let mut limits = vec![
        part("attempts_at_once", config.attempts_at_once.to_string()),
        part(
            "fingerprint_attempts",
            format!("{} in {}", config.fingerprint_attempts, config.fingerprint_window),
        ),
        part("preconditions_timeout", config.preconditions_timeout.to_string()),
        part("lock_timeout", config.lock_timeout.to_string()),
        part("frozen_for", config.frozen_for.to_string()),
    ];
    if config.limits_lifted {
        limits.push(part("limits_lifted", "ALL LIMITS WERE LIFTED".into()));
    }
    for a in &it.context.attempts {
        let name = format!("runtime of {}", a.planned.runbook);
        if !limits.iter().any(|limit| limit.name == name) {
            limits.push(part(&name, a.planned.plan.runtime.to_string()));
        }
    }
    limits
}
