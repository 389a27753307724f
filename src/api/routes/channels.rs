//! `GET /v1/channels` and `POST /v1/channels/{name}/test`: who can be told, and whether that works.

use axum::Extension;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;

use super::super::auth::person;
use super::super::problem::Problem;
use super::super::{Api, Bearer};
use super::json;
use crate::base::ids::Seq;
use crate::event::notice::Delivery;

pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/channels", get(list)).route("/v1/channels/{name}/test", post(test))
}

#[derive(Serialize)]
struct List {
    v: u32,
    channels: Vec<Channel>,
}

#[derive(Serialize)]
struct Channel {
    name: String,
    kind: String,
}

async fn list(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
) -> Result<Response, Box<Problem>> {
    person(&bearer)?;
    let channels = api.daemon.channels()?;
    let channels = channels.into_iter().map(|(name, kind)| Channel { name, kind }).collect();
    json(&List { v: 1, channels })
}

/// What came of a test. It is an answer whatever came of it: only the channel may have failed.
#[derive(Serialize)]
struct Tested {
    v: u32,
    channel: String,
    /// Seq of the `notice.queued` entry.
    notice: Seq,
    /// `delivered`, `failed` (a notice would be tried again) or `refused` (it would not).
    result: &'static str,
    /// What the receiver said, or the error.
    said: String,
}

async fn test(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(channel): Path<String>,
) -> Result<Response, Box<Problem>> {
    let by = format!("person:{}", person(&bearer)?);
    api.ready()?;
    let tested = api.daemon.test_channel(channel.clone(), by).await?;
    let (result, said) = match tested.answer {
        Delivery::Delivered { said } => ("delivered", said),
        Delivery::Failed { reason, .. } => ("failed", reason),
        Delivery::Refused { reason } => ("refused", reason),
    };
    json(&Tested { v: 1, channel, notice: tested.seq, result, said })
}
