//! Ingest over HTTP: each form of each body is answered as the document says, and every way to be wrong has its code.
//! What becomes of it is tested with the real daemon (tests/outside).

use serde_json::{Value, json};

use super::fake::serve;

fn alerts(labels: &[Value]) -> String {
    let alert = |labels: &Value| json!({"status": "firing", "labels": labels, "startsAt": "x"});
    json!({"version": "4", "groupKey": "g", "alerts": labels.iter().map(alert).collect::<Vec<_>>()})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_answered_one_by_one_and_a_grant_holds_for_each() {
    let server = serve().await;
    let (good, bad) = (json!({"alertname": "Down", "instance": "web"}), json!({}));
    for path in ["/v1/ingest/alertmanager", "/v1/ingest/grafana"] {
        let got = server.post(path, &alerts(&[good.clone(), bad.clone()])).await;
        assert_eq!(got.status, 202, "{}", got.text);
        let items = &got.json()["items"];
        assert_eq!((&items[0]["result"], &items[0]["actionable"]), (&"accepted".into(), &true.into()));
        assert_eq!((&items[1]["result"], &items[1]["code"]), (&"refused".into(), &"UNMAPPED".into()));
        server.post(path, &alerts(std::slice::from_ref(&bad))).await.problem(422, "UNMAPPED");
        let outside = alerts(std::slice::from_ref(&good));
        server.send_as(path, &server.sentinel, &[], &outside).await.problem(403, "OUTSIDE_GRANT");
        let none = server.post(path, &alerts(&[])).await;
        assert_eq!((none.status, &none.json()["items"]), (202, &json!([])));
        server.post(path, "{").await.problem(400, "BAD_JSON");
        let problem = server.post(path, "{\"version\":\"4\"}").await.problem(400, "BAD_REPORT");
        assert_eq!(problem["field"], "/alerts");
    }
    let over = alerts(&[good]).replace("firing", "resolved");
    assert_eq!(server.post("/v1/ingest/grafana", &over).await.json()["items"][0]["result"], "recovered");
    let codes: Vec<&str> = server.fake.refused.lock().expect("lock").iter().map(|r| r.1).collect();
    assert_eq!(codes[..4], ["UNMAPPED", "UNMAPPED", "OUTSIDE_GRANT", "BAD_REPORT"], "kept as evidence");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_comes_in_three_forms() {
    let server = serve().await;
    let path = "/v1/ingest/cloudevents";
    let event =
        json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "disk.full", "subject": "db"});
    let send = async |headers: &[(&str, &str)], body: &str| {
        server.send_as(path, &server.person, headers, body).await
    };
    let structured = [("content-type", "application/cloudevents+json")];
    let batch = [("content-type", "application/cloudevents-batch+json; charset=utf-8")];
    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "disk.full"),
    ];
    let first = send(&structured, &event.to_string()).await;
    assert_eq!((first.status, &first.json()["items"][0]["result"]), (202, &"accepted".into()));
    let receipt = &first.json()["items"][0]["receipt"];
    let two = send(&batch, &json!([event, event]).to_string()).await.json();
    assert!(two["items"].as_array().is_some_and(|items| {
        items.len() == 2 && items.iter().all(|i| &i["receipt"] == receipt && i["duplicate"] == true)
    }));
    assert_eq!(&send(&binary, "{}").await.json()["items"][0]["receipt"], receipt);
    assert_eq!(&send(&binary, "").await.json()["items"][0]["receipt"], receipt);
    send(&binary, "{").await.problem(400, "BAD_REPORT");
    send(&binary[..4], "{}").await.problem(400, "BAD_REPORT");
    send(&structured, "{}").await.problem(400, "BAD_REPORT");
    send(&structured, "[").await.problem(400, "BAD_JSON");
    send(&batch, "{}").await.problem(400, "BAD_REPORT");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_json_needs_a_mapping_and_may_be_longer_than_a_report() {
    let server = serve().await;
    let pad = "x".repeat(1024 * 1024);
    let body = json!({"all": [{"code": "FULL", "t": "sda"}], "pad": pad}).to_string();
    let got = server.send_as("/v1/ingest/json/disks", &server.sentinel, &[], &body).await;
    assert_eq!(got.status, 202, "{}", got.text);
    server.post("/v1/ingest/json/other", "{}").await.problem(404, "NOT_FOUND");
    server.post("/v1/ingest/json/disks", "{}").await.problem(400, "BAD_REPORT");
    server.post("/v1/ingest/json/disks", "{\"all\":[7]}").await.problem(422, "UNMAPPED");
    let huge = format!("\"{}\"", pad.repeat(4));
    server.post("/v1/ingest/json/disks", &huge).await.problem(413, "TOO_LARGE");
}
