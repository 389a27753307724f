//! What senders are expected to send, for the API document. Reading takes less: what is not known or not there is
//! ignored, and what cannot be made a report is refused by itself. Not for reading (the other files here).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::base::limits::INGEST_ITEMS_MAX;

/// The webhook of Prometheus Alertmanager, version 4.
pub struct AlertmanagerBody;

/// The webhook of Grafana: the same alerts, whatever its version.
pub struct GrafanaBody;

/// A CloudEvent in its structured form.
pub struct CloudEventBody;

/// One alert of either webhook.
struct Alert;

/// A name and the schema of a shape that no type of ours has.
macro_rules! shape {
    ($name:ident, $said:literal, $make:expr) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $said.into()
            }
            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let make: fn(&mut SchemaGenerator) -> Schema = $make;
                make(generator)
            }
        }
    };
}

shape!(AlertmanagerBody, "AlertmanagerWebhook", |generator| {
    let mut schema = alerts(generator);
    schema.insert("description".into(), "Alertmanager's webhook, version 4.".into());
    schema.insert("required".into(), ["version", "alerts"].as_slice().into());
    if let Some(members) = schema.get_mut("properties").and_then(|p| p.as_object_mut()) {
        members.insert("version".into(), serde_json::json!({ "const": "4" }));
    }
    schema
});

shape!(GrafanaBody, "GrafanaWebhook", alerts);

fn alerts(generator: &mut SchemaGenerator) -> Schema {
    let alert = generator.subschema_for::<Alert>();
    json_schema!({
        "description": "Grafana's webhook.",
        "type": "object",
        "required": ["alerts"],
        "properties": {
            "alerts": { "type": "array", "maxItems": INGEST_ITEMS_MAX, "items": alert },
            "groupKey": { "type": "string", "description": "Names the group; part of what an alert is known again by." },
            "truncatedAlerts": {
                "type": "integer", "minimum": 0,
                "description": "How many the sender left out: kept as evidence.",
            },
        },
    })
}

shape!(Alert, "Alert", |_| json_schema!({
    "description": "An alert, read as `ingest` in remediator.yaml says (docs/ingest.md has what holds without it).",
    "type": "object",
    "required": ["status", "labels"],
    "properties": {
        "status": { "enum": ["firing", "resolved"] },
        "labels": {
            "type": "object",
            "additionalProperties": { "type": "string" },
            "description": "The code stands in `code` or `alertname`, the target in `target`, `instance`, `pod`, \
                            `service`, `job` or `alertname`.",
        },
        "annotations": { "type": "object", "additionalProperties": { "type": "string" } },
        "startsAt": { "type": "string", "description": "RFC 3339; part of what it is known again by." },
        "fingerprint": { "type": "string", "description": "Part of what it is known again by; its labels, without." },
    },
}));

shape!(CloudEventBody, "CloudEvent", |_| json_schema!({
    "description": "A CloudEvent 1.0 in its structured form.",
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": { "const": "1.0" },
        "id": { "type": "string", "minLength": 1 },
        "source": { "type": "string", "minLength": 1 },
        "type": { "type": "string", "minLength": 1, "description": "The code, unless the data says one." },
        "subject": { "type": "string", "description": "The target, unless the data says one." },
        "time": { "type": "string", "description": "RFC 3339." },
        "datacontenttype": { "type": "string" },
        "data": { "description": "Anything; `severity`, `summary`, `status` and more are looked for in it." },
        "data_base64": { "type": "string", "contentEncoding": "base64", "description": "The data as bytes." },
    },
}));

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits<T: JsonSchema>(value: &serde_json::Value) -> bool {
        let schema = SchemaGenerator::default().into_root_schema_for::<T>().to_value();
        jsonschema::validator_for(&schema).expect("a schema").is_valid(value)
    }

    #[test]
    fn what_the_readers_refuse_as_a_whole_does_not_fit_either() {
        let alert = json!({"status": "firing", "labels": {"alertname": "Down"}, "more": [1]});
        let sent = json!({"version": "4", "alerts": [alert], "receiver": "x"});
        assert!(fits::<AlertmanagerBody>(&sent) && fits::<GrafanaBody>(&sent));
        for wrong in [
            json!([]),
            json!({"alerts": []}),
            json!({"version": "3", "alerts": []}),
            json!({"version": "4", "alerts": {}}),
            json!({"version": "4", "alerts": vec![alert; INGEST_ITEMS_MAX + 1]}),
        ] {
            let mapping = super::super::Mappings::default().alertmanager;
            assert!(super::super::read_alerts(&mapping, &wrong, Some("4")).is_err());
            assert!(!fits::<AlertmanagerBody>(&wrong));
        }
        let event =
            json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": 7, "extra": "x"});
        assert!(fits::<CloudEventBody>(&event) && super::super::read_structured(&event).is_ok());
        for (member, wrong) in [("specversion", json!("0.3")), ("id", json!("")), ("type", json!(7))] {
            let mut event = event.clone();
            event[member] = wrong;
            assert!(super::super::read_structured(&event).is_err());
            assert!(!fits::<CloudEventBody>(&event), "{member}");
        }
    }
}
