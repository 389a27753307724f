//! `/openapi.json`: every route is in it, and every answer that the other tests here get is one that it names.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::fake::{Got, serve};

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| serde_json::from_str(&remediator::api::document()).expect("JSON"))
}

/// The document's path for a path as it was asked for.
fn template(path: &str) -> Option<&'static str> {
    let asked: Vec<&str> = path.split('?').next().unwrap_or_default().split('/').collect();
    let paths = document()["paths"].as_object().expect("paths").keys();
    let fits = |known: &&String| {
        let known: Vec<&str> = known.split('/').collect();
        let same =
            |(known, asked): (&&str, &&str)| known == asked || (known.starts_with('{') && !asked.is_empty());
        known.len() == asked.len() && known.iter().zip(&asked).all(same)
    };
    // A literal path wins over one with a parameter, as in the router.
    paths.filter(fits).min_by_key(|known| known.contains('{')).map(String::as_str)
}

/// Panics when the document does not name such an answer.
#[track_caller]
pub fn check(method: &str, path: &str, got: &Got) {
    let Some(template) = template(path) else { return };
    let operation = &document()["paths"][template][method.to_lowercase()];
    if operation.is_null() {
        return;
    }
    let answer = &operation["responses"][got.status.to_string()];
    assert!(
        !answer.is_null(),
        "{method} {template} answers {}, which the document lacks: {}",
        got.status,
        got.text
    );
    let media = got.header("content-type").split(';').next().unwrap_or_default();
    let schema = &answer["content"][media]["schema"];
    assert!(
        !schema.is_null(),
        "{method} {template} answers {} as {media}, which the document lacks",
        got.status
    );
    if !media.ends_with("json") || media == "application/x-ndjson" {
        return;
    }
    let mut schema = schema.clone();
    if schema == json!(true) {
        return;
    }
    schema["components"] = document()["components"].clone();
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    if let Err(error) = validator.validate(&got.json()) {
        panic!(
            "{method} {template}: the answer does not fit the document: {error} at {}",
            error.instance_path()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_document_is_served_and_guarded_as_it_says() {
    let server = serve().await;
    let served = server.send("GET", "/openapi.json", None, b"").await;
    assert_eq!(&served.json(), document());
    for (path, methods) in document()["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            // What stands in for a parameter may be nothing that is there.
            let absent = if path.contains('{') { 401 } else { 404 };
            let path = path.replace("{", "").replace("}", "");
            let got = server.send(&method.to_uppercase(), &path, None, b"{}").await;
            match operation["security"] == json!([]) {
                true => assert!(![401, absent, 405].contains(&got.status), "{method} {path}: {}", got.status),
                false => drop(got.problem(401, "NO_TOKEN")),
            }
        }
    }
}

#[test]
fn every_route_is_in_the_page_about_the_interface() {
    let page = include_str!("../../docs/http.md");
    let missing: Vec<&String> = document()["paths"]
        .as_object()
        .expect("paths")
        .keys()
        .filter(|path| !page.contains(path.as_str()))
        .collect();
    assert!(missing.is_empty(), "docs/http.md says nothing of {missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_comes_whole_from_this_address() {
    let server = serve().await;
    let page = server.send("GET", "/docs", None, b"").await;
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    for file in ["docs/page.js", "docs/page.css", "openapi.json"] {
        assert!(page.text.contains(file));
        assert_eq!(server.send("GET", &format!("/{file}"), None, b"").await.status, 200);
    }
    assert!(!page.text.contains("://"), "nothing comes from elsewhere");
}
