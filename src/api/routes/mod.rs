//! The registry of routes: one file per family, one line here. Every route says in its [`Operation`] what the API
//! document shows of it.

mod audit;
mod channels;
mod content;
mod control;
mod degradations;
mod document;
mod entries;
mod explain;
mod health;
mod incidents;
mod ingest;
mod locks;
mod log;
mod metrics;
mod page;
mod postmortem;
mod receipts;
mod sentinels;
mod session;
mod status;
mod stream;
mod subjects;
mod witness;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::operation::{Operation, Routes};
use super::problem::{self, Problem};
use super::roles::{Needs, Role};
use crate::base::limits::SUMMARY_BYTES_MAX;

/// Routes that need a token.
pub(super) fn guarded() -> Routes {
    Routes::new("")
        .merge(degradations::routes())
        .merge(receipts::routes())
        .merge(incidents::routes())
        .merge(postmortem::routes())
        .merge(explain::routes())
        .merge(status::routes())
        .merge(locks::routes())
        .merge(audit::routes())
        .merge(log::routes())
        .merge(entries::routes())
        .merge(stream::routes())
        .merge(metrics::routes())
        .merge(control::routes())
        .merge(channels::routes())
        .merge(ingest::routes())
        .merge(sentinels::routes())
        .merge(content::routes())
        .merge(session::routes())
        .merge(subjects::routes())
}

/// Routes that do not.
pub(super) fn open() -> Routes {
    Routes::new("")
        .merge(health::routes())
        .merge(document::routes())
        .merge(page::routes())
        .merge(session::open_routes())
        .merge(witness::routes())
}

/// The body as `T`: every way in which it can be wrong has its own problem, with the place.
fn body<T: DeserializeOwned>(bytes: Result<Bytes, BytesRejection>) -> Result<T, Box<Problem>> {
    let bytes = bytes.map_err(|rejection| {
        let detail = rejection.body_text();
        let too_large = rejection.status() == StatusCode::PAYLOAD_TOO_LARGE;
        Problem::new(if too_large { problem::TOO_LARGE } else { problem::BAD_JSON }, detail)
    })?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        let column = good.iter().rev().take_while(|b| **b != b'\n').count() + 1;
        Problem::new(problem::BAD_UTF8, format!("line {line}, column {column}: not UTF-8")).at(line, column)
    })?;
    serde_json::from_str(text).map_err(|error| {
        let kind = if error.is_data() { problem::BAD_REPORT } else { problem::BAD_JSON };
        Problem::new(kind, error.to_string()).at(error.line(), error.column())
    })
}

/// JSON as the views write it.
fn json(value: &impl serde::Serialize) -> Result<axum::response::Response, Box<Problem>> {
    use axum::response::IntoResponse as _;
    let text = serde_json::to_string(value)
        .map_err(|error| Problem::new(problem::INTERNAL, format!("the answer cannot be written: {error}")))?;
    Ok(([(axum::http::header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The answer to a control: the entry that records it.
#[derive(serde::Serialize, schemars::JsonSchema)]
struct Recorded {
    /// Version of this shape.
    v: u32,
    /// The entry.
    seq: crate::base::ids::Seq,
}

/// The body of what a person does with a token alone: pause, close, revoke.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reason {
    /// Why, in 1 to 512 bytes.
    #[schemars(extend("maxLength" = SUMMARY_BYTES_MAX, "pattern" = r"\S"))]
    reason: String,
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
