//! `GET /v1/receipts/{receipt}`: a report followed to its incident and outcome.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;

use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::{Needs, Operation, Role, Routes, json};
use crate::audit::ReceiptView;
use crate::base::ids::Receipt;
use crate::event::Event;

pub(super) fn routes() -> Routes {
    let about =
        Operation::new(Needs::RoleOrSentinel(Role::Read), "Follow a report to its incident and outcome")
            .more("A sentinel may follow its own reports only; those of others are not there for it.")
            .path::<Receipt>("receipt", "What the report was answered with")
            .answers::<ReceiptView>(200, "What became of it")
            .problem(&[problem::NOT_FOUND, problem::BAD_PARAMETER])
            .reads();
    Routes::new("Degradations").get("/v1/receipts/{receipt}", receipt, about)
}

async fn receipt(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(text): Path<String>,
) -> Result<Response, Box<Problem>> {
    let receipt: Receipt = text
        .parse()
        .map_err(|_| Problem::new(problem::BAD_PARAMETER, "that is not a receipt").field("receipt"))?;
    let (view, record) = api
        .read(move |audit| {
            let view = audit.receipt(receipt)?;
            let record = audit.record(view.seq)?;
            Ok((view, record))
        })
        .await?;
    // A sentinel may follow its own reports only; those of others are not there for it.
    let own = matches!(&record.event, Event::DegradationSeen(seen) if seen.source == bearer.source());
    if matches!(bearer, Bearer::Sentinel { .. }) && !own {
        return Err(Problem::new(problem::NOT_FOUND, format!("receipt {receipt} is not in this journal")));
    }
    json(&view)
}
