//! `POST /v1/ingest/…`: what other programs send (docs/ingest.md). 2xx only when all of it is durable, 503 when it
//! cannot be taken in now, so that senders try again; the same alert or event twice is one entry.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::post;
use serde::Serialize;

use super::super::problem::{self, Problem};
use super::super::{Answer, Api, Bearer};
use super::{body, json};
use crate::base::ids::{Receipt, Seq};
use crate::base::limits::{DETAIL_BYTES_MAX, INGEST_BYTES_MAX, TURN_INPUTS_MAX};
use crate::base::text::clip;
use crate::ingest::{self, Item, Mappings, Said, Unmapped, Unreadable};
use crate::remediator::{Accepted, Rejection};

type Sent = Result<Bytes, BytesRejection>;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/ingest/alertmanager", post(alertmanager))
        .route("/v1/ingest/grafana", post(grafana))
        .route("/v1/ingest/cloudevents", post(cloudevents))
        .route("/v1/ingest/json/{name}", post(any_json))
        .layer(DefaultBodyLimit::max(INGEST_BYTES_MAX))
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
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
enum Outcome {
    /// A report; with `actionable: false` nothing will act on it.
    Accepted { receipt: Receipt, seq: Seq, duplicate: bool, actionable: bool },
    /// The trouble is over.
    Recovered { seq: Seq, duplicate: bool },
    /// Kept as evidence.
    Refused { code: &'static str, detail: String },
}

#[derive(Serialize)]
struct Body {
    v: u32,
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
    let mut response = json(&Body { v: 1, items: outcomes })?;
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
