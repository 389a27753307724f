//! Why and why-not, for any entry, incident or receipt: every decision with its candidates, every hold, the
//! limits that count, on whose authority it was done, and the way back from any entry to where it came from.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EntryView, V};
use crate::audit::entries::Error;
use crate::audit::projection::Audit;
use crate::audit::say::{self, say};
use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, IncidentId, Receipt, Seq};
use crate::context::{IncidentState, RemediationContext};
use crate::event::incident::Candidate;
use crate::event::step::StepOutcome;
use crate::event::{Cause, Event, Record};

/// Links of the way back; a story longer than this has lost its thread.
const WALK_MAX: usize = 64;

/// Why and why-not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainView {
    /// Version of this shape.
    pub v: u32,
    /// What was asked for: `entry 17`, `incident …`, `receipt …`.
    pub about: String,
    /// The incident it belongs to.
    pub incident: Option<IncidentId>,
    /// Where that stands.
    pub state: Option<IncidentState>,
    /// The answer in a sentence or two.
    pub answer: String,
    /// Every decision about a runbook, oldest first.
    pub decisions: Vec<DecisionView>,
    /// Every time when nothing was done, and why.
    pub holds: Vec<HoldView>,
    /// Limits that count for it, as they are now; what they were at a decision stands with its candidates.
    pub limits: Vec<LimitView>,
    /// On whose authority it was done, one per attempt.
    pub authority: Vec<AuthorityView>,
    /// Every step that failed, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureView>,
    /// The way back, newest first.
    pub walk: Vec<LinkView>,
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureView {
    /// The entry that says so.
    pub seq: Seq,
    /// How it ended, in one line.
    pub said: String,
    /// The last lines that it printed.
    pub last_lines: Vec<String>,
}

/// A decision about a runbook (RM-5).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionView {
    /// Its entry.
    pub seq: Seq,
    /// When, RFC 3339.
    pub at: String,
    /// The chosen runbook.
    pub chosen: Option<String>,
    /// Each candidate with its why or why-not, with limits as they were then.
    pub candidates: Vec<Candidate>,
    /// Candidates left out of the list.
    pub more: u32,
    /// Runbooks whose matcher names another subsystem or code.
    pub not_candidates: u32,
}

/// A time when nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HoldView {
    /// Its entry.
    pub seq: Seq,
    /// When, RFC 3339.
    pub at: String,
    /// Stable word.
    pub reason: String,
    /// For people, with what mends it.
    pub detail: String,
    /// When it is looked at again, on the journal's own clock.
    pub until_elapsed_ms: Option<u64>,
}

/// A limit and how much of it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitView {
    /// Which: `fingerprint_attempts`, `attempts_at_once`.
    pub name: String,
    /// Used now, at the time of asking.
    pub used: u64,
    /// Allowed.
    pub allowed: u64,
    /// Within which time.
    pub window: Option<String>,
}

/// On whose authority an attempt was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuthorityView {
    /// The attempt.
    pub attempt: AttemptId,
    /// The entry that planned it.
    pub seq: Seq,
    /// The runbook.
    pub runbook: String,
    /// Its digest.
    pub digest: FileDigest,
    /// Who signed it.
    pub signer: String,
    /// The proposal that argued for it.
    pub proposal: String,
    /// Who approved it.
    pub approvers: Vec<String>,
    /// The catalog entry it was taken from.
    pub catalog: Seq,
    /// Other content files that it resolved to.
    pub relies_on: Vec<String>,
    /// Only planned, never run.
    pub dry_run: bool,
}

/// One link of the way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LinkView {
    /// How it led to the one above: `asked`, `cause`, or a named parent (`intent`, `lock`, `catalog`, …).
    pub link: String,
    /// The entry.
    #[serde(flatten)]
    pub entry: EntryView,
}

impl Audit {
    /// Why and why-not, for a seq, an incident id or a receipt.
    pub fn explain(&self, what: &str) -> Result<ExplainView, Error> {
        self.fresh()?;
        if let Ok(seq) = what.parse::<Seq>() {
            return self.explain_entry(format!("entry {seq}"), self.record(seq)?);
        }
        let id: IncidentId = what.parse().map_err(|_| Error::NotAName(what.chars().take(80).collect()))?;
        // Receipts are UUIDv7, incident ids UUIDv8: the version tells which was meant.
        if id.0.get_version_num() == 7 {
            let receipt = Receipt(id.0);
            return self.explain_entry(format!("receipt {receipt}"), self.report(receipt)?);
        }
        let context = self.context(id)?;
        let last = self.record(context.last_seq)?;
        let mut view = self.explain_incident(&context)?;
        view.about = format!("incident {id}");
        view.walk = self.walk(last)?;
        Ok(view)
    }

