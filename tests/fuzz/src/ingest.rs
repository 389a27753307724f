//! Target `ingest`: what Alertmanager, Grafana, CloudEvents and any mapped JSON send. Whatever becomes a report keeps the
//! rules of one and writes back as itself; whatever does not says why.

use std::sync::LazyLock;

use remediator::base::limits::{DETAIL_BYTES_MAX, NAME_BYTES_MAX, SUMMARY_BYTES_MAX};
use remediator::event::degradation::DegradationReport;
use remediator::ingest::{
    CloudEvent, IngestFile, Item, Mappings, Said, Unmapped, Unreadable, read_alerts, read_batch, read_binary,
    read_structured,
};
use serde_json::Value;

use super::said;

static MAPPINGS: LazyLock<Mappings> = LazyLock::new(|| {
    let file: IngestFile = serde_json::from_str(
        r#"{"json": {
            "whole": {"map": {"subsystem": {"from": ["/subsystem"], "default": "any"}, "code": {"from": ["/code", "/a/0/b"]},
                "target": {"from": ["/target", "/a~1b"]}, "summary": {"from": ["/summary"], "default": "s"},
                "severity": {"from": ["/severity"]}, "detail": {"from": ["/detail"]}, "id": {"from": ["/id"]},
                "observed_at": {"from": ["/at"]}, "attributes": {"one": "/one"}, "attributes_from": ["", "/more"],
                "severities": {"bad": "critical"}, "resolved": {"from": ["/status"], "is": ["ok"]}}},
            "items": {"items": "/all", "map": {"subsystem": {"default": "any"}, "code": {"from": ["/code"]},
                "target": {"from": ["/t"]}, "summary": {"default": "s"}}}}}"#,
    )
    .expect("a section");
    Mappings::new(file).expect("mappings")
});

/// See the module.
pub fn check(bytes: &[u8]) {
    binary(bytes);
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return };
    for (mapping, version) in [(&MAPPINGS.alertmanager, Some("4")), (&MAPPINGS.grafana, None)] {
        match read_alerts(mapping, &body, version) {
            Ok(alerts) => alerts.items.iter().for_each(item),
            Err(why) => unreadable(&why),
        }
    }
    match read_batch(&body) {
        Ok(events) => events.iter().for_each(event),
        Err(why) => unreadable(&why),
    }
    match read_structured(&body) {
        Ok(read) => event(&read),
        Err(why) => unreadable(&why),
    }
    for name in ["whole", "items"] {
        match MAPPINGS.read_json(name, &body).expect("there is such a source") {
            Ok(items) => items.iter().for_each(item),
            Err(why) => unreadable(&why),
        }
    }
}

/// Lines `name: value`, an empty line, the body: as in HTTP.
fn binary(bytes: &[u8]) {
    let at = bytes.windows(2).position(|two| two == b"\n\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..at]);
    let body = bytes.get(at + 2..).unwrap_or_default();
    let headers: Vec<_> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let kind = headers.iter().find(|(name, _)| *name == "content-type").map_or("", |(_, kind)| kind);
    match read_binary(headers.iter().copied(), kind, body) {
        Ok(read) => event(&read),
        Err(why) => unreadable(&why),
    }
}

fn event(event: &CloudEvent) {
    item(&event.map(&MAPPINGS.cloudevents));
}

fn unreadable(Unreadable { at, problem }: &Unreadable) {
    said::is_fit(problem);
    said::is_line(at);
}

fn item(item: &Item) {
    match item {
        Ok(said @ Said::Report(report)) => {
            assert_eq!(report.check(), Ok(()));
            let written = serde_json::to_string(report).expect("JSON");
            let again: DegradationReport = serde_json::from_str(&written).expect("what we write we read");
            assert_eq!(&again, &**report);
            said::is_line(said.line());
        }
        Ok(said @ Said::Recovery(recovery)) => {
            assert!(recovery.evidence.len() <= SUMMARY_BYTES_MAX && !recovery.target.is_empty());
            for name in [Some(&recovery.subsystem), Some(&recovery.target), recovery.id.as_ref()]
                .into_iter()
                .flatten()
            {
                assert!(name.len() <= NAME_BYTES_MAX);
                said::is_line(name);
            }
            said::is_line(said.line());
        }
        Err(Unmapped { why, said }) => {
            said::is_fit(why);
            assert!(said.len() <= DETAIL_BYTES_MAX, "{} bytes of evidence", said.len());
        }
    }
}
