//! The registry of routes: one file per family, one line here.

mod audit;
mod channels;
mod control;
mod degradations;
mod explain;
mod health;
mod incidents;
mod ingest;
mod locks;
mod receipts;
mod sentinels;
mod status;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::Api;
use super::problem::{self, Problem};

/// Routes that need a token.
pub(super) fn guarded() -> Router<Api> {
    Router::new()
        .merge(degradations::routes())
        .merge(receipts::routes())
        .merge(incidents::routes())
        .merge(explain::routes())
        .merge(status::routes())
        .merge(locks::routes())
        .merge(audit::routes())
        .merge(control::routes())
        .merge(channels::routes())
        .merge(ingest::routes())
        .merge(sentinels::routes())
}

/// Routes that do not.
pub(super) fn open() -> Router<Api> {
    Router::new().merge(health::routes())
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

/// A parameter of the query, decoded as far as words and numbers need it.
fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    query.unwrap_or_default().split('&').find_map(|pair| match pair.split_once('=') {
        Some((key, value)) if key == name => Some(value.replace("%2D", "-").replace('+', " ")),
        None if pair == name => Some(String::new()),
        _ => None,
    })
}

/// A whole number from the query.
fn number<T: std::str::FromStr>(query: Option<&str>, name: &str) -> Result<Option<T>, Box<Problem>> {
    let Some(text) = parameter(query, name) else { return Ok(None) };
    let bad = || Problem::new(problem::BAD_PARAMETER, format!("`{name}` is not a whole number it can be"));
    text.parse().map(Some).map_err(|_| bad().field(name))
}

/// JSON as the views write it.
fn json(value: &impl serde::Serialize) -> Result<axum::response::Response, Box<Problem>> {
    use axum::response::IntoResponse as _;
    let text = serde_json::to_string(value)
        .map_err(|error| Problem::new(problem::INTERNAL, format!("the answer cannot be written: {error}")))?;
    Ok(([(axum::http::header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The answer to a control: the entry that records it.
#[derive(serde::Serialize)]
struct Recorded {
    v: u32,
    seq: crate::base::ids::Seq,
}
