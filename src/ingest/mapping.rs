//! How a JSON value becomes a report: for each member of a report the places where it may stand (JSON pointers,
//! the first that is there counts) and a default. What stays open is said, never guessed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Item, Recovery, Said, Unmapped};
use crate::base::limits::{
    ATTRIBUTE_NAME_BYTES_MAX, ATTRIBUTE_VALUE_BYTES_MAX, ATTRIBUTES_MAX, DETAIL_BYTES_MAX, SUMMARY_BYTES_MAX,
};
use crate::base::redact::findings;
use crate::base::sealed::MASK;
use crate::base::text::{clean, clip};
use crate::event::degradation::{DegradationReport, Severity, is_code};

/// Where one member of a report comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldFile {
    /// JSON pointers (RFC 6901), such as `/labels/instance`; the first that holds a text, number or boolean counts.
    #[serde(default)]
    pub from: Vec<String>,
    /// When none of them is there.
    #[serde(default)]
    pub default: Option<String>,
}

/// When a value says that the trouble is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolvedFile {
    /// JSON pointers; the first that is there counts.
    pub from: Vec<String>,
    /// The values that mean that it is over.
    pub is: Vec<String>,
}

/// A mapping as written. What is not written keeps the default of its format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MappingFile {
    /// Part of the system.
    #[serde(default)]
    pub subsystem: Option<FieldFile>,
    /// The code; `HighLatency` and `disk.full` become HIGH_LATENCY and DISK_FULL.
    #[serde(default)]
    pub code: Option<FieldFile>,
    /// What is degraded.
    #[serde(default)]
    pub target: Option<FieldFile>,
    /// How bad.
    #[serde(default)]
    pub severity: Option<FieldFile>,
    /// Further words for severities.
    #[serde(default)]
    pub severities: BTreeMap<String, Severity>,
    /// One line.
    #[serde(default)]
    pub summary: Option<FieldFile>,
    /// A paragraph.
    #[serde(default)]
    pub detail: Option<FieldFile>,
    /// When it was seen, RFC 3339.
    #[serde(default)]
    pub observed_at: Option<FieldFile>,
    /// The sender's own id, for deduplication. Alerts and CloudEvents have their own.
    #[serde(default)]
    pub id: Option<FieldFile>,
    /// Whom or what summary and detail are about: they are sealed, and can be forgotten. No format has a default for it.
    #[serde(default)]
    pub subject: Option<FieldFile>,
    /// Attributes: name → JSON pointer.
    #[serde(default)]
    pub attributes: Option<BTreeMap<String, String>>,
    /// JSON pointers to objects whose members all become attributes.
    #[serde(default)]
    pub attributes_from: Option<Vec<String>>,
    /// When it is over.
    #[serde(default)]
    pub resolved: Option<ResolvedFile>,
}

/// A mapping, resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping(MappingFile);

/// A field that is at these places, or says this.
pub(super) fn field(from: &[&str], default: Option<&str>) -> Option<FieldFile> {
    let from = from.iter().map(|p| (*p).to_owned()).collect();
    Some(FieldFile { from, default: default.map(str::to_owned) })
}

impl Mapping {
    /// One that says nothing.
    pub fn none() -> Self {
        Self::default()
    }
    pub(super) fn of(file: MappingFile) -> Self {
        Self(file)
    }

    /// This one with what a file says otherwise; the member that is wrong and why.
    pub fn with(self, file: MappingFile) -> Result<Self, (String, String)> {
        let base = self.0;
        let merged = MappingFile {
            subsystem: file.subsystem.or(base.subsystem),
            code: file.code.or(base.code),
            target: file.target.or(base.target),
            severity: file.severity.or(base.severity),
            severities: file.severities,
            summary: file.summary.or(base.summary),
            detail: file.detail.or(base.detail),
            observed_at: file.observed_at.or(base.observed_at),
            id: file.id.or(base.id),
            subject: file.subject.or(base.subject),
            attributes: file.attributes.or(base.attributes),
            attributes_from: file.attributes_from.or(base.attributes_from),
            resolved: file.resolved.or(base.resolved),
        };
        for (member, pointer) in pointers(&merged) {
            check_pointer(pointer).map_err(|why| (member.to_owned(), why))?;
        }
        Ok(Self(merged))
    }

