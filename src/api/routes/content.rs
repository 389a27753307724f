//! `GET /v1/runbooks`, `GET /v1/runbooks/{id}` and `GET /v1/proposals`: content files and the arguments for them, as they
//! are in force. The twins of `runbook list`, `runbook show` and `proposal list`.

use axum::extract::{Path, State};
use axum::response::Response;

use super::super::Api;
use super::super::problem::{self, Problem};
use super::{Needs, Operation, Role, Routes, json};
use crate::remediator::{ContentList, ContentShown, ProposalList};

pub(super) fn routes() -> Routes {
    let of_runbooks = Operation::new(
        Needs::Role(Role::Read),
        "Every content file: what it may do, why, and how to change that",
    )
    .more("Runbooks, sentinels, services and what else stands there, with who signed and approved each.")
    .answers::<ContentList>(200, "The files in force")
    .problem(&[problem::NOT_READY, problem::INTERNAL]);
    let of_proposals = Operation::new(
        Needs::Role(Role::Read),
        "Every proposal with its standing, its files and who approved them",
    )
    .answers::<ProposalList>(200, "The proposals in force")
    .problem(&[problem::NOT_READY, problem::INTERNAL]);
    let of_one = Operation::new(Needs::Role(Role::Read), "One content file as it is understood, defaults filled in")
        .more("Standing and why, digest, proposal, signer, approvers, limits and steps, and its text as it was signed.")
        .path::<String>("id", "A runbook's id, or `kind/id`: `process-dead`, `service/web`")
        .answers::<ContentShown>(200, "The file in force")
        .problem(&[problem::NOT_FOUND, problem::NOT_READY, problem::INTERNAL]);
    Routes::new("Content")
        .get("/v1/runbooks", runbooks, of_runbooks)
        .get("/v1/runbooks/{*id}", one, of_one)
        .get("/v1/proposals", proposals, of_proposals)
}

async fn runbooks(State(api): State<Api>) -> Result<Response, Box<Problem>> {
    api.ready()?;
    json(&api.daemon.content()?)
}

async fn one(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Box<Problem>> {
    api.ready()?;
    json(&api.daemon.content_file(&id)?)
}

async fn proposals(State(api): State<Api>) -> Result<Response, Box<Problem>> {
    api.ready()?;
    json(&api.daemon.proposals()?)
}
