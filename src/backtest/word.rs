//! A decision in one word, as it is compared: what was chosen, held, planned, how it ended. What follows from a plan by
//! itself (locks, intents, notices) is left out, and so are times and seqs, which differ once anything does.

use crate::base::digest::FileDigest;
use crate::event::Event;
use crate::event::attempt::Outcome;
use crate::event::incident::Closure;

/// How an attempt stands in the short course of an incident.
pub(super) const ACTED: &str = "attempt with ";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Matched(Option<(String, FileDigest)>),
    Held(String),
    Planned { runbook: String, digest: FileDigest, dry_run: bool },
    Declined,
    Escalated(u32),
    Ended(Outcome),
    Frozen,
    Undo,
    Relapsed,
    Closed(Closure),
}

impl Word {
    /// Of an event; none when it is no decision that is compared.
    pub fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::IncidentMatched(e) => Self::Matched(e.chosen.clone().zip(e.digest)),
            Event::IncidentHeld(e) => Self::Held(e.reason.clone()),
            Event::AttemptPlanned(e) => {
                Self::Planned { runbook: e.runbook.clone(), digest: e.digest, dry_run: e.dry_run }
            }
            Event::PreconditionsChecked(e) if !e.hold => Self::Declined,
            Event::IncidentEscalated(e) => Self::Escalated(e.rung),
            Event::AttemptEnded(e) => Self::Ended(e.outcome),
            Event::AttemptFrozen(_) => Self::Frozen,
            Event::UndoStarted(_) => Self::Undo,
            Event::IncidentRelapsed(_) => Self::Relapsed,
            Event::IncidentClosed(e) => Self::Closed(e.closure),
            _ => return None,
        })
    }

    /// For people.
    pub fn say(&self) -> String {
        match self {
            Self::Matched(Some((runbook, digest))) => {
                format!("runbook {runbook} ({}) is chosen", short(digest))
            }
            Self::Matched(None) => "no runbook is chosen".to_owned(),
            Self::Held(reason) => format!("nothing is done: {}", reason.replace('_', " ")),
            Self::Planned { runbook, digest, dry_run } => {
                let dry = if *dry_run { " as a dry run" } else { "" };
                format!("an attempt with {runbook} ({}) is planned{dry}", short(digest))
            }
            Self::Declined => "preconditions do not hold".to_owned(),
            Self::Escalated(rung) => format!("people are told, rung {}", rung + 1),
            Self::Ended(outcome) => format!("the attempt ends {}", word(outcome)),
            Self::Frozen => "the attempt is frozen".to_owned(),
            Self::Undo => "steps are taken back".to_owned(),
            Self::Relapsed => "it relapses".to_owned(),
            Self::Closed(closure) => format!("the incident is closed: {}", word(closure)),
        }
    }

    /// What stays of it in the short course of an incident.
    pub fn brief(&self) -> Option<String> {
        match self {
            Self::Planned { runbook, dry_run: false, .. } => Some(format!("{ACTED}{runbook}")),
            Self::Planned { runbook, .. } => Some(format!("dry run of {runbook}")),
            Self::Declined => Some("preconditions do not hold".into()),
            Self::Held(reason) if reason != "look_first" => {
                Some(format!("held ({})", reason.replace('_', " ")))
            }
            Self::Escalated(_) => Some("people told".into()),
            Self::Ended(outcome) => Some(word(outcome)),
            // By a person, or by history: where the recorded incident was over.
            Self::Closed(Closure::ClosedByPerson) => Some("closed".into()),
            Self::Closed(closure) => Some(format!("closed {}", word(closure))),
            _ => None,
        }
    }
}

fn short(digest: &FileDigest) -> String {
    digest.to_string().chars().take(15).collect()
}

/// An enum as its JSON word, with blanks.
fn word(value: &impl serde::Serialize) -> String {
    let word = serde_json::to_value(value).ok().and_then(|word| word.as_str().map(|w| w.replace('_', " ")));
    word.unwrap_or_default()
}
