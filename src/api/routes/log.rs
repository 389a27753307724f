//! The journal as a transparency log: `/checkpoint` and `/tile/…` as c2sp.org/tlog-tiles has them, the proof of one entry,
//! and every key. For people's tokens: a journal says much about a machine. Not for a witness's work (`witness`).

use axum::extract::{Path, RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::super::Api;
use super::super::problem::{self, Problem};
use super::super::query::{Position, parameter};
use super::{Needs, Operation, Role, Routes, json};
use crate::audit::SigningKeyView;
use crate::base::sign::PublicKey;
use crate::tlog::tiles::TileName;
use crate::tlog::{self, Log};

const TEXT: &str = "text/plain";
const TEXT_UTF8: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
/// A tile never changes: whoever has it need not ask again.
const FOR_EVER: &str = "max-age=31536000, immutable";

pub(super) fn routes() -> Routes {
    let asked = |summary| {
        Operation::new(Needs::Role(Role::Audit), summary).problem(&[
            problem::NOT_READY,
            problem::BEHIND,
            problem::LOG_SILENT,
            problem::INTERNAL,
        ])
    };
    let of_head = asked("The signed head of the log: a checkpoint as c2sp.org/tlog-checkpoint has it")
        .more("At most a second behind what is durable, and signed anew each minute.")
        .answers_as::<String>(200, "A signed note", TEXT);
    let of_tile = asked(
        "A tile of the log's tree, or a bundle of its entries, as c2sp.org/tlog-tiles has them",
    )
    .more("`LEVEL/N` for hashes, `entries/N` for entries, `.p/WIDTH` behind it for the beginning of one.")
    .path::<String>("path", "Which tile: `0/x001/234.p/17`")
    .answers_as::<String>(200, "Hashes of 32 bytes, or entries each behind its length in two bytes", BYTES)
    .problem(&[problem::NOT_FOUND, problem::PRUNED]);
    let of_proof = asked("The proof that an entry is in the log, as c2sp.org/tlog-proof has it")
        .path::<Position>("seq", "Its position")
        .query::<String>("entry", "Put the entry itself into the proof's extra data")
        .answers_as::<String>(200, "A proof under the newest checkpoint", TEXT)
        .problem(&[problem::NOT_FOUND, problem::PRUNED, problem::BAD_PARAMETER]);
    let of_keys = Operation::new(
        Needs::Role(Role::Audit),
        "Every key that signs: the journal's with the entries each signed, the log's, a witness's",
    )
    .answers::<Keys>(200, "Public halves")
    .reads();
    Routes::new("Transparency log")
        .get("/checkpoint", checkpoint, of_head)
        .get("/tile/{*path}", tile, of_tile)
        .get("/v1/audit/{seq}/proof", proof, of_proof)
        .get("/v1/audit/keys", keys, of_keys)
}

/// Every key.
#[derive(Serialize, JsonSchema)]
struct Keys {
    /// Version of this shape.
    v: u32,
    /// The journal's, in the order in which they came into force.
    keys: Vec<SigningKeyView>,
    /// The log's.
    log: Option<NamedKey>,
    /// The witness's, when this daemon is one.
    witness: Option<NamedKey>,
}

/// A key that has a name.
#[derive(Serialize, JsonSchema)]
struct NamedKey {
    /// Its name; a log's is its origin.
    name: String,
    /// The key.
    public_key: PublicKey,
    /// Both as policies write them.
    vkey: String,
}

impl NamedKey {
    fn of(verifier: &tlog::note::Verifier) -> Self {
        Self { name: verifier.name.clone(), public_key: verifier.key.clone(), vkey: verifier.to_string() }
    }
}

/// Asks the log, on a thread that may block.
async fn ask<T: Send + 'static>(
    api: &Api,
    question: impl FnOnce(&Log) -> Result<T, tlog::Error> + Send + 'static,
) -> Result<T, Box<Problem>> {
    let log = api.daemon.log()?;
    match tokio::task::spawn_blocking(move || question(&log)).await {
        Ok(answer) => Ok(answer?),
        Err(error) => {
            tracing::error!(%error, "an answer of the log panicked");
            Err(Problem::new(problem::INTERNAL, "the log could not answer"))
        }
    }
}

async fn checkpoint(State(api): State<Api>) -> Result<Response, Box<Problem>> {
    let text = api.daemon.log()?.checkpoint()?;
    Ok(([(header::CONTENT_TYPE, TEXT_UTF8)], text).into_response())
}

async fn tile(State(api): State<Api>, Path(path): Path<String>) -> Result<Response, Box<Problem>> {
    let name =
        TileName::parse(&path).ok_or_else(|| Problem::new(problem::NOT_FOUND, "no tile is called that"))?;
    let bytes = ask(&api, move |log| log.tile(&name)).await?;
    Ok(([(header::CONTENT_TYPE, BYTES), (header::CACHE_CONTROL, FOR_EVER)], bytes).into_response())
}

async fn proof(
    State(api): State<Api>,
    Path(seq): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Box<Problem>> {
    let Position(seq) =
        seq.parse().map_err(|_| Problem::new(problem::BAD_PARAMETER, "that is not a seq").field("seq"))?;
    let with_entry = parameter(query.as_deref(), "entry").is_some();
    let proof = ask(&api, move |log| log.proof(seq, with_entry)).await?;
    Ok(([(header::CONTENT_TYPE, TEXT_UTF8)], proof.to_string()).into_response())
}

async fn keys(State(api): State<Api>) -> Result<Response, Box<Problem>> {
    let keys = api.read(crate::audit::Audit::signing_keys).await?;
    let log = api.daemon.log().ok().map(|log| NamedKey::of(&log.key().verifier()));
    let witness = api.daemon.witness().ok().flatten().map(|witness| NamedKey::of(&witness.verifier()));
    json(&Keys { v: 1, keys, log, witness })
}