    /// A member without which there is no report, and for which nothing is said.
    pub fn missing(&self) -> Option<&'static str> {
        let says = |field: &Option<FieldFile>| {
            field.as_ref().is_some_and(|f| !f.from.is_empty() || f.default.is_some())
        };
        let all = [
            ("subsystem", says(&self.0.subsystem)),
            ("code", says(&self.0.code)),
            ("target", says(&self.0.target)),
            ("summary", says(&self.0.summary)),
        ];
        all.into_iter().find(|(_, said)| !said).map(|(member, _)| member)
    }

    /// Reads one value. `id` is the format's own for deduplication, where it has one.
    pub fn apply(&self, value: &Value, id: Option<String>) -> Item {
        let subject = find(value, &self.0.subject);
        // A list or an object says that it is about somebody, and not whom.
        let places = self.0.subject.iter().flat_map(|field| &field.from);
        let unclear = places
            .filter(|pointer| value.pointer(pointer).is_some_and(|v| v.is_array() || v.is_object()))
            .min();
        let unmapped = |why: String| {
            let said = match subject.is_some() || unclear.is_some() {
                // It cannot be sealed for whom nobody can name for sure.
                true => MASK.to_owned(),
                false => clip(&value.to_string(), DETAIL_BYTES_MAX).to_owned(),
            };
            Unmapped { why, said }
        };
        if let Some(place) = unclear {
            return Err(unmapped(format!("`subject`: what stands at {place} is not one text")));
        }
        let named = |member: &str, field: &Option<FieldFile>| {
            find(value, field).ok_or_else(|| unmapped(open(member, field)))
        };
        let subsystem = named("subsystem", &self.0.subsystem)?;
        let said = named("code", &self.0.code)?;
        let code = as_code(&said)
            .ok_or_else(|| unmapped(format!("`code`: `{}` cannot be made a code", clip(&said, 64))))?;
        let target = named("target", &self.0.target)?;
        let id = id.or_else(|| find(value, &self.0.id));
        let over = self.0.resolved.as_ref().and_then(|resolved| {
            let said = resolved.from.iter().find_map(|pointer| text(value.pointer(pointer)?))?;
            resolved.is.iter().any(|word| word.eq_ignore_ascii_case(&said)).then_some(said)
        });
        let line = |text: String| {
            clip(&text.split_whitespace().collect::<Vec<_>>().join(" "), SUMMARY_BYTES_MAX).to_owned()
        };
        let summary = find(value, &self.0.summary).map(line).filter(|s| !s.is_empty());
        let report = DegradationReport {
            summary: summary.unwrap_or_else(|| line(format!("{code} on {target}"))),
            severity: self.severity(value),
            detail: find(value, &self.0.detail).map(|text| clip(&text, DETAIL_BYTES_MAX).to_owned()),
            attributes: self.attributes(value),
            observed_at: find(value, &self.0.observed_at).filter(|t| t.parse::<jiff::Timestamp>().is_ok()),
            id,
            subject: subject.clone(),
            subsystem,
            code,
            target,
        };
        report.check().map_err(|error| unmapped(error.to_string()))?;
        Ok(match over {
            Some(word) => Said::Recovery(Recovery {
                evidence: line(format!("the sender says `{word}`: {}", report.summary)),
                subsystem: report.subsystem,
                code: report.code,
                target: report.target,
                id: report.id,
                subject: report.subject,
            }),
            None => Said::Report(Box::new(report)),
        })
    }

    fn severity(&self, value: &Value) -> Severity {
        let Some(word) = find(value, &self.0.severity).map(|w| w.to_ascii_lowercase()) else {
            return Severity::Error;
        };
        let own = self.0.severities.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word));
        match (own, word.as_str()) {
            (Some((_, severity)), _) => *severity,
            (None, "critical" | "page" | "fatal" | "emergency" | "alert" | "p1") => Severity::Critical,
            (None, "warning" | "warn" | "medium" | "minor" | "p3") => Severity::Warning,
            (
                None,
                "info" | "information" | "informational" | "notice" | "low" | "none" | "ok" | "debug" | "p4",
            ) => Severity::Info,
            _ => Severity::Error,
        }
    }

    /// As many as fit a report; how many did not is one of them.
    fn attributes(&self, value: &Value) -> BTreeMap<String, String> {
        let mut found: Vec<(String, String)> = Vec::new();
        for (name, pointer) in self.0.attributes.iter().flatten() {
            found.extend(value.pointer(pointer).and_then(text).map(|text| (name.clone(), text)));
        }
        for members in self.0.attributes_from.iter().flatten().filter_map(|p| value.pointer(p)?.as_object()) {
            found.extend(members.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))));
        }
        let usable = |name: &str| {
            !name.is_empty()
                && name.len() <= ATTRIBUTE_NAME_BYTES_MAX
                && !name.chars().any(char::is_control)
                && findings(name).is_empty()
        };
        let (mut attributes, mut left_out) = (BTreeMap::new(), 0);
        for (name, text) in found {
            if !usable(&name) || attributes.len() >= ATTRIBUTES_MAX - 1 {
                left_out += 1;
                continue;
            }
            attributes.insert(name, clip(&text, ATTRIBUTE_VALUE_BYTES_MAX).to_owned());
        }
        if left_out > 0 {
            attributes.insert("attributes_left_out".into(), left_out.to_string());
        }
        attributes
    }
}

