//! JUnit XML, as build servers read it: one suite, a test case for each finding, and one that passes when there is none.

use super::Report;
use crate::gate::finding::{Finding, Level};

/// See the module.
pub fn write(report: &Report) -> String {
    let cases = report.findings.len().max(1);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    out += &format!(
        "<testsuites name=\"runbook-gate\" tests=\"{cases}\" failures=\"{errors}\">\n  <testsuite name=\"runbook-gate\" \
         tests=\"{cases}\" failures=\"{errors}\" errors=\"0\" skipped=\"{notes}\">\n",
        errors = report.errors(),
        notes = report.findings.len() - report.errors()
    );
    if report.findings.is_empty() {
        out += &format!("    <testcase classname=\"runbook-gate\" name=\"{}\"/>\n", text(&report.verdict()));
    }
    report.findings.iter().for_each(|finding| out += &case(finding));
    out + "  </testsuite>\n</testsuites>\n"
}

fn case(finding: &Finding) -> String {
    let name = format!("{}: {}", finding.check, finding.message);
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\">\n",
        text(finding.check),
        text(&name),
        text(&finding.file),
        finding.line
    );
    let mut body = finding.message.clone();
    for line in &finding.difference {
        body += &format!("\nchanged: {line}");
    }
    if let Some(mend) = &finding.mend {
        body += &format!("\nmend: {mend}");
    }
    let inner = match finding.level {
        Level::Error => format!(
            "      <failure message=\"{}\" type=\"{}\">{}</failure>\n",
            text(&finding.message),
            text(finding.check),
            text(&body)
        ),
        Level::Note => format!("      <skipped message=\"{}\"/>\n", text(&body)),
    };
    format!("{head}{inner}    </testcase>\n")
}

/// Text in XML 1.0, which has no way to write most control characters.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push_str(&format!("&#{};", u32::from(c))),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}
