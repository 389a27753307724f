//! `GET /v1/channels` and `POST /v1/channels/{name}/test`: who can be told, and whether that works.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::auth::by;
use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::{Needs, Operation, Role, Routes, json};
use crate::base::ids::Seq;
use crate::event::notice::Delivery;

pub(super) fn routes() -> Routes {
    let of_list = Operation::new(Needs::Role(Role::Read), "Who can be told")
        .answers::<List>(200, "The channels in force, `log` first")
        .problem(&[problem::NOT_READY]);
    let of_test = Operation::new(Needs::Role(Role::Lead), "Sends a test through a channel")
        .more("Tried once and now. It answers 200 whatever came of it: `result` says that.")
        .path::<String>("name", "The channel")
        .answers::<Tested>(200, "What came of it")
        .refusal(403, &["NOT_RECORDED"])
        .refusal(404, &["NO_SUCH_CHANNEL"])
        .decides();
    Routes::new("Channels").get("/v1/channels", list, of_list).post("/v1/channels/{name}/test", test, of_test)
}

/// The channels in force.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChannelList")]
struct List {
    v: u32,
    channels: Vec<Channel>,
}

/// A way to tell somebody.
#[derive(Serialize, JsonSchema)]
struct Channel {
    name: String,
    /// `log`, or the kind under its name in remediator.yaml.
    kind: String,
}

async fn list(State(api): State<Api>) -> Result<Response, Box<Problem>> {
    let channels = api.daemon.channels()?;
    let channels = channels.into_iter().map(|(name, kind)| Channel { name, kind }).collect();
    json(&List { v: 1, channels })
}

/// What came of a test. It is an answer whatever came of it: only the channel may have failed.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ChannelTested")]
struct Tested {
    v: u32,
    channel: String,
    /// Seq of the `notice.queued` entry.
    notice: Seq,
    /// What came of it.
    result: Came,
    /// What the receiver said, or the error.
    said: String,
}

/// The word for a delivery.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Came {
    /// The receiver took it.
    Delivered,
    /// It did not: a notice would be tried again.
    Failed,
    /// It never will.
    Refused,
}

async fn test(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    Path(channel): Path<String>,
) -> Result<Response, Box<Problem>> {
    let by = by(&bearer)?;
    api.ready()?;
    let tested = api.daemon.test_channel(channel.clone(), by).await?;
    let (result, said) = match tested.answer {
        Delivery::Delivered { said } => (Came::Delivered, said),
        Delivery::Failed { reason, .. } => (Came::Failed, reason),
        Delivery::Refused { reason } => (Came::Refused, reason),
    };
    json(&Tested { v: 1, channel, notice: tested.seq, result, said })
}
