//! `/metrics`: what Prometheus itself says of it, every name in the page about figures, and counts that are right.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use super::fake::serve;

const PAGE: &str = include_str!("../../docs/metrics.md");

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_own_checker_has_nothing_to_say() {
    let server = serve().await;
    let text = server.get("/metrics").await.text;
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut checker) = started else {
        eprintln!("promtool is not installed: left out (Debian's package prometheus has it)");
        return;
    };
    checker.stdin.take().expect("piped").write_all(text.as_bytes()).expect("written");
    let said = checker.wait_with_output().expect("it ends");
    let said = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert_eq!(said, "", "of {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_is_in_the_page_with_its_type_and_none_besides() {
    let server = serve().await;
    let text = server.get("/metrics").await.text;
    let shown: BTreeSet<(String, String)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    let listed: BTreeSet<(String, String)> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(name, rest)| Some((name.to_owned(), rest.split_once(" | ")?.0.to_owned())))
        .collect();
    assert_eq!(shown, listed);
    assert!(shown.iter().all(|(name, kind)| (kind == "counter") == name.ends_with("_total")), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_follow_what_happens() {
    let server = serve().await;
    let of = |text: &str, name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().expect("a number")
    };
    let before = server.get("/metrics").await.text;
    assert_eq!((of(&before, "remediator_ready"), of(&before, "remediator_paused")), (1, 0));
    assert!(before.contains("remediator_attempts_total{outcome=\"healthy\"}"), "{before}");
    let pauses = "remediator_entries_total{kind=\"control.paused\"}";
    assert!(!before.contains(pauses));
    assert_eq!(server.post("/v1/control/pause", "{\"reason\":\"x\"}").await.status, 200);
    let after = server.get("/metrics").await.text;
    assert_eq!((of(&after, pauses), of(&after, "remediator_paused")), (1, 1));
    // There is no journal behind this read model: the test of retention asks a daemon.
    let appends = "remediator_journal_append_seconds_count";
    let beyond = "remediator_journal_append_seconds_bucket{le=\"+Inf\"}";
    assert_eq!(of(&after, beyond), of(&after, appends));
    let answered = "remediator_http_requests_total{class=\"2xx\"}";
    assert_eq!(of(&after, answered), of(&before, answered) + 2);
    let sentinel = server.send("GET", "/metrics", Some(&server.sentinel), b"").await;
    sentinel.problem(403, "PERSONS_ONLY");
}
