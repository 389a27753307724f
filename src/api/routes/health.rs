//! `/livez`, `/readyz` (the truth of each step of the start, RM-34) and `/health`. No token: they say nothing else.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::super::Api;
use super::parameter;
use crate::remediator::{ReadyState, ReadyStep};

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz)).route("/health", get(health))
}

async fn livez(State(api): State<Api>) -> Response {
    let live = api.daemon.live();
    answer(live, &json!({"v": 1, "live": live}))
}

async fn readyz(State(api): State<Api>, RawQuery(query): RawQuery) -> Response {
    let readiness = api.daemon.readiness();
    let mut body = json!({"v": 1, "ready": readiness.ready});
    // Not ready is when somebody needs the steps, asked for or not.
    if !readiness.ready || parameter(query.as_deref(), "verbose").is_some() {
        body["steps"] = readiness.steps.iter().map(step).collect();
    }
    answer(readiness.ready, &body)
}

async fn health(State(api): State<Api>) -> Response {
    let (live, ready) = (api.daemon.live(), api.daemon.readiness().ready);
    let status = match (live, ready) {
        (true, true) => "ok",
        (true, false) => "starting",
        (false, _) => "failing",
    };
    answer(live && ready, &json!({"v": 1, "status": status, "version": env!("CARGO_PKG_VERSION")}))
}

fn step(step: &ReadyStep) -> Value {
    let (state, why) = match &step.state {
        ReadyState::Waiting => ("waiting", None),
        ReadyState::Running => ("running", None),
        ReadyState::Done => ("done", None),
        ReadyState::Failed(why) => ("failed", Some(why)),
    };
    match why {
        Some(why) => json!({"name": step.name, "state": state, "reason": why}),
        None => json!({"name": step.name, "state": state}),
    }
}

fn answer(good: bool, body: &Value) -> Response {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response =
        (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
    if !good {
        response.headers_mut().insert(header::RETRY_AFTER, axum::http::HeaderValue::from_static("1"));
    }
    response
}
