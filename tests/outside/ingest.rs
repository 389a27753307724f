//! Ingest over HTTP, from the real binary: formats, mappings, grants, evidence, and what senders are answered.

use serde_json::{Value, json};

use remediator::api::{Bearer, Tokens, tokens};

use crate::channels::{entries, home};
use crate::sandbox::{Ran, Sandbox};

/// A token for a sentinel, made before the daemon starts.
pub fn token(sandbox: &Sandbox, name: &str, subsystems: &[&str]) -> String {
    let path = sandbox.home().join("state/tokens.json");
    let mut all = Tokens::load(&path).expect("the home's tokens");
    let token = tokens::mint().expect("randomness");
    let subsystems = subsystems.iter().map(|s| (*s).to_owned()).collect();
    all.add(Bearer::Sentinel { name: name.to_owned(), subsystems }, &token, 0);
    all.save(&path).expect("saved");
    token
}

/// Status and answer of a POST.
fn post(sandbox: &Sandbox, token: &str, path: &str, headers: &[&str], body: &str) -> (u16, Value) {
    let mut command = sandbox.command("curl");
    command.args(["-sS", "-w", "\n%{http_code}", "-X", "POST", "--data-binary", "@-"]);
    command.args(["-H", &format!("Authorization: Bearer {token}")]);
    if !headers.iter().any(|h| h.starts_with("Content-Type")) {
        command.args(["-H", "Content-Type: application/json"]);
    }
    for header in headers {
        command.args(["-H", header]);
    }
    command.arg(format!("http://{}/v1/ingest/{path}", sandbox.address()));
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().expect("curl starts");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), body.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("curl ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (answer, status) = text.rsplit_once('\n').expect("a status");
    (status.parse().expect("a number"), serde_json::from_str(answer).unwrap_or(Value::Null))
}

fn alerts(status: &str, names: &[(&str, &str)]) -> Value {
    let one = |(name, instance): &(&str, &str)| {
        json!({"status": status, "labels": {"alertname": name, "instance": instance, "severity": "critical"},
               "annotations": {"summary": "it hurts"}, "startsAt": "2026-01-02T03:04:05Z", "endsAt": "0001-01-01T00:00:00Z",
               "generatorURL": "", "fingerprint": format!("{name}{instance}")})
    };
    json!({"version": "4", "groupKey": "g", "truncatedAlerts": 0, "status": status, "receiver": "r", "groupLabels": {},
           "commonLabels": {}, "commonAnnotations": {}, "externalURL": "", "alerts": names.iter().map(one).collect::<Vec<_>>()})
}

