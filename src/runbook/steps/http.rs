//! Spelling of the step kind `http`: one request. Values from events go in whole: as a JSON string, a header's value or
//! a part of the URL that cannot change what the rest means. No secrets: a plan is printed and kept.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Spelling, Texts};
use crate::base::limits::{ARGV_MAX, HTTP_REDIRECTS_MAX, HTTP_SEND_BYTES_MAX, STEP_OUTPUT_BYTES_MAX};
use crate::base::time::Span;
use crate::event::plan::{ActionPlan, HttpMethod, HttpPlan};
use crate::runbook::checks::Lint;
use crate::runbook::placeholder::Place;
use crate::runbook::planning::{PlanError, Resolver};

/// A request. That it was answered is never taken for success: the verification looks for itself.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpStep {
    /// Its method.
    pub method: HttpMethod,
    /// http:// or https:// URL; placeholders are resolved.
    pub url: String,
    /// Headers; placeholders are resolved. No credentials.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body.
    #[serde(default)]
    pub body: Option<HttpBody>,
    /// Status codes that mean that it was taken. Default 200, 201, 202 and 204.
    #[serde(default = "taken")]
    pub expect_status: Vec<u16>,
    /// Bytes of the answer's body that are kept as output. Default 65536.
    #[serde(default = "kept")]
    pub max_body: u64,
    /// Redirects that are followed. Default none: then a redirect is an answer like any other.
    #[serde(default)]
    pub redirects: u32,
}

/// Body of a request.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HttpBody {
    /// As it stands, without placeholders.
    Text(String),
    /// JSON; placeholders in its strings are resolved and stay inside them. No floats.
    Json(Value),
}

fn taken() -> Vec<u16> {
    vec![200, 201, 202, 204]
}

fn kept() -> u64 {
    64 * 1024
}

/// Headers that the client sets itself.
const OURS: [&str; 6] = ["host", "content-length", "transfer-encoding", "connection", "te", "upgrade"];
/// Headers that carry secrets.
const SECRET: [&str; 5] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"];

impl Spelling for HttpStep {
    fn texts<'a>(&'a self, path: &str, texts: &mut Texts<'a>) {
        texts.add(format!("{path}.url"), &self.url);
        for (name, text) in &self.headers {
            texts.add(format!("{path}.headers.{name}"), text);
        }
        match &self.body {
            Some(HttpBody::Text(text)) => texts.add_literal(format!("{path}.body.text"), text),
            Some(HttpBody::Json(value)) => {
                for text in strings(value) {
                    texts.add(format!("{path}.body.json"), text);
                }
            }
            None => {}
        }
    }

    fn check(&self, lint: &mut Lint<'_>, path: &str, _: Span) {
        let known = self.url.starts_with("http://") || self.url.starts_with("https://");
        if !known || self.url.contains([' ', '@', '#']) {
            let help = "begin it with http:// or https://; no blanks, no user name, no fragment";
            lint.report(&format!("{path}.url"), "not a URL that can be asked", help);
        }
        if self.expect_status.is_empty() || self.expect_status.iter().any(|s| !(200..=599).contains(s)) {
            let help = "list codes from 200 to 599";
            lint.report(&format!("{path}.expect_status"), "no status could be expected", help);
        }
        if self.max_body > STEP_OUTPUT_BYTES_MAX as u64 {
            let message = format!("more than the {STEP_OUTPUT_BYTES_MAX} bytes that are kept of a step");
            lint.report(&format!("{path}.max_body"), message, "write fewer");
        }
        if self.redirects > HTTP_REDIRECTS_MAX {
            let message = format!("more than {HTTP_REDIRECTS_MAX} redirects");
            lint.report(&format!("{path}.redirects"), message, "name the URL that answers");
        }
        self.check_headers(lint, path);
        self.check_body(lint, path);
    }

    fn resolve(&self, resolver: &mut Resolver<'_>, what: &str) -> Result<ActionPlan, PlanError> {
        let mut headers = BTreeMap::new();
        for (name, text) in &self.headers {
            headers.insert(name.to_ascii_lowercase(), resolver.fill(what, text, Place::Environment)?);
        }
        let body = match &self.body {
            None => None,
            Some(HttpBody::Text(text)) => Some(text.clone()),
            Some(HttpBody::Json(value)) => {
                headers.entry("content-type".into()).or_insert_with(|| "application/json".into());
                Some(filled(resolver, what, value)?.to_string())
            }
        };
        if let Some(size) = body.as_ref().map(String::len).filter(|size| *size > HTTP_SEND_BYTES_MAX) {
            let what = format!("the body of {what}");
            return Err(PlanError::TooLarge { what, size, max: HTTP_SEND_BYTES_MAX });
        }
        Ok(ActionPlan::Http(HttpPlan {
            method: self.method,
            url: resolver.fill(what, &self.url, Place::Url)?,
            headers,
            body,
            expect_status: self.expect_status.clone(),
            max_body: self.max_body,
            redirects: self.redirects,
        }))
    }

    fn say(&self) -> String {
        format!("{} {}", self.method.word(), self.url)
    }

    fn details(&self) -> Vec<String> {
        let mut details: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("header {name}: {value}")).collect();
        details.extend(self.body.as_ref().map(|body| match body {
            HttpBody::Text(text) => format!("body {text}"),
            HttpBody::Json(value) => format!("body {value}"),
        }));
        let codes: Vec<String> = self.expect_status.iter().map(u16::to_string).collect();
        details.push(format!("taken when answered with {}", codes.join(", ")));
        details.push(format!(
            "keeps {} bytes of the answer, follows {} redirects",
            self.max_body, self.redirects
        ));
        details
    }
}

