//! `/`: the page to look at, embedded whole. Its files stand under a name made of all their bytes, so that a browser
//! keeps them for ever and never mixes two versions. No token: they say nothing about this machine.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::super::problem::{self, Problem};
use super::{Needs, Operation, Routes};
use crate::base::digest::Blake3;
use crate::event::Event;

/// Nothing comes from elsewhere, nothing is sent elsewhere, no script or style stands in the markup, nobody frames it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
);
const SCRIPT: &str = "text/javascript; charset=utf-8";
const INDEX: &str = include_str!("../ui/index.html");

/// A file, its media type and its bytes.
type File = (&'static str, &'static str, &'static str);

const FILES: &[File] = &[
    ("page.css", "text/css; charset=utf-8", include_str!("../ui/page.css")),
    ("icon.svg", "image/svg+xml", include_str!("../ui/icon.svg")),
    ("main.js", SCRIPT, include_str!("../ui/main.js")),
    ("dom.js", SCRIPT, include_str!("../ui/dom.js")),
    ("net.js", SCRIPT, include_str!("../ui/net.js")),
    ("keys.js", SCRIPT, include_str!("../ui/keys.js")),
    ("login.js", SCRIPT, include_str!("../ui/login.js")),
    ("chain.js", SCRIPT, include_str!("../ui/chain.js")),
    ("needs.js", SCRIPT, include_str!("../ui/needs.js")),
    ("home.js", SCRIPT, include_str!("../ui/home.js")),
    ("incidents.js", SCRIPT, include_str!("../ui/incidents.js")),
    ("incident.js", SCRIPT, include_str!("../ui/incident.js")),
    ("audit.js", SCRIPT, include_str!("../ui/audit.js")),
    ("runbooks.js", SCRIPT, include_str!("../ui/runbooks.js")),
    ("sentinels.js", SCRIPT, include_str!("../ui/sentinels.js")),
    ("controls.js", SCRIPT, include_str!("../ui/controls.js")),
];

pub(super) fn routes() -> Routes {
    let of_index = Operation::new(Needs::Nothing, "A page to look at, in a browser")
        .answers_as::<String>(200, "The page", "text/html")
        .answers_as::<String>(304, "The browser has it already (If-None-Match)", "text/html");
    let of_file = Operation::new(Needs::Nothing, "A file of the page")
        .path::<String>("version", "What the page is called by all its bytes")
        .path::<String>("file", "The file's name")
        .answers_as::<String>(200, "The file", "text/javascript")
        .answers_as::<String>(200, "The file", "text/css")
        .answers_as::<String>(200, "The file", "image/svg+xml")
        .problem(&[problem::NOT_FOUND]);
    Routes::new("Page").get("/", index, of_index).get("/page/{version}/{file}", file, of_file)
}

/// What all files together are called.
pub(super) fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let all: String = FILES.iter().map(|(name, _, text)| format!("{name}\0{text}\0")).collect();
        let all = format!("{INDEX}\0{}\0{all}", kinds());
        Blake3::of(all.as_bytes()).to_string().chars().take(16).collect()
    })
}

/// Events that a browser is to listen to: it knows no way to listen to all.
fn kinds() -> String {
    Event::KINDS.iter().map(|(kind, _)| *kind).collect::<Vec<_>>().join(" ")
}

async fn index(asked: HeaderMap) -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| INDEX.replace("{{version}}", version()).replace("{{kinds}}", &kinds()));
    let tag = format!("\"{}\"", version());
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => text.as_str().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

async fn file(Path((asked, name)): Path<(String, String)>) -> Result<Response, Box<Problem>> {
    let found = FILES.iter().find(|(known, _, _)| *known == name && asked == version());
    let Some((_, media, text)) = found else {
        return Err(Problem::new(problem::NOT_FOUND, "this page has no such file; load it again"));
    };
    let for_ever = "public, max-age=31536000, immutable";
    Ok(([(header::CONTENT_TYPE, *media), (header::CACHE_CONTROL, for_ever)], *text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_its_files_and_no_place_elsewhere_and_makes_no_markup_of_text() {
        for (name, _, text) in FILES.iter().chain([&("index.html", "", INDEX)]) {
            for never in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
            {
                assert!(!text.contains(never), "{name}: {never}");
            }
            let foreign: Vec<&str> = text.split("://").skip(1).collect();
            let namespace = |rest: &&str| rest.starts_with("www.w3.org/");
            assert!(foreign.iter().all(namespace), "{name} names another place");
        }
        for never in ["style=", "onclick", "<style"] {
            assert!(!INDEX.contains(never), "{never}");
        }
        for import in FILES.iter().flat_map(|(_, _, text)| text.split("from \"./").skip(1)) {
            let name = import.split('"').next().unwrap_or_default();
            assert!(FILES.iter().any(|(known, _, _)| *known == name), "{name} is imported and not there");
        }
    }
}
