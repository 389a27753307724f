//! `GET /metrics`: figures for Prometheus, behind a person's token.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::super::Api;
use super::super::metrics::{Scrape, text};
use super::super::problem::Problem;
use super::{Needs, Operation, Role, Routes};

const MEDIA: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn routes() -> Routes {
    let about = Operation::new(Needs::Role(Role::Audit), "Figures in the Prometheus text format")
        .more("docs/metrics.md lists every name. Counters begin at zero with each start.")
        .answers_as::<String>(200, "The figures", "text/plain")
        .reads();
    Routes::new("Status").get("/metrics", metrics, about)
}

async fn metrics(State(api): State<Api>) -> Result<Response, Box<Problem>> {
    let (status, tally, latency) =
        api.read(|audit| Ok((audit.status()?, audit.tally(), audit.latency()))).await?;
    let scrape = Scrape {
        status: &status,
        tally: &tally,
        latency: &latency,
        ready: api.daemon.readiness().ready,
        live: api.daemon.live(),
        log: api.daemon.log().ok().and_then(|log| log.size()),
        witnesses: api.daemon.log().map(|log| log.witnesses()).unwrap_or_default(),
        streams: api.stream.readers(),
        dropped: api.stream.dropped().collect(),
        requests: &api.requests,
    };
    Ok(([(header::CONTENT_TYPE, MEDIA)], text(&scrape)).into_response())
}
