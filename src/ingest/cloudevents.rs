//! CloudEvents 1.0 over HTTP: binary (attributes are `ce-` headers, the body is the data), structured (one JSON object)
//! and batch (a list of those). One event is known again by (source, id).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use super::mapping::field;
use super::{Item, Mapping, MappingFile, ResolvedFile, Unreadable, bounded};
use crate::base::digest::Blake3;

/// An event with its attributes and data, for the mapping: `/type`, `/subject`, `/data/…`.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudEvent(Value);

/// The mapping unless the configuration says otherwise.
pub(super) fn mapping() -> Mapping {
    let same = ["id", "source", "type", "subject"].map(|name| (format!("ce_{name}"), format!("/{name}")));
    Mapping::of(MappingFile {
        subsystem: field(&["/subsystem", "/data/subsystem"], Some("cloudevents")),
        code: field(&["/code", "/data/code", "/type"], None),
        target: field(&["/target", "/data/target", "/subject", "/source"], None),
        severity: field(&["/severity", "/data/severity"], None),
        summary: field(&["/summary", "/data/summary", "/data/message"], None),
        detail: field(&["/data/detail", "/data/description"], None),
        observed_at: field(&["/time"], None),
        attributes: Some(same.into_iter().collect()),
        attributes_from: Some(vec!["/data/attributes".into()]),
        resolved: Some(ResolvedFile {
            from: vec!["/status".into(), "/data/status".into()],
            is: ["resolved", "recovered", "ok"].map(str::to_owned).to_vec(),
        }),
        ..MappingFile::default()
    })
}

impl CloudEvent {
    /// As a report or recovery.
    pub fn map(&self, mapping: &Mapping) -> Item {
        let word = |name: &str| self.0.get(name).and_then(Value::as_str).unwrap_or_default();
        let key = [word("source"), word("id")].join("\0");
        mapping.apply(&self.0, Some(format!("event-{}", Blake3::of(key.as_bytes()))))
    }

    /// Checks what every event must have.
    fn checked(value: Value) -> Result<Self, Unreadable> {
        for name in ["specversion", "id", "source", "type"] {
            match value.get(name) {
                Some(Value::String(text)) if !text.is_empty() => {}
                Some(_) => {
                    return Err(Unreadable::new(
                        &format!("/{name}"),
                        format!("`{name}` must be a text that is not empty"),
                    ));
                }
                None => {
                    return Err(Unreadable::new(
                        &format!("/{name}"),
                        format!("`{name}` is missing: every CloudEvent has it"),
                    ));
                }
            }
        }
        match value["specversion"].as_str() {
            Some("1.0") => Ok(Self(value)),
            _ => Err(Unreadable::new("/specversion", "only CloudEvents 1.0 are read")),
        }
    }
}

/// Structured: the body is the event.
pub fn read_structured(body: &Value) -> Result<CloudEvent, Unreadable> {
    let Value::Object(members) = body else { return Err(Unreadable::new("", "is not a JSON object")) };
    let mut event = members.clone();
    if let Some(encoded) = event.remove("data_base64") {
        let bytes = encoded.as_str().and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.ok_or_else(|| Unreadable::new("/data_base64", "is not padded base64"))?;
        let content_type =
            event.get("datacontenttype").and_then(Value::as_str).unwrap_or_default().to_owned();
        event.insert("data".into(), data(&content_type, &bytes)?);
    }
    CloudEvent::checked(Value::Object(event))
}

/// Batch: the body is a list of events.
pub fn read_batch(body: &Value) -> Result<Vec<CloudEvent>, Unreadable> {
    let Value::Array(list) = body else { return Err(Unreadable::new("", "is not a JSON list of events")) };
    bounded(list.len())?;
    let read = |(at, one): (usize, &Value)| {
        read_structured(one).map_err(|e| Unreadable::new(&format!("/{at}{}", e.at), e.problem))
    };
    list.iter().enumerate().map(read).collect()
}