fn pointers(file: &MappingFile) -> Vec<(&'static str, &str)> {
    let fields = [
        ("subsystem", &file.subsystem),
        ("code", &file.code),
        ("target", &file.target),
        ("severity", &file.severity),
        ("summary", &file.summary),
        ("detail", &file.detail),
        ("observed_at", &file.observed_at),
        ("id", &file.id),
        ("subject", &file.subject),
    ];
    let mut all = Vec::new();
    for (member, field) in fields {
        all.extend(field.iter().flat_map(|f| &f.from).map(|p| (member, p.as_str())));
    }
    all.extend(file.attributes.iter().flat_map(BTreeMap::values).map(|p| ("attributes", p.as_str())));
    all.extend(file.attributes_from.iter().flatten().map(|p| ("attributes_from", p.as_str())));
    all.extend(file.resolved.iter().flat_map(|r| &r.from).map(|p| ("resolved", p.as_str())));
    all
}

/// Empty (the whole value) or beginning with a slash.
pub(super) fn check_pointer(pointer: &str) -> Result<(), String> {
    match pointer.is_empty() || pointer.starts_with('/') {
        true => Ok(()),
        false => {
            Err(format!("`{pointer}` is not a JSON pointer: it begins with `/`, such as /labels/instance"))
        }
    }
}

fn find(value: &Value, field: &Option<FieldFile>) -> Option<String> {
    let field = field.as_ref()?;
    let found = field.from.iter().find_map(|pointer| text(value.pointer(pointer)?));
    found.or_else(|| field.default.clone())
}

fn open(member: &str, field: &Option<FieldFile>) -> String {
    match field.as_ref().map(|f| f.from.join(", ")).filter(|places| !places.is_empty()) {
        Some(places) => format!("`{member}` is not there: none of {places} holds a text"),
        None => format!("`{member}` is not there, and no mapping says where it could be"),
    }
}

/// A text, number or boolean as one; nothing else is a name of anything.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => clean(text.trim()),
        Value::Number(number) => number.to_string(),
        Value::Bool(word) => word.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// `HighLatency`, `disk.full` and `CPU usage` as HIGH_LATENCY, DISK_FULL and CPU_USAGE.
