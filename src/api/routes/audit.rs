//! `GET /v1/audit` and `GET /v1/audit/{seq}`: stored lines, byte for byte.

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};

use super::super::Api;
use super::super::problem::{self, Problem};
use super::super::query::{After, Beginning, Called, Incident, KindPrefix, Limit, Position, read};
use super::{Needs, Operation, Role, Routes};
use crate::audit::EntryFilter;
use crate::base::limits::AUDIT_PAGE_MAX;
use crate::event::Entry;

/// Entries of one page unless `limit` says otherwise.
const LIMIT: usize = 100;

pub(super) fn routes() -> Routes {
    let of_page = Operation::new(Needs::Role(Role::Audit), "Stored entries, byte for byte")
        .more("A page ends at 4 MiB. An empty page means that there is nothing newer yet.")
        .query::<After>("after", "Entries behind this seq; absent or -1: from the start")
        .query::<Limit>("last", "Only so many of the newest of them")
        .query::<Limit>("limit", "At most so many; 100 unless said, at most 1,000");
    let of_page = narrowed(of_page)
        .answers::<PageBody>(200, "One page")
        .answers_as::<String>(200, "One page", NDJSON)
        .reads();
    let of_one = Operation::new(Needs::Role(Role::Audit), "One stored entry, byte for byte")
        .path::<Position>("seq", "Its position")
        .answers::<Entry>(200, "The entry")
        .problem(&[problem::NOT_FOUND, problem::BAD_PARAMETER])
        .reads();
    Routes::new("Audit").get("/v1/audit", page, of_page).get("/v1/audit/{seq}", one, of_one)
}

/// What every route takes that gives some of the entries.
pub(super) fn narrowed(operation: Operation) -> Operation {
    operation
        .query::<KindPrefix>("kind", "Only entries whose kind begins so")
        .query::<Incident>("incident", "Only entries of this incident")
        .query::<Called>("runbook", "Only entries of attempts of this runbook, and those that name it")
        .query::<Called>("target", "Only entries of incidents about this target, and those that name it")
        .query::<Called>(
            "actor",
            "Only what this one said or did: a person's name, `sentinel:NAME`, `remediator`, `decider`, `time`",
        )
        .query::<Called>(
            "outcome",
            "Only ends with this outcome, of an attempt, a step, a verification or an incident: `healthy`, `failed`, `healed`",
        )
        .query::<Beginning>("since", "Only entries written since then: how long ago, or a moment")
        .query::<Beginning>("until", "Only entries written before then: how long ago, or a moment")
        .query::<Position>("before", "Only entries with a smaller seq")
}

/// The same, read.
pub(super) fn filter(query: Option<&str>) -> Result<EntryFilter, Box<Problem>> {
    let called = |name| Ok::<_, Box<Problem>>(read(query, name)?.map(|Called(name)| name));
    Ok(EntryFilter {
        kind: read(query, "kind")?.map(|KindPrefix(prefix)| prefix),
        incident: read(query, "incident")?.map(|Incident(id)| id),
        runbook: called("runbook")?,
        target: called("target")?,
        actor: called("actor")?,
        outcome: called("outcome")?,
        since_us: read(query, "since")?.map(|Beginning(time_us)| time_us),
        until_us: read(query, "until")?.map(|Beginning(time_us)| time_us),
        before: read(query, "before")?.map(|Position(seq)| seq),
    })
}

pub(super) const NDJSON: &str = "application/x-ndjson";

/// A page as it is written.
#[derive(schemars::JsonSchema)]
#[schemars(rename = "AuditPage")]
#[expect(dead_code, reason = "only its shape is used: the lines are written byte for byte")]
struct PageBody {
    /// Version of this shape.
    v: u32,
    /// Stored entries in order.
    entries: Vec<Entry>,
    /// `after` of the page that follows.
    next: i64,
}

async fn page(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Box<Problem>> {
    let query = query.as_deref();
    let After(after) = read(query, "after")?.unwrap_or(After(None));
    let Limit(limit) = read(query, "limit")?.unwrap_or(Limit(LIMIT));
    let limit = limit.clamp(1, AUDIT_PAGE_MAX);
    let filter = filter(query)?;
    let last = read(query, "last")?.map(|Limit(last)| last);
    let page = api.read(move |audit| audit.page_of(&filter, after, last, limit)).await?;
    if ndjson(&headers) {
        let mut response = page.to_ndjson().into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, axum::http::HeaderValue::from_static(NDJSON));
        return Ok(response);
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], page.to_json()).into_response())
}

async fn one(State(api): State<Api>, Path(text): Path<String>) -> Result<Response, Box<Problem>> {
    let Position(seq) =
        text.parse().map_err(|_| Problem::new(problem::BAD_PARAMETER, "that is not a seq").field("seq"))?;
    let line = api.read(move |audit| audit.line(seq)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], line).into_response())
}

/// Whether the lines themselves are wanted.
pub(super) fn ndjson(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accept.contains("application/x-ndjson") || accept.contains("application/jsonl")
}
