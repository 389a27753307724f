//! `GET /v1/status`: how things are now.

use axum::extract::State;
use axum::response::Response;

use super::super::Api;
use super::super::problem::Problem;
use super::{Needs, Operation, Role, Routes};
use crate::audit::StatusView;

pub(super) fn routes() -> Routes {
    let about = Operation::new(Needs::Role(Role::Read), "How things are now")
        .more("Head of the journal, pause, content with what is not live and why, services, sentinels, open incidents.")
        .answers::<StatusView>(200, "How things are")
        .reads();
    Routes::new("Status").get("/v1/status", status, about)
}

async fn status(State(api): State<Api>) -> Result<Response, Box<Problem>> {
    api.show(|audit| audit.status()).await
}
