//! Every route: without a token, as it should be used, and with bad input.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::fake::serve;

const GUARDED: [(&str, &str); 40] = [
    ("GET", "/checkpoint"),
    ("GET", "/tile/entries/000"),
    ("GET", "/v1/audit/0/proof"),
    ("GET", "/v1/audit/keys"),
    ("GET", "/v1/runbooks"),
    ("GET", "/v1/proposals"),
    ("GET", "/v1/entries"),
    ("GET", "/v1/session"),
    ("GET", "/v1/channels"),
    ("POST", "/v1/channels/log/test"),
    ("POST", "/v1/ingest/alertmanager"),
    ("POST", "/v1/ingest/grafana"),
    ("POST", "/v1/ingest/cloudevents"),
    ("POST", "/v1/ingest/json/any"),
    ("POST", "/v1/degradations"),
    ("GET", "/v1/receipts/0190a5a0-0000-7000-8000-000000000000"),
    ("GET", "/v1/incidents"),
    ("GET", "/v1/incidents/0190a5a0-0000-8000-8000-000000000000"),
    ("GET", "/v1/explain/1"),
    ("GET", "/v1/status"),
    ("GET", "/v1/audit"),
    ("GET", "/v1/audit/0"),
    ("GET", "/v1/audit/stream"),
    ("GET", "/metrics"),
    ("POST", "/v1/control/pause"),
    ("GET", "/v1/locks"),
    ("POST", "/v1/control/drain"),
    ("POST", "/v1/control/break"),
    ("POST", "/v1/control/rotate-key"),
    ("POST", "/v1/control/resume"),
    ("POST", "/v1/control/thaw"),
    ("POST", "/v1/control/clear"),
    ("POST", "/v1/control/rerun"),
    ("POST", "/v1/control/grant"),
    ("POST", "/v1/control/elevate"),
    ("GET", "/v1/sentinels"),
    ("POST", "/v1/sentinels/disk-eye/revoke"),
    ("POST", "/v1/heartbeats/backup"),
    ("POST", "/v1/incidents/0190a5a0-0000-8000-8000-000000000000/close"),
    ("POST", "/v1/incidents/0190a5a0-0000-8000-8000-000000000000/refuse"),
];

