//! Errors as `application/problem+json` (RFC 9457) with a stable code and a hint. Every error of the HTTP face
//! goes through here; docs/http.md lists the codes.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::audit;
use crate::base::limits::{MESSAGE_BYTES_MAX, SHOWN_BYTES_MAX};
use crate::base::text::shown;
use crate::remediator::Rejection;
use crate::tlog;

/// The body of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Version of this shape.
    pub v: u32,
    /// `urn:remediator:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What went wrong, the same for each code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What exactly.
    pub detail: String,
    /// Stable word for programs.
    pub code: String,
    /// What to do.
    pub hint: String,
    /// The member of the body that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Line of the body, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column of the body, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// Seconds after which to try again (also the Retry-After header).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

/// One line per code: status, code, title, hint.
pub(super) type Kind = (StatusCode, &'static str, &'static str, &'static str);

/// No Authorization header.
pub(super) const NO_TOKEN: Kind = (
    StatusCode::UNAUTHORIZED,
    "NO_TOKEN",
    "A token is needed",
    "send `Authorization: Bearer TOKEN`; yours is in state/token, and a restart of the daemon makes a lost one anew",
);
/// A token that is not known.
pub(super) const BAD_TOKEN: Kind = (
    StatusCode::UNAUTHORIZED,
    "BAD_TOKEN",
    "The token is not known",
    "send the token of this home (state/token, where commands read it) as `Authorization: Bearer TOKEN`; one that is lost or \
     garbled: remove state/token, restart the daemon",
);
/// A cookie that stands for no token any more.
pub(super) const SESSION_ENDED: Kind = (
    StatusCode::UNAUTHORIZED,
    "SESSION_ENDED",
    "The session is over",
    "log in again with your token (state/token); programs send `Authorization: Bearer TOKEN`",
);
/// A request with a cookie that this page did not make.
pub(super) const FOREIGN_REQUEST: Kind = (
    StatusCode::FORBIDDEN,
    "FOREIGN_REQUEST",
    "A cookie counts only for the daemon's own page",
    "open the page by address or `localhost`; programs send `Authorization: Bearer TOKEN` instead of a cookie",
);
/// Too many logins failed.
pub(super) const TOO_MANY_LOGINS: Kind = (
    StatusCode::TOO_MANY_REQUESTS,
    "TOO_MANY_LOGINS",
    "Too many logins failed",
    "try again after Retry-After; a token in the Authorization header works meanwhile",
);
/// A sentinel speaks outside its grant.
pub(super) const OUTSIDE_GRANT: Kind = (
    StatusCode::FORBIDDEN,
    "OUTSIDE_GRANT",
    "This sentinel's grant does not cover that",
    "let the operator widen the grant, or report under a subsystem that it holds; this try was kept as evidence",
);
/// The token's role is too small.
pub(super) const ROLE_NEEDED: Kind = (
    StatusCode::FORBIDDEN,
    "ROLE_NEEDED",
    "The token's role does not allow this",
    "the owner of the home makes one with `remediator token new --role ROLE --name NAME`; send it as `Authorization: Bearer \
     TOKEN`, commands take theirs from state/token",
);
/// Only people may.
pub(super) const PERSONS_ONLY: Kind =
    (StatusCode::FORBIDDEN, "PERSONS_ONLY", "Only a person's token may do this", "use a person's token");
/// Not text.
pub(super) const BAD_UTF8: Kind =
    (StatusCode::BAD_REQUEST, "BAD_UTF8", "The body is not UTF-8", "send UTF-8 text");
/// Not JSON.
pub(super) const BAD_JSON: Kind = (
    StatusCode::BAD_REQUEST,
    "BAD_JSON",
    "The body is not the JSON that is expected",
    "mend it at the place named",
);
/// A report breaks a bound.
pub(super) const BAD_REPORT: Kind = (
    StatusCode::BAD_REQUEST,
    "BAD_REPORT",
    "The report breaks a rule",
    "mend the member named; docs/http.md lists them all",
);
/// Nothing of what was sent could be made a report.
pub(super) const UNMAPPED: Kind = (
    StatusCode::UNPROCESSABLE_ENTITY,
    "UNMAPPED",
    "Nothing of it could be made a report",
    "say under `ingest` in remediator.yaml where it stands (docs/ingest.md); what was sent was kept as evidence",
);
/// A parameter of the address is wrong.
pub(super) const BAD_PARAMETER: Kind = (
    StatusCode::BAD_REQUEST,
    "BAD_PARAMETER",
    "A parameter cannot be understood",
    "docs/http.md lists what each route takes",
);
/// The body is too large.
pub(super) const TOO_LARGE: Kind = (
    StatusCode::PAYLOAD_TOO_LARGE,
    "TOO_LARGE",
    "The body is too large",
    "at most 64 KiB (4 MiB for /v1/ingest/…, 260 KiB for /add-checkpoint); put what is longer into a file and name it in `detail`",
);
/// The body is packed.
pub(super) const PACKED: Kind = (
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "PACKED",
    "The body is packed",
    "send it as it is, without Content-Encoding; at most as long as TOO_LARGE says",
);
/// There is no such route or thing.
pub(super) const NOT_FOUND: Kind =
    (StatusCode::NOT_FOUND, "NOT_FOUND", "There is no such thing here", "docs/http.md lists every route");
/// The route has other methods.
pub(super) const METHOD: Kind = (
    StatusCode::METHOD_NOT_ALLOWED,
    "METHOD_NOT_ALLOWED",
    "This route does not take that method",
    "docs/http.md lists every route with its method",
);
/// Another machine's journal.
pub(super) const UNKNOWN_NODE: Kind = (
    StatusCode::NOT_FOUND,
    "UNKNOWN_NODE",
    "This journal is another node's",
    "leave `node` out, or ask that node",
);
/// A command speaks for another folder than the one that is served.
pub(super) const OTHER_HOME: Kind = (
    StatusCode::MISDIRECTED_REQUEST,
    "OTHER_HOME",
    "This daemon serves another home",
    "start the daemon of that home on another address: `--listen`, or `listen` in its remediator.yaml",
);
/// It is still starting.
pub(super) const NOT_READY: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "NOT_READY",
    "The remediator is not ready yet",
    "try again after Retry-After; /readyz?verbose says what it is doing",
);
/// Too much is waiting.
pub(super) const FULL: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "FULL",
    "Too much is waiting",
    "try again after Retry-After; nothing was accepted",
);
/// The disk is nearly full.
pub(super) const RESERVE_ONLY: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "RESERVE_ONLY",
    "The disk is nearly full",
    "free space under the home's state folder; nothing was accepted",
);
/// Nothing can be appended any more.
pub(super) const SEALED: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "SEALED",
    "The journal is sealed",
    "the disk failed under the journal: look at it, then start the daemon again; nothing was accepted",
);
/// What is said about a subject can be kept in no other way.
pub(super) const NOT_SEALED: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "NOT_SEALED",
    "The subject's key cannot be used",
    "mend what the detail names under the home's state/subjects; nothing was accepted",
);
/// It was told to stop.
pub(super) const STOPPING: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "STOPPING",
    "The daemon is stopping",
    "try again once it has started again; nothing was accepted",
);
/// Indexes are being built.
pub(super) const REBUILDING: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "REBUILDING",
    "The journal's indexes are being rebuilt",
    "try again after Retry-After; /v1/audit works meanwhile",
);
/// A place that this journal does not have.
pub(super) const POSITION_GONE: Kind = (
    StatusCode::GONE,
    "POSITION_GONE",
    "That place is not in this journal",
    "begin again from the start (`after=-1`), or go on behind the head that /v1/status names",
);
/// What was asked for is below the journal's minimum.
pub(super) const PRUNED: Kind = (
    StatusCode::GONE,
    "PRUNED",
    "That entry was pruned",
    "begin with the minimum that the detail names; what is older is in the archive that the newest `journal.pruned` entry names",
);
/// As many streams as there may be.
pub(super) const TOO_MANY_STREAMS: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "TOO_MANY_STREAMS",
    "Too many streams are open",
    "try again after Retry-After, or read pages of /v1/audit",
);
/// The view lags.
pub(super) const BEHIND: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "BEHIND",
    "The view has not caught up yet",
    "try again after Retry-After",
);
/// The log publishes nothing.
pub(super) const LOG_SILENT: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "LOG_SILENT",
    "The transparency log publishes nothing",
    "mend what the detail names; the journal itself goes on (docs/transparency.md)",
);
/// No request of a log to its witness.
pub(super) const BAD_CHECKPOINT: Kind = (
    StatusCode::BAD_REQUEST,
    "BAD_CHECKPOINT",
    "That is no add-checkpoint request",
    "send `old SIZE`, the consistency proof, an empty line and the checkpoint (c2sp.org/tlog-witness)",
);
/// A log that the witness does not know.
pub(super) const UNKNOWN_LOG: Kind = (
    StatusCode::NOT_FOUND,
    "UNKNOWN_LOG",
    "This witness does not know that log",
    "the witness's operator names the log's key under `witness.logs` in remediator.yaml",
);
/// The log's signature is missing or wrong.
pub(super) const LOG_NOT_SIGNED: Kind = (
    StatusCode::FORBIDDEN,
    "LOG_NOT_SIGNED",
    "The log's signature is not on the checkpoint",
    "sign it with the key that the witness's operator was given",
);
/// Two heads of one size.
pub(super) const LOG_FORKED: Kind = (
    StatusCode::CONFLICT,
    "LOG_FORKED",
    "The log showed another tree before",
    "the two checkpoints prove it: keep both, and find out which history is the true one",
);
/// No beginning of it.
pub(super) const LOG_INCONSISTENT: Kind = (
    StatusCode::UNPROCESSABLE_ENTITY,
    "LOG_INCONSISTENT",
    "The proof does not hold",
    "send the proof from the size that was cosigned last; when it is right, the log's history was changed",
);
/// It took too long.
pub(super) const TIMEOUT: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "TIMEOUT",
    "It took too long",
    "try again; a report with the same `id` is accepted once only",
);
/// A heartbeat that was heard before.
pub(super) const HEARTBEAT_REPLAYED: Kind = (
    StatusCode::CONFLICT,
    "HEARTBEAT_REPLAYED",
    "This heartbeat says nothing new",
    "send the time at which the sender lives, in Unix ms, anew each time",
);
/// A heartbeat from the future.
pub(super) const HEARTBEAT_AHEAD: Kind = (
    StatusCode::CONFLICT,
    "HEARTBEAT_AHEAD",
    "This heartbeat lies in the future",
    "set the clocks of both machines; `at_ms` is Unix time in milliseconds",
);
/// Our own fault.
pub(super) const INTERNAL: Kind = (
    StatusCode::INTERNAL_SERVER_ERROR,
    "INTERNAL",
    "The remediator could not answer",
    "look at its log; `remediator audit verify` checks the journal",
);

