//! One incident in the four parts that every face shows by name (RM-50), with its timeline.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::elevation::ElevationView;
use super::{EntryView, V};
use crate::audit::entries::Error;
use crate::audit::projection::Audit;
use crate::base::digest::FileDigest;
use crate::base::ids::{AttemptId, Fingerprint, IncidentId, Receipt, Seq};
use crate::base::text::OutsideText;
use crate::base::time::rfc3339;
use crate::context::{Attempt, AttemptState, Escalation, IncidentState, RemediationContext};
use crate::event::attempt::{AttemptPlanned, Outcome, PreconditionsChecked, Resumption, UndoOutcome};
use crate::event::degradation::{Severity, Source};
use crate::event::incident::{Candidate, IncidentClosed, IncidentHeld};
use crate::event::plan::ActionPlan;
use crate::event::step::StepOutcome;
use crate::event::verification::{Observation, Verdict};
use crate::event::{Cause, Event, Record};

/// One incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentView {
    /// Version of this shape.
    pub v: u32,
    /// Its id.
    pub id: IncidentId,
    /// The trouble.
    pub fingerprint: Fingerprint,
    /// Where it stands.
    pub state: IncidentState,
    /// When it was opened, RFC 3339.
    pub opened_at: String,
    /// The entry that opened it.
    pub opened_seq: Seq,
    /// When its last entry was written, RFC 3339.
    pub last_at: String,
    /// Its last entry.
    pub last_seq: Seq,
    /// What was reported.
    pub originating_signal: SignalView,
    /// Which runbook was chosen, and why.
    pub chosen_runbook: Option<ChoiceView>,
    /// What was and is being done.
    pub intermediate_state: IntermediateView,
    /// What independent looks saw, oldest attempt first.
    pub verification_results: Vec<VerificationView>,
    /// How far people were told.
    pub escalation: Escalation,
    /// How it ended.
    pub closed: Option<IncidentClosed>,
    /// An entry that its lifecycle did not allow froze it.
    pub alarm: Option<String>,
    /// Every entry of it, oldest first.
    pub timeline: Vec<EntryView>,
}

/// The originating signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SignalView {
    /// The entry of the first report.
    pub seq: Seq,
    /// Its receipt.
    pub receipt: Receipt,
    /// Who reported it, verified: `person:NAME`, `sentinel:NAME` or `remediator`.
    pub source: String,
    /// Part of the system.
    pub subsystem: String,
    /// The code.
    pub code: String,
    /// What is degraded.
    pub target: String,
    /// The worst severity reported.
    pub severity: Severity,
    /// One line.
    pub summary: String,
    /// A paragraph.
    pub detail: Option<OutsideText>,
    /// Further values.
    pub attributes: BTreeMap<String, String>,
    /// When the sender saw it (its claim), RFC 3339.
    pub observed_at: Option<String>,
    /// False for free text: never acted upon.
    pub actionable: bool,
    /// Reports so far.
    pub count: u64,
    /// The entry of the last one.
    pub last_seq: Seq,
    /// The entry at which a sentinel said that it is good again.
    pub recovered_seq: Option<Seq>,
}

/// The chosen runbook, with the decision trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChoiceView {
    /// The entry of the decision.
    pub seq: Seq,
    /// Its id; none when no runbook was chosen.
    pub runbook: Option<String>,
    /// Its digest.
    pub digest: Option<FileDigest>,
    /// Who signed it, once an attempt was planned.
    pub signer: Option<String>,
    /// The proposal behind it.
    pub proposal: Option<String>,
    /// Who approved it.
    pub approvers: Vec<String>,
    /// Every candidate with its why or why-not.
    pub candidates: Vec<CandidateView>,
    /// Candidates left out of the list.
    pub more: u32,
    /// Runbooks whose matcher names another subsystem or code.
    pub not_candidates: u32,
}

/// One candidate of a decision.
pub type CandidateView = Candidate;

