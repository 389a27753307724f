//! What people say: less power needs a token (pause, closing an incident), more power a signature (RM-44).

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::auth::by;
use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::{Needs, Operation, Reason, Recorded, Role, Routes, body, json, reason};
use crate::base::ids::IncidentId;
use crate::remediator::Control;

pub(super) fn routes() -> Routes {
    let less = |summary| {
        Operation::new(Needs::Role(Role::Lead), summary)
            .more("Less power needs a token only.")
            .body::<Reason>()
            .answers::<Recorded>(200, "It is durable")
            .decides()
    };
    let of_close = Operation::new(Needs::Role(Role::Lead), "A person says that an incident is over")
        .path::<IncidentId>("id", "The incident: one that is open, held or escalated")
        .body::<Reason>()
        .answers::<Recorded>(200, "It is durable")
        .problem(&[problem::NOT_FOUND])
        .refusal(409, &["NOT_AT_REST"])
        .decides();
    let of_refuse = Operation::new(
        Needs::Role(Role::Lead),
        "A person does not let a runbook act that asked for more trust",
    )
    .more("Also takes back what was granted and not yet used. Less power needs a token only.")
    .path::<IncidentId>("id", "The incident that holds the request")
    .body::<Reason>()
    .answers::<Recorded>(200, "It is durable")
    .problem(&[problem::NOT_FOUND])
    .refusal(409, &["NOTHING_TO_DO"])
    .decides();
    Routes::new("Controls")
        .post("/v1/control/pause", pause, less("From the answer on no new attempt starts"))
        .post(
            "/v1/control/drain",
            drain,
            less("No new attempt starts, and the end of the last one is recorded"),
        )
        .post("/v1/incidents/{id}/close", close, of_close)
        .post("/v1/incidents/{id}/refuse", refuse, of_refuse)
        .merge(signed("/v1/control/resume", Control::Resume, "Attempts may start again", &[]))
        .merge(signed("/v1/control/thaw", Control::Thaw, "Ends the freeze of an incident's attempt", &[]))
        .merge(signed("/v1/control/clear", Control::Clear, "Ends the taint of a target", &[]))
        .merge(signed("/v1/control/break", Control::Break, "Takes a lock from whoever holds it", &[]))
        .merge(signed(
            "/v1/control/rotate-key",
            Control::RotateKey,
            "Gives the journal another key",
            &["TOO_SOON"],
        ))
        .merge(signed(
            "/v1/control/rerun",
            Control::Rerun,
            "Runs an incident's last attempt again",
            &["NOT_NOW"],
        ))
        .merge(signed("/v1/control/grant", Control::Grant, "Lets an external sentinel report", &[]))
        .merge(signed(
            "/v1/control/elevate",
            Control::Elevate,
            "Lets a runbook act once that needs more trust than the policy gives",
            &["NOT_NOW"],
        ))
}

/// Why a statement does not count.
const REFUSALS: &[&str] = &[
    "SIGNATURE_WRONG",
    "STATEMENT_UNREADABLE",
    "STATEMENT_OTHER_NODE",
    "STATEMENT_EXPIRED",
    "TRUST_UNREADABLE",
    "NOT_RECORDED",
];

/// Padded base64 whose last character holds no bits that mean nothing: the only form that is read.
const BASE64_PATTERN: &str =
    "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$";

/// The body of what gives power back: the statement's bytes and an armored signature of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Signed {
    /// Padded base64 of the statement's bytes.
    #[schemars(extend("contentEncoding" = "base64", "pattern" = BASE64_PATTERN))]
    statement: String,
    /// Armored SSH signature of those bytes for `control@remediator` (`approval@remediator` to elevate).
    signature: String,
}

async fn pause(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let by = by(&bearer)?;
    let reason = reason(bytes)?;
    api.ready()?;
    let seq = api.daemon.pause(by, reason).await?;
    json(&Recorded { v: 1, seq })
}

async fn drain(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let by = by(&bearer)?;
    let reason = reason(bytes)?;
    api.ready()?;
    let seq = api.daemon.drain(by, reason).await?;
    json(&Recorded { v: 1, seq })
}

async fn close(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(id): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let by = by(&bearer)?;
    let reason = reason(bytes)?;
    let incident = incident(&id)?;
    api.ready()?;
    let seq = api.daemon.close(incident, by, reason).await?;
    json(&Recorded { v: 1, seq })
}

async fn refuse(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(id): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let by = by(&bearer)?;
    let reason = reason(bytes)?;
    let incident = incident(&id)?;
    api.ready()?;
    let seq = api.daemon.refuse_elevation(incident, by, reason).await?;
    json(&Recorded { v: 1, seq })
}

fn incident(id: &str) -> Result<IncidentId, Box<Problem>> {
    let problem = || Problem::new(problem::NOT_FOUND, format!("`{id}` is not the id of an incident"));
    id.parse().map_err(|_| problem())
}

/// A route that takes a signed statement; `conflicts` are its codes of 409 besides that of every one of them.
fn signed(path: &'static str, control: Control, summary: &'static str, conflicts: &[&'static str]) -> Routes {
    let about = Operation::new(Needs::Role(Role::Lead), summary)
        .more(match control {
            Control::Elevate => {
                "More power needs a statement with an `approval@remediator` signature; it is good once and for an hour."
            }
            _ => "More power needs a statement with a `control@remediator` signature; it is good once and for an hour.",
        })
        .body::<Signed>()
        .answers::<Recorded>(200, "It is durable")
        .refusal(403, REFUSALS)
        .refusal(409, &["NOTHING_TO_DO"])
        .refusal(409, conflicts)
        .decides();
    let about = match control {
        Control::Thaw | Control::Rerun | Control::Elevate => about.problem(&[problem::NOT_FOUND]),
        _ => about,
    };
    Routes::new("Controls").post(path, move |api, bytes| give_back(control, api, bytes), about)
}

async fn give_back(
    control: Control,
    State(api): State<Api>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let Signed { statement, signature } = body(bytes)?;
    let statement = STANDARD.decode(statement).map_err(|error| {
        let detail = format!("`statement` is not padded base64: {error}");
        Problem::new(problem::BAD_REPORT, detail).field("statement")
    })?;
    api.ready()?;
    let seq = api.daemon.control(control, statement, signature).await?;
    json(&Recorded { v: 1, seq })
}
