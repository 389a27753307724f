//! `GET /v1/audit` and `GET /v1/audit/{seq}`: stored lines, byte for byte.

use axum::Extension;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::super::auth::person;
use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::number;
use crate::base::ids::Seq;
use crate::base::limits::AUDIT_PAGE_MAX;

/// Entries of one page unless `limit` says otherwise.
const LIMIT: usize = 100;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/audit", get(page)).route("/v1/audit/{seq}", get(one))
}

async fn page(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    let query = query.as_deref();
    let after = match number::<i64>(query, "after")? {
        None | Some(-1) => None,
        Some(after) => Some(Seq::try_from(after).map_err(|_| {
            Problem::new(problem::BAD_PARAMETER, "`after` is a seq, or -1 for the start").field("after")
        })?),
    };
    let limit = number(query, "limit")?.unwrap_or(LIMIT).clamp(1, AUDIT_PAGE_MAX);
    let page = api.read(move |audit| audit.page(after, limit)).await?;
    if ndjson(&headers) {
        let mut response = page.to_ndjson().into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, axum::http::HeaderValue::from_static("application/x-ndjson"));
        return Ok(response);
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], page.to_json()).into_response())
}

async fn one(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(text): Path<String>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    let seq: Seq =
        text.parse().map_err(|_| Problem::new(problem::BAD_PARAMETER, "that is not a seq").field("seq"))?;
    let line = api.read(move |audit| audit.line(seq)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], line).into_response())
}

fn ndjson(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accept.contains("application/x-ndjson") || accept.contains("application/jsonl")
}
