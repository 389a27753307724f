//! `GET /v1/incidents/{id}/postmortem`: one incident told from the journal's files, byte for byte what
//! `remediator postmortem` prints. One at a time: it reads the whole journal and checks signatures.
//! Not for telling it (`replay`) nor for what is being done now (`incidents`, `explain`).

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use super::super::Api;
use super::super::problem::{self, Problem};
use super::super::query::parameter;
use super::{Needs, Operation, Role, Routes};
use crate::audit;
use crate::base::ids::IncidentId;
use crate::journal;
use crate::replay::postmortem::{Error, Format};
use crate::replay::{History, PostMortem};

/// The page loads nothing and runs nothing, wherever it is opened.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

pub(super) fn routes() -> Routes {
    let about = Operation::new(
        Needs::Role(Role::Read),
        "What happened, from the journal alone: the post-mortem of one incident",
    )
    .more(
        "The bytes that `remediator postmortem` prints: Markdown, one HTML file that loads nothing and runs nothing, or \
         JSON. It reads the whole journal and checks its signatures, so one is told at a time and others wait; where that \
         takes longer than a request may, the command tells it. A damaged journal is told as far as it goes, and says so.",
    )
    .path::<IncidentId>("id", "Its id")
    .query::<Format>("format", "How to write it; `md` unless said")
    .answers_as::<String>(200, "The post-mortem", MARKDOWN)
    .answers_as::<String>(200, "The post-mortem", HTML)
    .answers::<Told>(200, "The post-mortem")
    .problem(&[problem::NOT_FOUND, problem::BAD_PARAMETER])
    .reads();
    Routes::new("Incidents").get("/v1/incidents/{id}/postmortem", tell, about)
}

const MARKDOWN: &str = "text/markdown";
const HTML: &str = "text/html";

/// The shape of it as JSON, as far as programs may rely on: docs/post-mortem.md says what stands in it.
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its shape is used: it is written by `replay`")]
struct Told {
    /// Version of this shape.
    v: u32,
}

async fn tell(
    State(api): State<Api>,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Box<Problem>> {
    let id: IncidentId = text
        .parse()
        .map_err(|_| Problem::new(problem::BAD_PARAMETER, "that is not an incident id").field("id"))?;
    let format = match parameter(query.as_deref(), "format") {
        None => Format::Md,
        Some(word) => Format::parse(&word).ok_or_else(|| {
            Problem::new(problem::BAD_PARAMETER, "`format` is md, html or json").field("format")
        })?,
    };
    let folder = api.journal.clone().ok_or_else(|| api.not_ready())?;
    // What is not durable yet is nobody's to see.
    let head = api.read(|audit| audit.head()).await?;
    // It is held until the telling ends, also when nobody waits for it any more.
    let turn = std::sync::Arc::clone(&api.telling).acquire_owned().await;
    let told = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let history = History::open(&folder)?.upto(head);
        let it = PostMortem::of(&history, id)?;
        it.written(format)
    });
    let text = match told.await {
        Ok(told) => told.map_err(refused)?,
        Err(error) => {
            tracing::error!(%error, "a post-mortem panicked");
            return Err(Problem::new(problem::INTERNAL, "the post-mortem could not be told"));
        }
    };
    Ok(answer(format, text))
}

fn answer(format: Format, text: String) -> Response {
    let media = match format {
        Format::Md => "text/markdown; charset=utf-8",
        Format::Html => "text/html; charset=utf-8",
        Format::Json => "application/json",
    };
    let mut response = ([(header::CONTENT_TYPE, media)], text).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

fn refused(error: Error) -> Box<Problem> {
    let detail = error.to_string();
    match error {
        Error::Unknown { .. } => Problem::new(problem::NOT_FOUND, detail),
        Error::Journal(journal::Error::Pruned { seq, minimum }) => {
            audit::Error::Pruned { seq, minimum }.into()
        }
        Error::Journal(_) | Error::Unwritable { .. } => {
            tracing::error!(%error, "a post-mortem could not be told");
            Problem::new(problem::INTERNAL, detail)
        }
    }
}