/// What was and is being done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IntermediateView {
    /// Attempts, oldest first.
    pub attempts: Vec<AttemptView>,
    /// Requests for more trust, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub elevations: Vec<ElevationView>,
    /// Why nothing is done now.
    pub held: Option<IncidentHeld>,
    /// The end of the regression watch, on the journal's own clock.
    pub watch_until_elapsed_ms: Option<u64>,
    /// Relapses so far.
    pub relapses: u32,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptView {
    /// Its id.
    pub attempt: AttemptId,
    /// The entry that planned it.
    pub planned_seq: Seq,
    /// Where it stands.
    pub state: AttemptState,
    /// The runbook.
    pub runbook: String,
    /// Its digest.
    pub digest: FileDigest,
    /// What it acts on.
    pub target: String,
    /// Only planned, never run.
    pub dry_run: bool,
    /// Preconditions as last looked at.
    pub preconditions: Option<PreconditionsChecked>,
    /// Lock resources with their fencing tokens, while held.
    pub lock: BTreeMap<String, u64>,
    /// Its steps.
    pub steps: Vec<StepView>,
    /// Why steps were taken back, and how that went.
    pub undo: Option<UndoView>,
    /// How often a boot took it up again.
    pub resumed: u32,
    /// What the last boot decided.
    pub resumption: Option<Resumption>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The same for people.
    pub reason: Option<String>,
}

/// An undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UndoView {
    /// Why.
    pub reason: String,
    /// How it went so far.
    pub outcome: UndoOutcome,
    /// Steps still to be taken back.
    pub left: Vec<u32>,
}

/// One step of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepView {
    /// Its id in the runbook.
    pub id: String,
    /// What is done, in one line.
    pub action: String,
    /// `waiting`, `running`, `done`, `failed`, `taken_back` or `unknown` (a crash hid its outcome).
    pub state: String,
    /// Tries so far.
    pub tries: u32,
    /// How the last one ended.
    pub outcome: Option<StepOutcome>,
    /// How long that took.
    pub took_ms: Option<u64>,
    /// The last entry about it.
    pub seq: Option<Seq>,
    /// The last lines that it printed, when it has failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
}

/// What a verification saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerificationView {
    /// The attempt.
    pub attempt: AttemptId,
    /// The answer, once there is one.
    pub verdict: Option<Verdict>,
    /// Looks so far.
    pub looks: u32,
    /// Consecutive good looks so far.
    pub consecutive: u32,
    /// Needed.
    pub needed: u32,
    /// Looked because a step's outcome is unknown.
    pub outcome_unknown: bool,
    /// The last look.
    pub last: Option<Observation>,
}

impl Audit {
    /// One incident, held or long closed.
    pub fn incident(&self, id: IncidentId) -> Result<IncidentView, Error> {
        self.fresh()?;
        let context = self.context(id)?;
        let timeline = self.timeline(&context)?;
        let mut view = view(&context, timeline.iter().map(EntryView::of).collect());
        if let (Some(_), Some(OutsideText::Blob(digest))) =
            (context.signal.first.subject, &view.originating_signal.detail)
            && let Some(bytes) = self.entries().blob(digest)?
        {
            // Sealed text is of no use by its digest: whoever has the key reads it here.
            let text = String::from_utf8_lossy(&bytes).into_owned();
            view.originating_signal.detail = Some(OutsideText::Text(text));
        }
        timeline.iter().for_each(|record| conclude(&mut view.verification_results, &record.event));
        for record in &timeline {
            if let Event::StepFinished(finished) = &record.event {
                let attempts = &mut view.intermediate_state.attempts;
                let attempt = attempts.iter_mut().find(|attempt| attempt.attempt == finished.attempt);
                if let Some(step) = attempt.and_then(|attempt| attempt.steps.get_mut(finished.step as usize))
                {
                    step.last_lines = self.last_lines(finished)?;
                }
            }
        }
        Ok(view)
    }