fn report(target: &str) -> Value {
    json!({"subsystem": "service", "code": "PROCESS_DEAD", "target": target, "severity": "error",
           "summary": "gone"})
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_known_token_every_route_but_the_health_ones_is_closed() {
    let server = serve().await;
    for (method, path) in GUARDED {
        let got = server.send(method, path, None, b"{}").await;
        got.problem(401, "NO_TOKEN");
        assert_eq!(got.header("www-authenticate"), "Bearer");
        server.send(method, path, Some("rmdp_wrong"), b"{}").await.problem(401, "BAD_TOKEN");
    }
    for path in ["/livez", "/readyz", "/readyz?verbose", "/health"] {
        let got = server.send("GET", path, None, b"").await;
        assert_eq!((got.status, &got.json()["v"]), (200, &json!(1)), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_followed_by_its_receipt_to_its_incident() {
    let server = serve().await;
    let mut body = report("cache");
    body["id"] = "mine-1".into();
    let got = server.post("/v1/degradations", &body.to_string()).await;
    assert_eq!(got.status, 202, "{}", got.text);
    let receipt = got.json()["receipt"].as_str().expect("a receipt").to_owned();
    assert_eq!(got.header("location"), format!("/v1/receipts/{receipt}"));
    let again = server.post("/v1/degradations", &body.to_string()).await;
    assert_eq!(again.json(), got.json(), "the same id gives the same receipt");

    let view = server.get(&format!("/v1/receipts/{receipt}")).await.json();
    assert_eq!(view["seq"], got.json()["seq"]);
    assert_eq!(view["state"], "open");
    let incident = view["incident"].as_str().expect("an incident").to_owned();
    let incident = server.get(&format!("/v1/incidents/{incident}")).await.json();
    for part in ["originating_signal", "chosen_runbook", "intermediate_state", "verification_results"] {
        assert!(incident.get(part).is_some(), "{part}");
    }
    assert_eq!(incident["originating_signal"]["source"], "person:ada");
    let explained = server.get(&format!("/v1/explain/{receipt}")).await.json();
    assert_eq!(explained["about"], format!("receipt {receipt}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_report_says_what_is_wrong_and_where() {
    let server = serve().await;
    let path = "/v1/degradations";
    let problem = server.post(path, "{\n  \"subsystem\": oops}").await.problem(400, "BAD_JSON");
    assert_eq!((&problem["line"], problem["column"].is_u64()), (&json!(2), true));
    let mut unknown = report("x");
    unknown["sevrity"] = "error".into();
    let problem = server.post(path, &unknown.to_string()).await.problem(400, "BAD_REPORT");
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("sevrity")), "{problem}");
    let mut long = report("x");
    long["summary"] = "x".repeat(513).into();
    let problem = server.post(path, &long.to_string()).await.problem(400, "BAD_REPORT");
    assert_eq!(problem["field"], "summary");
    let bytes = b"{\"subsystem\":\n\"\xff\"}";
    let problem = server.send("POST", path, Some(&server.person), bytes).await.problem(400, "BAD_UTF8");
    assert_eq!((&problem["line"], &problem["column"]), (&json!(2), &json!(2)));
    let huge = format!("\"{}\"", "x".repeat(10 * 1024 * 1024));
    server.post(path, &huge).await.problem(413, "TOO_LARGE");
    let mut full = report("x");
    full["code"] = "TEST_FULL".into();
    let got = server.post(path, &full.to_string()).await;
    got.problem(503, "FULL");
    assert_eq!(got.header("retry-after"), "7");
    full["code"] = "TEST_SEALED".into();
    server.post(path, &full.to_string()).await.problem(503, "SEALED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_speaks_for_its_subsystems_only_and_the_try_is_kept() {
    let server = serve().await;
    let token = Some(server.sentinel.as_str());
    let body = report("web").to_string();
    let got = server.send("POST", "/v1/degradations", token, body.as_bytes()).await;
    got.problem(403, "OUTSIDE_GRANT");
    {
        let refused = server.fake.refused.lock().expect("lock");
        assert_eq!((refused.len(), refused[0].1), (1, "OUTSIDE_GRANT"));
        assert_eq!(refused[0].0.to_string(), "sentinel:disk-eye");
        assert!(refused[0].2.contains("PROCESS_DEAD"));
    }
    let mut own = report("sda1");
    own["subsystem"] = "disk".into();
    let got = server.send("POST", "/v1/degradations", token, own.to_string().as_bytes()).await;
    assert_eq!(got.status, 202);
    let receipt = got.json()["receipt"].as_str().expect("a receipt").to_owned();
    let followed = server.send("GET", &format!("/v1/receipts/{receipt}"), token, b"").await;
    assert_eq!(followed.status, 200, "its own report");
    let other = format!("/v1/receipts/{}", server.fake.story.healed_receipt);
    server.send("GET", &other, token, b"").await.problem(404, "NOT_FOUND");
    for (method, path) in [("GET", "/v1/status"), ("GET", "/v1/audit"), ("POST", "/v1/control/pause")] {
        let got = server.send(method, path, token, b"{\"reason\":\"x\"}").await;
        got.problem(403, "PERSONS_ONLY");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_get_lists_entries_and_reasons() {
    let server = serve().await;
    let list = server.get("/v1/incidents?state=held").await.json();
    assert_eq!(list["incidents"][0]["target"], "db");
    server.get("/v1/incidents?state=happy").await.problem(400, "BAD_PARAMETER");
    server.get("/v1/incidents/nonsense").await.problem(400, "BAD_PARAMETER");
    server.get("/v1/incidents/0190a5a0-0000-8000-8000-000000000000").await.problem(404, "NOT_FOUND");
    let explained = server.get(&format!("/v1/explain/{}", server.fake.story.held)).await.json();
    assert_eq!(explained["holds"][0]["reason"], "limits");
    server.get("/v1/explain/%2E%2E%2Fetc").await.problem(400, "BAD_PARAMETER");
    let told = format!("/v1/incidents/{}/postmortem", server.fake.story.held);
    server.get(&format!("{told}?format=pdf")).await.problem(400, "BAD_PARAMETER");
    server.get("/v1/incidents/nobody/postmortem").await.problem(400, "BAD_PARAMETER");
    // This one has no files to tell it from.
    server.get(&told).await.problem(503, "NOT_READY");
    assert_eq!(server.get("/v1/status").await.json()["catalog"]["live"], 1);
    let node = server.get("/v1/status").await.json()["node"].as_str().expect("a node").to_owned();
    assert_eq!(server.get(&format!("/v1/status?node={node}")).await.status, 200);
    server.get("/v1/status?node=00000000-0000-0000-0000-00000000000f").await.problem(404, "UNKNOWN_NODE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_means_another_folder_is_not_obeyed_whatever_its_token() {
    let server = serve().await;
    let (path, body) = ("/v1/control/pause", r#"{"reason":"x"}"#);
    for token in [server.person.as_str(), "rmdp_nobody"] {
        server.send_as(path, token, &[("remediator-home", "9-9")], body).await.problem(421, "OTHER_HOME");
    }
    let json = ("content-type", "application/json");
    assert_eq!(
        server.send_as(path, &server.person, &[("remediator-home", "1-2"), json], body).await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_pages_chain_without_gap_and_ndjson_is_the_same_lines() {
    let server = serve().await;
    let (mut after, mut seqs) = (json!(-1), Vec::new());
    loop {
        let page = server.get(&format!("/v1/audit?after={after}&limit=5")).await.json();
        let entries = page["entries"].as_array().expect("entries");
        if entries.is_empty() {
            break;
        }
        seqs.extend(entries.iter().map(|e| e["seq"].as_u64().expect("a seq")));
        after = page["next"].clone();
    }
    assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>());
    let got =
        server.send_with("GET", "/v1/audit?limit=2", Some(&server.person), b"", "application/x-ndjson").await;
    assert_eq!(got.header("content-type"), "application/x-ndjson");
    let one = server.get("/v1/audit/1").await.text;
    assert_eq!(got.text.lines().nth(1), Some(one.as_str()), "byte for byte");
    for bad in ["after=-2", "after=x", "limit=-1"] {
        server.get(&format!("/v1/audit?{bad}")).await.problem(400, "BAD_PARAMETER");
    }
    server.get("/v1/audit/x").await.problem(400, "BAD_PARAMETER");
    server.get("/v1/audit/99999").await.problem(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_a_route_does_not_know_is_refused_with_those_it_knows() {
    let server = serve().await;
    for path in
        ["/v1/incidents?stat=held", "/v1/audit?limit=1&knid=x", "/v1/status?verbose", "/v1/explain/1?x"]
    {
        let problem = server.get(path).await.problem(400, "BAD_PARAMETER");
        let hint = problem["hint"].as_str().expect("a hint");
        assert!(hint.contains("`node`"), "{path}: {hint}");
    }
    let problem = server.get("/v1/incidents?stat=held").await.problem(400, "BAD_PARAMETER");
    assert_eq!(problem["field"], "stat");
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("`state`")), "{problem}");
    server.post("/v1/control/pause?reason=x", "{\"reason\":\"x\"}").await.problem(400, "BAD_PARAMETER");
    // Who has no token learns nothing of it, and health checks may carry what their senders like.
    server.send("GET", "/v1/incidents?stat=held", None, b"").await.problem(401, "NO_TOKEN");
    assert_eq!(server.send("GET", "/livez?from=proxy", None, b"").await.status, 200);
    server.get("/v1/degradations?x=1").await.problem(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_and_entries_are_narrowed_by_what_they_are_about_and_when() {
    let server = serve().await;
    let targets = async |query: &str| -> Vec<String> {
        let list = server.get(&format!("/v1/incidents?{query}")).await.json();
        let all = list["incidents"].as_array().expect("a list").iter();
        all.map(|i| i["target"].as_str().expect("a target").to_owned()).collect()
    };
    assert_eq!(targets("").await, ["db", "web"]);
    assert_eq!(targets("target=w%2A").await, ["web"]);
    assert_eq!(targets("target=web").await, ["web"]);
    assert_eq!(targets("target=we").await, [""; 0], "not a part of it");
    assert_eq!(targets("code=PROCESS_DEAD&target=d?").await, ["db"]);
    assert_eq!(targets("code=service/PROCESS_DEAD").await, ["db", "web"]);
    assert_eq!(targets("code=disk/PROCESS_DEAD").await, [""; 0]);
    assert_eq!(targets("since=24h").await, [""; 0], "the story is of 2023");
    assert_eq!(targets("since=2023-11-14T00:00:00Z").await, ["db", "web"]);
    server.get("/v1/incidents?since=yesterday").await.problem(400, "BAD_PARAMETER");

    let entries = async |query: &str| -> Vec<(u64, String)> {
        let page = server.get(&format!("/v1/audit?{query}")).await.json();
        let all = page["entries"].as_array().expect("entries").iter();
        all.map(|e| (e["seq"].as_u64().expect("a seq"), e["kind"].as_str().expect("a kind").to_owned()))
            .collect()
    };
    let all = entries("limit=1000").await;
    let of_locks: Vec<_> = all.iter().filter(|(_, kind)| kind.starts_with("lock.")).cloned().collect();
    assert!(of_locks.len() > 1);
    assert_eq!(entries("kind=lock.").await, of_locks);
    assert_eq!(entries("kind=lock.&last=1").await, of_locks[of_locks.len() - 1..]);
    assert_eq!(entries(&format!("kind=lock.&after={}", of_locks[0].0)).await, of_locks[1..]);
    assert_eq!(entries("kind=lock.&limit=1").await, of_locks[..1]);
    assert_eq!(entries("last=2").await, all[all.len() - 2..]);
    let held = server.fake.story.held;
    let of_held = entries(&format!("incident={held}")).await;
    assert!(!of_held.is_empty() && of_held.len() < all.len());
    assert_eq!(entries(&format!("incident={held}&kind=incident.held")).await.len(), 1);
    assert_eq!(entries("since=1h").await, []);
    assert_eq!(entries("since=2023-11-14T22:13:25%2B00:00").await, all[5..], "one entry a second");
    for bad in ["kind=atempt.", "incident=x", "since=soon", "last=-1"] {
        server.get(&format!("/v1/audit?{bad}")).await.problem(400, "BAD_PARAMETER");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn controls_need_a_reason_and_a_signature() {
    let server = serve().await;
    let got = server.post("/v1/control/pause", "{\"reason\":\"disk work\"}").await;
    assert_eq!(got.status, 200, "{}", got.text);
    let status = server.get("/v1/status").await.json();
    assert_eq!(status["paused"]["by"], "person:ada");
    assert_eq!(status["paused"]["seq"], got.json()["seq"]);
    server.post("/v1/control/pause", "{\"reason\":\" \"}").await.problem(400, "BAD_REPORT");
    let body = json!({"statement": "e30=", "signature": "none"}).to_string();
    server.post("/v1/control/resume", &body).await.problem(403, "SIGNATURE_WRONG");
    let body = json!({"statement": "?", "signature": ""}).to_string();
    let problem = server.post("/v1/control/resume", &body).await.problem(400, "BAD_REPORT");
    assert_eq!(problem["field"], "statement");
}

#[tokio::test(flavor = "multi_thread")]
async fn until_ready_nothing_is_acknowledged_and_readyz_tells_the_truth() {
    let server = serve().await;
    server.fake.ready.store(false, Ordering::SeqCst);
    let got = server.post("/v1/degradations", &report("web").to_string()).await;
    let problem = got.problem(503, "NOT_READY");
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("journal") && d.contains("no disk")));
    assert_eq!(got.header("retry-after"), "1");
    server.get("/v1/status").await.problem(503, "NOT_READY");
    let ready = server.get("/readyz?verbose").await;
    assert_eq!((ready.status, &ready.json()["steps"][1]["state"]), (503, &json!("failed")));
    assert_eq!(server.get("/livez").await.status, 200);
    assert_eq!(server.get("/health").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_and_methods_are_problems_too() {
    let server = serve().await;
    server.get("/v1/nothing").await.problem(404, "NOT_FOUND");
    server.get("/nothing").await.problem(404, "NOT_FOUND");
    server.get("/v1/degradations").await.problem(405, "METHOD_NOT_ALLOWED");
    let got = server.post("/livez", "").await;
    got.problem(405, "METHOD_NOT_ALLOWED");
    assert_eq!(got.header("cache-control"), "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_statement_cannot_do_now_is_a_conflict_and_what_nobody_may_is_forbidden() {
    let server = serve().await;
    let body = json!({"statement": "e30=", "signature": "x"}).to_string();
    for (control, status, code) in [
        ("rerun", 409, "NOT_NOW"),
        ("elevate", 409, "NOT_NOW"),
        ("rotate-key", 409, "TOO_SOON"),
        ("break", 409, "NOTHING_TO_DO"),
        ("resume", 403, "SIGNATURE_WRONG"),
        ("thaw", 403, "SIGNATURE_WRONG"),
        ("clear", 403, "SIGNATURE_WRONG"),
    ] {
        server.post(&format!("/v1/control/{control}"), &body).await.problem(status, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_for_people_and_a_witness_for_everybody() {
    let server = serve().await;
    for path in ["/checkpoint", "/tile/0/000.p/1", "/v1/audit/0/proof", "/v1/audit/keys"] {
        server.send("GET", path, Some(&server.sentinel), b"").await.problem(403, "PERSONS_ONLY");
    }
    // The fake has a journal in memory, which is no log.
    server.get("/checkpoint").await.problem(503, "BEHIND");
    server.get("/v1/audit/0/proof").await.problem(503, "BEHIND");
    server.get("/v1/audit/x/proof").await.problem(400, "BAD_PARAMETER");
    server.get("/tile/0/0").await.problem(404, "NOT_FOUND");
    let keys = server.get("/v1/audit/keys").await;
    assert_eq!((keys.status, &keys.json()["log"]), (200, &serde_json::Value::Null));
    server.send("POST", "/add-checkpoint", None, b"old 0\n").await.problem(503, "NOT_READY");
    server.send("POST", "/add-checkpoint", None, b"\xff").await.problem(400, "BAD_CHECKPOINT");
}