/// Binary: `headers` are all of the request, in lower case; only those that begin with `ce-` count.
pub fn read_binary<'a>(
    headers: impl Iterator<Item = (&'a str, &'a str)>,
    content_type: &str,
    body: &[u8],
) -> Result<CloudEvent, Unreadable> {
    let mut event = Map::new();
    for (name, value) in headers {
        if let Some(name) = name.strip_prefix("ce-") {
            let value = decoded(value)
                .ok_or_else(|| Unreadable::new(name, format!("the header ce-{name} is not UTF-8")))?;
            event.insert(name.to_owned(), value.into());
        }
    }
    event.insert("datacontenttype".into(), content_type.into());
    if !body.is_empty() {
        event.insert("data".into(), data(content_type, body)?);
    }
    CloudEvent::checked(Value::Object(event))
}

/// JSON as it is, other text as text, bytes as nothing that could be mapped.
fn data(content_type: &str, bytes: &[u8]) -> Result<Value, Unreadable> {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind.is_empty() || kind == "application/json" || kind == "text/json" || kind.ends_with("+json") {
        return serde_json::from_slice(bytes).map_err(|e| {
            Unreadable::new("/data", format!("the data is not the JSON that its type says: {e}"))
        });
    }
    Ok(std::str::from_utf8(bytes).map_or(Value::Null, Value::from))
}

/// Header values are percent-encoded UTF-8, and may stand in quotes.
fn decoded(value: &str) -> Option<String> {
    let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
    percent_encoding::percent_decode_str(value).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::super::{Mappings, Said};
    use super::*;

    fn report(event: &CloudEvent) -> crate::event::degradation::DegradationReport {
        match event.map(&Mappings::default().cloudevents) {
            Ok(Said::Report(report)) => *report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn binary_structured_and_batch_say_the_same() {
        let data = serde_json::json!({"severity": "warning", "summary": "92 % full", "attributes": {"mount": "/var"}});
        let headers = [
            ("ce-specversion", "1.0"),
            ("ce-id", "a%201"),
            ("ce-source", "/disks"),
            ("ce-type", "disk.full"),
            ("ce-subject", "db%C3%A9"),
            ("host", "x"),
        ];
        let binary =
            read_binary(headers.into_iter(), "application/json; charset=utf-8", data.to_string().as_bytes());
        let structured = serde_json::json!({"specversion": "1.0", "id": "a 1", "source": "/disks", "type": "disk.full",
            "subject": "dbé", "data": data, "unknown": {"x": 1}});
        let encoded = serde_json::json!({"specversion": "1.0", "id": "a 1", "source": "/disks", "type": "disk.full",
            "subject": "dbé", "data_base64": STANDARD.encode(data.to_string())});
        let first = report(&binary.expect("binary"));
        assert_eq!(
            (first.code.as_str(), first.target.as_str(), first.summary.as_str()),
            ("DISK_FULL", "dbé", "92 % full")
        );
        assert_eq!(
            (first.attributes["mount"].as_str(), first.attributes["ce_source"].as_str()),
            ("/var", "/disks")
        );
        assert_eq!(report(&read_structured(&structured).expect("structured")), first);
        assert_eq!(report(&read_structured(&encoded).expect("base64")), first);
        let batch = read_batch(&serde_json::json!([structured, structured])).expect("batch");
        assert_eq!(batch.iter().map(report).collect::<Vec<_>>(), [first.clone(), first]);
    }

    #[test]
    fn what_is_no_cloud_event_says_where() {
        let wrong =
            |text: &str| read_structured(&serde_json::from_str(text).expect("JSON")).expect_err("refused").at;
        assert_eq!(wrong("[]"), "");
        assert_eq!(wrong(r#"{"specversion":"1.0","id":"","source":"s","type":"t"}"#), "/id");
        assert_eq!(wrong(r#"{"specversion":"0.3","id":"1","source":"s","type":"t"}"#), "/specversion");
        assert_eq!(wrong(r#"{"specversion":"1.0","id":"1","source":"s"}"#), "/type");
        assert_eq!(
            wrong(r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"?"}"#),
            "/data_base64"
        );
        assert!(read_binary([("ce-id", "%ff")].into_iter(), "", b"").is_err());
        assert!(read_batch(&serde_json::json!([7])).expect_err("refused").at.starts_with("/0"));
    }
}
