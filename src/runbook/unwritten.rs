//! Words that a template brought along and nobody has made their own: whoever approves would agree to an argument that nobody
//! made. A warning of the linters: the loader and the gate take such a file.
//! Not for what is wrong with a file (`checks`), nor for the templates (`cli`).

use super::problem::{Problem, Source};
use crate::base::limits::PROBLEMS_MAX;

/// The word of the check.
pub const CHECK: &str = "unwritten";

/// Texts of the templates of `runbook new`, `proposal new` and `sentinel new`, and marks that mean the same: how each begins
/// and how it ends.
const TEXTS: &[(&str, &str)] = &[
    ("What it does about ", ", in one line"),
    ("Why ", " should be healed without a person"),
    ("What is broken when ", " is reported"),
    ("Where it was seen, and how often.", ""),
    ("What can go wrong when it acts.", ""),
    ("How a person takes it back.", ""),
    ("What is broken, and how that is told", ""),
    ("What could be lost or made worse, and how likely that is.", ""),
    ("What a person does to take it back", ""),
    ("Say here in one line ", ""),
    (concat!("TO", "DO"), ""),
    (concat!("FIX", "ME"), ""),
];

/// Every line of a file whose text is still a template's.
pub fn left(file: &str, bytes: &[u8]) -> Vec<Problem> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    let source = Source { file, text };
    let found = (1..).zip(text.lines()).filter_map(|(number, line)| {
        let said = value(line);
        let column = line.find(said).map_or(1, |at| line[..at].chars().count() as u64 + 1);
        let of_template = |(begin, end): &&(&str, &str)| {
            said.strip_prefix(begin).is_some_and(|rest| rest.trim_end_matches(['"', '\'']).ends_with(end))
        };
        TEXTS.iter().find(of_template)?;
        let problem = source.problem((number, column), CHECK, "a draft's words, not yours yet".to_owned());
        Some(problem.with_help("write what is true here: it is what somebody approves"))
    });
    found.take(PROBLEMS_MAX).collect()
}

/// What stands in a line behind the dash of a list, the key and the quote; nothing of a comment.
fn value(line: &str) -> &str {
    let line = line.trim_start();
    if line.starts_with('#') {
        return "";
    }
    let line = line.strip_prefix("- ").unwrap_or(line);
    let value = match line.split_once(": ") {
        Some((key, value)) if key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => value,
        _ => line,
    };
    value.trim_start().trim_start_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_template_left_is_found_where_it_stands() {
        let text = "# Say here in one line\ntitle: What it does about X_Y, in one line\nid: todo\nrisks:\n  - \"Say here in one line what\"\n\
                    undo: 'How a person takes it back.'\nsummary: Why a person should look\n";
        let found = left("x.yaml", text.as_bytes());
        let places: Vec<(u64, u64)> = found.iter().map(|problem| (problem.line, problem.column)).collect();
        assert_eq!(places, [(2, 8), (5, 6), (6, 8)]);
        assert!(found.iter().all(|problem| problem.check == CHECK && problem.help.is_some()));
        assert!(left("x.yaml", b"\xff").is_empty() && left("x.yaml", b"").is_empty());
    }
}
