//! What holds for every request: a time limit, headers, `?node=`, and problem+json for unknown routes and methods.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;

use super::Api;
use super::problem::{self, Problem};
use crate::base::limits::{ADD_CHECKPOINT_BYTES_MAX, INGEST_BYTES_MAX, REQUEST_BYTES_MAX, SHOWN_BYTES_MAX};
use crate::base::text::shown;
use crate::remediator::HOME_HEADER;

/// What is thrown away of a body that is too large; a sender of more is cut off.
const DRAINED_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Time limit, headers, and the count of requests.
pub(super) async fn bounds(State(api): State<Api>, request: Request, next: Next) -> Response {
    let time_max = api.bounds.request;
    let mut response = match tokio::time::timeout(time_max, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("there was no answer within {} s", time_max.as_secs());
            Problem::new(problem::TIMEOUT, detail).retry_after(5).into_response()
        }
    };
    api.requests.count(response.status().as_u16());
    let headers = response.headers_mut();
    // What an answer says itself stays: files of the page are the same for ever.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A body that is too large is read to its end and thrown away, up to a bound, before it is answered: a sender that is
/// cut off while it writes never reads why.
pub(super) async fn size(request: Request, next: Next) -> Response {
    let max = bytes_max(request.uri().path());
    let said =
        request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    match said {
        Some(bytes) if bytes <= max => next.run(request).await,
        Some(bytes) if bytes > DRAINED_BYTES_MAX => too_large(bytes, max),
        None if !request.headers().contains_key(header::TRANSFER_ENCODING) => next.run(request).await,
        _ => {
            let (parts, mut body) = request.into_parts();
            let (mut kept, mut bytes) = (Vec::new(), 0);
            while let Some(Ok(frame)) = body.frame().await {
                let Some(data) = frame.data_ref() else { continue };
                bytes += data.len() as u64;
                if bytes <= max {
                    kept.extend_from_slice(data);
                } else if bytes > DRAINED_BYTES_MAX {
                    break;
                }
            }
            match bytes > max {
                true => too_large(bytes, max),
                false => next.run(Request::from_parts(parts, Body::from(kept))).await,
            }
        }
    }
}

/// The bound of a body: what many alerts share may be longer.
pub(super) fn bytes_max(path: &str) -> u64 {
    match path {
        "/add-checkpoint" => ADD_CHECKPOINT_BYTES_MAX as u64,
        path if path.starts_with("/v1/ingest/") => INGEST_BYTES_MAX as u64,
        _ => REQUEST_BYTES_MAX as u64,
    }
}

fn too_large(bytes: u64, max: u64) -> Response {
    let detail = format!("the body has {bytes} bytes or more, at most {max}");
    Problem::new(problem::TOO_LARGE, detail).into_response()
}

/// A body that is packed is refused: nothing here unpacks, so that a small one never becomes a large one. It is read to
/// its end before it is answered, for the same reason as above.
pub(super) async fn encoding(request: Request, next: Next) -> Response {
    let codings = request.headers().get_all(header::CONTENT_ENCODING).iter();
    let packed = codings.map(HeaderValue::as_bytes).find(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    let Some(coding) = packed.map(|coding| shown(&String::from_utf8_lossy(coding), SHOWN_BYTES_MAX)) else {
        return next.run(request).await;
    };
    let max = usize::try_from(bytes_max(request.uri().path())).unwrap_or(REQUEST_BYTES_MAX);
    let _ = axum::body::to_bytes(request.into_body(), max).await;
    let problem = Problem::new(problem::PACKED, format!("Content-Encoding is `{coding}`"));
    let mut response = problem.into_response();
    response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    response
}

/// A path that is not text is refused here: whatever reads it behind this can rely on text.
pub(super) async fn text_path(request: Request, next: Next) -> Response {
    if !is_text(request.uri().path()) {
        let detail = "the path is not UTF-8 once its %-escapes are read";
        return Problem::new(problem::BAD_PARAMETER, detail).into_response();
    }
    next.run(request).await
}

fn is_text(path: &str) -> bool {
    percent_encoding::percent_decode_str(path).decode_utf8().is_ok()
}

/// `?node=`: only this one's journal is here.
pub(super) async fn node(State(api): State<Api>, request: Request, next: Next) -> Response {
    let asked = request.uri().query().unwrap_or_default().split('&').find_map(|p| p.strip_prefix("node="));
    if let (Some(asked), Some(audit)) = (asked, api.daemon.audit()) {
        let own = audit.node().map(|n| n.to_string()).unwrap_or_default();
        if !asked.is_empty() && !asked.eq_ignore_ascii_case(&own) {
            let detail = format!("this is node {own}");
            return Problem::new(problem::UNKNOWN_NODE, detail).into_response();
        }
    }
    next.run(request).await
}

/// A command says which folder it speaks for: one that means another home is not obeyed, though a copy has our tokens.
pub(super) async fn home(State(api): State<Api>, request: Request, next: Next) -> Response {
    let asked = request.headers().get(HOME_HEADER).map(HeaderValue::as_bytes);
    if let (Some(asked), Some(own)) = (asked, api.daemon.home())
        && asked != own.as_bytes()
    {
        return Problem::new(problem::OTHER_HOME, "nothing was done with the request").into_response();
    }
    next.run(request).await
}

/// No such route.
pub(super) async fn not_found(uri: Uri) -> Box<Problem> {
    Problem::new(problem::NOT_FOUND, format!("there is no route {}", uri.path()))
}

/// The route has other methods.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Box<Problem> {
    Problem::new(problem::METHOD, format!("{} does not take {method}", uri.path()))
}

#[cfg(test)]
mod tests {
    use super::is_text;

    #[test]
    fn escapes_must_make_text() {
        for good in ["/v1/audit/1", "/v1/explain/%C3%A4", "/%", "/%4", "/%zz", "/%00"] {
            assert!(is_text(good), "{good}");
        }
        for bad in ["/%ff", "/v1/explain/%C3", "/%C3/%A4"] {
            assert!(!is_text(bad), "{bad}");
        }
    }
}
