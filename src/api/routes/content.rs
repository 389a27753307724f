//! `GET /v1/runbooks` and `GET /v1/proposals`: content files and the arguments for them, as they are in force. The twins
//! of `runbook list` and `proposal list`.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::super::auth::person;
use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::{Operation, Routes, json};
use crate::remediator::{ContentList, ProposalList};

pub(super) fn routes() -> Routes {
    let of_runbooks = Operation::new("Every content file: what it may do, why, and how to change that")
        .more("Runbooks, sentinels, services and what else stands there, with who signed and approved each.")
        .answers::<ContentList>(200, "The files in force")
        .for_people()
        .problem(&[problem::NOT_READY, problem::INTERNAL]);
    let of_proposals = Operation::new("Every proposal with its standing, its files and who approved them")
        .answers::<ProposalList>(200, "The proposals in force")
        .for_people()
        .problem(&[problem::NOT_READY, problem::INTERNAL]);
    Routes::new("Content").get("/v1/runbooks", runbooks, of_runbooks).get(
        "/v1/proposals",
        proposals,
        of_proposals,
    )
}

async fn runbooks(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    api.ready()?;
    json(&api.daemon.content()?)
}

async fn proposals(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    api.ready()?;
    json(&api.daemon.proposals()?)
}