    fn explain_entry(&self, about: String, record: Record) -> Result<ExplainView, Error> {
        let mut view = match self.incident_of(&record)? {
            Some(id) => self.explain_incident(&self.context(id)?)?,
            None => ExplainView {
                v: V,
                about: String::new(),
                incident: None,
                state: None,
                answer: alone(&record.event),
                decisions: Vec::new(),
                holds: Vec::new(),
                limits: Vec::new(),
                authority: Vec::new(),
                failures: Vec::new(),
                walk: Vec::new(),
            },
        };
        view.about = about;
        view.walk = self.walk(record)?;
        Ok(view)
    }

    fn explain_incident(&self, context: &RemediationContext) -> Result<ExplainView, Error> {
        let (mut decisions, mut holds, mut authority) = (Vec::new(), Vec::new(), Vec::new());
        let mut failures = Vec::new();
        for record in self.timeline(context)? {
            let (seq, at) = (record.seq, crate::base::time::rfc3339(record.at.time_us));
            if let Event::StepFinished(finished) = &record.event
                && finished.outcome != StepOutcome::Succeeded
            {
                let (said, last_lines) = (say(&record.event), self.last_lines(finished)?);
                failures.push(FailureView { seq, said, last_lines });
            }
            match record.event {
                Event::IncidentMatched(m) => decisions.push(DecisionView {
                    seq,
                    at,
                    chosen: m.chosen,
                    candidates: m.candidates,
                    more: m.more,
                    not_candidates: m.not_candidates,
                }),
                Event::IncidentHeld(h) => {
                    let (reason, detail, until_elapsed_ms) = (h.reason, h.detail, h.until_elapsed_ms);
                    holds.push(HoldView { seq, at, reason, detail, until_elapsed_ms });
                }
                Event::AttemptPlanned(p) => authority.push(AuthorityView {
                    attempt: p.attempt,
                    seq,
                    runbook: p.runbook,
                    digest: p.digest,
                    signer: p.signer,
                    proposal: p.proposal,
                    approvers: p.approvers,
                    catalog: p.catalog,
                    relies_on: p.relies_on,
                    dry_run: p.dry_run,
                }),
                _ => {}
            }
        }
        Ok(ExplainView {
            v: V,
            about: String::new(),
            incident: Some(context.id),
            state: Some(context.state),
            answer: answer(context),
            decisions,
            holds,
            limits: self.limits(context),
            authority,
            failures,
            walk: Vec::new(),
        })
    }

    fn limits(&self, context: &RemediationContext) -> Vec<LimitView> {
        let world = self.world();
        let (config, now) = (&world.config, world.elapsed_ms());
        let window = config.fingerprint_window;
        vec![
            LimitView {
                name: "fingerprint_attempts".into(),
                used: world.history.fingerprint_attempts(context.fingerprint, window.ms(), now) as u64,
                allowed: config.fingerprint_attempts.into(),
                window: Some(window.to_string()),
            },
            LimitView {
                name: "attempts_at_once".into(),
                used: world.active_attempts() as u64,
                allowed: config.attempts_at_once.into(),
                window: None,
            },
        ]
    }

    /// From an entry back through `cause` to where it began, each with the further parents that it names.
    fn walk(&self, record: Record) -> Result<Vec<LinkView>, Error> {
        let mut chain = vec![record];
        while let Some(Cause::Seq(seq)) = chain.last().and_then(|r| r.cause) {
            match self.entries().record(seq)? {
                Some(cause) if chain.len() < WALK_MAX => chain.push(cause),
                _ => break,
            }
        }
        let mut named = BTreeSet::new();
        let mut walk = Vec::new();
        for (n, record) in chain.iter().enumerate() {
            let link = if n == 0 { "asked" } else { "cause" };
            walk.push(LinkView { link: link.into(), entry: EntryView::of(record) });
            for (link, seq) in parents(&record.event) {
                let new = !chain.iter().any(|r| r.seq == seq) && named.insert(seq);
                if let (true, Some(parent)) = (new, self.entries().record(seq)?) {
                    walk.push(LinkView { link, entry: EntryView::of(&parent) });
                }
            }
        }
        Ok(walk)
    }
}

