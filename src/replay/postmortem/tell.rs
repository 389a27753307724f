//! What was seen, decided and done, told from the entries of one incident. Not for what was not done (`beyond`).

use super::gather::{Gathered, Related, Used};
use super::model::*;
use super::{Blobs, Error, V, told, word};
use crate::audit::{say, step_outcome};
use crate::base::ids::{AttemptId, Seq};
use crate::base::time::rfc3339;
use crate::context::{Attempt, IncidentState, RemediationContext};
use crate::event::Event;
use crate::event::attempt::Outcome;
use crate::event::degradation::Source;
use crate::event::plan::StepPlan;
use crate::event::step::{StepFinished, StepIntended, StepOutcome};
use crate::event::verification::{Observation, Verdict};

/// The story so far.
pub(super) struct Story<'a> {
    pub it: &'a Gathered,
    begin: u64,
}

impl<'a> Story<'a> {
    pub fn new(it: &'a Gathered) -> Self {
        Self { it, begin: it.rows.first().map_or(0, |row| row.elapsed_ms) }
    }

    /// When an entry was.
    pub fn moment(&self, row: &Related) -> Moment {
        Moment {
            seq: row.record.seq,
            at: rfc3339(row.record.at.time_us),
            since_ms: row.elapsed_ms.saturating_sub(self.begin),
        }
    }

    /// The incident's own entries.
    pub fn own(&self) -> impl Iterator<Item = &'a Related> {
        self.it.rows.iter().filter(|row| row.own)
    }
}

/// Everything but what `beyond` adds.
pub(super) fn tell(it: &Gathered, blobs: &mut Blobs<'_>) -> Result<PostMortem, Error> {
    let story = Story::new(it);
    let context = &it.context;
    let closed = story.own().find(|row| matches!(row.record.event, Event::IncidentClosed(_)));
    let (seq, time_us, elapsed) = it.until;
    let until = Moment { seq, at: rfc3339(time_us), since_ms: elapsed.saturating_sub(story.begin) };
    let opened = it.rows.first().map_or_else(|| until.clone(), |row| story.moment(row));
    let states = it.states.iter().map(|(state, from, to)| StateSpan {
        state: *state,
        from_ms: from.saturating_sub(story.begin),
        to_ms: to.saturating_sub(story.begin),
    });
    let attempts =
        context.attempts.iter().map(|a| attempt(&story, a, blobs)).collect::<Result<Vec<_>, _>>()?;
    let measures = measures(&story);
    Ok(PostMortem {
        v: V,
        incident: context.id,
        node: it.node,
        genesis: it.genesis,
        fingerprint: context.fingerprint,
        state: context.state,
        verdict: verdict(context, &measures),
        opened,
        closed: closed.map(|row| story.moment(row)),
        until,
        measures,
        // A state that was left at once took no time.
        states: states.filter(|s| s.state != IncidentState::Closed && s.to_ms > s.from_ms).collect(),
        signal: signal(&story, blobs)?,
        timeline: timeline(&story),
        left_out: it.left_out,
        decisions: decisions(&story),
        holds: holds(&story),
        authority: Vec::new(),
        attempts,
        people: Vec::new(),
        told: notices(&story),
        untried: Vec::new(),
        bound: Vec::new(),
        limits: Vec::new(),
        similar: Similar { same_fingerprint: 0, same_code: 0, newest: Vec::new() },
        proof: it.proof.clone(),
        absent: Vec::new(),
    })
}

/// Whether an event is the one that is meant.
type Fits<'a> = &'a dyn Fn(&Event) -> bool;

fn measures(story: &Story<'_>) -> Vec<Measure> {
    let first = |fits: Fits<'_>| {
        story.own().find(|row| fits(&row.record.event)).map(|row| story.moment(row).since_ms)
    };
    let healthy = |e: &Event| matches!(e, Event::VerificationConcluded(c) if c.verdict == Verdict::Healthy);
    let told = |e: &Event| matches!(e, Event::IncidentEscalated(_));
    let all: [(&str, &str, Fits<'_>); 5] = [
        ("decided", "the first decision", &|e| {
            matches!(e, Event::IncidentMatched(_) | Event::IncidentHeld(_))
        }),
        ("acted", "the first step", &|e| matches!(e, Event::StepIntended(_))),
        ("escalated", "people were told", &told),
        ("verified", "verified healthy", &healthy),
        ("closed", "closed", &|e| matches!(e, Event::IncidentClosed(_))),
    ];
    all.into_iter()
        .map(|(name, what, fits)| Measure { name: name.into(), what: what.into(), ms: first(fits) })
        .collect()
}

