//! `POST /v1/ingest/…`: what other programs send (docs/ingest.md). 2xx only when all of it is durable, 503 when it
//! cannot be taken in now, so that senders try again; the same alert or event twice is one entry.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::super::problem::{self, Problem};
use super::super::{Answer, Api, Bearer};
use super::{Needs, Operation, Role, Routes, body, json};
use crate::base::ids::{Receipt, Seq};
use crate::base::limits::{DETAIL_BYTES_MAX, INGEST_BYTES_MAX, TURN_INPUTS_MAX};
use crate::base::text::clip;
use crate::ingest::{
    self, AlertmanagerBody, CloudEventBody, GrafanaBody, Item, Mappings, Said, Unmapped, Unreadable,
};
use crate::remediator::{Accepted, Rejection};

type Sent = Result<Bytes, BytesRejection>;

pub(super) fn routes() -> Routes {
    let of_events = about("CloudEvents 1.0, as reports and recoveries")
        .body::<Value>()
        .body_as::<CloudEventBody>("application/cloudevents+json")
        .body_as::<Vec<CloudEventBody>>("application/cloudevents-batch+json")
        .header::<String>("ce-specversion", "`1.0`; needed, as are the next three, when the body is the data")
        .header::<String>("ce-id", "The event's id: source and id together are one event")
        .header::<String>("ce-source", "Where it comes from")
        .header::<String>("ce-type", "What it is: the code, unless the data says one")
        .header::<String>("ce-subject", "What it is about: the target, unless the data says one");
    let of_json = about("Any JSON, mapped as remediator.yaml says, as reports and recoveries")
        .path::<String>("name", "A name under `ingest.json` in remediator.yaml")
        .body::<Value>()
        .problem(&[problem::NOT_FOUND]);
    Routes::new("Ingest")
        .post(
            "/v1/ingest/alertmanager",
            alertmanager,
            about("Alertmanager's webhook, as reports and recoveries").body::<AlertmanagerBody>(),
        )
        .post(
            "/v1/ingest/grafana",
            grafana,
            about("Grafana's webhook, as reports and recoveries").body::<GrafanaBody>(),
        )
        .post("/v1/ingest/cloudevents", cloudevents, of_events)
        .post("/v1/ingest/json/{name}", any_json, of_json)
        .bodies_up_to(INGEST_BYTES_MAX)
}

/// What holds for each of them.
fn about(summary: &'static str) -> Operation {
    Operation::new(Needs::RoleOrSentinel(Role::Write), summary)
        .more(
            "Each alert or event becomes a report or a recovery, or is refused by itself and kept as evidence; the same \
             one again is one entry. Members that are not known are ignored. A body is at most 4 MiB.",
        )
        .answers::<Ingested>(202, "All of it is durable: `items` says what became of each")
        .problem(&[problem::OUTSIDE_GRANT, problem::UNMAPPED])
        .decides()
}

/// Version of Alertmanager's webhook that is read.
const WEBHOOK: &str = "4";

async fn alertmanager(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    sent: Sent,
) -> Result<Response, Box<Problem>> {
    let mappings = begin(&api)?;
    alerts(&api, &bearer, ingest::read_alerts(&mappings.alertmanager, &body(sent)?, Some(WEBHOOK))).await
}

async fn grafana(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    sent: Sent,
) -> Result<Response, Box<Problem>> {
    let mappings = begin(&api)?;
    alerts(&api, &bearer, ingest::read_alerts(&mappings.grafana, &body(sent)?, None)).await
}

async fn alerts(
    api: &Api,
    bearer: &Bearer,
    read: Result<ingest::Alerts, Unreadable>,
) -> Result<Response, Box<Problem>> {
    let mut alerts = readable(api, bearer, read).await?;
    if alerts.truncated > 0 {
        let why = format!("the sender left out {} alerts: raise its max_alerts", alerts.truncated);
        alerts.items.push(Err(Unmapped { why, said: "truncatedAlerts".into() }));
    }
    hand_in(api, bearer, alerts.items).await
}

