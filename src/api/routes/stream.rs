//! `GET /v1/audit/stream`: the journal as it grows, as Server-Sent Events or NDJSON. A reader that comes again with
//! the last id it saw misses nothing.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::super::Api;
use super::super::auth::{BySession, now_s};
use super::super::connections::Pulse;
use super::super::problem::{self, Problem};
use super::super::query::{After, read};
use super::super::stream::Format;
use super::audit::{NDJSON, filter, narrowed, ndjson};
use super::{Needs, Operation, Role, Routes};
use crate::audit::Audit;
use crate::base::ids::Seq;
use crate::base::limits::STREAMS_MAX;

const EVENTS: &str = "text/event-stream";
/// What a browser sends when it comes again; it wins over `after`, which stays in the address.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Keeps proxies from collecting a stream before they pass it on.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(super) fn routes() -> Routes {
    let about = narrowed(Operation::new(Needs::Role(Role::Audit), "Stored entries as they become durable, byte for byte"))
        .more(
            "As events: `event` is the entry's kind, `id` its seq, `data` the stored line; a comment comes when nothing \
             happened for 15 s. A place that is not in this journal is answered with an event `reset` \
             (`{\"v\":1,\"asked\":SEQ,\"head\":SEQ}`) and the stream goes on behind the head. As NDJSON: the lines \
             themselves, an empty line when nothing happened for 15 s; a place that is not there is a problem. A reader \
             that takes nothing for 30 s, or had caught up and is 100,000 entries behind, is dropped: the last event is \
             `dropped` (`{\"v\":1,\"last\":SEQ,\"why\":\"stalled\"}`, or `behind`), the last line as NDJSON \
             `{\"dropped\":…}` with the same; `last` is the place to go on from. One that takes nothing for a minute is cut off with its \
             connection, where no word gets through any more: it goes on from the last whole event or line.",
        )
        .query::<After>("after", "Entries behind this seq; absent or -1: from the start")
        .header::<After>("Last-Event-ID", "The same, and wins over `after`")
        .answers_as::<StreamEvent>(200, "Entries, until one side ends it", EVENTS)
        .answers_as::<String>(200, "Entries, until one side ends it", NDJSON)
        .problem(&[problem::POSITION_GONE, problem::PRUNED, problem::TOO_MANY_STREAMS])
        .reads();
    Routes::new("Audit").get("/v1/audit/stream", stream, about)
}

/// One event of the stream; before OpenAPI 3.2 the schema of an event stream says how each of its events looks.
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its shape is used: events are written as text")]
struct StreamEvent {
    /// The entry's kind, or `reset`, or `dropped`.
    event: String,
    /// The entry's seq.
    #[schemars(regex(pattern = r"^(-1|[0-9]+)$"))]
    id: String,
    /// The stored line, byte for byte.
    data: String,
}

async fn stream(
    State(api): State<Api>,
    session: Option<Extension<BySession>>,
    pulse: Option<Extension<Arc<Pulse>>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Box<Problem>> {
    let after = place(query.as_deref(), &headers)?;
    let filter = filter(query.as_deref())?;
    let (format, media) = match ndjson(&headers) {
        true => (Format::Ndjson, NDJSON),
        false => (Format::Events, EVENTS),
    };
    let hub = api.stream.clone();
    let begin = move |audit: &Audit| {
        audit.is_kept_behind(after)?;
        Ok((audit.head()?, hub.reader(audit, format, filter, after)?))
    };
    let (head, reader) = api.read(begin).await?;
    let full = || {
        let detail = format!("{STREAMS_MAX} streams are open");
        Problem::new(problem::TOO_MANY_STREAMS, detail).retry_after(5)
    };
    let mut reader = reader.ok_or_else(full)?;
    let head = head.unwrap_or_default();
    if let Some(asked) = after.filter(|after| *after > head) {
        if format == Format::Ndjson {
            let detail = format!("entry {asked} was asked for, the last one is {head}");
            return Err(Problem::new(problem::POSITION_GONE, detail));
        }
        reader = reader.reset(asked, head);
    }
    // A session that ends takes its streams with it; one that reads is used.
    let may = move || session.as_ref().is_none_or(|Extension(BySession(id))| api.has_session(id, now_s()));
    let pulse = pulse.map(|Extension(pulse)| pulse);
    let mut response = reader.over(pulse).into_body(may).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// The entry behind which to begin.
fn place(query: Option<&str>, headers: &HeaderMap) -> Result<Option<Seq>, Box<Problem>> {
    // A wrong `after` is said also where the header wins.
    let asked = read(query, "after")?;
    let After(place) = match headers.get(LAST_EVENT_ID) {
        Some(id) => {
            let id = id.to_str().unwrap_or_default().trim().parse();
            let bad = |what| Problem::new(problem::BAD_PARAMETER, format!("`Last-Event-ID` is {what}"));
            id.map_err(|what: &str| bad(what).field("Last-Event-ID"))?
        }
        None => asked.unwrap_or(After(None)),
    };
    Ok(place)
}