/// Parents that an entry names besides its cause.
fn parents(event: &Event) -> Vec<(String, Seq)> {
    let one = |name: &str, seq| vec![(name.to_owned(), seq)];
    match event {
        Event::AttemptPlanned(e) => one("catalog", e.catalog),
        Event::StepIntended(e) => one("lock", e.lock),
        Event::StepStarted(e) => one("intent", e.intent),
        Event::StepFinished(e) => one("intent", e.intent),
        Event::ServiceStarted(e) => one("intent", e.intent),
        Event::NoticeDelivered(e) => one("notice", e.notice),
        Event::NoticeFailed(e) => one("notice", e.notice),
        Event::IncidentClosed(e) => e.parents.iter().map(|(name, seq)| (name.clone(), *seq)).collect(),
        _ => Vec::new(),
    }
}

/// The answer for an entry that belongs to no incident.
fn alone(event: &Event) -> String {
    let said = say(event);
    match event {
        Event::DegradationSeen(seen) if !seen.actionable => {
            format!("{said}. It is kept, opens no attempt and matches nothing.")
        }
        Event::DegradationRefused(_) => format!("{said}. It is kept as evidence and changes nothing."),
        Event::DegradationRecovered(_) => format!("{said}. No open incident was waiting for it."),
        _ => format!("{said}. It belongs to no incident."),
    }
}

/// The answer for an incident: what is (not) being done, and why.
fn answer(context: &RemediationContext) -> String {
    if let Some(alarm) = &context.alarm {
        return format!("Frozen by an entry that should not be possible: {alarm}.");
    }
    match context.state {
        IncidentState::Closed => match &context.closed {
            Some(closed) => {
                let by = runbook(context).map(|r| format!(" Runbook {r} was used.")).unwrap_or_default();
                format!("Closed, {}: {}.{by}", say::closure(closed.closure), closed.evidence)
            }
            None => "Closed.".into(),
        },
        IncidentState::Held => match &context.held {
            Some(held) => {
                format!("Nothing is done now ({}): {}.{}", held.reason, held.detail, why_not(context))
            }
            None => "Nothing is done now.".into(),
        },
        IncidentState::Remediating => format!(
            "An attempt with runbook {} is under way{}.",
            runbook(context).unwrap_or("?"),
            context.attempt().map(|a| format!(", state {}", attempt_word(a.state))).unwrap_or_default()
        ),
        IncidentState::Escalated => {
            let rung = context.escalation.rung.map_or(0, |r| r + 1);
            let (rungs, reason) = (context.escalation.rungs, &context.escalation.reason);
            format!("People were told, rung {rung} of {rungs}: {reason}.{}", why_not(context))
        }
        IncidentState::Watching => {
            let runbook = runbook(context).unwrap_or("?");
            format!("Healed by runbook {runbook} and verified; a relapse during the watch reopens it.")
        }
        IncidentState::Frozen => {
            "An attempt's outcome is unknown: it waits for a person or its time limit.".into()
        }
        IncidentState::Open => format!("The next decision is due.{}", why_not(context)),
    }
}

fn runbook(context: &RemediationContext) -> Option<&str> {
    context.attempt().map(|a| a.planned.runbook.as_str())
}

/// The candidates' reasons in a sentence, when none was chosen.
fn why_not(context: &RemediationContext) -> String {
    let Some(choice) = context.chosen.as_ref().filter(|c| c.matched.chosen.is_none()) else {
        return last_outcome(context);
    };
    let matched = &choice.matched;
    if matched.candidates.is_empty() {
        return format!(" No runbook's matcher names this code ({} name others).", matched.not_candidates);
    }
    let each: Vec<String> =
        matched.candidates.iter().map(|c| format!("{}: {} ({})", c.runbook, c.why, c.detail)).collect();
    format!(" No runbook was chosen: {}.", each.join("; "))
}

fn last_outcome(context: &RemediationContext) -> String {
    match context.attempt().and_then(|a| a.ended.as_ref().map(|e| (a, e))) {
        Some((attempt, (outcome, reason))) => {
            let (runbook, outcome) = (&attempt.planned.runbook, say::outcome(*outcome));
            format!(" The last attempt (runbook {runbook}) ended {outcome}: {reason}.")
        }
        None => String::new(),
    }
}

/// The state as its JSON word.
fn attempt_word(state: crate::context::AttemptState) -> String {
    serde_json::to_string(&state).map(|word| word.trim_matches('"').to_owned()).unwrap_or_default()
}
