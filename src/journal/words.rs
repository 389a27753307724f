//! What an entry is found by besides kind, incident and time: target, runbook, actor, outcome. Pure: the same for the
//! index that follows a running journal and for a journal that is read without one.
//! Not for: where the words are kept (`rows`), what is asked of them (`select`).

use std::collections::{HashMap, VecDeque};

use serde::Deserialize;

use super::line::LineRef;
use crate::base::ids::IncidentId;

/// Incidents whose target and runbook are remembered while lines are followed; older ones are looked up again.
const KNOWN_MAX: usize = 16_384;

/// One thing that an entry is found by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// What its incident, its attempt or the entry itself is about.
    Target(String),
    /// The runbook of its attempt, or the one that it names.
    Runbook(String),
    /// Who said or did it: a principal, `sentinel:NAME`, `remediator`, `decider`, `time`.
    Actor(String),
    /// How it ended: of an attempt, a step, a verification or an incident.
    Outcome(String),
}

impl Word {
    /// As a term of an index. No value holds a NUL.
    pub(super) fn term(&self) -> Vec<u8> {
        let (kind, value) = match self {
            Self::Target(value) => (b't', value),
            Self::Runbook(value) => (b'r', value),
            Self::Actor(value) => (b'a', value),
            Self::Outcome(value) => (b'o', value),
        };
        let mut term = vec![kind];
        term.extend(value.bytes().filter(|byte| *byte != 0));
        term.push(0);
        term
    }

    /// A person is found by their name, whether they came with a token or a signature.
    pub fn actor(said: &str) -> Self {
        let said = said.strip_prefix("person:").unwrap_or(said);
        Self::Actor(said.strip_suffix(" (self-approved)").unwrap_or(said).to_owned())
    }
}

/// The members of any payload that are words, whatever else it holds.
#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    runbook: Option<String>,
    #[serde(default)]
    chosen: Option<String>,
    #[serde(default)]
    by: Option<serde_json::Value>,
    #[serde(default)]
    source: Option<serde_json::Value>,
    #[serde(default)]
    outcome: Option<serde_json::Value>,
    #[serde(default)]
    verdict: Option<String>,
    #[serde(default)]
    closure: Option<String>,
}

/// Whether payloads of a kind hold any of them.
fn has_words(kind: &str) -> bool {
    let family = kind.split('.').next().unwrap_or_default();
    match family {
        "degradation" | "control" | "elevation" | "target" => true,
        "incident" => !matches!(
            kind,
            "incident.coalesced" | "incident.held" | "incident.escalated" | "incident.watched"
        ),
        "attempt" => matches!(kind, "attempt.planned" | "attempt.thawed" | "attempt.ended"),
        "lock" => kind == "lock.break_ordered",
        "step" => kind == "step.finished",
        "verification" => kind == "verification.concluded",
        "sentinel" => {
            matches!(kind, "sentinel.granted" | "sentinel.grant_revoked" | "sentinel.heartbeat_heard")
        }
        _ => false,
    }
}

/// A plain word, or the name of a variant that holds more.
fn word_of(value: &serde_json::Value) -> Option<&str> {
    match value {
        serde_json::Value::String(word) => Some(word),
        serde_json::Value::Object(map) => map.keys().next().map(String::as_str),
        _ => None,
    }
}

/// A source or a name: `"ann"`, `{"person":"ann"}`, `{"sentinel":"web"}`.
fn actor_of(value: &serde_json::Value) -> Option<Word> {
    match value {
        serde_json::Value::String(name) => Some(Word::actor(name)),
        serde_json::Value::Object(map) => {
            let (kind, name) = map.iter().next()?;
            Some(Word::actor(&format!("{kind}:{}", name.as_str()?)))
        }
        _ => None,
    }
}

/// What an incident is about, and which runbook its last attempt runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Theirs {
    target: Option<String>,
    runbook: Option<String>,
}

impl Theirs {
    /// What a line of the incident says of both.
    pub(super) fn learn(&mut self, line: &LineRef<'_>) {
        if !matches!(line.kind, "incident.opened" | "attempt.planned") {
            return;
        }
        let Ok(named) = serde_json::from_str::<Named>(line.data) else { return };
        match line.kind {
            "incident.opened" => self.target = named.target,
            _ => self.runbook = named.runbook,
        }
    }
    pub(super) fn knows_target(&self) -> bool {
        self.target.is_some()
    }
    pub(super) fn knows_runbook(&self) -> bool {
        self.runbook.is_some()
    }
}

/// Follows lines in order, so that every entry of an incident is found by its target and runbook.
#[derive(Default)]
pub struct Following {
    known: HashMap<IncidentId, Theirs>,
    order: VecDeque<IncidentId>,
}

impl Following {
    /// The words of a line that follows those before. `earlier` looks up an incident that is not remembered.
    pub fn words(&mut self, line: &LineRef<'_>, earlier: &mut dyn FnMut(IncidentId) -> Theirs) -> Vec<Word> {
        let named = if has_words(line.kind) { serde_json::from_str::<Named>(line.data).ok() } else { None };
        let mut words = Vec::new();
        if let Some(named) = &named {
            words.extend(named.by.as_ref().or(named.source.as_ref()).and_then(actor_of));
            let outcome = named.outcome.as_ref().and_then(word_of);
            let outcome = outcome.or(named.verdict.as_deref()).or(named.closure.as_deref());
            words.extend(outcome.map(|word| Word::Outcome(word.to_owned())));
            words.extend(named.target.clone().map(Word::Target));
            words.extend(named.runbook.clone().or(named.chosen.clone()).map(Word::Runbook));
        }
        if let Some(id) = line.incident {
            let theirs = self.theirs(id, earlier);
            theirs.learn(line);
            words.extend(theirs.target.clone().map(Word::Target));
            words.extend(theirs.runbook.clone().map(Word::Runbook));
        }
        words.sort();
        words.dedup();
        words
    }

    fn theirs(&mut self, id: IncidentId, earlier: &mut dyn FnMut(IncidentId) -> Theirs) -> &mut Theirs {
        if !self.known.contains_key(&id) {
            if self.order.len() >= KNOWN_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.known.insert(id, earlier(id));
            self.order.push_back(id);
        }
        self.known.entry(id).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_person_is_one_word_and_no_value_ends_another() {
        let ann = Word::Actor("ann".into());
        for said in ["ann", "person:ann", "ann (self-approved)"] {
            assert_eq!(Word::actor(said), ann, "{said}");
        }
        assert_eq!(actor_of(&serde_json::json!({"person": "ann"})), Some(ann));
        assert_eq!(
            actor_of(&serde_json::json!({"sentinel": "web"})),
            Some(Word::Actor("sentinel:web".into()))
        );
        assert_eq!(word_of(&serde_json::json!({"exited": 1})), Some("exited"));
        let (short, long) = (Word::Target("web".into()).term(), Word::Target("web-1".into()).term());
        assert!(!long.starts_with(&short), "a term is no beginning of another");
    }
}