impl Problem {
    /// Of a kind, with what exactly went wrong.
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Box<Self> {
        let (status, code, title, hint) = kind;
        Box::new(Self {
            v: 1,
            kind: format!("urn:remediator:problem:{code}"),
            title: title.into(),
            status: status.as_u16(),
            detail: shown(&detail.into(), MESSAGE_BYTES_MAX),
            code: code.into(),
            hint: hint.into(),
            field: None,
            line: None,
            column: None,
            retry_after_s: None,
        })
    }
    /// With the time after which to try again.
    pub(super) fn retry_after(mut self: Box<Self>, seconds: u64) -> Box<Self> {
        self.retry_after_s = Some(seconds);
        self
    }
    /// With what to do in this case.
    pub(super) fn hint(mut self: Box<Self>, hint: impl Into<String>) -> Box<Self> {
        self.hint = shown(&hint.into(), MESSAGE_BYTES_MAX);
        self
    }
    /// At a place in the body.
    pub(super) fn at(mut self: Box<Self>, line: usize, column: usize) -> Box<Self> {
        (self.line, self.column) = (Some(line), Some(column));
        self
    }
    /// About a member of the body.
    pub(super) fn field(mut self: Box<Self>, field: &str) -> Box<Self> {
        self.field = Some(shown(field, SHOWN_BYTES_MAX));
        self
    }
}

