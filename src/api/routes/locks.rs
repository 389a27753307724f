//! `GET /v1/locks`: who holds which lock, and who waits.

use axum::extract::State;
use axum::response::Response;

use super::super::Api;
use super::super::problem::Problem;
use super::{Needs, Operation, Role, Routes, json};
use crate::audit::LocksView;

pub(super) fn routes() -> Routes {
    let about = Operation::new(Needs::Role(Role::Read), "Who holds which lock, and who waits")
        .more("By resource, each with its fencing token and since when; and what came of the last order to break each.")
        .answers::<LocksView>(200, "The locks")
        .reads();
    Routes::new("Status").get("/v1/locks", locks, about)
}

async fn locks(State(api): State<Api>) -> Result<Response, Box<Problem>> {
    json(&api.read(|audit| audit.locks()).await?)
}
