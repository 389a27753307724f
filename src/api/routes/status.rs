//! `GET /v1/status`: how things are now.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::super::auth::person;
use super::super::problem::Problem;
use super::super::{Api, Bearer};
use super::{Operation, Routes, json};
use crate::audit::StatusView;

pub(super) fn routes() -> Routes {
    let about = Operation::new("How things are now")
        .more("Head of the journal, pause, content with what is not live and why, services, sentinels, open incidents.")
        .answers::<StatusView>(200, "How things are")
        .for_people()
        .reads();
    Routes::new("Status").get("/v1/status", status, about)
}

async fn status(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    json(&api.read(|audit| audit.status()).await?)
}
