//! `GET /v1/locks`: who holds which lock, and who waits.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::super::auth::person;
use super::super::problem::Problem;
use super::super::{Api, Bearer};
use super::{Operation, Routes, json};
use crate::audit::LocksView;

pub(super) fn routes() -> Routes {
    let about = Operation::new("Who holds which lock, and who waits")
        .more("By resource, each with its fencing token and since when; and what came of the last order to break each.")
        .answers::<LocksView>(200, "The locks")
        .for_people()
        .reads();
    Routes::new("Status").get("/v1/locks", locks, about)
}

async fn locks(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    json(&api.read(|audit| audit.locks()).await?)
}