fn verdict(context: &RemediationContext, measures: &[Measure]) -> String {
    let first = &context.signal.first;
    let what = format!("{}/{} on {}", first.subsystem, first.code, told(&first.target));
    let after =
        |name: &str| measures.iter().find(|m| m.name == name).and_then(|m| m.ms).map(super::span::say);
    let tried: Vec<&Attempt> = context.attempts.iter().filter(|a| !a.planned.dry_run).collect();
    let times = match tried.len() {
        0 => "No attempt was made".to_owned(),
        1 => format!("One attempt was made, with runbook {}", tried[0].planned.runbook),
        n => format!("{n} attempts were made, the last with runbook {}", tried[n - 1].planned.runbook),
    };
    let healed = tried.iter().any(|a| matches!(a.ended, Some((Outcome::Healthy, _))));
    let healed = match after("verified") {
        Some(span) if healed => format!("; it was verified healthy {span} after the first report"),
        _ => String::new(),
    };
    let end = match &context.closed {
        Some(closed) => format!(
            "It is closed: {} ({}).",
            crate::audit::closure_word(closed.closure),
            told(&closed.evidence)
        ),
        None => format!("It is not over: it is {}.", word(&context.state)),
    };
    let times = format!("{times}{healed}.");
    let often = match context.signal.count {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    };
    let severity = word(&context.signal.severity);
    told(&format!("{what} was reported {often}, at worst as {severity}. {times} {end}"))
}

fn signal(story: &Story<'_>, blobs: &mut Blobs<'_>) -> Result<SignalPart, Error> {
    let signal = &story.it.context.signal;
    let first = &signal.first;
    let detail = first.detail.as_ref();
    let detail = detail.map(|text| blobs.text(text, signal.first_seq, "the detail of the first report"));
    let reports = story.own().filter_map(|row| match &row.record.event {
        Event::DegradationSeen(e) => Some(Report {
            moment: story.moment(row),
            source: Source::to_string(&e.source),
            good: false,
            said: told(&e.summary),
            observed_at: e.observed_at.map(rfc3339),
        }),
        Event::DegradationRecovered(e) => Some(Report {
            moment: story.moment(row),
            source: Source::to_string(&e.source),
            good: true,
            said: told(&e.evidence),
            observed_at: None,
        }),
        _ => None,
    });
    Ok(SignalPart {
        subsystem: first.subsystem.clone(),
        code: first.code.clone(),
        target: told(&first.target),
        severity: signal.severity,
        summary: told(&first.summary),
        detail: detail.transpose()?,
        attributes: first.attributes.iter().map(|(name, value)| (name.clone(), told(value))).collect(),
        count: signal.count,
        reports: reports.collect(),
    })
}

fn timeline(story: &Story<'_>) -> Vec<Row> {
    let rows = &story.it.rows;
    let next = rows.iter().skip(1).map(Some).chain([None]);
    rows.iter()
        .zip(next)
        .map(|(row, next)| Row {
            moment: story.moment(row),
            took_ms: next.map(|next| next.elapsed_ms.saturating_sub(row.elapsed_ms)),
            kind: row.record.event.kind().to_owned(),
            said: told(&say(&row.record.event)),
            own: row.own,
        })
        .collect()
}

fn decisions(story: &Story<'_>) -> Vec<Decision> {
    let decided = story.own().filter_map(|row| match &row.record.event {
        Event::IncidentMatched(m) => Some((row, m)),
        _ => None,
    });
    decided
        .map(|(row, m)| {
            let mut candidates = m.candidates.clone();
            candidates.iter_mut().for_each(|c| c.detail = told(&c.detail));
            Decision {
                moment: story.moment(row),
                chosen: m.chosen.clone(),
                digest: m.digest,
                candidates,
                more: m.more,
                not_candidates: m.not_candidates,
                limits: story.it.used.get(&row.record.seq).map(used).unwrap_or_default(),
            }
        })
        .collect()
}

fn used(used: &Used) -> Vec<LimitPart> {
    let config = &used.config;
    vec![
        LimitPart {
            name: "attempts_at_once".into(),
            used: Some(used.active_attempts),
            allowed: config.attempts_at_once.to_string(),
        },
        LimitPart {
            name: "fingerprint_attempts".into(),
            used: Some(used.fingerprint_attempts),
            allowed: format!("{} in {}", config.fingerprint_attempts, config.fingerprint_window),
        },
    ]
}

fn holds(story: &Story<'_>) -> Vec<Hold> {
    let held = story.own().filter_map(|row| match &row.record.event {
        Event::IncidentHeld(h) => {
            Some(Hold { moment: story.moment(row), reason: h.reason.clone(), detail: told(&h.detail) })
        }
        _ => None,
    });
    held.collect()
}

