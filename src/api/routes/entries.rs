//! `GET /v1/entries`: the same entries as `/v1/audit`, each in a sentence, for people. Not for stored lines (`audit`).

use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::super::Api;
use super::super::problem::Problem;
use super::super::query::{After, Limit, read};
use super::audit::{filter, narrowed};
use super::{Needs, Operation, Role, Routes};
use crate::audit::EntryList;
use crate::base::limits::AUDIT_PAGE_MAX;

/// Entries of one page unless `limit` says otherwise.
const LIMIT: usize = 100;

pub(super) fn routes() -> Routes {
    let about = narrowed(Operation::new(Needs::Role(Role::Audit), "Entries, each in a sentence"))
        .query::<After>("after", "Entries behind this seq; absent or -1: from the start")
        .query::<Limit>("last", "Only so many of the newest of them")
        .query::<Limit>("limit", "At most so many; 100 unless said, at most 1,000")
        .answers::<EntryList>(200, "One page")
        .reads();
    Routes::new("Audit").get("/v1/entries", entries, about)
}

async fn entries(State(api): State<Api>, RawQuery(query): RawQuery) -> Result<Response, Box<Problem>> {
    let query = query.as_deref();
    let After(after) = read(query, "after")?.unwrap_or(After(None));
    let Limit(limit) = read(query, "limit")?.unwrap_or(Limit(LIMIT));
    let limit = limit.clamp(1, AUDIT_PAGE_MAX);
    let filter = filter(query)?;
    let last = read(query, "last")?.map(|Limit(last)| last);
    api.show(move |audit| audit.entry_list(&filter, after, last, limit)).await
}
