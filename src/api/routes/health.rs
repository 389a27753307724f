//! `/livez`, `/readyz` (the truth of each step of the start, RM-34) and `/health`. No token: they say nothing else.

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::Api;
use super::super::query::parameter;
use super::{Needs, Operation, Routes};
use crate::remediator::{ReadyState, ReadyStep};

pub(super) fn routes() -> Routes {
    let of_live =
        Operation::new(Needs::Nothing, "Whether the decider makes progress and the journal takes entries")
            .answers::<Live>(200, "It does")
            .answers::<Live>(503, "It does not");
    let of_ready = Operation::new(
        Needs::Nothing,
        "Whether every step of the start is done; until then nothing is acknowledged",
    )
    .query::<String>("verbose", "Give the steps also when all is done")
    .answers::<Ready>(200, "It is")
    .answers::<Ready>(503, "It is not");
    let of_health = Operation::new(Needs::Nothing, "Both in a word")
        .answers::<Health>(200, "`ok`")
        .answers::<Health>(503, "`starting` or `failing`");
    Routes::new("Health")
        .get("/livez", livez, of_live)
        .get("/readyz", readyz, of_ready)
        .get("/health", health, of_health)
}

/// Whether it lives.
#[derive(Serialize, JsonSchema)]
struct Live {
    v: u32,
    live: bool,
}

/// Whether it is ready.
#[derive(Serialize, JsonSchema)]
struct Ready {
    v: u32,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<Vec<ReadyStepView>>,
}

/// One step of the start.
#[derive(Serialize, JsonSchema)]
struct ReadyStepView {
    name: &'static str,
    /// `waiting`, `running`, `done` or `failed`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Both in a word.
#[derive(Serialize, JsonSchema)]
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

fn step(step: ReadyStep) -> ReadyStepView {
    let (state, reason) = match step.state {
        ReadyState::Waiting => ("waiting", None),
        ReadyState::Running => ("running", None),
        ReadyState::Done => ("done", None),
        ReadyState::Failed(why) => ("failed", Some(why)),
    };
    ReadyStepView { name: step.name, state, reason }
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