impl From<Rejection> for Box<Problem> {
    fn from(rejection: Rejection) -> Self {
        let detail = rejection.to_string();
        match rejection {
            Rejection::Invalid(error) => Problem::new(BAD_REPORT, detail).field(error.field),
            Rejection::NotReady { retry_after_s } => {
                Problem::new(NOT_READY, detail).retry_after(retry_after_s)
            }
            Rejection::Full { retry_after_s } => Problem::new(FULL, detail).retry_after(retry_after_s),
            Rejection::ReserveOnly { retry_after_s } => {
                Problem::new(RESERVE_ONLY, detail).retry_after(retry_after_s)
            }
            Rejection::Stopping { retry_after_s } => {
                Problem::new(STOPPING, detail).retry_after(retry_after_s)
            }
            Rejection::NotSealed(_) => Problem::new(NOT_SEALED, detail).retry_after(30),
            Rejection::Sealed(_) => Problem::new(SEALED, detail).retry_after(60),
            Rejection::Refused { code: "NOT_FOUND", reason } => Problem::new(NOT_FOUND, reason),
            Rejection::Refused { code: code @ "NO_SUCH_CHANNEL", reason } => Problem::new(
                (
                    StatusCode::NOT_FOUND,
                    code,
                    "There is no such channel",
                    "`remediator notify list` shows them all",
                ),
                reason,
            ),
            Rejection::Refused {
                code: code @ ("NOT_AT_REST" | "NOTHING_TO_DO" | "TOO_SOON" | "NO_GRANT"),
                reason,
            } => Problem::new(
                (StatusCode::CONFLICT, code, "It does not fit what is", "`remediator status` shows what is"),
                reason,
            ),
            Rejection::Refused { code: code @ "NOT_NOW", reason } => Problem::new(
                (
                    StatusCode::CONFLICT,
                    code,
                    "It cannot be done now",
                    "mend what the detail names, then order it again with a new statement",
                ),
                reason,
            ),
            Rejection::Refused { code, reason } => Problem::new(
                (StatusCode::FORBIDDEN, code, "It was refused", "mend what the detail names, then try again"),
                reason,
            ),
        }
    }
}