#[test]
fn alertmanager_is_deduplicated_resolved_and_held_to_its_grant() {
    let mut sandbox = home("");
    let am = token(&sandbox, "am", &["prometheus"]);
    let other = token(&sandbox, "other", &["disk"]);
    sandbox.serve();
    let firing = alerts("firing", &[("HighLatency", "web"), ("HighLatency", "db")]).to_string();
    let (status, first) = post(&sandbox, &am, "alertmanager", &[], &firing);
    assert_eq!((status, first["items"].as_array().map(Vec::len)), (202, Some(2)), "{first}");
    assert_eq!(
        (&first["items"][0]["result"], &first["items"][0]["actionable"]),
        (&"accepted".into(), &true.into())
    );
    let (_, again) = post(&sandbox, &am, "alertmanager", &[], &firing);
    assert_eq!(again["items"][1]["receipt"], first["items"][1]["receipt"]);
    assert_eq!(again["items"][1]["duplicate"], true);
    let resolved = alerts("resolved", &[("HighLatency", "web")]).to_string();
    let (status, over) = post(&sandbox, &am, "alertmanager", &[], &resolved);
    assert_eq!((status, &over["items"][0]["result"]), (202, &"recovered".into()), "{over}");
    let (_, over) = post(&sandbox, &am, "alertmanager", &[], &resolved);
    assert_eq!(over["items"][0]["duplicate"], true);
    let (status, late) = post(&sandbox, &am, "alertmanager", &[], &firing);
    assert_eq!(
        (status, &late["items"][0]["duplicate"]),
        (202, &true.into()),
        "a late try opens nothing anew"
    );
    assert_eq!(
        entries(&sandbox, "degradation.seen").iter().filter(|e| e["data"]["code"] == "HIGH_LATENCY").count(),
        2
    );
    assert_eq!(entries(&sandbox, "degradation.recovered").len(), 1);
    let closed = entries(&sandbox, "incident.closed");
    assert!(closed.iter().any(|e| e["data"]["closure"] == "recovered_unaided"), "{closed:?}");

    let (status, problem) = post(&sandbox, &other, "alertmanager", &[], &firing);
    assert_eq!((status, &problem["code"]), (403, &"OUTSIDE_GRANT".into()), "{problem}");
    assert_eq!(entries(&sandbox, "degradation.refused").len(), 2, "each is evidence");
    assert_eq!(post(&sandbox, "rmdp_no", "alertmanager", &[], &firing).0, 401);
    let (status, problem) = post(&sandbox, &am, "alertmanager", &[], r#"{"version":"3","alerts":[]}"#);
    assert_eq!((status, &problem["field"]), (400, &"/version".into()), "{problem}");
    assert_eq!(post(&sandbox, &am, "alertmanager", &[], "{").0, 400);
}

#[test]
fn what_cannot_be_mapped_is_evidence_beside_what_can() {
    let mut sandbox = home("");
    let am = token(&sandbox, "am", &["prometheus"]);
    sandbox.serve();
    let mut body = alerts("firing", &[("HighLatency", "web"), ("Other", "db")]);
    body["alerts"][1]["labels"] = json!({"instance": "db"});
    body["truncatedAlerts"] = 3.into();
    let (status, answer) = post(&sandbox, &am, "alertmanager", &[], &body.to_string());
    assert_eq!((status, &answer["items"][1]["code"]), (202, &"UNMAPPED".into()), "{answer}");
    let detail = answer["items"][1]["detail"].as_str().expect("a text");
    assert!(detail.contains("/labels/alertname"), "{detail}");
    let evidence = entries(&sandbox, "degradation.refused");
    let said = evidence.iter().map(|e| e["data"]["said"].to_string()).collect::<String>();
    assert!(said.contains("left out 3 alerts") && said.contains("\\\"db\\\""), "{said}");
    body["alerts"] = json!([body["alerts"][1]]);
    body["truncatedAlerts"] = 0.into();
    let (status, problem) = post(&sandbox, &am, "alertmanager", &[], &body.to_string());
    assert_eq!((status, &problem["code"]), (422, &"UNMAPPED".into()), "{problem}");
}

#[test]
fn many_alerts_are_one_request_and_too_many_bytes_are_refused() {
    let mut sandbox = home("");
    let am = token(&sandbox, "am", &["prometheus"]);
    sandbox.serve();
    let names: Vec<String> = (0..600).map(|n| format!("host-{n}")).collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|n| ("DiskFull", n.as_str())).collect();
    let body = alerts("firing", &pairs).to_string();
    assert!(body.len() > 64 * 1024);
    let (status, answer) = post(&sandbox, &am, "alertmanager", &[], &body);
    assert_eq!((status, answer["items"].as_array().map(Vec::len)), (202, Some(600)));
    let huge = format!("{{\"x\":\"{}\"}}", "y".repeat(5 * 1024 * 1024));
    assert_eq!(post(&sandbox, &am, "alertmanager", &[], &huge).0, 413);
}

