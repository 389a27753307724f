//! The shape of files: header, lengths, no silent panics, nothing left open.

use super::source::{File, closing_brace, functions};

/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function.
const FUNCTION_LINES_MAX: usize = 70;
/// Names that say nothing about what is inside.
const VAGUE: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "misc", "manager", "error", "errors"];

/// A file must open with `//!`.
pub fn missing_header(file: &File) -> Vec<String> {
    let first = file.text.lines().next().unwrap_or_default();
    if first.starts_with("//! ") && first.len() > "//! ".len() + 8 {
        return Vec::new();
    }
    vec![format!("{}: does not open with `//! ` and what it is for", file.path)]
}

/// Files and functions that are too long.
pub fn too_long(file: &File) -> Vec<String> {
    let mut problems = Vec::new();
    // Tests stand at the end of a file.
    let shipped = file.text.find("\n#[cfg(test)]\nmod ").map_or(file.text.as_str(), |at| &file.text[..at]);
    let lines = shipped.lines().count();
    if lines > FILE_LINES_MAX && !file.is_test {
        problems.push(format!("{}: {lines} lines without tests, at most {FILE_LINES_MAX}", file.path));
    }
    for (name, at, lines) in functions(&file.shipped) {
        if lines > FUNCTION_LINES_MAX {
            problems
                .push(format!("{}: `{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}", file.at(at)));
        }
    }
    problems
}

/// `.unwrap()`, `panic!`, and `.expect(` without a stated invariant, outside tests.
pub fn panics(file: &File) -> Vec<String> {
    let mut problems = Vec::new();
    for needle in [".unwrap()", "panic!(", "unimplemented!(", ".unwrap_err()"] {
        for (at, _) in file.shipped.match_indices(needle) {
            problems.push(format!("{}: `{needle}` outside tests: return an error", file.at(at)));
        }
    }
    for needle in [".expect(", "unreachable!("] {
        for (at, _) in file.shipped.match_indices(needle) {
            let argument = &file.text[at + needle.len()..];
            if !states_invariant(argument) {
                problems.push(format!(
                    "{}: `{needle}` must state, as a literal of at least three words, why it cannot happen",
                    file.at(at)
                ));
            }
        }
    }
    problems
}

/// A literal of three words or more that does not merely repeat that it failed.
fn states_invariant(argument: &str) -> bool {
    let Some(literal) = argument.trim_start().strip_prefix('"') else { return false };
    let message = literal.split('"').next().unwrap_or_default();
    let lower = message.to_lowercase();
    let repeats = ["failed", "could not", "cannot", "error", "unable"].iter().any(|w| lower.starts_with(w));
    message.split_whitespace().count() >= 3 && !repeats
}

/// Marks of unfinished work.
pub fn left_open(file: &File) -> Vec<String> {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
        concat!("todo", "!("),
        concat!("#[ig", "nore"),
    ];
    let mut problems = Vec::new();
    for mark in marks {
        for (at, _) in file.text.match_indices(mark) {
            let alone = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
            let word = alone(file.text[..at].chars().next_back())
                && alone(file.text[at + mark.len()..].chars().next().filter(|_| !mark.ends_with('(')));
            if word {
                problems.push(format!("{}: `{mark}` is unfinished work", file.at(at)));
            }
        }
    }
    problems
}

/// Fixed pauses in tests, other than inside the one helper that polls a condition against a deadline.
pub fn sleeps(file: &File) -> Vec<String> {
    let mut problems = Vec::new();
    for needle in ["thread::sleep(", "time::sleep("] {
        for (at, _) in file.code.match_indices(needle) {
            let inside = functions(&file.code).into_iter().rfind(|(_, start, _)| {
                *start < at
                    && file.code[*start..]
                        .find('{')
                        .is_some_and(|b| closing_brace(&file.code, start + b) > at)
            });
            let polls =
                inside.is_some_and(|(name, ..)| name.starts_with("eventually") || name.starts_with("poll"));
            if !polls {
                problems
                    .push(format!("{}: a pause in a test; poll a condition (`eventually…`)", file.at(at)));
            }
        }
    }
    problems
}

/// File and folder names that say nothing.
pub fn vague_names(file: &File) -> Vec<String> {
    let parts = file.path.trim_end_matches(".rs").split('/').filter(|part| VAGUE.contains(part));
    // A module may keep its own errors in a file of that name; the tree as a whole may not.
    let own_errors = file.module().is_some() && file.stem() == "error";
    parts
        .filter(|part| !(own_errors && *part == "error"))
        .map(|part| format!("{}: `{part}` does not say what is inside", file.path))
        .collect()
}

#[test]
fn a_missing_header_is_found() {
    assert_eq!(missing_header(&File::new("src/a.rs", "use x;\n")).len(), 1);
    assert_eq!(missing_header(&File::new("src/a.rs", "//! Short\n")).len(), 1);
    assert!(missing_header(&File::new("src/a.rs", "//! What this is for.\n")).is_empty());
}

#[test]
fn long_files_and_functions_are_found_and_tests_do_not_count() {
    let long = "fn f() {\n".to_owned() + &"    g();\n".repeat(70) + "}\n";
    assert_eq!(too_long(&File::new("src/a/b.rs", &long)).len(), 1);
    assert_eq!(too_long(&File::new("src/a/b.rs", &"const A: u8 = 1;\n".repeat(501))).len(), 1);
    let tests = "//! X.\n#[cfg(test)]\nmod tests {\n".to_owned() + &"const A: u8 = 1;\n".repeat(600) + "}\n";
    assert!(too_long(&File::new("src/a/b.rs", &tests)).is_empty());
}

#[test]
fn silent_panics_are_found() {
    let bad = |body: &str| panics(&File::new("src/a/b.rs", &format!("fn f() {{ {body} }}"))).len();
    assert_eq!(bad("x.unwrap();"), 1);
    assert_eq!(bad("panic!(\"no\");"), 1);
    assert_eq!(bad("x.expect(\"failed to read the file\");"), 1);
    assert_eq!(bad("x.expect(\"oops\");"), 1);
    assert_eq!(bad("x.expect(message);"), 1);
    assert_eq!(bad("x.expect(\"the list was checked to be non-empty above\");"), 0);
    assert_eq!(
        panics(&File::new("src/a/b.rs", "#[cfg(test)]\nmod tests { fn f() { x.unwrap(); } }")).len(),
        0
    );
}

#[test]
fn unfinished_work_is_found() {
    let mark = concat!("TO", "DO");
    assert_eq!(left_open(&File::new("src/a.rs", &format!("// {mark}: later"))).len(), 1);
    assert_eq!(left_open(&File::new("src/a.rs", &format!("{}\"x\")", concat!("todo", "!(")))).len(), 1);
    assert!(left_open(&File::new("src/a.rs", "// all done, see AUTODOC")).is_empty());
}

#[test]
fn pauses_in_tests_are_found_outside_the_polling_helper() {
    let pause = concat!("std::thread::sle", "ep(d);");
    assert_eq!(sleeps(&File::new("tests/a.rs", &format!("fn t() {{ {pause} }}"))).len(), 1);
    assert!(sleeps(&File::new("tests/a.rs", &format!("fn eventually() {{ {pause} }}"))).is_empty());
}

#[test]
fn vague_names_are_found() {
    assert_eq!(vague_names(&File::new("src/base/utils.rs", "")).len(), 1);
    assert_eq!(vague_names(&File::new("src/error.rs", "")).len(), 1);
    assert!(vague_names(&File::new("src/journal/error.rs", "")).is_empty());
}
