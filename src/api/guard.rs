//! What holds for every request: a time limit, headers, `?node=`, and problem+json for unknown routes and methods.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Api;
use super::problem::{self, Problem};

/// The longest that any answer may take; reading the body counts.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Time limit and headers.
pub(super) async fn bounds(request: Request, next: Next) -> Response {
    let mut response = match tokio::time::timeout(TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("there was no answer within {} s", TIME_MAX.as_secs());
            Problem::new(problem::TIMEOUT, detail).retry_after(5).into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
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

/// No such route.
pub(super) async fn not_found(uri: Uri) -> Box<Problem> {
    Problem::new(problem::NOT_FOUND, format!("there is no route {}", uri.path()))
}

/// The route has other methods.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Box<Problem> {
    Problem::new(problem::METHOD, format!("{} does not take {method}", uri.path()))
}