/// The attempt that an entry speaks of.
fn is_of(row: &Related, id: AttemptId) -> bool {
    crate::context::incident::attempt_of(&row.record.event) == Some(id)
}

fn attempt(story: &Story<'_>, a: &Attempt, blobs: &mut Blobs<'_>) -> Result<AttemptPart, Error> {
    let rows: Vec<&Related> = story.own().filter(|row| is_of(row, a.id())).collect();
    let at = |seq: Seq| rows.iter().find(|row| row.record.seq == seq).map(|row| story.moment(row));
    let ended = rows.iter().find(|row| matches!(row.record.event, Event::AttemptEnded(_)));
    let plan = &a.planned.plan;
    let steps = (0u32..).zip(&plan.steps).map(|(index, plan)| step(story, &rows, index, plan, blobs));
    let v = &plan.verification;
    let verification = format!(
        "{}: {} good look(s) in a row, {} apart, within {}, after {}; then watched for {}",
        v.probe.look.say(),
        v.successes,
        v.every,
        v.within,
        v.settle,
        v.watch
    );
    Ok(AttemptPart {
        attempt: a.id(),
        planned: at(a.planned_seq).unwrap_or_else(|| Moment {
            seq: a.planned_seq,
            at: String::new(),
            since_ms: 0,
        }),
        ended: ended.map(|row| story.moment(row)),
        runbook: a.planned.runbook.clone(),
        target: told(&a.planned.target),
        dry_run: a.planned.dry_run,
        phases: phases(story, &rows),
        preconditions: preconditions(story, &rows),
        locks: locks(story, &rows),
        steps: steps.collect::<Result<_, _>>()?,
        undo: a.undo.map(|outcome| (told(a.undo_reason.as_deref().unwrap_or_default()), outcome)),
        verification: told(&verification),
        looks: looks(story, &rows, a),
        verdict: a.verification.as_ref().and_then(|v| v.verdict),
        outcome: a.ended.as_ref().map(|e| e.0),
        reason: a.ended.as_ref().map(|e| told(&e.1)),
    })
}

/// From one turning point of an attempt to the next.
fn phases(story: &Story<'_>, rows: &[&Related]) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    for row in rows {
        let at = story.moment(row).since_ms;
        let name = match &row.record.event {
            Event::AttemptPlanned(_) => "preconditions",
            Event::LockRequested(_) => "lock",
            Event::LockGranted(_) => "preconditions under the lock",
            Event::StepIntended(intended) if !intended.undo => "steps",
            Event::UndoStarted(_) => "taking back",
            Event::VerificationStarted(_) => "verification",
            Event::AttemptFrozen(_) => "frozen",
            Event::AttemptResumed(_) => "taken up again",
            _ => "",
        };
        if let Some(last) = phases.last_mut() {
            last.to_ms = at;
        }
        let goes_on = phases.last().is_some_and(|last| last.name == name);
        if !name.is_empty() && !goes_on {
            phases.push(Phase { name: name.to_owned(), from_ms: at, to_ms: at });
        }
    }
    phases.retain(|phase| phase.to_ms > phase.from_ms);
    phases
}

fn preconditions(
    story: &Story<'_>,
    rows: &[&Related],
) -> Vec<(Moment, crate::event::attempt::PreconditionsChecked)> {
    let checked = rows.iter().filter_map(|row| match &row.record.event {
        Event::PreconditionsChecked(checked) => {
            let mut checked = checked.clone();
            checked.results.iter_mut().for_each(|r| r.observation.evidence = told(&r.observation.evidence));
            Some((story.moment(row), checked))
        }
        _ => None,
    });
    checked.collect()
}

fn locks(story: &Story<'_>, rows: &[&Related]) -> Vec<(Moment, String)> {
    let about = |event: &Event| {
        matches!(
            event,
            Event::LockRequested(_) | Event::LockGranted(_) | Event::LockRefused(_) | Event::LockReleased(_)
        )
    };
    let rows = rows.iter().filter(|row| about(&row.record.event));
    rows.map(|row| (story.moment(row), told(&say(&row.record.event)))).collect()
}

fn step(
    story: &Story<'_>,
    rows: &[&Related],
    index: u32,
    plan: &StepPlan,
    blobs: &mut Blobs<'_>,
) -> Result<StepPart, Error> {
    let mut tries = Vec::new();
    for row in rows {
        if let Event::StepIntended(intended) = &row.record.event
            && intended.step == index
        {
            tries.push(one_try(story, rows, row, intended, &plan.id, blobs)?);
        }
    }
    Ok(StepPart {
        id: plan.id.clone(),
        action: told(&plan.action.say()),
        idempotent: plan.idempotent,
        undo: plan.undo.as_ref().map(|undo| told(&undo.say())),
        irreversible: plan.irreversible.as_deref().map(told),
        tries,
    })
}

