//! Eyes: what they see just now, heartbeats of others (dead man), and grants taken back.

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::super::auth::person;
use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::{Recorded, body, json};
use crate::base::ids::Seq;
use crate::base::limits::{INTEGER_MAX, SUMMARY_BYTES_MAX};
use crate::base::text::clip;
use crate::remediator::{BeatRefused, Live};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/sentinels", get(list))
        .route("/v1/sentinels/{name}/revoke", post(revoke))
        .route("/v1/heartbeats/{name}", post(heartbeat))
}

/// All eyes.
#[derive(Serialize)]
struct List {
    v: u32,
    /// Declared here and live.
    sentinels: Vec<Live>,
    /// Others that may report.
    granted: Vec<Granted>,
}

/// An external sentinel.
#[derive(Serialize)]
struct Granted {
    sentinel: String,
    subsystems: Vec<String>,
    granted_by: String,
    seq: Seq,
}

async fn list(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    api.ready()?;
    let sentinels = api.daemon.sentinels()?;
    let grants = api.read(|audit| Ok(audit.grants())).await?;
    let granted = grants.into_iter().map(|(sentinel, grant)| Granted {
        sentinel,
        subsystems: grant.subsystems,
        granted_by: grant.by,
        seq: grant.seq,
    });
    json(&List { v: 1, sentinels, granted: granted.collect() })
}

/// The body of taking a grant back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

async fn revoke(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(name): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let by = format!("person:{}", person(&bearer)?);
    let Reason { reason } = body(bytes)?;
    if reason.trim().is_empty() || reason.len() > SUMMARY_BYTES_MAX {
        let detail = format!("`reason` says why, in 1 to {SUMMARY_BYTES_MAX} bytes");
        return Err(Problem::new(problem::BAD_REPORT, detail).field("reason"));
    }
    api.ready()?;
    let seq = api.daemon.revoke_grant(name, by, reason).await?;
    json(&Recorded { v: 1, seq })
}

/// The body of a heartbeat.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Beat {
    /// When the sender lives, by its own clock (Unix ms).
    at_ms: u64,
}

/// The answer to one that counts.
#[derive(Serialize)]
struct Counted {
    v: u32,
    heartbeat: String,
    counted: bool,
    age_ms: u64,
}

async fn heartbeat(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(name): Path<String>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    api.ready()?;
    let Beat { at_ms } = body(bytes)?;
    if at_ms > INTEGER_MAX {
        return Err(Problem::new(problem::BAD_REPORT, "`at_ms` is Unix time in milliseconds").field("at_ms"));
    }
    let shown = clip(&name, 64).to_owned();
    let not_expected = || {
        let detail = format!("no live sentinel expects a heartbeat `{shown}`");
        Problem::new(problem::NOT_FOUND, detail)
    };
    let expected = api.daemon.heartbeat_subsystems(&name)?.ok_or_else(not_expected)?;
    if let Bearer::Sentinel { name: sender, subsystems } = &bearer
        && !expected.iter().any(|subsystem| subsystems.contains(subsystem))
    {
        let said = format!("heartbeat {shown}");
        api.daemon.refuse(bearer.source(), problem::OUTSIDE_GRANT.1, said).await?;
        let detail = format!("sentinel {sender} may speak for: {}", subsystems.join(", "));
        return Err(Problem::new(problem::OUTSIDE_GRANT, detail));
    }
    match api.daemon.heartbeat(name.clone(), bearer.source(), at_ms).await {
        Ok(heard) => json(&Counted { v: 1, heartbeat: name, counted: true, age_ms: heard.age_ms }),
        Err(BeatRefused::NotExpected(_)) => Err(not_expected()),
        Err(error @ BeatRefused::Replayed { .. }) => {
            Err(Problem::new(problem::HEARTBEAT_REPLAYED, error.to_string()))
        }
        Err(error @ BeatRefused::Ahead { .. }) => {
            Err(Problem::new(problem::HEARTBEAT_AHEAD, error.to_string()))
        }
    }
}
