//! `GET /v1/incidents` and `GET /v1/incidents/{id}`.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;

use super::super::Api;
use super::super::problem::{self, Problem};
use super::super::query::{Beginning, Limit, Position, parameter, read};
use super::{Needs, Operation, Role, Routes};
use crate::audit::{IncidentFilter, IncidentList, IncidentState, IncidentView};
use crate::base::ids::IncidentId;

/// Incidents of one page unless `limit` says otherwise, and at most.
const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;

pub(super) fn routes() -> Routes {
    let of_list = Operation::new(Needs::Role(Role::Read), "Incidents, newest first")
        .query::<IncidentState>("state", "Only those in this state")
        .query::<String>("code", "Only those with this code; `SUBSYSTEM/CODE` means the subsystem as well")
        .query::<String>(
            "target",
            "Only those of this target; `*` and `?` stand for any characters and for one",
        )
        .query::<Beginning>("since", "Only those opened since then: how long ago, or a moment")
        .query::<Limit>("limit", "At most so many; 100 unless said, at most 1,000")
        .query::<Position>("before", "Only those opened before this seq: the `next` of the page before")
        .answers::<IncidentList>(200, "One page")
        .reads();
    let of_one = Operation::new(
        Needs::Role(Role::Read),
        "One incident in its four parts, with the timeline of its entries",
    )
    .path::<IncidentId>("id", "Its id")
    .answers::<IncidentView>(200, "The incident")
    .problem(&[problem::NOT_FOUND, problem::BAD_PARAMETER])
    .reads();
    Routes::new("Incidents").get("/v1/incidents", list, of_list).get("/v1/incidents/{id}", one, of_one)
}

async fn list(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, Box<Problem>> {
    let query = query.as_deref();
    let state = match parameter(query, "state") {
        Some(word) => Some(serde_json::from_value(word.into()).map_err(|_| {
            let words = "open, held, remediating, escalated, watching, frozen or closed";
            Problem::new(problem::BAD_PARAMETER, format!("`state` is one of {words}")).field("state")
        })?),
        None => None,
    };
    let Limit(limit) = read(query, "limit")?.unwrap_or(Limit(LIMIT));
    let before = read(query, "before")?.map(|Position(seq)| seq);
    let filter = IncidentFilter {
        state,
        code: parameter(query, "code"),
        target: parameter(query, "target"),
        since_us: read(query, "since")?.map(|Beginning(time_us)| time_us),
        before,
        limit: limit.clamp(1, LIMIT_MAX),
    };
    api.show(move |audit| audit.incidents(&filter)).await
}

async fn one(State(api): State<Api>, Path(text): Path<String>) -> Result<Response, Box<Problem>> {
    let id: IncidentId = text
        .parse()
        .map_err(|_| Problem::new(problem::BAD_PARAMETER, "that is not an incident id").field("id"))?;
    api.show(move |audit| audit.incident(id)).await
}
