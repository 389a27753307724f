//! Which entries a command means: the same for `audit tail` and `audit query`, and the same as over HTTP.

use std::collections::BTreeSet;

use super::super::exit::Failure;
use super::super::incident::named;
use super::super::out;
use super::super::reader::Reader;
use crate::audit::EntryFilter;
use crate::base::time::{Since, rfc3339};
use crate::event::Event;
use crate::runbook::problem::likely;

/// What is not said leaves nothing out.
#[derive(Debug, clap::Args)]
pub struct Filters {
    /// Only entries whose kind begins so: `attempt.`, `lock.refused`.
    #[arg(long, value_name = "PREFIX", value_parser = kind)]
    kind: Option<String>,
    /// Only entries of this incident: its id, or the beginning of it.
    #[arg(long, value_name = "ID")]
    incident: Option<String>,
    /// Only entries of attempts of this runbook, and those that name it.
    #[arg(long, value_name = "ID")]
    runbook: Option<String>,
    /// Only entries of incidents about this target, and those that name it.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Only what this one said or did: a person's name, `sentinel:NAME`, `remediator`, `decider`, `time`.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only ends with this outcome: `healthy`, `failed`, `healed`.
    #[arg(long, value_name = "WORD")]
    outcome: Option<String>,
    /// Only entries since then: how long ago (24h, 7d), or a time (2026-01-31T08:00:00Z).
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    since: Option<Since>,
    /// Only entries before then.
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    until: Option<Since>,
    /// Only entries with a smaller seq.
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
}

impl Filters {
    /// As the read model takes it.
    pub fn read(&self, reader: &Reader) -> Result<EntryFilter, Failure> {
        let now_us = out::now_us();
        Ok(EntryFilter {
            kind: self.kind.clone(),
            incident: self.incident.as_deref().map(|text| named::incident(reader, text)).transpose()?,
            runbook: self.runbook.clone(),
            target: self.target.clone(),
            actor: self.actor.clone(),
            outcome: self.outcome.clone(),
            since_us: self.since.map(|since| since.time_us(now_us)),
            until_us: self.until.map(|until| until.time_us(now_us)),
            before: self.before,
        })
    }
}

/// As parameters of a query.
pub fn parameters(filter: &EntryFilter) -> Vec<(&'static str, Option<String>)> {
    vec![
        ("kind", filter.kind.clone()),
        ("incident", filter.incident.map(|id| id.to_string())),
        ("runbook", filter.runbook.clone()),
        ("target", filter.target.clone()),
        ("actor", filter.actor.clone()),
        ("outcome", filter.outcome.clone()),
        ("since", filter.since_us.map(rfc3339)),
        ("until", filter.until_us.map(rfc3339)),
        ("before", filter.before.map(|seq| seq.to_string())),
    ]
}

/// The beginning of some kind.
fn kind(text: &str) -> Result<String, String> {
    let kinds = || Event::KINDS.iter().map(|(kind, _)| *kind);
    if kinds().any(|kind| kind.starts_with(text)) {
        return Ok(text.to_owned());
    }
    let families: BTreeSet<&str> = kinds().filter_map(|kind| kind.split_inclusive('.').next()).collect();
    let near = likely(text, kinds()).or_else(|| likely(text, families.iter().copied()));
    Err(match near {
        Some(near) => format!("no kind of entries begins so; did you mean `{near}`?"),
        None => format!("no kind of entries begins so; they are of {}", Vec::from_iter(families).join(" ")),
    })
}
