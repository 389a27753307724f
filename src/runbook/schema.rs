//! JSON Schemas (draft-07: yaml-language-server reads no newer one) of the files that people write, generated
//! from the model and kept in `schemas/`. `REMEDIATOR_BLESS=1 cargo test schema` rewrites them.
//! Not for loading: the loader's own parser is stricter and says more.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::model::{Proposal, Runbook, Sentinel, Service};

/// File name under `schemas/` and text of each.
pub fn all() -> Vec<(&'static str, String)> {
    vec![
        ("proposal.schema.json", text(schema_of::<Proposal>())),
        ("runbook.schema.json", text(with_marker(schema_of::<Runbook>()))),
        ("sentinel.schema.json", text(with_marker(schema_of::<Sentinel>()))),
        ("service.schema.json", text(with_marker(schema_of::<Service>()))),
    ]
}

fn schema_of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<T>()
}

/// `__proposalDerivedFrom` may stand for `proposal`: exactly one of both is needed.
fn with_marker(mut schema: Schema) -> Schema {
    const MARKER: &str = "__proposalDerivedFrom";
    let Some(object) = schema.as_object_mut() else { return schema };
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut)
        && let Some(proposal) = properties.get("proposal").cloned()
    {
        properties.insert(MARKER.into(), proposal);
    }
    if let Some(required) = object.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != "proposal");
    }
    object.insert("oneOf".into(), json!([{ "required": ["proposal"] }, { "required": [MARKER] }]));
    schema
}

/// Keys sorted, two blanks of indent, one newline at the end: the same bytes each time.
fn text(schema: Schema) -> String {
    format!("{:#}\n", sorted(schema.to_value()))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let ordered: std::collections::BTreeMap<_, _> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::shipped;

    #[test]
    fn the_files_in_schemas_are_the_generated_ones() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        for (name, wanted) in all() {
            let path = folder.join(name);
            if std::env::var_os("REMEDIATOR_BLESS").is_some() {
                std::fs::create_dir_all(&folder).expect("folder");
                std::fs::write(&path, &wanted).expect("write");
            }
            let got = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(got, wanted, "schemas/{name} is old: REMEDIATOR_BLESS=1 cargo test --lib schema");
        }
    }

    #[test]
    fn shipped_files_fit_their_schemas_and_misspelt_ones_do_not() {
        let schemas: std::collections::BTreeMap<_, _> = all().into_iter().collect();
        for (path, bytes) in shipped::FILES {
            let kind = match *path {
                path if path.starts_with("proposals/") => "proposal",
                path if path.ends_with(".off") => "sentinel",
                _ => "runbook",
            };
            let schema: Value =
                serde_json::from_str(&schemas[&*format!("{kind}.schema.json")]).expect("json");
            assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
            let text = std::str::from_utf8(bytes).expect("text");
            let mut document: Value = serde_saphyr::from_str(text).expect("yaml");
            assert!(jsonschema::is_valid(&schema, &document), "{path}");
            let modeline = format!("# yaml-language-server: $schema=../../schemas/{kind}.schema.json\n");
            assert!(text.starts_with(&modeline), "{path} lacks the editor's modeline");
            document["stepss"] = json!([]);
            assert!(!jsonschema::is_valid(&schema, &document), "{path}");
        }
    }

    #[test]
    fn the_published_marker_fits_in_place_of_the_proposal() {
        let schema: Value = serde_json::from_str(&text(with_marker(schema_of::<Service>()))).expect("json");
        let service = |key: &str| {
            json!({"v": 1, "kind": "service", "id": "web", "title": "Web", key: "web", "argv": ["/bin/true"],
                   "probe": {"process": {"service": "web"}}})
        };
        assert!(jsonschema::is_valid(&schema, &service("proposal")));
        assert!(jsonschema::is_valid(&schema, &service("__proposalDerivedFrom")));
        assert!(!jsonschema::is_valid(&schema, &service("proposals")));
    }
}