#[test]
fn cloud_events_come_binary_structured_and_in_batches() {
    let mut sandbox = home("");
    let ci = token(&sandbox, "ci", &["cloudevents"]);
    sandbox.serve();
    let data = r#"{"severity":"warning","summary":"92 % full"}"#;
    let ce = |id: &str| format!("ce-id: {id}");
    let attributes = ["ce-specversion: 1.0", "ce-source: /disks", "ce-type: disk.full", "ce-subject: db1"];
    let headers =
        |id: &'static str| [&attributes[..], &[Box::leak(ce(id).into_boxed_str()) as &str]].concat();
    let (status, first) = post(&sandbox, &ci, "cloudevents", &headers("1"), data);
    assert_eq!((status, &first["items"][0]["duplicate"]), (202, &false.into()), "{first}");
    let structured = json!({"specversion": "1.0", "id": "1", "source": "/disks", "type": "disk.full", "subject": "db1",
                            "data": serde_json::from_str::<Value>(data).expect("JSON")});
    let kind = ["Content-Type: application/cloudevents+json; charset=UTF-8"];
    let (_, again) = post(&sandbox, &ci, "cloudevents", &kind, &structured.to_string());
    assert_eq!(again["items"][0]["receipt"], first["items"][0]["receipt"], "the same event in another mode");
    let mut second = structured.clone();
    (second["id"], second["subject"]) = ("2".into(), "db2".into());
    let kind = ["Content-Type: application/cloudevents-batch+json"];
    let (_, batch) = post(&sandbox, &ci, "cloudevents", &kind, &json!([structured, second]).to_string());
    assert_eq!(
        (&batch["items"][0]["duplicate"], &batch["items"][1]["duplicate"]),
        (&true.into(), &false.into())
    );
    let (status, problem) = post(&sandbox, &ci, "cloudevents", &[], data);
    assert_eq!((status, &problem["field"]), (400, &"/specversion".into()), "{problem}");
}

#[test]
fn other_json_and_grafana_are_mapped_and_free_text_never_acts() {
    let mut sandbox = home(
        "ingest:\n  free_text: [chat]\n  grafana:\n    subsystem: {from: [/labels/team]}\n  json:\n    nagios:\n      items: /services\n      map:\n        subsystem: {default: nagios}\n        code: {from: [/name]}\n        target: {from: [/host]}\n        summary: {from: [/output]}\n        severity: {from: [/state]}\n        severities: {CRIT: critical}\n        id: {from: [/uid]}\n        resolved: {from: [/state], is: [OK]}\n",
    );
    let nagios = token(&sandbox, "nagios", &["nagios", "web"]);
    let chat = token(&sandbox, "chat", &["nagios"]);
    sandbox.serve();
    let one = |state: &str, uid: &str| {
        json!({"services": [{"name": "disk full", "host": "db1", "output": "92 %", "state": state, "uid": uid}]}).to_string()
    };
    let (status, answer) = post(&sandbox, &nagios, "json/nagios", &[], &one("CRIT", "1"));
    assert_eq!((status, &answer["items"][0]["result"]), (202, &"accepted".into()), "{answer}");
    let (_, over) = post(&sandbox, &nagios, "json/nagios", &[], &one("OK", "2"));
    assert_eq!(over["items"][0]["result"], "recovered");
    assert_eq!(entries(&sandbox, "degradation.seen").last().expect("seen")["data"]["severity"], "critical");
    assert_eq!(post(&sandbox, &nagios, "json/icinga", &[], "{}").0, 404);
    assert_eq!(post(&sandbox, &nagios, "json/nagios", &[], "{}").0, 400);
    let mut grafana = alerts("firing", &[("HighLatency", "web")]);
    grafana["version"] = "1".into();
    grafana["alerts"][0]["labels"]["team"] = "web".into();
    let (status, answer) = post(&sandbox, &nagios, "grafana", &[], &grafana.to_string());
    assert_eq!((status, &answer["items"][0]["actionable"]), (202, &true.into()), "{answer}");

    let before = entries(&sandbox, "incident.opened").len();
    let (status, answer) = post(&sandbox, &chat, "json/nagios", &[], &one("CRIT", "3"));
    assert_eq!((status, &answer["items"][0]["actionable"]), (202, &false.into()), "{answer}");
    assert_eq!(entries(&sandbox, "incident.opened").len(), before, "free text opens nothing");
}

#[test]
fn a_wrong_mapping_is_named_before_the_daemon_starts() {
    let says = |more: &str| -> Ran {
        let sandbox = home(more);
        sandbox.run(&["serve"]).ends(2)
    };
    let missing = says("ingest: {json: {x: {map: {code: {from: [/a]}}}}}\n");
    assert!(
        missing.stderr.contains("ingest.json.x.map") && missing.stderr.contains("subsystem"),
        "{}",
        missing.stderr
    );
    let pointer = says("ingest: {alertmanager: {target: {from: [labels]}}}\n");
    assert!(pointer.stderr.contains("ingest.alertmanager.target"), "{}", pointer.stderr);
}
