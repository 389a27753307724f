//! `/livez`, `/readyz` (the truth of each step of the start, RM-34) and `/health`. No token: they say nothing else.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde::Serialize;

use super::super::Api;
use super::parameter;
use crate::remediator::{ReadyState, ReadyStep};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).route("/health", get(health))
}

/// Bodies as they are written.
#[derive(Serialize)]
struct Live {
    v: u32,
    live: bool,
}

#[derive(Serialize)]
struct Ready {
    v: u32,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<Step>>,
}

#[derive(Serialize)]
struct Step {
    name: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Health {
    v: u32,
    status: &'static str,
    version: &'static str,
}

async fn livez(State(api): State<Api>) -> Response {
    let live = api.daemon.live();
    answer(live, &Live { v: 1, live })
}

async fn readyz(State(api): State<Api>, RawQuery(query): RawQuery) -> Response {
    let readiness = api.daemon.readiness();
    let ready = readiness.ready;
    // Not ready is when somebody needs the steps, asked for or not.
    let wanted = !ready || parameter(query.as_deref(), "verbose").is_some();
    let steps = wanted.then(|| readiness.steps.into_iter().map(step).collect());
    answer(ready, &Ready { v: 1, ready, steps })
}

async fn health(State(api): State<Api>) -> Response {
    let (live, ready) = (api.daemon.live(), api.daemon.readiness().ready);
    let status = match (live, ready) {
        (true, true) => "ok",
        (true, false) => "starting",
        (false, _) => "failing",
    };
    answer(live && ready, &Health { v: 1, status, version: env!("CARGO_PKG_VERSION") })
}

fn step(step: ReadyStep) -> Step {
    let (state, reason) = match step.state {
        ReadyState::Waiting => ("waiting", None),
        ReadyState::Running => ("running", None),
        ReadyState::Done => ("done", None),
        ReadyState::Failed(why) => ("failed", Some(why)),
    };
    Step { name: step.name, state, reason }
}

fn answer(good: bool, body: &impl Serialize) -> Response {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let text = serde_json::to_string(body).unwrap_or_default();
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], text).into_response();
    if !good {
        response.headers_mut().insert(header::RETRY_AFTER, axum::http::HeaderValue::from_static("1"));
    }
    response
}
