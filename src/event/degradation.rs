//! What was reported, by whom, and what was refused (RM-2, RM-3, RM-29).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::base::ids::{Fingerprint, Receipt, SubjectId};
use crate::base::limits;
use crate::base::text::{OutsideText, is_invisible};

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Will hurt if left.
    Warning,
    /// Hurts.
    Error,
    /// Hurts users now.
    Critical,
}

/// Who speaks: the verified identity of the emitter, never a string it claims.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A person, by their token.
    Person(String),
    /// A sentinel, by its grant.
    Sentinel(String),
    /// The remediator about itself.
    Remediator,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Person(name) => write!(f, "person:{name}"),
            Self::Sentinel(name) => write!(f, "sentinel:{name}"),
            Self::Remediator => f.write_str("remediator"),
        }
    }
}

/// A degradation was reported and accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DegradationSeen {
    /// What the sender got back.
    pub receipt: Receipt,
    /// Part of the system.
    pub subsystem: String,
    /// `^[A-Z][A-Z0-9_]{2,40}$`.
    pub code: String,
    /// What is degraded.
    pub target: String,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub summary: String,
    /// A paragraph.
    pub detail: Option<OutsideText>,
    /// Further values for matching and for people.
    pub attributes: BTreeMap<String, String>,
    /// When the sender saw it, Unix µs (its claim).
    pub observed_at: Option<i64>,
    /// The verified emitter.
    pub source: Source,
    /// The sender's own id, for deduplication.
    pub sender_id: Option<String>,
    /// Digest of (subsystem, code, target).
    pub fingerprint: Fingerprint,
    /// False for free text: it opens no attempt and matches nothing.
    pub actionable: bool,
    /// The key of whom or what `summary` and `detail` are about: they are sealed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectId>,
}

/// A sentinel saw the good edge of what it had reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DegradationRecovered {
    /// Which trouble.
    pub fingerprint: Fingerprint,
    /// What was degraded.
    pub target: String,
    /// The verified emitter.
    pub source: Source,
    /// What was seen.
    pub evidence: String,
    /// What the sender of one that came from outside got for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// The sender's own id, for deduplication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_id: Option<String>,
}

/// Input that was not accepted, kept as evidence (RM-29).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DegradationRefused {
    /// The stable code of the answer, such as `OUTSIDE_GRANT`.
    pub code: String,
    /// The verified emitter.
    pub source: Source,
    /// What it tried to say, cut to size.
    pub said: OutsideText,
}

/// What [`check_name`] wants of a name, for schemas: no blanks at its ends, no control characters, no invisible ones.
const NAME_PATTERN: &str = concat!(
    r"^[^\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]",
    r"([^\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*",
    r"[^\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff])?$"
);

/// The attributes, for schemas. Lengths there are in characters, ours in bytes: what is longer never fits.
fn attributes_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "maxProperties": limits::ATTRIBUTES_MAX,
        "propertyNames": {
            "minLength": 1, "maxLength": limits::ATTRIBUTE_NAME_BYTES_MAX, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
        },
        "additionalProperties": { "type": "string", "maxLength": limits::ATTRIBUTE_VALUE_BYTES_MAX },
    })
}