fn one_try(
    story: &Story<'_>,
    rows: &[&Related],
    row: &Related,
    intended: &StepIntended,
    id: &str,
    blobs: &mut Blobs<'_>,
) -> Result<Try, Error> {
    let intent = row.record.seq;
    let pid = rows.iter().find_map(|row| match &row.record.event {
        Event::StepStarted(started) if started.intent == intent => Some(started.pid),
        _ => None,
    });
    let finished: Option<(&Related, &StepFinished)> = rows.iter().find_map(|row| match &row.record.event {
        Event::StepFinished(finished) if finished.intent == intent => Some((*row, finished)),
        _ => None,
    });
    let output = match finished {
        Some((row, f)) => {
            let what = format!("what step `{id}` printed");
            Some(blobs.text(&f.output, row.record.seq, &what)?)
        }
        None => None,
    };
    Ok(Try {
        moment: story.moment(row),
        undo: intended.undo,
        try_no: intended.try_no,
        token: intended.token,
        pid,
        ended: finished.map(|(_, f)| told(&step_outcome(&f.outcome))),
        succeeded: finished.is_some_and(|(_, f)| f.outcome == StepOutcome::Succeeded),
        to_ms: finished.map(|(row, _)| story.moment(row).since_ms),
        took_ms: finished.map(|(_, f)| f.took_ms),
        output: output.filter(|o| o.text.as_deref() != Some("")),
        dropped: finished.map_or(0, |(_, f)| f.output_dropped),
    })
}

fn looks(story: &Story<'_>, rows: &[&Related], a: &Attempt) -> Vec<Look> {
    let look = |row: &Related, seen: &Observation, purpose: &str| Look {
        moment: story.moment(row),
        verdict: seen.verdict,
        evidence: told(&seen.evidence),
        purpose: purpose.into(),
        values: seen.values.iter().map(|(name, value)| (name.clone(), *value)).collect(),
    };
    let mut looks: Vec<Look> = rows
        .iter()
        .filter_map(|row| match &row.record.event {
            Event::VerificationObserved(e) => Some(look(row, &e.observation, "verification")),
            // The last look stands in the conclusion.
            Event::VerificationConcluded(e) => {
                let evidence = e.evidence.clone();
                let seen = Observation { verdict: e.verdict, evidence, values: Default::default() };
                Some(look(row, &seen, "verification"))
            }
            _ => None,
        })
        .collect();
    // Looks of the watch and before a rung name no attempt: they belong to the one before them.
    let from = a.planned_seq;
    let later =
        story.it.context.attempts.iter().map(|other| other.planned_seq).filter(|seq| *seq > from).min();
    let mine =
        story.own().filter(|row| row.record.seq > from && later.is_none_or(|seq| row.record.seq < seq));
    looks.extend(mine.filter_map(|row| match &row.record.event {
        Event::WatchObserved(e) => Some(look(row, &e.observation, "watch")),
        Event::EscalationHeld(e) => Some(look(row, &e.observation, "escalation")),
        _ => None,
    }));
    looks.sort_by_key(|look| look.moment.seq);
    looks
}

fn notices(story: &Story<'_>) -> Vec<Told> {
    let queued = story.own().filter_map(|row| match &row.record.event {
        Event::NoticeQueued(queued) => Some((row, queued)),
        _ => None,
    });
    queued
        .map(|(row, queued)| {
            let mut notice = Told {
                moment: story.moment(row),
                channel: queued.channel.clone(),
                topic: queued.topic.clone(),
                text: told(&queued.text),
                state: "waiting".into(),
                tries: 0,
                delivered: None,
                answer: String::new(),
            };
            for later in story.own() {
                match &later.record.event {
                    Event::NoticeDelivered(d) if d.notice == row.record.seq => {
                        (notice.state, notice.tries) = ("delivered".into(), d.try_no);
                        (notice.delivered, notice.answer) = (Some(story.moment(later)), told(&d.said));
                    }
                    Event::NoticeFailed(f) if f.notice == row.record.seq => {
                        let state = match (f.refused, f.retry_elapsed_ms) {
                            (true, _) => "refused",
                            (false, None) => "failed",
                            (false, Some(_)) => "waiting",
                        };
                        (notice.state, notice.tries, notice.answer) =
                            (state.into(), f.try_no, told(&f.reason));
                    }
                    _ => {}
                }
            }
            notice
        })
        .collect()
}
