//! `GET /v1/status`: how things are now.

use axum::Extension;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;

use super::super::auth::person;
use super::super::problem::Problem;
use super::super::{Api, Bearer};
use super::json;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/status", get(status))
}

async fn status(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    json(&api.read(|audit| audit.status()).await?)
}
