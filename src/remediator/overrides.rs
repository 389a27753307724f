//! Every single value of `remediator.yaml`: its default, its environment variable, and where the one in force comes from.
//! Sections that are lists or maps of the operator's own names have no variable; they are shown as written.

use super::config::{ConfigError, ConfigFile, FILE, LISTEN};
use crate::base::time::Span;
use crate::event::content::ConfigLoaded;

/// One value.
pub struct Key {
    /// Its path in the file: `limits.lock_timeout`.
    pub path: &'static str,
    /// Puts a value from the environment into the file's place.
    set: fn(&mut ConfigFile, &str) -> Result<(), String>,
    /// What holds when nothing is said.
    pub default: fn() -> String,
}

impl Key {
    /// The environment variable that wins over the file: `REMEDIATOR_LIMITS_LOCK_TIMEOUT`.
    pub fn variable(&self) -> String {
        format!("REMEDIATOR_{}", self.path.to_uppercase().replace('.', "_"))
    }
}

fn span(text: &str) -> Result<Option<Span>, String> {
    Span::parse(text).map(Some).map_err(|e| e.to_string())
}

fn number(text: &str) -> Result<Option<u32>, String> {
    text.parse().map(Some).map_err(|_| "is not a whole number it can be".to_owned())
}

fn yes_or_no(text: &str) -> Result<Option<bool>, String> {
    text.parse().map(Some).map_err(|_| "is neither `true` nor `false`".to_owned())
}

fn text(text: &str) -> Result<Option<String>, String> {
    Ok(Some(text.to_owned()))
}

/// The registry: one line a value.
macro_rules! keys {
    ($($path:literal $($field:ident).+ = $read:ident, $default:expr;)+) => {
        /// Every single value, in the file's order.
        pub const KEYS: &[Key] = &[$(Key {
            path: $path,
            set: |file, said| {
                file.$($field).+ = $read(said)?;
                Ok(())
            },
            default: || $default.to_string(),
        }),+];
    };
}

keys! {
    "listen" listen = text, LISTEN;
    "content" content = text, ".";
    "limits.attempts_at_once" limits.attempts_at_once = number, ConfigLoaded::default().attempts_at_once;
    "limits.fingerprint_attempts" limits.fingerprint_attempts = number, ConfigLoaded::default().fingerprint_attempts;
    "limits.fingerprint_window" limits.fingerprint_window = span, ConfigLoaded::default().fingerprint_window;
    "limits.preconditions_timeout" limits.preconditions_timeout = span, ConfigLoaded::default().preconditions_timeout;
    "limits.lock_timeout" limits.lock_timeout = span, ConfigLoaded::default().lock_timeout;
    "limits.frozen_for" limits.frozen_for = span, ConfigLoaded::default().frozen_for;
    "limits.reprobe_every" limits.reprobe_every = span, ConfigLoaded::default().reprobe_every;
    "limits.lifted" limits.lifted = yes_or_no, ConfigLoaded::default().limits_lifted;
}

/// What the environment says goes over what the file says. An empty variable says nothing.
pub(super) fn apply(
    file: &mut ConfigFile,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<(), ConfigError> {
    for key in KEYS {
        // The address has its own way: the command line wins over it.
        if key.path == "listen" {
            continue;
        }
        let variable = key.variable();
        if let Some(said) = environment(&variable).filter(|said| !said.is_empty()) {
            (key.set)(file, &said).map_err(|problem| ConfigError::Variable {
                variable,
                problem: format!("`{said}` {problem}; unset it to use `{}` of {FILE}", key.path),
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_value_of_the_file_has_its_line_here() {
        let schema = serde_json::to_value(schemars::schema_for!(ConfigFile)).expect("a schema");
        let mut single = Vec::new();
        let mut look = |prefix: &str, schema: &serde_json::Value| {
            for (name, property) in schema["properties"].as_object().expect("properties") {
                let text = property.to_string();
                let nested = text.contains("$ref") && !text.contains("Span") || text.contains("array");
                if !nested && name != "v" && !text.contains("additionalProperties") {
                    single.push(format!("{prefix}{name}"));
                }
            }
        };
        look("", &schema);
        look("limits.", &schema["$defs"]["LimitsFile"]);
        let mut known: Vec<String> = KEYS.iter().map(|k| k.path.to_owned()).collect();
        known.sort();
        single.sort();
        assert_eq!(known, single);
    }

    #[test]
    fn the_environment_wins_over_the_file_and_a_wrong_value_names_the_variable() {
        let mut file = ConfigFile::default();
        file.limits.attempts_at_once = Some(3);
        let says = |name: &str| match name {
            "REMEDIATOR_LIMITS_ATTEMPTS_AT_ONCE" => Some("5".to_owned()),
            "REMEDIATOR_LIMITS_LOCK_TIMEOUT" => Some("90s".to_owned()),
            _ => None,
        };
        apply(&mut file, &says).expect("legal");
        assert_eq!(file.limits.attempts_at_once, Some(5));
        assert_eq!(file.limits.lock_timeout, Some(Span::from_secs(90)));
        let wrong = apply(&mut file, &|name| (name == "REMEDIATOR_LIMITS_FROZEN_FOR").then(|| "soon".into()));
        let wrong = wrong.expect_err("not a span").to_string();
        assert!(wrong.contains("REMEDIATOR_LIMITS_FROZEN_FOR") && wrong.contains("`soon`"), "{wrong}");
    }
}
