//! `POST /v1/degradations`: a report, answered when it is durable (RM-2, RM-3).

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::{Needs, Operation, Role, Routes, body, json};
use crate::base::ids::{Receipt, Seq};
use crate::base::limits::DETAIL_BYTES_MAX;
use crate::base::sealed::MASK;
use crate::base::text::clip;
use crate::event::degradation::DegradationReport;

pub(super) fn routes() -> Routes {
    let about = Operation::new(Needs::RoleOrSentinel(Role::Write), "Report a degradation")
        .more(
            "Answered when the report is durable. The same `id` again, within 24 h, gives the same receipt.",
        )
        .body::<DegradationReport>()
        .answers::<Reported>(202, "It is durable")
        .problem(&[problem::OUTSIDE_GRANT, problem::NOT_SEALED])
        .decides();
    Routes::new("Degradations").post("/v1/degradations", report, about)
}

/// What the sender keeps.
#[derive(serde::Serialize, schemars::JsonSchema)]
struct Reported {
    /// Version of this shape.
    v: u32,
    /// Follows the report to its outcome.
    receipt: Receipt,
    /// The report's entry.
    seq: Seq,
}

async fn report(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    api.ready()?;
    let report: DegradationReport = body(bytes)?;
    let source = bearer.source();
    if let Bearer::Sentinel { name, subsystems } = &bearer
        && !subsystems.contains(&report.subsystem)
    {
        let words = if report.subject.is_some() { MASK } else { &report.summary };
        let said = format!("{}/{} on {}: {words}", report.subsystem, report.code, report.target);
        api.daemon.refuse(source, problem::OUTSIDE_GRANT.1, clip(&said, DETAIL_BYTES_MAX).into()).await?;
        let detail = format!("sentinel {name} may speak for: {}", subsystems.join(", "));
        return Err(Problem::new(problem::OUTSIDE_GRANT, detail));
    }
    report.check().map_err(|e| Problem::new(problem::BAD_REPORT, e.to_string()).field(e.field))?;
    let accepted = api.daemon.report(report, source).await?;
    let mut response = json(&Reported { v: 1, receipt: accepted.receipt, seq: accepted.seq })?;
    *response.status_mut() = StatusCode::ACCEPTED;
    if let Ok(location) = format!("/v1/receipts/{}", accepted.receipt).parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
