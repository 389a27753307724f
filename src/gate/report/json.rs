//! For programs: one object with a version.

use serde::Serialize;

use super::Report;
use crate::gate::finding::Finding;

#[derive(Serialize)]
struct Document<'a> {
    v: u32,
    /// Whether it may land.
    passes: bool,
    /// It introduces the trust that everything later is judged by.
    bootstrap: bool,
    base: &'a Option<String>,
    judged: &'a str,
    verdict: String,
    files: usize,
    findings: &'a [Finding],
}

/// See the module.
pub fn write(report: &Report) -> String {
    let document = Document {
        v: 1,
        passes: report.passes(),
        bootstrap: report.bootstrap,
        base: &report.base,
        judged: &report.judged,
        verdict: report.verdict(),
        files: report.files,
        findings: &report.findings,
    };
    // These types have no map with other keys than strings and no number that JSON lacks.
    serde_json::to_string(&document).unwrap_or_default() + "\n"
}