    /// The incident's state: from the projection, or folded anew from its entries.
    pub(super) fn context(&self, id: IncidentId) -> Result<RemediationContext, Error> {
        if let Some(context) = self.world().incident(id) {
            return Ok(context.clone());
        }
        let missing = || Error::not_found(format!("incident {id}"));
        let mut context: Option<RemediationContext> = None;
        for seq in self.entries().by_incident(id)? {
            let record = self.entries().record(seq)?.ok_or_else(missing)?;
            match (&record.event, &mut context) {
                (Event::IncidentOpened(opened), None) => {
                    let Some(Cause::Seq(cause)) = record.cause else { continue };
                    let Some(Event::DegradationSeen(seen)) = self.entries().record(cause)?.map(|r| r.event)
                    else {
                        continue;
                    };
                    // Elapsed time matters to deadlines only, and an incident that is not held has none.
                    context = Some(RemediationContext::new(id, opened, (cause, seen), &record, 0));
                }
                (_, Some(context)) => {
                    if let Err(illegal) = context.apply(&record, 0) {
                        context.alarm = Some(format!("seq {seq}: {illegal}"));
                    }
                }
                (_, None) => {}
            }
        }
        context.ok_or_else(missing)
    }

    /// The incident's entries with the report that opened it, oldest first.
    pub(super) fn timeline(&self, context: &RemediationContext) -> Result<Vec<Record>, Error> {
        let mut seqs = self.entries().by_incident(context.id)?;
        seqs.push(context.signal.first_seq);
        seqs.sort_unstable();
        seqs.dedup();
        let records = seqs.into_iter().filter_map(|seq| self.entries().record(seq).transpose());
        records.collect()
    }
}

fn view(context: &RemediationContext, timeline: Vec<EntryView>) -> IncidentView {
    IncidentView {
        v: V,
        id: context.id,
        fingerprint: context.fingerprint,
        state: context.state,
        opened_at: rfc3339(context.opened_time_us),
        opened_seq: context.opened_seq,
        last_at: rfc3339(context.last_time_us),
        last_seq: context.last_seq,
        originating_signal: signal(context),
        chosen_runbook: choice(context),
        intermediate_state: IntermediateView {
            attempts: context.attempts.iter().map(attempt).collect(),
            elevations: context.elevations.iter().map(ElevationView::of).collect(),
            held: context.held.clone(),
            watch_until_elapsed_ms: context.watch.as_ref().map(|w| w.until_elapsed_ms),
            relapses: context.relapses,
        },
        verification_results: context.attempts.iter().filter_map(verification).collect(),
        escalation: context.escalation.clone(),
        closed: context.closed.clone(),
        alarm: context.alarm.clone(),
        timeline,
    }
}

fn signal(context: &RemediationContext) -> SignalView {
    let (signal, first) = (&context.signal, &context.signal.first);
    SignalView {
        seq: signal.first_seq,
        receipt: first.receipt,
        source: Source::to_string(&first.source),
        subsystem: first.subsystem.clone(),
        code: first.code.clone(),
        target: first.target.clone(),
        severity: signal.severity,
        summary: first.summary.clone(),
        detail: first.detail.clone(),
        attributes: first.attributes.clone(),
        observed_at: first.observed_at.map(rfc3339),
        actionable: first.actionable,
        count: signal.count,
        last_seq: signal.last_seq,
        recovered_seq: signal.recovered_seq,
    }
}

fn choice(context: &RemediationContext) -> Option<ChoiceView> {
    let chosen = context.chosen.as_ref()?;
    let matched = &chosen.matched;
    let planned: Option<&AttemptPlanned> = context
        .attempts
        .iter()
        .rev()
        .map(|a| &a.planned)
        .find(|p| Some(&p.runbook) == matched.chosen.as_ref() && Some(p.digest) == matched.digest);
    Some(ChoiceView {
        seq: chosen.seq,
        runbook: matched.chosen.clone(),
        digest: matched.digest,
        signer: planned.map(|p| p.signer.clone()),
        proposal: planned.map(|p| p.proposal.clone()),
        approvers: planned.map(|p| p.approvers.clone()).unwrap_or_default(),
        candidates: matched.candidates.clone(),
        more: matched.more,
        not_candidates: matched.not_candidates,
    })
}

