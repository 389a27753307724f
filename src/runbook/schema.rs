//! JSON Schemas of the files that people write, generated from the model, in two dialects: draft-07, because
//! yaml-language-server reads no newer one, and 2020-12. `remediator schema` prints them, `schemas/` keeps them.
//! Not for loading: the loader's own parser is stricter and says more.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::model::{Proposal, Runbook, Sentinel, Service};
use super::policy::Policy;
use super::retired::Retired;

/// Which JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// What editors read.
    Draft07,
    /// The current one, and OpenAPI's.
    Draft2020,
}

/// Name and text of each kind of file.
pub fn all(dialect: Dialect) -> Vec<(&'static str, String)> {
    vec![
        ("policy", text_of::<Policy>(dialect)),
        ("proposal", text_of::<Proposal>(dialect)),
        ("retired", text_of::<Retired>(dialect)),
        ("runbook", text(with_marker(schema_of::<Runbook>(dialect)))),
        ("sentinel", text(with_marker(schema_of::<Sentinel>(dialect)))),
        ("service", text(with_marker(schema_of::<Service>(dialect)))),
    ]
}

/// The schema of a type: the same bytes each time.
pub fn text_of<T: JsonSchema>(dialect: Dialect) -> String {
    text(schema_of::<T>(dialect))
}

fn schema_of<T: JsonSchema>(dialect: Dialect) -> Schema {
    let settings = match dialect {
        Dialect::Draft07 => SchemaSettings::draft07(),
        Dialect::Draft2020 => SchemaSettings::draft2020_12(),
    };
    settings.into_generator().into_root_schema_for::<T>()
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
    fn shipped_files_fit_their_schemas_and_misspelt_ones_do_not() {
        let schemas: std::collections::BTreeMap<_, _> = all(Dialect::Draft07).into_iter().collect();
        for (path, bytes) in shipped::FILES {
            let kind = match *path {
                path if path.starts_with("proposals/") => "proposal",
                path if path.ends_with(".off") => "sentinel",
                _ => "runbook",
            };
            let schema: Value = serde_json::from_str(&schemas[kind]).expect("json");
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
        let schema: Value =
            serde_json::from_str(&text(with_marker(schema_of::<Service>(Dialect::Draft07)))).expect("json");
        let service = |key: &str| {
            json!({"v": 1, "kind": "service", "id": "web", "title": "Web", key: "web", "argv": ["/bin/true"],
                   "probe": {"process": {"service": "web"}}})
        };
        assert!(jsonschema::is_valid(&schema, &service("proposal")));
        assert!(jsonschema::is_valid(&schema, &service("__proposalDerivedFrom")));
        assert!(!jsonschema::is_valid(&schema, &service("proposals")));
    }
}
