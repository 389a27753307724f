//! What people say: less power needs a token (pause, closing an incident), more power a signature (RM-44).

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{MethodRouter, post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::super::auth::person;
use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::{Recorded, body, json};
use crate::base::limits::SUMMARY_BYTES_MAX;
use crate::remediator::Control;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/control/pause", post(pause))
        .route("/v1/control/drain", post(drain))
        .route("/v1/control/resume", signed(Control::Resume))
        .route("/v1/control/thaw", signed(Control::Thaw))
        .route("/v1/control/clear", signed(Control::Clear))
        .route("/v1/control/break", signed(Control::Break))
        .route("/v1/control/rotate-key", signed(Control::RotateKey))
        .route("/v1/control/rerun", signed(Control::Rerun))
        .route("/v1/control/grant", signed(Control::Grant))
        .route("/v1/incidents/{id}/close", post(close))
}

/// The body of a pause, or of closing an incident.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

/// The body of what gives power back: the statement's bytes and an armored `control@remediator` signature of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    statement: String,
    signature: String,
}

/// The reason that every word of a person needs.
fn reason(bytes: Result<Bytes, BytesRejection>) -> Result<String, Box<Problem>> {
    let Reason { reason } = body(bytes)?;
    if reason.trim().is_empty() || reason.len() > SUMMARY_BYTES_MAX {
        let detail = format!("`reason` says why, in 1 to {SUMMARY_BYTES_MAX} bytes");
        return Err(Problem::new(problem::BAD_REPORT, detail).field("reason"));
    }
    Ok(reason)
}

async fn pause(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let by = format!("person:{}", person(&bearer)?);
    let reason = reason(bytes)?;
    api.ready()?;
    let seq = api.daemon.pause(by, reason).await?;
    json(&Recorded { v: 1, seq })
}

async fn drain(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let by = format!("person:{}", person(&bearer)?);
    let reason = reason(bytes)?;
    api.ready()?;
    let seq = api.daemon.drain(by, reason).await?;
    json(&Recorded { v: 1, seq })
}

async fn close(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(id): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let by = format!("person:{}", person(&bearer)?);
    let reason = reason(bytes)?;
    let incident = id
        .parse()
        .map_err(|_| Problem::new(problem::NOT_FOUND, format!("`{id}` is not the id of an incident")))?;
    api.ready()?;
    let seq = api.daemon.close(incident, by, reason).await?;
    json(&Recorded { v: 1, seq })
}

fn signed(control: Control) -> MethodRouter<Api> {
    post(move |api, bearer, bytes| give_back(control, api, bearer, bytes))
}

async fn give_back(
    control: Control,
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    let Signed { statement, signature } = body(bytes)?;
    let statement = STANDARD.decode(statement).map_err(|error| {
        let detail = format!("`statement` is not padded base64: {error}");
        Problem::new(problem::BAD_REPORT, detail).field("statement")
    })?;
    api.ready()?;
    let seq = api.daemon.control(control, statement, signature).await?;
    json(&Recorded { v: 1, seq })
}
