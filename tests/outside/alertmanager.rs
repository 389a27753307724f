//! The distribution's real Alertmanager as the sender, with the daemon down, killed and up: nothing lost, nothing doubled.
//! `tools/fetch-alertmanager` puts it into `target/tools`; without it these tests say so and do nothing.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::channels::{entries, home};
use crate::ingest::token;
use crate::sandbox::{Sandbox, eventually};

const PATIENCE: Duration = Duration::from_secs(90);

struct Alertmanager {
    child: Child,
    port: u16,
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Alertmanager {
    /// Started in the sandbox, sending to its daemon; none where the program is not there.
    fn start(sandbox: &Sandbox, token: &str) -> Option<Self> {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/alertmanager");
        if !std::path::Path::new(program).exists() {
            let loud = "NOT TESTED with a real Alertmanager: run tools/fetch-alertmanager";
            assert!(std::env::var_os("REMEDIATOR_NEEDS_ALERTMANAGER").is_none(), "{loud}");
            eprintln!("\n{loud}\n");
            return None;
        }
        let folder = sandbox.path().join("alertmanager");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("token"), token).expect("written");
        let config = format!(
            "route: {{receiver: remediator, group_by: [alertname], group_wait: 1s, group_interval: 2s, repeat_interval: 1h}}
receivers:
  - name: remediator
    webhook_configs:
      - url: http://{}/v1/ingest/alertmanager
        send_resolved: true
        http_config: {{authorization: {{credentials_file: {}}}}}
",
            sandbox.address(),
            folder.join("token").display()
        );
        std::fs::write(folder.join("alertmanager.yml"), config).expect("written");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let log = std::fs::File::create(folder.join("log")).expect("a log");
        let child = sandbox
            .command(program)
            .current_dir(&folder)
            .arg("--config.file=alertmanager.yml")
            .arg("--storage.path=data")
            .arg("--cluster.listen-address=")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let alertmanager = Self { child, port };
        let ready = eventually(PATIENCE, || alertmanager.get(sandbox, "/-/ready").contains("OK"));
        assert!(ready, "{}", std::fs::read_to_string(folder.join("log")).unwrap_or_default());
        Some(alertmanager)
    }

    fn get(&self, sandbox: &Sandbox, path: &str) -> String {
        sandbox.shell(&format!("curl -sS http://127.0.0.1:{}{path}", self.port)).stdout
    }

    fn post(&self, sandbox: &Sandbox, alerts: &Value) {
        let file = sandbox.path().join("alerts.json");
        std::fs::write(&file, alerts.to_string()).expect("written");
        let url = format!("http://127.0.0.1:{}/api/v2/alerts", self.port);
        let ran = sandbox.shell(&format!(
            "curl -fsS -H 'Content-Type: application/json' --data-binary @{} {url}",
            file.display()
        ));
        ran.ends(0);
    }

    /// Tries that did not succeed so far.
    fn failed(&self, sandbox: &Sandbox) -> f64 {
        let name = "alertmanager_notification_requests_failed_total{integration=\"webhook\"}";
        let metrics = self.get(sandbox, "/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0.0)
    }
}

fn alert(instance: &str, ends_at: Option<&str>) -> Value {
    let mut alert = json!({"labels": {"alertname": "DiskFilling", "instance": instance, "severity": "page"},
                           "annotations": {"summary": format!("{instance} fills up")},
                           "startsAt": "2026-01-02T03:04:05Z"});
    if let Some(at) = ends_at {
        alert["endsAt"] = at.into();
    }
    alert
}

/// How often each target was reported.
fn reported(sandbox: &Sandbox) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in entries(sandbox, "degradation.seen").iter().filter(|e| e["data"]["code"] == "DISK_FILLING") {
        *counts.entry(entry["data"]["target"].as_str().expect("a target").to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn nothing_is_lost_and_nothing_doubled_while_the_daemon_is_down_and_killed() {
    let mut sandbox = home("");
    let token = token(&sandbox, "alertmanager", &["prometheus"]);
    let Some(alertmanager) = Alertmanager::start(&sandbox, &token) else { return };
    let first: Vec<Value> = (0..10).map(|n| alert(&format!("a{n}"), None)).collect();
    alertmanager.post(&sandbox, &Value::Array(first));
    assert!(eventually(PATIENCE, || alertmanager.failed(&sandbox) >= 2.0), "it tries while nobody is there");
    sandbox.serve();
    assert!(eventually(PATIENCE, || reported(&sandbox).len() == 10), "{:?}", reported(&sandbox));

    // More of the same group, so that the first ones are sent again, and a daemon that dies at any moment.
    let more: Vec<Value> = (0..40).map(|n| alert(&format!("b{n}"), None)).collect();
    alertmanager.post(&sandbox, &Value::Array(more));
    eventually(Duration::from_secs(5), || reported(&sandbox).len() > 10);
    sandbox.stop("-KILL");
    sandbox.serve();
    assert!(eventually(PATIENCE, || reported(&sandbox).len() == 50), "{:?}", reported(&sandbox));

    let over: Vec<Value> = (0..10).map(|n| alert(&format!("a{n}"), Some("2026-01-02T04:00:00Z"))).collect();
    alertmanager.post(&sandbox, &Value::Array(over));
    let recovered = || {
        let all = entries(&sandbox, "degradation.recovered");
        all.iter().map(|e| e["data"]["target"].as_str().expect("a target").to_owned()).collect::<Vec<_>>()
    };
    assert!(eventually(PATIENCE, || recovered().len() == 10), "{:?}", recovered());
    // One more of the group: everything that still fires is sent once more.
    alertmanager.post(&sandbox, &json!([alert("c", None)]));
    assert!(eventually(PATIENCE, || reported(&sandbox).len() == 51), "{:?}", reported(&sandbox));
    assert!(reported(&sandbox).values().all(|times| *times == 1), "{:?}", reported(&sandbox));
    let mut targets = recovered();
    targets.sort();
    targets.dedup();
    assert_eq!(targets.len(), recovered().len(), "each is over once");
}
