//! The JSON Schema of a stored entry: the members of every line and, for each kind, its payload.
//! Not for checking lines: the journal's own parser is stricter (order of members, bytes, bounds) and says more.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Cause, Event};
use crate::base::digest::Blake3;
use crate::base::ids::{BootId, IncidentId, NodeId};
use crate::base::limits::INTEGER_MAX;
use crate::base::sign::KeyId;

/// A stored entry; only its shape, docs/journal-format.md has the bytes.
pub struct Entry;

impl JsonSchema for Entry {
    fn schema_name() -> Cow<'static, str> {
        "Entry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let kinds: Vec<Schema> = Event::schemas(generator)
            .into_iter()
            .map(|(kind, kv, data)| {
                json_schema!({ "properties": { "kind": { "const": kind }, "kv": { "const": kv }, "data": data } })
            })
            .collect();
        let count = json_schema!({ "type": "integer", "minimum": 0, "maximum": INTEGER_MAX });
        let members = [
            "v", "seq", "time", "mono", "boot", "node", "kind", "kv", "incident", "cause", "data", "synced",
            "prev", "key", "sig",
        ];
        json_schema!({
            "title": "A stored entry",
            "type": "object",
            "required": members,
            "additionalProperties": false,
            "properties": {
                "v": { "const": 1 },
                "seq": count,
                "time": { "type": "integer", "description": "Unix time in microseconds, for people" },
                "mono": count,
                "boot": generator.subschema_for::<BootId>(),
                "node": generator.subschema_for::<NodeId>(),
                "kind": { "type": "string" },
                "kv": { "type": "integer", "minimum": 1 },
                "incident": generator.subschema_for::<Option<IncidentId>>(),
                "cause": generator.subschema_for::<Option<Cause>>(),
                "data": { "type": "object" },
                "synced": { "type": ["integer", "null"], "minimum": 0, "maximum": INTEGER_MAX },
                "prev": generator.subschema_for::<Blake3>(),
                "key": generator.subschema_for::<KeyId>(),
                "sig": { "type": "string", "pattern": "^[A-Za-z0-9+/]{86}==$" },
            },
            "oneOf": kinds,
        })
    }
}
