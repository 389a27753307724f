//! SARIF 2.1.0 (OASIS), as code scanning services read it: one run, a rule for each check, below their limit of results,
//! and partial fingerprints so that a finding is known again when lines move.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Report;
use crate::base::digest::FileDigest;
use crate::gate::finding::{Finding, Level};

/// GitHub takes 5,000 results at most.
const RESULTS_MAX: usize = 4_999;

/// See the module.
pub fn write(report: &Report) -> String {
    let rules: BTreeSet<&str> = report.findings.iter().map(|finding| finding.check).collect();
    let rules: Vec<Value> = rules
        .into_iter()
        .map(|id| {
            let help = format!("docs/gate.md explains the check `{id}`");
            json!({"id": id, "shortDescription": {"text": id}, "help": {"text": help}})
        })
        .collect();
    let results: Vec<Value> = report.findings.iter().take(RESULTS_MAX).map(result).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "runbook-gate", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "invocations": [{"executionSuccessful": true, "exitCode": i32::from(!report.passes())}],
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

fn result(finding: &Finding) -> Value {
    let level = if finding.level == Level::Error { "error" } else { "note" };
    let mut text = finding.message.clone();
    for line in &finding.difference {
        text += &format!("\nchanged: {line}");
    }
    if let Some(mend) = &finding.mend {
        text += &format!("\nmend: {mend}");
    }
    let mut place = json!({"artifactLocation": {"uri": uri(&finding.file), "uriBaseId": "%SRCROOT%"}});
    if finding.line > 0 {
        place["region"] = json!({"startLine": finding.line, "startColumn": finding.column.max(1)});
    }
    // Not the line: it moves with what stands above.
    let same = format!("{}\n{}\n{}", finding.check, finding.file, finding.message);
    json!({
        "ruleId": finding.check,
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"runbookGate/v1": FileDigest::of(same.as_bytes()).to_string()},
    })
}

/// A relative path as a URI reference.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
