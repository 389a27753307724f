//! `POST /v1/control/pause` and `/v1/control/resume`: less power needs a token, more power a signature (RM-44).

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use axum::routing::post;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::super::auth::person;
use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::{Recorded, body, json};
use crate::base::limits::SUMMARY_BYTES_MAX;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/control/pause", post(pause)).route("/v1/control/resume", post(resume))
}

/// The body of a pause.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    reason: String,
}

/// The body of a resume: the statement's bytes and an armored `control@remediator` signature of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume {
    statement: String,
    signature: String,
}

async fn pause(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let by = format!("person:{}", person(&bearer)?);
    let Pause { reason } = body(bytes)?;
    if reason.trim().is_empty() || reason.len() > SUMMARY_BYTES_MAX {
        let detail = format!("`reason` says why, in 1 to {SUMMARY_BYTES_MAX} bytes");
        return Err(Problem::new(problem::BAD_REPORT, detail).field("reason"));
    }
    api.ready()?;
    let seq = api.daemon.pause(by, reason).await?;
    json(&Recorded { v: 1, seq })
}

async fn resume(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    let Resume { statement, signature } = body(bytes)?;
    let statement = STANDARD.decode(statement).map_err(|error| {
        let detail = format!("`statement` is not padded base64: {error}");
        Problem::new(problem::BAD_REPORT, detail).field("statement")
    })?;
    api.ready()?;
    let seq = api.daemon.resume(statement, signature).await?;
    json(&Recorded { v: 1, seq })
}
