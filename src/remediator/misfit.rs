//! What a person is told whose word does not fit what is: how the incident or the target stands, and which command does
//! fit. Not for deciding whether it fits (policy).

use super::control::Control;
use super::handle::Rejection;
use crate::audit::{Audit, Error, IncidentView, state_word};
use crate::base::ids::IncidentId;
use crate::base::limits::{MESSAGE_BYTES_MAX, NAME_BYTES_MAX};
use crate::base::text::shown;
use crate::context::IncidentState;
use crate::policy::Input;

/// Tainted targets that are named when another one was meant.
const NAMED_MAX: usize = 8;

const USED: &str = "this statement was used before: sign a new one";

/// What a person's word is about.
#[derive(Debug, Clone)]
pub(super) enum About {
    /// One incident.
    Incident(IncidentId),
    /// A target that may be tainted.
    Target(String),
    /// Neither: there is nothing more to say of it.
    Other,
}

impl About {
    pub(super) fn of(input: &Input) -> Self {
        match input {
            Input::Closed { incident, .. }
            | Input::Thawed { incident, .. }
            | Input::Rerun { incident, .. } => Self::Incident(*incident),
            Input::Elevated(word) => Self::Incident(word.incident),
            Input::Cleared(cleared) => Self::Target(cleared.target.clone()),
            _ => Self::Other,
        }
    }
}

/// The refusal of a word (none: to close), with `why` where policy had a reason. Reads the journal on another thread.
pub(super) async fn refusal(
    audit: &Audit,
    about: About,
    word: Option<Control>,
    why: Option<&'static str>,
) -> Rejection {
    let audit = audit.clone();
    let looked = tokio::task::spawn_blocking(move || said(&audit, about, word, why)).await;
    looked
        .unwrap_or_else(|_| refused(word, why.is_some(), why.unwrap_or("it does not fit what is").to_owned()))
}

fn refused(word: Option<Control>, not_now: bool, reason: String) -> Rejection {
    let reason = shown(&reason, MESSAGE_BYTES_MAX);
    match word {
        None => Rejection::Refused { code: "NOT_AT_REST", reason },
        Some(_) if not_now => Rejection::Refused { code: "NOT_NOW", reason },
        Some(_) => Rejection::Refused { code: "NOTHING_TO_DO", reason },
    }
}

fn said(audit: &Audit, about: About, word: Option<Control>, why: Option<&'static str>) -> Rejection {
    let general = || match (why, word) {
        (Some(why), _) => why.to_owned(),
        (None, None) => {
            "only an incident that is open, held or escalated can be closed by a person".to_owned()
        }
        (None, Some(word)) => {
            format!("nothing was there to {}, or {USED}", word.word())
        }
    };
    let reason = match about {
        About::Incident(id) => match audit.incident(id) {
            Ok(view) => of_incident(&view, word, general()),
            Err(Error::NotFound { what }) => {
                let reason = format!("{what} is not in this journal");
                return Rejection::Refused { code: "NOT_FOUND", reason };
            }
            Err(_) => general(),
        },
        About::Target(target) => of_target(audit, &target).unwrap_or_else(general),
        About::Other => general(),
    };
    refused(word, why.is_some(), reason)
}

fn of_incident(view: &IncidentView, word: Option<Control>, general: String) -> String {
    let at_rest = at_rest(view.state);
    match word {
        Some(Control::Thaw) if view.state == IncidentState::Frozen && view.alarm.is_none() => USED.to_owned(),
        Some(Control::Thaw) => format!("only a frozen incident is thawed: {}", standing(view)),
        // Then it is not the incident's state that is in the way.
        Some(Control::Elevate) => {
            let (id, state) = (view.id, state_word(view.state));
            format!(
                "{general} (incident {id} is {state}; `remediator incident show {id}` shows what it asks for)"
            )
        }
        Some(Control::Rerun) if at_rest && view.alarm.is_none() => {
            let (id, state) = (view.id, state_word(view.state));
            format!(
                "{general} (incident {id} is {state}; `remediator incident show {id}` shows its attempts)"
            )
        }
        Some(Control::Rerun) => {
            format!("only an incident at rest (open, held or escalated) is run again: {}", standing(view))
        }
        _ => format!("{general}: {}", standing(view)),
    }
}

fn at_rest(state: IncidentState) -> bool {
    matches!(state, IncidentState::Open | IncidentState::Held | IncidentState::Escalated)
}

/// How an incident stands, and what a person can do about that.
fn standing(view: &IncidentView) -> String {
    let (id, state) = (view.id, state_word(view.state));
    let fits = match view.state {
        IncidentState::Open | IncidentState::Held | IncidentState::Escalated => format!(
            "nothing acts on it; `remediator incident rerun {id}` runs its last attempt again, `remediator incident \
             close {id}` ends it"
        ),
        IncidentState::Remediating => {
            format!("an attempt is under way; `remediator incident show {id}` shows how it goes")
        }
        IncidentState::Watching => {
            "its attempt healed it and it is watched for a relapse; it closes by itself".to_owned()
        }
        IncidentState::Frozen => format!(
            "nobody knows what its last step did; look at the target, then `remediator incident thaw {id}`"
        ),
        IncidentState::Closed => {
            "it is over; the same trouble reported again (`remediator emit`) opens another one".to_owned()
        }
    };
    let alarm =
        view.alarm.as_ref().map(|alarm| format!(" (an alarm stands on it, please report it: {alarm})"));
    format!("incident {id} is {state}: {fits}{}", alarm.unwrap_or_default())
}

fn of_target(audit: &Audit, target: &str) -> Option<String> {
    let tainted = audit.status().ok()?.tainted;
    if tainted.contains_key(target) {
        return Some(USED.to_owned());
    }
    let target = shown(target, NAME_BYTES_MAX);
    if tainted.is_empty() {
        return Some(format!("target `{target}` is not tainted, and no other is: there is nothing to clear"));
    }
    let names: Vec<_> = tainted.keys().take(NAMED_MAX).map(|name| format!("`{name}`")).collect();
    let more = if tainted.len() > NAMED_MAX { " and more (`remediator status`)" } else { "" };
    Some(format!("target `{target}` is not tainted; tainted are {}{more}", names.join(", ")))
}
