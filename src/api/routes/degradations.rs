//! `POST /v1/degradations`: a report, answered when it is durable (RM-2, RM-3).

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;

use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::body;
use crate::base::limits::DETAIL_BYTES_MAX;
use crate::base::text::clip;
use crate::event::degradation::DegradationReport;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/degradations", post(report))
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
        let said = format!("{}/{} on {}: {}", report.subsystem, report.code, report.target, report.summary);
        api.daemon.refuse(source, problem::OUTSIDE_GRANT.1, clip(&said, DETAIL_BYTES_MAX).into()).await?;
        let detail = format!("sentinel {name} may speak for: {}", subsystems.join(", "));
        return Err(Problem::new(problem::OUTSIDE_GRANT, detail));
    }
    report.check().map_err(|e| Problem::new(problem::BAD_REPORT, e.to_string()).field(e.field))?;
    let accepted = api.daemon.report(report, source).await?;
    let answer = serde_json::json!({"v": 1, "receipt": accepted.receipt, "seq": accepted.seq});
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::LOCATION, format!("/v1/receipts/{}", accepted.receipt)),
    ];
    Ok((StatusCode::ACCEPTED, headers, answer.to_string()).into_response())
}
