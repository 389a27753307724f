//! A browser's session: how it begins and ends, which requests may rest on it, and the page's files.

use serde_json::json;

use remediator::api::{Place, Settings};

use super::fake::{Got, Server, serve, serve_with};

/// Asks as a browser does: no token, its own headers, redirects not followed.
async fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
    let redirects = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).redirect(redirects);
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
    let url = format!("http://{}{path}", server.address);
    let mut request = client.build().expect("a client").request(method.clone(), url).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let streams = headers.get("content-type").is_some_and(|v| v == "text/event-stream");
    let text = if streams { String::new() } else { response.text().await.expect("a body") };
    let got = Got { status, headers, text };
    super::document::check(method.as_str(), path, &got);
    got
}

async fn log_in(server: &Server) -> String {
    let body = json!({"token": server.person}).to_string();
    let got = ask(server, "POST", "/login", &[], &body).await;
    assert_eq!((got.status, &got.json()["person"]), (200, &json!("ada")), "{}", got.text);
    cookie_of(&got)
}

fn cookie_of(got: &Got) -> String {
    got.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_as_good_as_its_token_and_ends_with_a_logout() {
    let server = serve().await;
    ask(&server, "GET", "/v1/status", &[], "").await.problem(401, "NO_TOKEN");
    let body = json!({"token": server.person}).to_string();
    let got = ask(&server, "POST", "/login", &[], &body).await;
    let set = got.header("set-cookie").to_owned();
    assert!(set.starts_with(&format!("remediator_session_{}=", server.address.port())), "{set}");
    for flag in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=604800"] {
        assert!(set.contains(flag), "{flag}: {set}");
    }
    assert!(!set.contains("Secure"), "at a loopback address it needs no TLS");
    let cookie = cookie_of(&got);
    let value = cookie.split('=').nth(1).expect("a value");
    assert!(value.len() == 64 && !server.person.contains(value), "random, and not the token");
    let with = [("cookie", cookie.as_str())];
    for path in ["/v1/session", "/v1/status", "/v1/incidents", "/v1/audit?last=1", "/v1/entries?last=1"] {
        assert_eq!(ask(&server, "GET", path, &with, "").await.status, 200, "{path}");
    }
    let stream = [("cookie", cookie.as_str()), ("accept", "text/event-stream")];
    assert_eq!(ask(&server, "GET", "/v1/audit/stream", &stream, "").await.status, 200);
    let origin = format!("http://{}", server.address);
    let own = [("cookie", cookie.as_str()), ("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
    let paused = ask(&server, "POST", "/v1/control/pause", &own, r#"{"reason":"tea"}"#).await;
    assert_eq!(paused.status, 200, "{}", paused.text);
    let over = ask(&server, "POST", "/logout", &own, "").await;
    assert_eq!((over.status, over.json()["ended"].as_bool()), (200, Some(true)));
    assert!(over.header("set-cookie").contains("Max-Age=0"));
    ask(&server, "GET", "/v1/status", &with, "").await.problem(401, "SESSION_ENDED");
    assert_eq!(ask(&server, "POST", "/logout", &[], "").await.json()["ended"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_session() {
    let server = serve().await;
    let cookie = log_in(&server).await;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    let stream = client.get(format!("http://{}/v1/audit/stream", server.address)).header("cookie", &cookie);
    let mut stream = stream.send().await.expect("an answer");
    assert!(stream.chunk().await.expect("it flows").is_some());
    let origin = format!("http://{}", server.address);
    let own = [("cookie", cookie.as_str()), ("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(ask(&server, "POST", "/logout", &own, "").await.status, 200);
    server.post("/v1/control/pause", r#"{"reason":"said after the session"}"#).await;
    let rest = async {
        let mut rest = Vec::new();
        while let Ok(Some(bytes)) = stream.chunk().await {
            rest.extend_from_slice(&bytes);
        }
        String::from_utf8_lossy(&rest).into_owned()
    };
    let rest = tokio::time::timeout(std::time::Duration::from_secs(60), rest).await.expect("it ends");
    assert!(!rest.contains("said after the session"), "{rest}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_of_others_has_a_browser_send_changes_nothing() {
    let server = serve().await;
    let cookie = log_in(&server).await;
    let before = server.get("/v1/status").await.json()["head"]["seq"].clone();
    let origin = format!("http://{}", server.address);
    let other_port = "http://127.0.0.1:1".to_owned();
    let (cookie, same) = (("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin"));
    let tries: [&[(&str, &str)]; 5] = [
        &[cookie],
        &[cookie, ("origin", &origin)],
        &[cookie, same],
        &[cookie, same, ("origin", "http://evil.example")],
        &[cookie, ("sec-fetch-site", "same-site"), ("origin", &other_port)],
    ];
    for headers in tries {
        for path in ["/v1/control/pause", "/v1/degradations", "/logout"] {
            let got = ask(&server, "POST", path, headers, r#"{"reason":"x"}"#).await;
            got.problem(403, "FOREIGN_REQUEST");
        }
    }
    assert_eq!(server.get("/v1/status").await.json()["head"]["seq"], before, "nothing was done");
    for headers in [[cookie, ("host", "evil.example:8855")], [cookie, ("sec-fetch-site", "cross-site")]] {
        let name = format!("remediator_session={}", cookie.1.split('=').nth(1).expect("a value"));
        let at_default = [("cookie", name.as_str()), headers[1]];
        for headers in [headers, at_default] {
            let got = ask(&server, "GET", "/v1/status", &headers, "").await;
            assert!(got.status == 403 || got.status == 401, "{}", got.text);
        }
    }
    // A token in a header is nobody's doing but the sender's: it needs none of that.
    let token = format!("Bearer {}", server.person);
    let named = [("authorization", token.as_str()), ("host", "remediator.example")];
    assert_eq!(ask(&server, "GET", "/v1/status", &named, "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_persons_token_logs_in_and_not_from_another_page() {
    let server = serve().await;
    let body = |token: &str| json!({ "token": token }).to_string();
    let none: [(&str, &str); 0] = [];
    ask(&server, "POST", "/login", &none, &body(&server.sentinel)).await.problem(403, "PERSONS_ONLY");
    ask(&server, "POST", "/login", &none, &body("rmdp_wrong")).await.problem(401, "BAD_TOKEN");
    ask(&server, "POST", "/login", &none, "{}").await.problem(400, "BAD_REPORT");
    for headers in
        [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site"), ("host", "evil.example")]
    {
        let got = ask(&server, "POST", "/login", &[headers], &body(&server.person)).await;
        got.problem(403, "FOREIGN_REQUEST");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let got = ask(&server, "POST", "/login", &form, &format!("token={}", server.person)).await;
    assert_eq!((got.status, got.header("location")), (303, "/"));
    let cookie = cookie_of(&got);
    assert_eq!(ask(&server, "GET", "/v1/session", &[("cookie", &cookie)], "").await.status, 200);
    ask(&server, "POST", "/login", &form, "tokem=x").await.problem(400, "BAD_REPORT");
    let away = ask(&server, "POST", "/login", &[("host", "10.1.2.3:8855")], &body(&server.person)).await;
    assert!(away.header("set-cookie").ends_with("; Secure"), "what leaves the machine needs TLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_may_what_its_token_may() {
    let server = serve().await;
    let log_in = |token: &str| json!({ "token": token }).to_string();
    let [(_, audit), (_, read), ..] = &server.of_roles;
    let none: [(&str, &str); 0] = [];
    let refused = ask(&server, "POST", "/login", &none, &log_in(audit)).await;
    refused.problem(403, "ROLE_NEEDED");
    let detail = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(
        detail.starts_with("the page is not for this token") && detail.contains("role `audit`"),
        "{detail}"
    );
    let got = ask(&server, "POST", "/login", &none, &log_in(read)).await;
    assert_eq!((got.status, &got.json()["role"]), (200, &json!("read")), "{}", got.text);
    let (cookie, origin) = (cookie_of(&got), format!("http://{}", server.address));
    let own = [("cookie", cookie.as_str()), ("origin", origin.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(ask(&server, "GET", "/v1/session", &own, "").await.json()["role"], json!("read"));
    for path in ["/v1/status", "/v1/entries?last=1", "/v1/runbooks"] {
        assert_ne!(ask(&server, "GET", path, &own, "").await.status, 403, "{path}");
    }
    for path in ["/v1/control/pause", "/v1/degradations"] {
        ask(&server, "POST", path, &own, r#"{"reason":"x"}"#).await.problem(403, "ROLE_NEEDED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_was_said_is_as_good_as_an_address() {
    let place = Place { hosts: vec!["ops.example".into()], https: false };
    let server = serve_with(Settings { place, ..Settings::default() }).await;
    let body = json!({"token": server.person}).to_string();
    // As a proxy passes it on that speaks TLS to the browser.
    let own = [("host", "ops.example"), ("origin", "https://ops.example"), ("sec-fetch-site", "same-origin")];
    let got = ask(&server, "POST", "/login", &own, &body).await;
    assert_eq!(got.status, 200, "{}", got.text);
    assert!(got.header("set-cookie").ends_with("; Secure"), "it leaves this machine");
    let cookie = cookie_of(&got);
    let with = |headers: &[(&'static str, &'static str)]| {
        let mut all = vec![("cookie", cookie.clone())];
        all.extend(headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        all
    };
    for (headers, status) in [
        (with(&own), 200),
        (with(&[("host", "ops.example"), ("origin", "https://evil.example"), own[2]]), 403),
        (with(&[("host", "other.example"), ("origin", "https://other.example"), own[2]]), 403),
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let got = ask(&server, "POST", "/v1/control/pause", &headers, r#"{"reason":"x"}"#).await;
        assert_eq!(got.status, status, "{headers:?}: {}", got.text);
    }
    let other = [("host", "other.example"), own[2]];
    ask(&server, "POST", "/login", &other, &body).await.problem(403, "FOREIGN_REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_that_fail_are_counted_and_tokens_work_meanwhile() {
    let server = serve().await;
    for _ in 0..10 {
        ask(&server, "POST", "/login", &[], r#"{"token":"rmdp_guess"}"#).await.problem(401, "BAD_TOKEN");
    }
    let good = json!({"token": server.person}).to_string();
    let got = ask(&server, "POST", "/login", &[], &good).await;
    got.problem(429, "TOO_MANY_LOGINS");
    let seconds: u64 = got.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(server.get("/v1/status").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_whole_strict_and_kept_by_its_content() {
    let server = serve().await;
    let page = server.send("GET", "/", None, b"").await;
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
    for word in ["frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(policy.contains(word), "{word}");
    }
    assert!(!policy.contains("unsafe") && !page.text.contains("://"), "nothing comes from elsewhere");
    assert_eq!(page.header("cache-control"), "no-cache");
    let again = ask(&server, "GET", "/", &[("if-none-match", page.header("etag"))], "").await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    let files: Vec<&str> =
        page.text.split('"').filter(|word| word.starts_with("page/") && !word.contains(' ')).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let got = server.send("GET", &format!("/{file}"), None, b"").await;
        assert_eq!(got.status, 200, "{file}");
        assert_eq!(got.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(got.header("x-content-type-options"), "nosniff");
    }
    let version = page.header("etag").trim_matches('"').to_owned();
    assert_eq!(server.get("/v1/session").await.json()["page"], json!(version));
    for other in ["/page/0000000000000000/main.js".to_owned(), format!("/page/{version}/none.js")] {
        server.send("GET", &other, None, b"").await.problem(404, "NOT_FOUND");
    }
    assert_eq!(server.get("/v1/status").await.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_said_as_in_a_timeline() {
    let server = serve().await;
    let all = server.get("/v1/entries?limit=1000").await.json();
    let entries = all["entries"].as_array().expect("entries");
    let stored = server.get("/v1/audit?limit=1000").await.json();
    assert_eq!(
        (entries.len(), &all["next"]),
        (stored["entries"].as_array().expect("lines").len(), &stored["next"])
    );
    assert!(entries.iter().all(|entry| entry["said"].as_str().is_some_and(|said| !said.is_empty())));
    let last = server.get("/v1/entries?last=2").await.json();
    assert_eq!(last["entries"].as_array().expect("entries")[..], entries[entries.len() - 2..]);
    let kind = server.get("/v1/entries?kind=incident.").await.json();
    let kinds: Vec<&str> =
        kind["entries"].as_array().expect("entries").iter().filter_map(|e| e["kind"].as_str()).collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| kind.starts_with("incident.")), "{kinds:?}");
    server.get("/v1/entries?befor=2").await.problem(400, "BAD_PARAMETER");
}
