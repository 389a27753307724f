//! `GET /v1/locks`: who holds which lock, and who waits.

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
    Router::new().route("/v1/locks", get(locks))
}

async fn locks(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    json(&api.read(|audit| audit.locks()).await?)
}
