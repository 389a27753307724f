//! For people: each finding with its place, its line, what changed, and what mends it.

use super::Report;
use crate::gate::finding::Level;

/// See the module.
pub fn write(report: &Report) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        let place =
            if finding.line > 0 { format!(":{}:{}", finding.line, finding.column) } else { String::new() };
        let note = if finding.level == Level::Note { "note: " } else { "" };
        out += &format!("{}{place}: {note}{} [{}]\n", finding.file, finding.message, finding.check);
        if let Some(excerpt) = &finding.excerpt {
            out += &format!("  {} | {}\n", finding.line, excerpt.chars().take(120).collect::<String>());
        }
        for line in &finding.difference {
            out += &format!("  changed: {line}\n");
        }
        if let Some(mend) = &finding.mend {
            out += &format!("  mend: {mend}\n");
        }
        out.push('\n');
    }
    out += &format!("runbook-gate: {}\n", report.verdict());
    out
}
