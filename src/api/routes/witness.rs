//! `POST /add-checkpoint`: the witness of other logs, as c2sp.org/tlog-witness has it. No token: a request is believed for
//! the signature of a log that the operator named, and for nothing else. Not for judging it (`tlog::witness_request`).

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::super::Api;
use super::super::problem::{self, Problem};
use super::{Needs, Operation, Routes};
use crate::base::limits::ADD_CHECKPOINT_BYTES_MAX;
use crate::tlog::WitnessError;
use crate::tlog::witness_request::Refusal;

const TEXT: &str = "text/plain";
const TEXT_UTF8: &str = "text/plain; charset=utf-8";
/// The size that was cosigned last, for a log that was wrong about it.
const SIZE: &str = "text/x.tlog.size";

pub(super) fn routes() -> Routes {
    let about = Operation::new(Needs::Nothing, "Take in the checkpoint of a log that this witness knows, and cosign it")
        .more("The body is `old SIZE`, a consistency proof, an empty line and the checkpoint. What is cosigned is durable first.")
        .body_of_text(TEXT)
        .answers_as::<String>(200, "Signature lines", TEXT)
        .answers_as::<String>(409, "The size that was cosigned last, when the request said another", SIZE)
        .problem(&[problem::BAD_CHECKPOINT, problem::UNKNOWN_LOG, problem::LOG_NOT_SIGNED, problem::LOG_FORKED])
        .problem(&[problem::LOG_INCONSISTENT, problem::NOT_READY, problem::INTERNAL]);
    Routes::new("Transparency log").post("/add-checkpoint", add, about).bodies_up_to(ADD_CHECKPOINT_BYTES_MAX)
}

async fn add(State(api): State<Api>, body: Result<Bytes, BytesRejection>) -> Result<Response, Box<Problem>> {
    let bytes = body.map_err(|rejection| Problem::new(problem::TOO_LARGE, rejection.body_text()))?;
    let text = String::from_utf8(bytes.to_vec())
        .map_err(|_| Problem::new(problem::BAD_CHECKPOINT, "the body is not UTF-8"))?;
    let Some(witness) = api.daemon.witness()? else {
        return Err(Problem::new(problem::UNKNOWN_LOG, "this daemon is a witness of no log"));
    };
    let answer = tokio::task::spawn_blocking(move || witness.add_checkpoint(&text)).await;
    let answer = answer.map_err(|error| {
        tracing::error!(%error, "the witness panicked");
        Problem::new(problem::INTERNAL, "the witness could not answer")
    })?;
    match answer {
        Ok(signature) => Ok(([(header::CONTENT_TYPE, TEXT_UTF8)], format!("{signature}\n")).into_response()),
        Err(WitnessError::Refused(Refusal::OtherSize(size))) => {
            Ok((StatusCode::CONFLICT, [(header::CONTENT_TYPE, SIZE)], format!("{size}\n")).into_response())
        }
        Err(WitnessError::Refused(refusal)) => Err(refused(&refusal)),
        Err(error) => {
            tracing::error!(%error, "a checkpoint could not be cosigned");
            Err(Problem::new(problem::INTERNAL, error.to_string()))
        }
    }
}

fn refused(refusal: &Refusal) -> Box<Problem> {
    let kind = match refusal {
        Refusal::Malformed(_) | Refusal::OldLarger { .. } => problem::BAD_CHECKPOINT,
        Refusal::UnknownLog => problem::UNKNOWN_LOG,
        Refusal::NotSigned => problem::LOG_NOT_SIGNED,
        Refusal::OtherSize(_) | Refusal::OtherRoot(_) => problem::LOG_FORKED,
        Refusal::Inconsistent => problem::LOG_INCONSISTENT,
    };
    if let Refusal::OtherRoot(size) = refusal {
        tracing::error!(size, "a log asked for a cosignature on another tree than it showed before");
    }
    Problem::new(kind, refusal.to_string())
}
