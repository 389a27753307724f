//! `/openapi.json`: the OpenAPI 3.1 document of all routes, made from the list that the router is made from.
//! Not for what a route says of itself (`operation`, `routes`).

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::operation::{Form, Listed, Operation, Parameter};
use super::problem::{self, Problem};
use super::roles::{Needs, Role};
use super::routes;

/// What stands for a role where a sentinel's token will do.
const SENTINEL: &str = "sentinel";
/// Where schemas stand in the document.
const SCHEMAS: &str = "/components/schemas";

/// The document: the same bytes each time.
pub fn document() -> String {
    let listed = routes::guarded().merge(routes::open()).into_listed();
    format!("{:#}\n", value(&listed))
}

fn value(listed: &[Listed]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| s.definitions_path = SCHEMAS.into());
    let mut generator = settings.into_generator();
    generator.subschema_for::<Problem>();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in listed {
        let operation = operation(route, &mut generator);
        paths.entry(written(route.path)).or_default().insert(route.method.into(), operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "remediator",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every object carries its version `v`. Every error is application/problem+json (RFC 9457) \
                            with a stable `code` and a `hint`. The commands print the same bytes with --output json.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`remediator init` writes a person's token to state/token, `remediator token new` makes \
                                    more. A route names the least role that it needs: audit, read, write, lead; each may \
                                    what the ones before it may. `sentinel` is an external sentinel's token.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "remediator_session",
                    "description": "What a browser gets for a person's token from /login (docs/page.md); \
                                    `remediator_session_PORT` at a port that is not 8855. A request that changes something \
                                    also needs the Origin and Sec-Fetch-Site of the daemon's own page.",
                },
            },
        },
    })
}

fn operation(route: &Listed, generator: &mut SchemaGenerator) -> Value {
    let Operation { summary, more, parameters, bodies, .. } = &route.operation;
    let mut shown: Vec<Value> = parameters.iter().map(|parameter| described(parameter, generator)).collect();
    let mut operation = json!({
        "operationId": id(route),
        "tags": [route.family],
        "summary": summary,
        "responses": responses(route, generator),
    });
    if !more.is_empty() {
        operation["description"] = json!(more);
    }
    if !bodies.is_empty() {
        let content = content(bodies, generator);
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    if route.operation.needs != Needs::Nothing {
        shown.push(json!({
            "name": "node", "in": "query", "required": false, "schema": { "type": "string" },
            "description": "Whose journal is meant; only the own one is here.",
        }));
    }
    operation["security"] = security(route.operation.needs);
    operation["parameters"] = shown.into();
    operation
}

/// Who may: the least role of a token or of the session that stands for one, or a sentinel's token. Since 3.1 a
/// requirement names roles.
fn security(needs: Needs) -> Value {
    let role = needs.role().map(Role::word);
    match needs {
        Needs::Nothing => json!([]),
        Needs::Role(_) => json!([{ "token": [role] }, { "session": [role] }]),
        Needs::RoleOrSentinel(_) => {
            json!([{ "token": [role] }, { "session": [role] }, { "token": [SENTINEL] }])
        }
    }
}

/// The router's `{*rest}`, which takes slashes as well, is written as every other parameter.
fn written(path: &str) -> String {
    path.replace("{*", "{")
}

/// `get /v1/incidents/{id}` → `get_v1_incidents_id`.
fn id(route: &Listed) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    [route.method].into_iter().chain(words).collect::<Vec<_>>().join("_")
}

fn described(parameter: &Parameter, generator: &mut SchemaGenerator) -> Value {
    let schema = (parameter.schema)(generator).to_value();
    json!({
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.what,
        "schema": schema,
    })
}

fn content(forms: &[Form], generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut content = Map::new();
    for form in forms {
        let schema = (form.schema)(generator).to_value();
        content.insert(form.media.into(), json!({ "schema": schema }));
    }
    content
}

fn responses(route: &Listed, generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut responses = Map::new();
    for good in &route.operation.good {
        let content = content(&good.forms, generator);
        let answer = json!({ "description": good.what, "content": content });
        responses.insert(good.status.to_string(), answer);
    }
    for (status, codes) in problems(route) {
        let codes: Vec<&str> = codes.into_iter().collect();
        let description = format!("A problem: {}", codes.join(", "));
        let problem = json!({
            "allOf": [
                { "$ref": format!("#{SCHEMAS}/Problem") },
                { "properties": { "code": { "enum": codes } } },
            ],
        });
        let form = json!({ "application/problem+json": { "schema": problem } });
        let answer = responses.entry(status.to_string()).or_insert(json!({ "content": {} }));
        let description = match answer.get("description").and_then(Value::as_str) {
            Some(good) => format!("{good}. {description}"),
            None => description,
        };
        answer["description"] = description.into();
        if let (Some(all), Value::Object(form)) = (answer["content"].as_object_mut(), form) {
            all.extend(form);
        }
    }
    responses
}

/// Codes by status: the route's own and those that every route has.
fn problems(route: &Listed) -> BTreeMap<u16, std::collections::BTreeSet<&'static str>> {
    let mut all: BTreeMap<u16, std::collections::BTreeSet<&'static str>> = BTreeMap::new();
    let mut kinds = vec![problem::BAD_PARAMETER, problem::TOO_LARGE, problem::PACKED, problem::TIMEOUT];
    if route.operation.needs != Needs::Nothing {
        kinds.extend([problem::NO_TOKEN, problem::BAD_TOKEN, problem::UNKNOWN_NODE, problem::OTHER_HOME]);
        kinds.extend([problem::SESSION_ENDED, problem::FOREIGN_REQUEST]);
    }
    let own = route.operation.problems.iter().copied();
    for (status, code) in kinds.iter().map(|kind| (kind.0.as_u16(), kind.1)).chain(own) {
        all.entry(status).or_default().insert(code);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed() -> Value {
        serde_json::from_str(&document()).expect("JSON")
    }

    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|v| references(v, found));
            }
            Value::Array(items) => items.iter().for_each(|v| references(v, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = parsed();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 50, "{}", found.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("within the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_route_is_described_whole() {
        let listed = routes::guarded().merge(routes::open()).into_listed();
        let mut ids = std::collections::BTreeSet::new();
        for route in &listed {
            let place = format!("{} {}", route.method, route.path);
            assert!(ids.insert(id(route)), "{place}: two routes have the same id");
            assert!(!route.operation.summary.is_empty(), "{place}: no summary");
            assert!(!route.operation.good.is_empty(), "{place}: no answer");
            let path = written(route.path);
            let path: Vec<&str> = path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
            let of_path = route.operation.parameters.iter().filter(|p| p.place == "path");
            assert_eq!(of_path.map(|p| p.name).collect::<Vec<_>>(), path, "{place}: parameters of the path");
        }
    }
}
