//! Alerts as Prometheus Alertmanager sends them (webhook version 4), and Grafana, which sends the same shape. Unknown
//! members are ignored. One alert is known again by (groupKey, fingerprint, startsAt, status).

use serde_json::Value;

use super::mapping::field;
use super::{Item, Mapping, MappingFile, ResolvedFile, Unmapped, Unreadable, bounded};
use crate::base::digest::Blake3;
use crate::base::limits::DETAIL_BYTES_MAX;
use crate::base::text::clip;

/// What a request holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerts {
    /// Each alert.
    pub items: Vec<Item>,
    /// Alerts that the sender left out because of its own bound.
    pub truncated: u64,
}

/// The mapping unless the configuration says otherwise.
pub(super) fn mapping(subsystem: &str) -> Mapping {
    Mapping::of(MappingFile {
        subsystem: field(&["/labels/subsystem"], Some(subsystem)),
        code: field(&["/labels/code", "/labels/alertname"], None),
        target: field(
            &[
                "/labels/target",
                "/labels/instance",
                "/labels/pod",
                "/labels/service",
                "/labels/job",
                "/labels/alertname",
            ],
            None,
        ),
        severity: field(&["/labels/severity"], None),
        summary: field(&["/annotations/summary", "/annotations/message", "/annotations/description"], None),
        detail: field(&["/annotations/description"], None),
        observed_at: field(&["/startsAt"], None),
        attributes_from: Some(vec!["/labels".into()]),
        resolved: Some(ResolvedFile { from: vec!["/status".into()], is: vec!["resolved".into()] }),
        ..MappingFile::default()
    })
}

/// Reads a request. `version` is what it must say, where that is fixed.
pub fn read_alerts(mapping: &Mapping, body: &Value, version: Option<&str>) -> Result<Alerts, Unreadable> {
    if let Some(version) = version {
        match body.get("version").and_then(Value::as_str) {
            Some(said) if said == version => {}
            Some(said) => {
                return Err(Unreadable::new(
                    "/version",
                    format!("version `{}` is not known: this reads {version}", clip(said, 64)),
                ));
            }
            None => {
                return Err(Unreadable::new("/version", "is missing: this is not a webhook of Alertmanager"));
            }
        }
    }
    let Some(alerts) = body.get("alerts").and_then(Value::as_array) else {
        return Err(Unreadable::new("/alerts", "is not a list of alerts"));
    };
    bounded(alerts.len())?;
    let group = body.get("groupKey").and_then(Value::as_str).unwrap_or_default();
    let items = alerts.iter().map(|alert| read_one(mapping, body, group, alert)).collect();
    let truncated = body.get("truncatedAlerts").and_then(Value::as_u64).unwrap_or(0);
    Ok(Alerts { items, truncated })
}

fn read_one(mapping: &Mapping, body: &Value, group: &str, alert: &Value) -> Item {
    let word = |name: &str| alert.get(name).and_then(Value::as_str).unwrap_or_default();
    let status = word("status");
    if !matches!(status, "firing" | "resolved") {
        let why = "`/status` is neither `firing` nor `resolved`".to_owned();
        return Err(Unmapped { why, said: clip(&alert.to_string(), DETAIL_BYTES_MAX).to_owned() });
    }
    let labels = alert.get("labels").map(Value::to_string).unwrap_or_default();
    let fingerprint = match word("fingerprint") {
        "" => labels.as_str(),
        fingerprint => fingerprint,
    };
    // None of them holds a NUL, so no two different alerts run into each other.
    let key = [group, fingerprint, word("startsAt"), status].join("\0");
    let id = format!("alert-{}", Blake3::of(key.as_bytes()));
    // What all alerts of the request share can be mapped too.
    let mut one = alert.clone();
    for shared in ["groupKey", "groupLabels", "commonLabels", "commonAnnotations", "externalURL", "receiver"]
    {
        if let (Some(value), Some(members)) = (body.get(shared), one.as_object_mut()) {
            members.entry(shared).or_insert_with(|| value.clone());
        }
    }
    mapping.apply(&one, Some(id))
}

#[cfg(test)]
mod tests {
    use super::super::{Mappings, Said};
    use super::*;

    fn body(status: &str) -> Value {
        serde_json::json!({
            "version": "4", "groupKey": "{}:{alertname=\"HighLatency\"}", "truncatedAlerts": 0, "status": status,
            "receiver": "remediator", "groupLabels": {"alertname": "HighLatency"}, "newThing": [1],
            "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am",
            "alerts": [
                {"status": status, "labels": {"alertname": "HighLatency", "instance": "web:80", "severity": "page"},
                 "annotations": {"summary": "p99 is 3 s", "description": "since noon"}, "fingerprint": "c0ffee",
                 "startsAt": "2026-01-02T03:04:05.678Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p"},
                {"status": "firing", "labels": {"severity": "page"}, "annotations": {}, "startsAt": "x", "fingerprint": "2"},
                {"status": "dancing", "labels": {}},
                7,
            ],
        })
    }

    #[test]
    fn an_alert_becomes_a_report_and_a_resolved_one_a_recovery_with_other_ids() {
        let mapping = Mappings::default().alertmanager;
        let alerts = read_alerts(&mapping, &body("firing"), Some("4")).expect("read");
        let Ok(Said::Report(report)) = &alerts.items[0] else { panic!("{:?}", alerts.items[0]) };
        assert_eq!((report.subsystem.as_str(), report.code.as_str()), ("prometheus", "HIGH_LATENCY"));
        assert_eq!((report.target.as_str(), report.summary.as_str()), ("web:80", "p99 is 3 s"));
        assert_eq!(report.severity, crate::event::degradation::Severity::Critical);
        assert_eq!(report.attributes["alertname"], "HighLatency");
        assert!(alerts.items[1].as_ref().is_err_and(|u| u.why.contains("/labels/alertname")));
        assert!(alerts.items[2].is_err() && alerts.items[3].is_err());
        let again = read_alerts(&mapping, &body("firing"), Some("4")).expect("read");
        assert_eq!(alerts, again, "the same alert has the same id");
        let over = read_alerts(&mapping, &body("resolved"), Some("4")).expect("read");
        let Ok(Said::Recovery(recovery)) = &over.items[0] else { panic!("{:?}", over.items[0]) };
        assert_eq!(recovery.target, "web:80");
        assert_ne!(recovery.id, report.id);
    }

    #[test]
    fn what_is_no_webhook_says_where() {
        let mapping = Mappings::default().alertmanager;
        let wrong = |body: Value| read_alerts(&mapping, &body, Some("4")).expect_err("refused").at;
        assert_eq!(wrong(serde_json::json!({"version": "3", "alerts": []})), "/version");
        assert_eq!(wrong(serde_json::json!([])), "/version");
        let long = serde_json::json!({"version": "9".repeat(100_000)});
        assert!(read_alerts(&mapping, &long, Some("4")).expect_err("refused").problem.len() < 200);
        let sly = serde_json::json!({"version": "4", "alerts": [{"status": "x".repeat(100_000)}]});
        let items = read_alerts(&mapping, &sly, Some("4")).expect("read").items;
        assert!(items[0].as_ref().is_err_and(|unmapped| unmapped.said.len() <= DETAIL_BYTES_MAX));
        assert_eq!(wrong(serde_json::json!({"version": "4", "alerts": {}})), "/alerts");
        let many: Vec<Value> = vec![7.into(); crate::base::limits::INGEST_ITEMS_MAX + 1];
        assert_eq!(wrong(serde_json::json!({"version": "4", "alerts": many})), "");
    }
}
