//! GitHub Actions: workflow commands that annotate the change, and a summary in Markdown. Both are escaped: a file name or
//! a message must not become a command or a link.

use super::Report;
use crate::gate::finding::{Finding, Level};

/// One annotation for each finding, then the verdict.
pub fn write(report: &Report) -> String {
    let lines: String = report.findings.iter().map(annotation).collect();
    format!("{lines}runbook-gate: {}\n", report.verdict())
}

fn annotation(finding: &Finding) -> String {
    let level = if finding.level == Level::Error { "error" } else { "notice" };
    let mut properties = format!("file={}", property(&finding.file));
    if finding.line > 0 {
        properties += &format!(",line={},col={}", finding.line, finding.column.max(1));
    }
    properties += &format!(",title={}", property(&format!("runbook-gate: {}", finding.check)));
    let mut text = finding.message.clone();
    for line in &finding.difference {
        text += &format!("\nchanged: {line}");
    }
    if let Some(mend) = &finding.mend {
        text += &format!("\nmend: {mend}");
    }
    format!("::{level} {properties}::{}\n", data(&text))
}

/// Escaping of a workflow command's message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escaping of a workflow command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The job summary.
pub fn summary(report: &Report) -> String {
    let mut out = format!("### runbook-gate: {}\n", cell(&report.verdict()));
    if report.findings.is_empty() {
        return out;
    }
    out += "\n| where | what | mend |\n|---|---|---|\n";
    for finding in &report.findings {
        let place = if finding.line > 0 { format!(":{}", finding.line) } else { String::new() };
        let mut what = cell(&format!("{} [{}]", finding.message, finding.check));
        for line in &finding.difference {
            what += &format!("<br>changed: {}", cell(line));
        }
        let mend = cell(finding.mend.as_deref().unwrap_or_default());
        out += &format!("| {}{place} | {what} | {mend} |\n", cell(&finding.file));
    }
    out
}

/// Text in a cell of a table: nothing in it is Markdown or HTML.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' | '\r' => out.push(' '),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|' | '~'
            | '@' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
