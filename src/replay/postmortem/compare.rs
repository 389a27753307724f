//! Two incidents of one fingerprint beside each other: what was the same, and in what they differ.

use serde::Serialize;

use super::model::*;
use super::span::say;
use super::{V, word};
use crate::base::ids::{Fingerprint, IncidentId};

/// Two incidents beside each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Version of this shape.
    pub v: u32,
    /// The trouble of both.
    pub fingerprint: Fingerprint,
    /// What it is.
    pub title: String,
    /// The first one.
    pub a: IncidentId,
    /// The other.
    pub b: IncidentId,
    /// Each thing that was compared.
    pub rows: Vec<Difference>,
}

/// One thing in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What.
    pub what: String,
    /// In the first one.
    pub a: String,
    /// In the other.
    pub b: String,
    /// They are the same.
    pub same: bool,
}

impl Comparison {
    /// Of two post-mortems of one fingerprint; none when they are of two.
    pub fn of(a: &PostMortem, b: &PostMortem) -> Option<Self> {
        if a.fingerprint != b.fingerprint {
            return None;
        }
        let mut rows = Vec::new();
        let (of_a, of_b) = (facts(a), facts(b));
        let mut names: Vec<&String> = of_a.iter().chain(&of_b).map(|(name, _)| name).collect();
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(*name));
        for name in names {
            let find = |facts: &[(String, String)]| {
                facts
                    .iter()
                    .find(|(n, _)| n == name)
                    .map_or_else(|| "–".to_owned(), |(_, value)| value.clone())
            };
            let (a, b) = (find(&of_a), find(&of_b));
            rows.push(Difference { what: name.clone(), same: a == b, a, b });
        }
        let s = &a.signal;
        let title = format!("{}/{} on {}", s.subsystem, s.code, s.target);
        Some(Self { v: V, fingerprint: a.fingerprint, title, a: a.incident, b: b.incident, rows })
    }
}

impl Comparison {
    /// As a page of Markdown.
    pub fn to_markdown(&self) -> String {
        super::markdown::comparison(self)
    }
    /// As one HTML file that loads nothing and runs nothing.
    pub fn to_html(&self) -> String {
        super::html::comparison(self)
    }
}

/// What is compared of one, in order.
fn facts(it: &PostMortem) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut add = |what: &str, value: String| facts.push((what.to_owned(), value));
    add("first report", it.opened.at.clone());
    add("severity", word(&it.signal.severity));
    add("summary", it.signal.summary.clone());
    add("reports", it.signal.count.to_string());
    for (name, value) in &it.signal.attributes {
        add(&format!("attribute {name}"), value.clone());
    }
    for decision in it.decisions.iter().take(1) {
        add("first decision", decision.chosen.clone().unwrap_or_else(|| "no runbook".into()));
        for c in &decision.candidates {
            add(&format!("candidate {}", c.runbook), format!("{}: {}", c.why, c.detail));
        }
    }
    for a in &it.authority {
        add(&format!("digest of {}", a.runbook), a.digest.to_string());
        add(&format!("approved for {}", a.runbook), a.approvers.join(", "));
    }
    add("attempts", it.attempts.len().to_string());
    for (attempt, n) in it.attempts.iter().zip(1..) {
        let outcome = attempt.outcome.map_or("under way".to_owned(), |o| word(&o));
        add(&format!("attempt {n}"), format!("{}: {outcome}", attempt.runbook));
        for step in &attempt.steps {
            let tries: Vec<String> = step
                .tries
                .iter()
                .map(|t| {
                    let took = t.took_ms.map(say).unwrap_or_default();
                    format!("{} {took}", t.ended.as_deref().unwrap_or("unknown"))
                })
                .collect();
            let tries = if tries.is_empty() { "not run".to_owned() } else { tries.join("; ") };
            add(&format!("attempt {n} step {}", step.id), tries);
        }
        let looks: Vec<String> = attempt.looks.iter().map(|l| word(&l.verdict)).collect();
        add(&format!("attempt {n} looks"), looks.join(", "));
    }
    for measure in &it.measures {
        let value = measure.ms.map_or_else(|| "–".to_owned(), say);
        add(&format!("until {}", measure.what), value);
    }
    add("limits that bound", it.bound.iter().map(|b| b.limit.clone()).collect::<Vec<_>>().join(", "));
    add("people told", it.told.len().to_string());
    add("people acted", it.people.len().to_string());
    add("state", word(&it.state));
    facts
}