impl From<audit::Error> for Box<Problem> {
    fn from(error: audit::Error) -> Self {
        let detail = error.to_string();
        match error {
            audit::Error::Rebuilding { retry_after_s } => {
                Problem::new(REBUILDING, detail).retry_after(retry_after_s)
            }
            audit::Error::Behind { .. } => Problem::new(BEHIND, detail).retry_after(1),
            audit::Error::NotFound { .. } => Problem::new(NOT_FOUND, detail),
            audit::Error::Pruned { .. } => Problem::new(PRUNED, detail),
            audit::Error::NotAName(_) => Problem::new(BAD_PARAMETER, detail),
            audit::Error::Journal { .. } => {
                tracing::error!(%error, "a view could not be read");
                Problem::new(INTERNAL, detail)
            }
        }
    }
}

impl From<tlog::Error> for Box<Problem> {
    fn from(error: tlog::Error) -> Self {
        let detail = error.to_string();
        match error {
            tlog::Error::NotYet { retry_after_s } => Problem::new(BEHIND, detail).retry_after(retry_after_s),
            tlog::Error::Pruned(_) => Problem::new(PRUNED, detail),
            tlog::Error::NotThere(_) => Problem::new(NOT_FOUND, detail),
            tlog::Error::Silent(why) => Problem::new(LOG_SILENT, why).retry_after(60),
            tlog::Error::Journal(_) | tlog::Error::Io { .. } => {
                tracing::error!(%error, "the log could not answer");
                Problem::new(INTERNAL, detail)
            }
        }
    }
}

impl IntoResponse for Box<Problem> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, json)], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_request_fill_no_page_and_move_no_cursor() {
        let sly = "\u{1b}[2J\u{202E}".repeat(9_000);
        let problem = Problem::new(BAD_REPORT, format!("unknown field `{sly}`")).field(&sly);
        for text in [Some(&problem.detail), problem.field.as_ref()].into_iter().flatten() {
            assert!(text.len() <= MESSAGE_BYTES_MAX && !text.contains(['\u{1b}', '\u{202E}']), "{text:?}");
        }
    }
}
