//! Every route with every kind of token: nobody reaches what their role does not give them. The routes come from the
//! API document, which is made of the list that the router is made of; who may what is written here a second time.

use std::collections::BTreeMap;

use remediator::api::Role;
use serde_json::{Value, json};

use super::fake::{Got, Server, serve};

/// The least role that reaches a route, and whether a sentinel's token does; none needs a token.
type May = Option<(Role, bool)>;

const AUDIT: May = Some((Role::Audit, false));
const READ: May = Some((Role::Read, false));
const LEAD: May = Some((Role::Lead, false));
const REPORT: May = Some((Role::Write, true));

/// Who may what. A route that is not here fails the test.
const ROUTES: &[(&str, May)] = &[
    ("get /", None),
    ("get /livez", None),
    ("get /readyz", None),
    ("get /health", None),
    ("get /openapi.json", None),
    ("get /docs", None),
    ("get /docs/page.js", None),
    ("get /docs/page.css", None),
    ("get /page/{version}/{file}", None),
    ("post /login", None),
    ("post /logout", None),
    ("post /add-checkpoint", None),
    ("get /v1/session", AUDIT),
    ("get /metrics", AUDIT),
    ("get /checkpoint", AUDIT),
    ("get /tile/{path}", AUDIT),
    ("get /v1/audit", AUDIT),
    ("get /v1/audit/{seq}", AUDIT),
    ("get /v1/audit/{seq}/proof", AUDIT),
    ("get /v1/audit/keys", AUDIT),
    ("get /v1/audit/stream", AUDIT),
    ("get /v1/entries", AUDIT),
    ("get /v1/status", READ),
    ("get /v1/locks", READ),
    ("get /v1/incidents", READ),
    ("get /v1/incidents/{id}", READ),
    ("get /v1/incidents/{id}/postmortem", READ),
    ("get /v1/explain/{what}", READ),
    ("get /v1/runbooks", READ),
    ("get /v1/runbooks/{id}", READ),
    ("get /v1/proposals", READ),
    ("get /v1/sentinels", READ),
    ("get /v1/channels", READ),
    ("get /v1/receipts/{receipt}", Some((Role::Read, true))),
    ("post /v1/degradations", REPORT),
    ("post /v1/heartbeats/{name}", REPORT),
    ("post /v1/ingest/alertmanager", REPORT),
    ("post /v1/ingest/grafana", REPORT),
    ("post /v1/ingest/cloudevents", REPORT),
    ("post /v1/ingest/json/{name}", REPORT),
    ("post /v1/channels/{name}/test", LEAD),
    ("post /v1/sentinels/{name}/revoke", LEAD),
    ("post /v1/incidents/{id}/close", LEAD),
    ("post /v1/incidents/{id}/refuse", LEAD),
    ("post /v1/subjects/erase", LEAD),
    ("post /v1/control/pause", LEAD),
    ("post /v1/control/drain", LEAD),
    ("post /v1/control/resume", LEAD),
    ("post /v1/control/thaw", LEAD),
    ("post /v1/control/clear", LEAD),
    ("post /v1/control/break", LEAD),
    ("post /v1/control/rotate-key", LEAD),
    ("post /v1/control/rerun", LEAD),
    ("post /v1/control/grant", LEAD),
    ("post /v1/control/elevate", LEAD),
];

fn served() -> BTreeMap<String, Value> {
    let document: Value = serde_json::from_str(&remediator::api::document()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").clone();
    let each = paths.into_iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").clone();
        methods.into_iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    each.collect()
}

/// Something stands in each parameter's place.
fn filled(path: &str) -> String {
    let names = [
        ("{version}", "0"),
        ("{file}", "main.js"),
        ("{path}", "0/000"),
        ("{seq}", "0"),
        ("{id}", "0190a5a0-0000-8000-8000-000000000000"),
        ("{what}", "1"),
        ("{receipt}", "0190a5a0-0000-7000-8000-000000000000"),
        ("{name}", "any"),
    ];
    let path = names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    assert!(!path.contains('{'), "what stands for a parameter of {path}?");
    path
}

/// Whether the answer is one of the guard's; what the route itself says does not matter here.
fn guarded(got: &Got) -> Option<String> {
    let code = serde_json::from_str::<Value>(&got.text).ok()?["code"].as_str()?.to_owned();
    let of_guard = ["NO_TOKEN", "BAD_TOKEN", "ROLE_NEEDED", "PERSONS_ONLY"].contains(&code.as_str());
    of_guard.then_some(code)
}

async fn ask(server: &Server, route: &str, token: Option<&str>) -> Option<String> {
    let (method, path) = route.split_once(' ').expect("a method and a path");
    let path = filled(path);
    // A stream has no end: its beginning says whether it is let through.
    if path == "/v1/audit/stream" {
        return guarded(&server.begin(&path, token).await);
    }
    guarded(&server.send(&method.to_uppercase(), &path, token, b"{}").await)
}

#[test]
fn the_table_has_every_route_and_the_document_says_the_same() {
    let served = served();
    let here: Vec<&str> = ROUTES.iter().map(|(route, _)| *route).collect();
    let missing: Vec<_> = served.keys().filter(|route| !here.contains(&route.as_str())).collect();
    assert!(missing.is_empty(), "who may use {missing:?}?");
    for (route, may) in ROUTES {
        let said = &served.get(*route).unwrap_or_else(|| panic!("{route} is not served"))["security"];
        let wanted = match may {
            None => json!([]),
            Some((role, false)) => json!([{"token": [role.word()]}, {"session": [role.word()]}]),
            Some((role, true)) => {
                json!([{"token": [role.word()]}, {"session": [role.word()]}, {"token": ["sentinel"]}])
            }
        };
        assert_eq!(said, &wanted, "{route}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_through_the_roles_that_may_and_nobody_else() {
    let server = serve().await;
    for (route, may) in ROUTES {
        let none = ask(&server, route, None).await;
        let wrong = ask(&server, route, Some("rmdp_wrong")).await;
        let eye = ask(&server, route, Some(&server.sentinel)).await;
        // A login has no token in its body here, and none of the guard's answers is about the header.
        let Some((least, sentinel)) = may else {
            assert_eq!((none, wrong, eye), (None, None, None), "{route} is open");
            continue;
        };
        assert_eq!(none.as_deref(), Some("NO_TOKEN"), "{route}");
        assert_eq!(wrong.as_deref(), Some("BAD_TOKEN"), "{route}");
        assert_eq!(eye.as_deref(), (!sentinel).then_some("PERSONS_ONLY"), "{route} with a sentinel's token");
        for (role, token) in &server.of_roles {
            let wanted = (role < least).then_some("ROLE_NEEDED");
            assert_eq!(ask(&server, route, Some(token)).await.as_deref(), wanted, "{route} as {role}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_role_and_the_command_and_does_nothing() {
    let server = serve().await;
    let head = server.get("/v1/status").await.json()["head"]["seq"].clone();
    let (_, read) = &server.of_roles[1];
    let got = server.send("POST", "/v1/control/pause", Some(read), br#"{"reason":"tea"}"#).await;
    let problem = got.problem(403, "ROLE_NEEDED");
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("`read`") && d.contains("`lead`")));
    assert!(problem["hint"].as_str().is_some_and(|h| h.contains("remediator token new --role lead")));
    assert_eq!(server.get("/v1/status").await.json()["head"]["seq"], head, "nothing was done");
}
