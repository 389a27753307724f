//! `GET /v1/explain/{what}`: why and why-not, for a seq, an incident id or a receipt.

use axum::Extension;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;

use super::super::auth::person;
use super::super::problem::Problem;
use super::super::{Api, Bearer};
use super::json;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/explain/{what}", get(explain))
}

async fn explain(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(what): Path<String>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    json(&api.read(move |audit| audit.explain(&what)).await?)
}