impl HttpStep {
    fn check_headers(&self, lint: &mut Lint<'_>, path: &str) {
        if self.headers.len() > ARGV_MAX {
            let message = format!("{} headers; at most {ARGV_MAX} are allowed", self.headers.len());
            lint.report(&format!("{path}.headers"), message, "send fewer");
        }
        for (name, value) in &self.headers {
            let at = format!("{path}.headers.{name}");
            let lower = name.to_ascii_lowercase();
            let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
            if name.is_empty() || name.len() > 128 || !plain {
                lint.report(&at, "not the name of a header", "letters, digits, - and _");
            } else if OURS.contains(&lower.as_str()) {
                lint.report(&at, "this header is set by the client itself", "leave it out");
            } else if SECRET.contains(&lower.as_str()) {
                let help =
                    "a plan is printed and kept: run a program that reads the secret from a file instead";
                lint.report(&at, "this header carries a secret", help);
            }
            if value.chars().any(char::is_control) {
                lint.report(&at, "holds control characters", "one line of text");
            }
        }
    }

    fn check_body(&self, lint: &mut Lint<'_>, path: &str) {
        let Some(body) = &self.body else { return };
        let at = format!("{path}.body");
        if matches!(self.method, HttpMethod::Get | HttpMethod::Head) {
            let message = format!("{} has no body", self.method.word());
            lint.report(&at, message, "leave it out, or use POST");
        }
        let size = match body {
            HttpBody::Text(text) => text.len(),
            HttpBody::Json(value) => value.to_string().len(),
        };
        if size > HTTP_SEND_BYTES_MAX {
            lint.report(&at, format!("{size} bytes; at most {HTTP_SEND_BYTES_MAX}"), "send less");
        }
        if let HttpBody::Json(value) = body
            && has_float(value)
        {
            lint.report(&at, "holds a float, which is not the same everywhere", "write it as a string");
        }
    }
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(members) => members.values().any(has_float),
        _ => false,
    }
}

fn filled(resolver: &Resolver<'_>, what: &str, value: &Value) -> Result<Value, PlanError> {
    Ok(match value {
        // Inside a JSON string every value is only a value.
        Value::String(text) => Value::String(resolver.fill(what, text, Place::Message)?),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| filled(resolver, what, item)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, v)| Ok((name.clone(), filled(resolver, what, v)?)));
            Value::Object(members.collect::<Result<_, PlanError>>()?)
        }
        other => other.clone(),
    })
}
