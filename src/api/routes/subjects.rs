//! `POST /v1/subjects/erase`: a subject is forgotten. Its name is in the body: paths end up in other programs' logs.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::auth::by;
use super::super::problem::{self, Problem};
use super::super::{Api, Bearer};
use super::{Needs, Operation, Role, Routes, body, json};
use crate::base::ids::{Seq, SubjectId};
use crate::base::limits::{NAME_BYTES_MAX, SUMMARY_BYTES_MAX};
use crate::event::degradation::is_subject;
use crate::remediator::Forgotten;

pub(super) fn routes() -> Routes {
    let about = Operation::new(Needs::Role(Role::Lead), "Forget a subject: its key is destroyed")
        .more(
            "Nothing that was reported about it can be read from here on, in no copy of the journal. There is no way back.",
        )
        .body::<Erase>()
        .answers::<Erased>(200, "The key is gone, and the entry that says so is durable")
        .problem(&[problem::NOT_FOUND, problem::NOT_SEALED])
        .decides();
    Routes::new("Controls").post("/v1/subjects/erase", erase, about)
}

/// Whom or what, and why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Erase {
    /// As in the reports.
    #[schemars(extend("maxLength" = NAME_BYTES_MAX, "pattern" = "^[A-Za-z0-9._:@-]+$"))]
    subject: String,
    /// Why, in 1 to 512 bytes. It stands in the journal in plain: it names nobody.
    #[schemars(extend("maxLength" = SUMMARY_BYTES_MAX, "pattern" = r"\S"))]
    reason: String,
}

#[derive(Serialize, JsonSchema)]
struct Erased {
    /// Version of this shape.
    v: u32,
    /// The id of the key that is gone.
    subject: SubjectId,
    /// The entry that says so; none when an earlier one says it of the same key.
    seq: Option<Seq>,
    /// Further keys of the same name, of old copies, that are gone as well; each has an entry of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<SubjectId>,
}

async fn erase(
    State(api): State<Api>,
    Extension(bearer): Extension<Bearer>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Response, Box<Problem>> {
    let by = by(&bearer)?;
    let Erase { subject, reason } = body(bytes)?;
    if reason.trim().is_empty() || reason.len() > SUMMARY_BYTES_MAX {
        let detail = format!("`reason` says why, in 1 to {SUMMARY_BYTES_MAX} bytes");
        return Err(Problem::new(problem::BAD_REPORT, detail).field("reason"));
    }
    if !is_subject(&subject) {
        let detail = format!("`subject` is 1 to {NAME_BYTES_MAX} letters, digits and `._:@-`");
        return Err(Problem::new(problem::BAD_REPORT, detail).field("subject"));
    }
    api.ready()?;
    let forgotten = api.daemon.erase(subject, by, reason).await?;
    let Forgotten { subject, seq, others } = forgotten;
    json(&Erased { v: 1, subject, seq, others })
}