/// A report as a sender writes it: the body of `POST /v1/degradations`, the arguments of `emit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DegradationReport {
    /// Part of the system: lower-case words, such as `service`.
    #[schemars(extend("maxLength" = limits::NAME_BYTES_MAX, "pattern" = NAME_PATTERN))]
    pub subsystem: String,
    /// `^[A-Z][A-Z0-9_]{2,40}$`.
    #[schemars(extend("pattern" = "^[A-Z][A-Z0-9_]{2,40}$"))]
    pub code: String,
    /// What is degraded.
    #[schemars(extend("maxLength" = limits::NAME_BYTES_MAX, "pattern" = NAME_PATTERN))]
    pub target: String,
    /// How bad.
    pub severity: Severity,
    /// One line, at most 512 bytes.
    #[schemars(extend("maxLength" = limits::SUMMARY_BYTES_MAX, "pattern" = r"\S"))]
    pub summary: String,
    /// A paragraph, at most 8 KiB.
    #[schemars(extend("maxLength" = limits::DETAIL_BYTES_MAX))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// At most 32 further values.
    #[schemars(schema_with = "attributes_schema")]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "each_once")]
    pub attributes: BTreeMap<String, String>,
    /// When it was seen, RFC 3339, in the centuries around ours.
    #[schemars(extend("format" = "date-time", "pattern" = "^(1[7-9]|2[01])[0-9][0-9]-"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<String>,
    /// The sender's own id: the same id again gives the same receipt.
    #[schemars(extend("maxLength" = limits::NAME_BYTES_MAX, "pattern" = NAME_PATTERN))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whom or what `summary` and `detail` are about (a customer, a tenant, a person): they are sealed with a key of its
    /// own and can be forgotten with it. All other members stay in plain. Letters, digits and `._:@-`.
    #[schemars(extend("maxLength" = limits::NAME_BYTES_MAX, "pattern" = SUBJECT_PATTERN))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// What [`is_subject`] wants, for schemas.
const SUBJECT_PATTERN: &str = "^[A-Za-z0-9._:@-]+$";

/// Whether a subject may be named so.
pub fn is_subject(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"._:@-".contains(&b);
    (1..=limits::NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(fits)
}

/// A map in which no name stands twice: of two values one would be lost.
fn each_once<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, String>, D::Error> {
    struct Once;
    impl<'de> Visitor<'de> for Once {
        type Value = BTreeMap<String, String>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("texts by name")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut values = BTreeMap::new();
            while let Some((name, value)) = map.next_entry::<String, String>()? {
                if values.contains_key(&name) {
                    return Err(de::Error::custom(format_args!("the attribute `{name}` stands here twice")));
                }
                values.insert(name, value);
            }
            Ok(values)
        }
    }
    d.deserialize_map(Once)
}

/// What is wrong with a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct ReportError {
    /// Which member.
    pub field: &'static str,
    /// What is wrong and what it should be.
    pub problem: String,
}

impl DegradationReport {
    /// Checks every bound of RM-2; the first problem wins.
    pub fn check(&self) -> Result<(), ReportError> {
        use crate::base::limits as l;
        check_name("subsystem", &self.subsystem)?;
        check_name("target", &self.target)?;
        if !is_code(&self.code) {
            return fail("code", "must match ^[A-Z][A-Z0-9_]{2,40}$, such as PROCESS_DEAD".into());
        }
        check_len("summary", &self.summary, l::SUMMARY_BYTES_MAX)?;
        if self.summary.trim().is_empty() {
            return fail("summary", "is empty: say in one line what is wrong".into());
        }
        check_len("detail", self.detail.as_deref().unwrap_or_default(), l::DETAIL_BYTES_MAX)?;
        if let Some(id) = &self.id {
            // An empty one would make every report of this sender the same report.
            check_name("id", id)?;
        }
        if self.subject.as_deref().is_some_and(|subject| !is_subject(subject)) {
            let problem = format!("is 1 to {} letters, digits and `._:@-`", l::NAME_BYTES_MAX);
            return fail("subject", problem);
        }
        if self.attributes.len() > l::ATTRIBUTES_MAX {
            return fail(
                "attributes",
                format!("are {}, at most {}", self.attributes.len(), l::ATTRIBUTES_MAX),
            );
        }
        for (name, value) in &self.attributes {
            check_len("attributes", name, l::ATTRIBUTE_NAME_BYTES_MAX)?;
            if name.is_empty() || name.chars().any(char::is_control) {
                return fail("attributes", "have a name that is empty or holds control characters".into());
            }
            check_no_secret("attributes", name)?;
            check_len("attributes", value, l::ATTRIBUTE_VALUE_BYTES_MAX)?;
        }
        self.observed_at_us().map(|_| ())
    }

    /// The claimed time as Unix µs.
    pub fn observed_at_us(&self) -> Result<Option<i64>, ReportError> {
        let Some(text) = &self.observed_at else { return Ok(None) };
        match text.parse::<jiff::Timestamp>().map(|at| at.as_microsecond()) {
            Ok(at) if at.unsigned_abs() <= crate::base::limits::INTEGER_MAX => Ok(Some(at)),
            Ok(_) => fail("observed_at", "is hundreds of years away: write when it was seen".into()),
            Err(e) => fail("observed_at", format!("is not an RFC 3339 time: {e}")),
        }
    }
}