async fn cloudevents(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Box<Problem>> {
    let mappings = begin(&api)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let read = if kind.starts_with("application/cloudevents-batch") {
        ingest::read_batch(&body(sent)?)
    } else if kind.starts_with("application/cloudevents") {
        ingest::read_structured(&body(sent)?).map(|event| vec![event])
    } else {
        let bytes = sent.map_err(|e| Problem::new(problem::TOO_LARGE, e.body_text()))?;
        let texts = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        ingest::read_binary(texts, &kind, &bytes).map(|event| vec![event])
    };
    let events = readable(&api, &bearer, read).await?;
    hand_in(&api, &bearer, events.iter().map(|event| event.map(&mappings.cloudevents)).collect()).await
}

async fn any_json(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(name): Path<String>,
    sent: Sent,
) -> Result<Response, Box<Problem>> {
    let mappings = begin(&api)?;
    let Some(read) = mappings.read_json(&name, &body(sent)?) else {
        let detail = format!("there is no `{}` under ingest.json in remediator.yaml", clip(&name, 64));
        return Err(Problem::new(problem::NOT_FOUND, detail));
    };
    let items = readable(&api, &bearer, read).await?;
    hand_in(&api, &bearer, items).await
}

/// Nothing is acknowledged before the start is over.
fn begin(api: &Api) -> Result<Arc<Mappings>, Box<Problem>> {
    api.ready()?;
    Ok(api.daemon.ingest()?)
}

/// What cannot be read at all is evidence, too.
async fn readable<T>(api: &Api, bearer: &Bearer, read: Result<T, Unreadable>) -> Result<T, Box<Problem>> {
    match read {
        Ok(read) => Ok(read),
        Err(unreadable) => {
            let said = format!("{}: {}", unreadable.at, unreadable.problem);
            api.daemon.refuse(bearer.source(), problem::BAD_REPORT.1, said).await?;
            Err(Problem::new(problem::BAD_REPORT, unreadable.problem).field(&unreadable.at))
        }
    }
}

/// What became of one alert or event.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "result")]
#[schemars(rename = "IngestOutcome")]
enum Outcome {
    /// A report; with `actionable: false` nothing will act on it.
    Accepted { receipt: Receipt, seq: Seq, duplicate: bool, actionable: bool },
    /// The trouble is over.
    Recovered { seq: Seq, duplicate: bool },
    /// Kept as evidence.
    Refused { code: &'static str, detail: String },
}

/// What became of a request.
#[derive(Serialize, JsonSchema)]
struct Ingested {
    v: u32,
    /// In the order in which they were sent.
    items: Vec<Outcome>,
}

/// Hands everything in. What can be accepted is durable before anything is answered; what cannot is evidence.
async fn hand_in(api: &Api, bearer: &Bearer, items: Vec<Item>) -> Result<Response, Box<Problem>> {
    let source = bearer.source();
    let actionable = !api.daemon.ingest()?.is_free_text(&source);
    let sorted: Vec<_> = items.into_iter().map(|item| sort(bearer, item)).collect();
    let mut outcomes = Vec::with_capacity(sorted.len());
    for chunk in sorted.chunks(TURN_INPUTS_MAX) {
        let asked = chunk.iter().map(|item| match item {
            Ok(Said::Report(report)) => Some(api.daemon.report((**report).clone(), source.clone())),
            Ok(Said::Recovery(recovery)) => Some(api.daemon.recover(recovery.clone(), source.clone())),
            Err(_) => None,
        });
        let answers = all(asked.collect()).await;
        for (item, answer) in chunk.iter().zip(answers) {
            outcomes.push(outcome(item, answer, actionable)?);
        }
    }
    // Only when the rest is durable: a sender that tries again must not make the same evidence twice.
    for (item, outcome) in sorted.iter().zip(&outcomes) {
        if let Outcome::Refused { code, detail } = outcome {
            let said = match item {
                Ok(said) => said.line(),
                Err((_, unmapped)) => unmapped.said.clone(),
            };
            let said = clip(&format!("{detail}: {said}"), DETAIL_BYTES_MAX).to_owned();
            api.daemon.refuse(source.clone(), code, said).await?;
        }
    }
    answer(outcomes)
}

type Sorted = Result<Said, (&'static str, Unmapped)>;

/// Whether it may be said by whoever says it.
fn sort(bearer: &Bearer, item: Item) -> Sorted {
    let said = item.map_err(|unmapped| (problem::UNMAPPED.1, unmapped))?;
    match bearer {
        Bearer::Sentinel { name, subsystems } if !subsystems.iter().any(|s| s == said.subsystem()) => {
            let why = format!("sentinel {name} may speak for: {}", subsystems.join(", "));
            Err((problem::OUTSIDE_GRANT.1, Unmapped { why, said: said.line() }))
        }
        _ => Ok(said),
    }
}

fn outcome(
    item: &Sorted,
    answer: Option<Result<Accepted, Rejection>>,
    actionable: bool,
) -> Result<Outcome, Box<Problem>> {
    Ok(match (item, answer) {
        (Ok(Said::Report(_)), Some(Ok(Accepted { receipt, seq, duplicate }))) => {
            Outcome::Accepted { receipt, seq, duplicate, actionable }
        }
        (_, Some(Ok(Accepted { seq, duplicate, .. }))) => Outcome::Recovered { seq, duplicate },
        (_, Some(Err(Rejection::Invalid(error)))) => {
            Outcome::Refused { code: problem::UNMAPPED.1, detail: error.to_string() }
        }
        (_, Some(Err(rejection))) => return Err(rejection.into()),
        (Err((code, unmapped)), None) => Outcome::Refused { code, detail: unmapped.why.clone() },
        (Ok(_), None) => return Err(Problem::new(problem::INTERNAL, "an alert was not handed in")),
    })
}

/// 202 when anything was accepted; else the problem of the first one, since a sender reads nothing but the status.
fn answer(outcomes: Vec<Outcome>) -> Result<Response, Box<Problem>> {
    let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused { .. });
    if let (true, Some(Outcome::Refused { code, detail })) = (outcomes.iter().all(refused), outcomes.first())
    {
        let kind = if *code == problem::OUTSIDE_GRANT.1 { problem::OUTSIDE_GRANT } else { problem::UNMAPPED };
        let more = outcomes.len() - 1;
        let detail = if more == 0 { detail.clone() } else { format!("{detail} (and {more} more)") };
        return Err(Problem::new(kind, detail));
    }
    let mut response = json(&Ingested { v: 1, items: outcomes })?;
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

/// Waits for all, begun in order, so that what was said first is decided first.
async fn all<T>(mut waiting: Vec<Option<Answer<'_, T>>>) -> Vec<Option<Result<T, Rejection>>> {
    let mut done: Vec<Option<Result<T, Rejection>>> = waiting.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, done) in waiting.iter_mut().zip(&mut done) {
            if let Some(one) = future
                && let Poll::Ready(answer) = one.as_mut().poll(context)
            {
                *done = Some(answer);
                *future = None;
            }
        }
        if waiting.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done
}