fn as_code(said: &str) -> Option<String> {
    if is_code(said) {
        return Some(said.to_owned());
    }
    let chars: Vec<char> = said.chars().collect();
    let mut code = String::new();
    for (at, c) in chars.iter().enumerate() {
        if !c.is_ascii_alphanumeric() {
            code.push('_');
            continue;
        }
        let before = at.checked_sub(1).and_then(|i| chars.get(i));
        let after = chars.get(at + 1);
        let new_word = c.is_ascii_uppercase()
            && (before.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                || before.is_some_and(char::is_ascii_uppercase)
                    && after.is_some_and(char::is_ascii_lowercase));
        if new_word {
            code.push('_');
        }
        code.push(c.to_ascii_uppercase());
    }
    let words: Vec<&str> = code.split('_').filter(|w| !w.is_empty()).collect();
    Some(words.join("_")).filter(|code| is_code(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_alerts_become_codes() {
        let cases = [
            ("HighLatency", Some("HIGH_LATENCY")),
            ("disk.full", Some("DISK_FULL")),
            ("CPU usage", Some("CPU_USAGE")),
            ("HTTPErrorRate5m", Some("HTTP_ERROR_RATE5M")),
            ("KubePodCrashLooping", Some("KUBE_POD_CRASH_LOOPING")),
            ("PROCESS_DEAD", Some("PROCESS_DEAD")),
            ("5xx", None),
            ("é", None),
            ("", None),
        ];
        for (said, code) in cases {
            assert_eq!(as_code(said).as_deref(), code, "{said}");
        }
    }

    #[test]
    fn what_is_about_somebody_says_so_and_is_not_kept_when_it_cannot_be_read() {
        let file = MappingFile {
            subsystem: field(&[], Some("shop")),
            code: field(&["/code"], None),
            target: field(&[], Some("orders")),
            summary: field(&["/text"], None),
            subject: field(&["/customer"], None),
            resolved: Some(ResolvedFile { from: vec!["/state".into()], is: vec!["OK".into()] }),
            ..MappingFile::default()
        };
        let mapping = Mapping::none().with(file).expect("sound");
        let mut value =
            serde_json::json!({"code": "ORDER_STUCK", "text": "Jane's order", "customer": "c:4711"});
        let Ok(said @ Said::Report(_)) = mapping.apply(&value, None) else { panic!("no report") };
        assert!(matches!(&said, Said::Report(r) if r.subject.as_deref() == Some("c:4711")));
        assert!(!said.line().contains("Jane"), "{}", said.line());
        value["state"] = "ok".into();
        let Ok(said @ Said::Recovery(_)) = mapping.apply(&value, None) else { panic!("no recovery") };
        assert!(matches!(&said, Said::Recovery(r) if r.subject.as_deref() == Some("c:4711")));
        assert!(!said.line().contains("Jane"), "{}", said.line());
        for wrong in [("customer", "not a subject"), ("code", "5xx")] {
            value[wrong.0] = wrong.1.into();
            let Err(unmapped) = mapping.apply(&value, None) else { panic!("mapped") };
            assert!(!unmapped.said.contains("Jane") && !unmapped.why.contains("Jane"), "{unmapped:?}");
        }
        // About somebody, and nobody can say whom: it is not taken for a report about nobody.
        for unclear in [serde_json::json!(["c:1", "c:2"]), serde_json::json!({"id": "c:1"})] {
            let value =
                serde_json::json!({"code": "ORDER_STUCK", "text": "Jane's order", "customer": unclear});
            let Err(unmapped) = mapping.apply(&value, None) else { panic!("mapped") };
            assert!(unmapped.said == MASK && unmapped.why.contains("/customer"), "{unmapped:?}");
        }
        let nobody = serde_json::json!({"code": "ORDER_STUCK", "text": "the disk", "customer": null});
        assert!(matches!(mapping.apply(&nobody, None), Ok(Said::Report(r)) if r.subject.is_none()));
    }

    #[test]
    fn what_is_not_there_is_named_and_what_is_too_much_is_counted() {
        let file = MappingFile {
            subsystem: field(&[], Some("nagios")),
            code: field(&["/service"], None),
            target: field(&["/host/name", "/host"], None),
            summary: field(&["/output"], None),
            attributes_from: Some(vec!["/perf".into()]),
            resolved: Some(ResolvedFile { from: vec!["/state".into()], is: vec!["OK".into()] }),
            ..MappingFile::default()
        };
        let mapping = Mapping::none().with(file.clone()).expect("sound");
        let mut value = serde_json::json!({"service": "disk full", "host": "db1", "output": "92 %\nfull", "state": "CRITICAL"});
        let perf: serde_json::Map<String, Value> = (0..40).map(|n| (format!("p{n}"), n.into())).collect();
        value["perf"] = Value::Object(perf);
        let Ok(Said::Report(report)) = mapping.apply(&value, None) else { panic!("no report") };
        assert_eq!(
            (report.subsystem.as_str(), report.code.as_str(), report.target.as_str()),
            ("nagios", "DISK_FULL", "db1")
        );
        assert_eq!((report.summary.as_str(), report.severity), ("92 % full", Severity::Error));
        assert_eq!((report.attributes.len(), report.attributes["attributes_left_out"].as_str()), (32, "9"));
        value["state"] = "ok".into();
        assert!(matches!(mapping.apply(&value, None), Ok(Said::Recovery(r)) if r.target == "db1"));
        value["host"] = Value::Null;
        let Err(unmapped) = mapping.apply(&value, None) else { panic!("mapped") };
        assert!(unmapped.why.contains("/host/name, /host"), "{}", unmapped.why);
        let wrong = MappingFile { target: field(&["host"], None), ..file };
        assert!(Mapping::none().with(wrong).is_err_and(|(member, _)| member == "target"));
    }
}
