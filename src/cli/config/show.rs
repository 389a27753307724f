//! `remediator config show`: each value in force and who said it: default, file or environment. Secrets are not shown.

use serde::Serialize;
use serde_json::Value;

use super::super::exit::Failure;
use super::super::{Exit, Global, Home, Outcome, Output, out};
use crate::base::redact::{MARK, is_secret_name, redact};
use crate::remediator::{config, overrides};
use crate::runbook::problem::Source;
use crate::runbook::yaml;

/// Show every value in force and where it comes from.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  remediator config show\n  remediator config show --output json")]
pub struct Args {}

/// One value.
#[derive(Serialize)]
struct Shown {
    key: String,
    value: String,
    /// `default`, `file` or the name of a variable.
    source: String,
    /// What wins over the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<String>,
}

/// Shows.
pub fn run(_: Args, global: &Global) -> Outcome {
    let home = Home::existing(global)?;
    let wrong = |e: config::ConfigError| Failure::new(Exit::Usage, e.to_string());
    let listen = std::env::var("REMEDIATOR_LISTEN").ok().filter(|said| !said.is_empty());
    config::read(home.root(), listen.as_deref()).map_err(wrong)?;
    let path = home.root().join(config::FILE);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let mut written = Vec::new();
    flatten("", &generic(&text)?, &mut written);
    let values = values(written, &|name| std::env::var(name).ok());
    if global.output == Output::Json {
        out::json_of(&serde_json::json!({"v": 1, "file": path, "values": values}))?;
        return Ok(Exit::Ok);
    }
    let rows = values.into_iter().map(|v| vec![v.key, out::line(&v.value), v.source]);
    out::say(out::table(&["KEY", "VALUE", "FROM"], rows.collect()))?;
    Ok(Exit::Ok)
}

/// The file without its types: it was read strictly before.
fn generic(text: &str) -> Result<Value, Failure> {
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(Value::Null);
    }
    yaml::typed(Source { file: config::FILE, text })
        .map_err(|problem| Failure::new(Exit::Usage, problem.to_string()))
}

/// Every value of the file by its path.
fn flatten(path: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, into);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                flatten(&format!("{path}[{n}]"), item, into);
            }
        }
        Value::Null => {}
        Value::String(text) => into.push((path.to_owned(), text.clone())),
        other => into.push((path.to_owned(), other.to_string())),
    }
}

fn values(written: Vec<(String, String)>, environment: &dyn Fn(&str) -> Option<String>) -> Vec<Shown> {
    let mut shown: Vec<Shown> = overrides::KEYS
        .iter()
        .map(|key| {
            let variable = key.variable();
            let said = environment(&variable).filter(|said| !said.is_empty());
            let in_file = written.iter().find(|(path, _)| path == key.path).map(|(_, value)| value.clone());
            let (value, source) = match (said, in_file) {
                (Some(said), _) => (said, variable.clone()),
                (None, Some(value)) => (value, "file".to_owned()),
                (None, None) => ((key.default)(), "default".to_owned()),
            };
            Shown { key: key.path.to_owned(), value, source, variable: Some(variable) }
        })
        .collect();
    for (key, value) in written {
        if !overrides::KEYS.iter().any(|known| known.path == key) {
            shown.push(Shown { key, value, source: "file".to_owned(), variable: None });
        }
    }
    for value in &mut shown {
        let secret = value.key.split(['.', '[', ']']).any(is_secret_name);
        value.value = if secret { MARK.to_owned() } else { redact(&value.value).into_owned() };
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_source_and_a_secret_is_not_shown() {
        let written =
            "limits: {attempts_at_once: 3}\nnotify: [{url: \"https://u:pw@example.org/x\", token: abc}]\n";
        let mut flat = Vec::new();
        flatten("", &generic(written).expect("readable"), &mut flat);
        let says = |name: &str| (name == "REMEDIATOR_LIMITS_LOCK_TIMEOUT").then(|| "90s".to_owned());
        let values = values(flat, &says);
        let of = |key: &str| {
            let shown = values.iter().find(|v| v.key == key).unwrap_or_else(|| panic!("{key}"));
            (shown.value.as_str(), shown.source.as_str())
        };
        assert_eq!(of("limits.attempts_at_once"), ("3", "file"));
        assert_eq!(of("limits.lock_timeout"), ("90s", "REMEDIATOR_LIMITS_LOCK_TIMEOUT"));
        assert_eq!(of("limits.reprobe_every"), ("30s", "default"));
        assert_eq!(of("notify[0].token").0, MARK);
        assert!(!of("notify[0].url").0.contains("pw"), "{}", of("notify[0].url").0);
    }
}
