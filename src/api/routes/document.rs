//! `/openapi.json` and the page that shows it. No token: they say what the program can do, nothing about this machine.

use std::sync::OnceLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;

use super::super::document::document;
use super::{Needs, Operation, Routes};

/// Everything comes from here, nothing is sent elsewhere, nobody frames it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

pub(super) fn routes() -> Routes {
    let of_document = Operation::new(Needs::Nothing, "This interface as an OpenAPI 3.1 document")
        .answers::<Value>(200, "The document");
    let of_page = Operation::new(Needs::Nothing, "The same for people: works offline").answers_as::<String>(
        200,
        "The file",
        "text/html",
    );
    let of_script = Operation::new(Needs::Nothing, "The page's script").answers_as::<String>(
        200,
        "The file",
        "text/javascript",
    );
    let of_style =
        Operation::new(Needs::Nothing, "The page's style").answers_as::<String>(200, "The file", "text/css");
    Routes::new("About")
        .get("/openapi.json", openapi, of_document)
        .get("/docs", page, of_page)
        .get("/docs/page.js", script, of_script)
        .get("/docs/page.css", style, of_style)
}

async fn openapi() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    file("application/json", TEXT.get_or_init(document))
}

async fn page() -> Response {
    let mut response = file("text/html; charset=utf-8", include_str!("../page/index.html"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("../page/page.js"))
}

async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("../page/page.css"))
}

fn file(media: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media)], text).into_response()
}
