//! What other programs send, as reports and recoveries: Alertmanager, Grafana, CloudEvents, any JSON. Reading and
//! mapping only, one file per format. Not for: tokens and grants (api), accepting (remediator), deciding (policy).

mod alerts;
mod cloudevents;
mod mapping;
mod shape;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::base::limits::{INGEST_ITEMS_MAX, MESSAGE_BYTES_MAX, SHOWN_BYTES_MAX};
use crate::base::sealed::MASK;
use crate::base::text::shown;
use crate::event::degradation::{DegradationReport, Source};

pub use alerts::{Alerts, read_alerts};
pub use cloudevents::{CloudEvent, read_batch, read_binary, read_structured};
pub use mapping::{FieldFile, Mapping, MappingFile, ResolvedFile};
pub use shape::{AlertmanagerBody, CloudEventBody, GrafanaBody};

/// One thing that was said.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Something is degraded.
    Report(Box<DegradationReport>),
    /// It is good again.
    Recovery(Recovery),
}

impl Said {
    /// The part of the system that it is about.
    pub fn subsystem(&self) -> &str {
        match self {
            Self::Report(report) => &report.subsystem,
            Self::Recovery(recovery) => &recovery.subsystem,
        }
    }
    /// In a line, as evidence.
    pub fn line(&self) -> String {
        match self {
            Self::Report(r) => {
                let words = if r.subject.is_some() { MASK } else { &r.summary };
                format!("{}/{} on {}: {words}", r.subsystem, r.code, r.target)
            }
            Self::Recovery(r) => {
                let words = if r.subject.is_some() { MASK } else { &r.evidence };
                format!("{}/{} on {} is good again: {words}", r.subsystem, r.code, r.target)
            }
        }
    }
}

/// A trouble that its sender sees no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Part of the system.
    pub subsystem: String,
    /// The code.
    pub code: String,
    /// What was degraded.
    pub target: String,
    /// What was seen.
    pub evidence: String,
    /// The sender's own id: the same id again is the same recovery.
    pub id: Option<String>,
    /// Whom or what the evidence is about.
    pub subject: Option<String>,
}

/// Something that no mapping makes a report of. It is kept as evidence and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmapped {
    /// What is missing or wrong, and where.
    pub why: String,
    /// What was said.
    pub said: String,
}

/// What becomes of one part of a request.
pub type Item = Result<Said, Unmapped>;

/// A request that cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Unreadable {
    /// The member that is wrong, as a JSON pointer or the name of a header.
    pub at: String,
    /// What is wrong and what it should be.
    pub problem: String,
}

impl Unreadable {
    fn new(at: &str, problem: impl Into<String>) -> Self {
        let problem = shown(&problem.into(), MESSAGE_BYTES_MAX);
        Self { at: shown(at, SHOWN_BYTES_MAX), problem }
    }
}

/// The section `ingest` of remediator.yaml. What is not written has its default: docs/ingest.md.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestFile {
    /// How Alertmanager's alerts become reports.
    #[serde(default)]
    pub alertmanager: MappingFile,
    /// How Grafana's alerts become reports.
    #[serde(default)]
    pub grafana: MappingFile,
    /// How CloudEvents become reports.
    #[serde(default)]
    pub cloudevents: MappingFile,
    /// Other JSON, by the name under which it comes: `POST /v1/ingest/json/NAME`.
    #[serde(default)]
    pub json: BTreeMap<String, JsonFile>,
    /// Sentinels whose reports are free text: kept and answered, and nothing ever acts on them.
    #[serde(default)]
    pub free_text: BTreeSet<String>,
}

/// One source of any JSON.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonFile {
    /// JSON pointer to a list whose members are mapped one by one. Default: the whole body is one.
    #[serde(default)]
    pub items: Option<String>,
    /// How one becomes a report: `subsystem`, `code`, `target` and `summary` at least.
    pub map: MappingFile,
}

/// Every mapping, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Mappings {
    /// Of Alertmanager.
    pub alertmanager: Mapping,
    /// Of Grafana.
    pub grafana: Mapping,
    /// Of CloudEvents.
    pub cloudevents: Mapping,
    json: BTreeMap<String, (Option<String>, Mapping)>,
    free_text: BTreeSet<String>,
}

impl Default for Mappings {
    fn default() -> Self {
        let (alertmanager, grafana) = (alerts::mapping("prometheus"), alerts::mapping("grafana"));
        Self {
            alertmanager,
            grafana,
            cloudevents: cloudevents::mapping(),
            json: BTreeMap::new(),
            free_text: BTreeSet::new(),
        }
    }
}

impl Mappings {
    /// From the configuration: the key that is wrong and why, or all mappings.
    pub fn new(file: IngestFile) -> Result<Self, (String, String)> {
        let d = Self::default();
        let over = |base: Mapping, file: MappingFile, key: &str| {
            base.with(file).map_err(|(member, why)| (format!("ingest.{key}.{member}"), why))
        };
        let mut json = BTreeMap::new();
        for (name, source) in file.json {
            let key = format!("json.{name}.map");
            if let Some(pointer) = &source.items {
                mapping::check_pointer(pointer).map_err(|why| (format!("ingest.json.{name}.items"), why))?;
            }
            let mapping = over(Mapping::none(), source.map, &key)?;
            if let Some(missing) = mapping.missing() {
                return Err((
                    format!("ingest.{key}"),
                    format!("says nothing for `{missing}`: write `from` or `default`"),
                ));
            }
            json.insert(name, (source.items, mapping));
        }
        Ok(Self {
            alertmanager: over(d.alertmanager, file.alertmanager, "alertmanager")?,
            grafana: over(d.grafana, file.grafana, "grafana")?,
            cloudevents: over(d.cloudevents, file.cloudevents, "cloudevents")?,
            json,
            free_text: file.free_text,
        })
    }

    /// Whether nothing may act on what this source says.
    pub fn is_free_text(&self, source: &Source) -> bool {
        matches!(source, Source::Sentinel(name) if self.free_text.contains(name))
    }

    /// What a source of any JSON says; none when there is no such source.
    pub fn read_json(&self, name: &str, body: &Value) -> Option<Result<Vec<Item>, Unreadable>> {
        let (items, mapping) = self.json.get(name)?;
        let Some(pointer) = items else { return Some(Ok(vec![mapping.apply(body, None)])) };
        let Some(list) = body.pointer(pointer).and_then(Value::as_array) else {
            return Some(Err(Unreadable::new(pointer, format!("there is no list at {pointer}"))));
        };
        Some(bounded(list.len()).map(|()| list.iter().map(|one| mapping.apply(one, None)).collect()))
    }
}

/// A request holds at most so many.
fn bounded(items: usize) -> Result<(), Unreadable> {
    match items > INGEST_ITEMS_MAX {
        true => Err(Unreadable::new(
            "",
            format!("the request holds {items}, at most {INGEST_ITEMS_MAX}: send fewer at once"),
        )),
        false => Ok(()),
    }
}