fn attempt(attempt: &Attempt) -> AttemptView {
    let planned = &attempt.planned;
    let undo = attempt.undo.map(|outcome| UndoView {
        reason: attempt.undo_reason.clone().unwrap_or_default(),
        outcome,
        left: attempt.undo_queue.clone(),
    });
    let steps = (0u32..).zip(&planned.plan.steps);
    AttemptView {
        attempt: attempt.id(),
        planned_seq: attempt.planned_seq,
        state: attempt.state,
        runbook: planned.runbook.clone(),
        digest: planned.digest,
        target: planned.target.clone(),
        dry_run: planned.dry_run,
        preconditions: attempt.preconditions.clone(),
        lock: attempt.tokens.clone(),
        steps: steps.map(|(index, plan)| step(attempt, index, &plan.id, &plan.action)).collect(),
        undo,
        resumed: attempt.resumed,
        resumption: attempt.resumption,
        outcome: attempt.ended.as_ref().map(|e| e.0),
        reason: attempt.ended.as_ref().map(|e| e.1.clone()),
    }
}

fn step(attempt: &Attempt, index: u32, id: &str, action: &ActionPlan) -> StepView {
    let at = |r: &&crate::context::RunningStep| r.intended.step == index;
    let running = attempt.running.values().find(at);
    let interrupted = attempt.interrupted.iter().find(at);
    let last = attempt.done.iter().rev().find(|d| d.step == index);
    let state = match (running, last, interrupted) {
        (Some(_), _, _) => "running",
        (None, Some(done), _) if done.outcome != StepOutcome::Succeeded => "failed",
        (None, Some(done), _) if done.undo => "taken_back",
        (None, Some(_), _) => "done",
        (None, None, Some(_)) => "unknown",
        (None, None, None) if index < attempt.planned.skips => "skipped",
        (None, None, None) => "waiting",
    };
    let unfinished = running.or(interrupted);
    let seq = unfinished.map(|r| r.intent).max(last.map(|d| d.seq));
    StepView {
        id: id.to_owned(),
        action: action.say(),
        state: state.into(),
        tries: attempt.tries(index, false) + u32::from(unfinished.is_some_and(|r| !r.intended.undo)),
        outcome: last.map(|d| d.outcome.clone()),
        took_ms: last.map(|d| d.took_ms),
        seq,
        last_lines: Vec::new(),
    }
}

fn verification(attempt: &Attempt) -> Option<VerificationView> {
    let seen = attempt.verification.as_ref()?;
    Some(VerificationView {
        attempt: attempt.id(),
        verdict: seen.verdict,
        looks: seen.looks,
        consecutive: seen.consecutive,
        needed: attempt.planned.plan.verification.successes,
        outcome_unknown: seen.outcome_unknown,
        last: seen.last.clone(),
    })
}

/// The last look of a verification stands in its conclusion only.
fn conclude(results: &mut [VerificationView], event: &Event) {
    let Event::VerificationConcluded(concluded) = event else { return };
    let Some(result) = results.iter_mut().find(|r| r.attempt == concluded.attempt) else { return };
    result.looks = result.looks.max(concluded.looks);
    if concluded.verdict == Verdict::Healthy {
        result.consecutive = result.needed;
    }
    if result.last.as_ref().is_none_or(|last| last.evidence != concluded.evidence) {
        let (verdict, evidence) = (concluded.verdict, concluded.evidence.clone());
        result.last = Some(Observation { verdict, evidence, values: BTreeMap::new() });
    }
}

/// The state as its JSON word.
pub fn state_word(state: IncidentState) -> &'static str {
    match state {
        IncidentState::Open => "open",
        IncidentState::Held => "held",
        IncidentState::Remediating => "remediating",
        IncidentState::Escalated => "escalated",
        IncidentState::Watching => "watching",
        IncidentState::Frozen => "frozen",
        IncidentState::Closed => "closed",
    }
}