/// `^[A-Z][A-Z0-9_]{2,40}$`
pub fn is_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    (3..=41).contains(&bytes.len())
        && bytes[0].is_ascii_uppercase()
        && bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
}

fn fail<T>(field: &'static str, problem: String) -> Result<T, ReportError> {
    Err(ReportError { field, problem })
}

fn check_len(field: &'static str, text: &str, bytes_max: usize) -> Result<(), ReportError> {
    if text.len() > bytes_max {
        return fail(field, format!("has {} bytes, at most {bytes_max}", text.len()));
    }
    Ok(())
}

fn check_name(field: &'static str, text: &str) -> Result<(), ReportError> {
    check_len(field, text, crate::base::limits::NAME_BYTES_MAX)?;
    if text.is_empty() {
        return fail(field, "is empty".into());
    }
    if text.trim() != text || text.chars().any(|c| c.is_control() || is_invisible(c)) {
        return fail(field, "has blanks at its ends, control characters or invisible ones".into());
    }
    check_no_secret(field, text)
}

/// A name cannot be redacted: two troubles would become one. So it is refused.
fn check_no_secret(field: &'static str, text: &str) -> Result<(), ReportError> {
    let secret = crate::base::redact::findings(text).into_iter().find(|rule| !rule.ends_with("address"));
    match secret {
        Some(rule) => fail(field, format!("looks as if it held a secret ({rule}): write it without")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> DegradationReport {
        serde_json::from_str(
            r#"{"subsystem":"service","code":"PROCESS_DEAD","target":"web","severity":"error","summary":"gone"}"#,
        )
        .expect("a plain report")
    }

    #[test]
    fn no_attribute_stands_twice() {
        let text = serde_json::to_string(&report()).expect("JSON");
        let with = |more: &str| format!("{},\"attributes\":{{{more}}}}}", &text[..text.len() - 1]);
        assert!(serde_json::from_str::<DegradationReport>(&with(r#""a":"1","b":"1""#)).is_ok());
        let twice = serde_json::from_str::<DegradationReport>(&with(r#""a":"1","a":"2""#));
        assert!(twice.expect_err("refused").to_string().contains("`a` stands here twice"));
    }

    #[test]
    fn each_bound_is_named_when_it_is_broken() {
        assert_eq!(report().check(), Ok(()));
        let long = |n: usize| "x".repeat(n);
        let attribute = |name: &str| DegradationReport {
            attributes: BTreeMap::from([(name.to_owned(), "x".to_owned())]),
            ..report()
        };
        let cases: [(&str, DegradationReport); 15] = [
            ("summary", DegradationReport { summary: long(513), ..report() }),
            ("detail", DegradationReport { detail: Some(long(8193)), ..report() }),
            ("code", DegradationReport { code: "dead".into(), ..report() }),
            ("target", DegradationReport { target: String::new(), ..report() }),
            ("target", DegradationReport { target: "a\nb".into(), ..report() }),
            ("observed_at", DegradationReport { observed_at: Some("yesterday".into()), ..report() }),
            (
                "observed_at",
                DegradationReport { observed_at: Some("9999-01-01T00:00:00Z".into()), ..report() },
            ),
            (
                "observed_at",
                DegradationReport { observed_at: Some("-009999-01-01T00:00:00Z".into()), ..report() },
            ),
            ("id", DegradationReport { id: Some(String::new()), ..report() }),
            ("id", DegradationReport { id: Some("a\u{1b}[2J".into()), ..report() }),
            ("target", DegradationReport { target: "bew\u{202E}1-".into(), ..report() }),
            ("target", DegradationReport { target: "https://me:hunter2@db/".into(), ..report() }),
            ("attributes", attribute("")),
            ("attributes", attribute("a\0")),
            ("attributes", attribute("password=hunter2")),
        ];
        for (field, bad) in cases {
            assert_eq!(bad.check().err().map(|e| e.field), Some(field));
        }
    }
}
