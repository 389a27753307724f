//! Rust source as the rules see it: comments, strings and test code blanked out (same length, same lines), so
//! that a plain text search finds code and nothing else. Not a parser: enough of one for these rules.

use std::path::{Path, PathBuf};

/// One source file.
pub struct File {
    /// Path from the top of the tree, with `/`.
    pub path: String,
    /// As it stands on disk.
    pub text: String,
    /// Comments, strings and characters blanked.
    pub code: String,
    /// The same with test modules, test functions and test-only items blanked as well.
    pub shipped: String,
    /// Nothing of it is shipped.
    pub is_test: bool,
}

impl File {
    /// From text, for rules' own tests as well.
    pub fn new(path: &str, text: &str) -> Self {
        let code = blank_literals(text);
        let in_tests = path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/");
        let shipped = if in_tests { blank(&code, 0, code.len()) } else { blank_tests(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, shipped, is_test: in_tests }
    }

    /// The module directly under `src`, such as `policy`; none for `src/lib.rs` and `src/main.rs`.
    pub fn module(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        rest.split_once('/').map(|(module, _)| module)
    }

    /// File name without `.rs`.
    pub fn stem(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// `path:line` of a byte offset.
    pub fn at(&self, offset: usize) -> String {
        format!("{}:{}", self.path, self.text[..offset].matches('\n').count() + 1)
    }
}

/// The top of the tree.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Names in a folder, sorted.
pub fn entries(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names: Vec<String> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    names.sort();
    Ok(names)
}

/// Every `.rs` file under a folder of the tree, sorted. An absent folder has none.
pub fn rust_files(folder: &str) -> Vec<File> {
    let mut files = Vec::new();
    collect(&root().join(folder), folder, &mut files);
    // A file that its parent declares under `#[cfg(test)]` is test code, whatever its name.
    let tests: Vec<String> = files.iter().flat_map(test_files_declared_in).collect();
    for file in &mut files {
        if tests
            .iter()
            .any(|start| file.path == format!("{start}.rs") || file.path.starts_with(&format!("{start}/")))
        {
            file.shipped = blank(&file.code, 0, file.code.len());
            file.is_test = true;
        }
    }
    files
}

/// Paths, without `.rs`, of the files that a file declares as tests.
fn test_files_declared_in(parent: &File) -> Vec<String> {
    let folder = parent.path.trim_end_matches(".rs").trim_end_matches("/mod").trim_end_matches("/lib");
    let mut found = Vec::new();
    for (at, mark) in parent.code.match_indices("#[cfg(test)]") {
        let item = parent.code[at + mark.len()..].trim_start();
        let item = item.strip_prefix("pub(crate) ").or(item.strip_prefix("pub(super) ")).unwrap_or(item);
        let name =
            item.strip_prefix("mod ").and_then(|rest| rest.split_once(';')).map(|(name, _)| name.trim());
        if let Some(name) = name.filter(|name| name.chars().all(|c| c.is_alphanumeric() || c == '_')) {
            found.push(format!("{folder}/{name}"));
        }
    }
    found
}

fn collect(folder: &Path, shown: &str, files: &mut Vec<File>) {
    let Ok(names) = entries(folder) else { return };
    for name in names {
        let path = folder.join(&name);
        let shown = format!("{shown}/{name}");
        // Compile-fail snippets are meant to be wrong.
        if path.is_dir() && name != "target" && shown != "tests/proofs" {
            collect(&path, &shown, files);
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).expect("a source file can be read");
            files.push(File::new(&shown, &text));
        }
    }
}

fn blank(text: &str, from: usize, to: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for byte in &mut bytes[from..to] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Blanks comments and the insides of strings and characters.
pub fn blank_literals(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if end > at {
            for byte in &mut out[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
            // A string stays visible as one, so that a call keeps its argument.
            if bytes[at] != b'/' && end - at >= 2 {
                (out[at], out[end - 1]) = (b'"', b'"');
            }
            at = end;
        } else {
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// End of the comment, string or character that starts at `at`; `at` itself when none does.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let word_before = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment_end(bytes, at),
        [b'"', ..] => quoted_end(bytes, at + 1),
        [b'b' | b'c', b'"', ..] if !word_before => quoted_end(bytes, at + 2),
        [b'r', b'"' | b'#', ..] if !word_before => raw_end(bytes, at, at + 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !word_before => raw_end(bytes, at, at + 2),
        [b'\'', b'\\', ..] => at + 3 + rest[3..].iter().position(|b| *b == b'\'').unwrap_or(0) + 1,
        // A character is closed within five bytes; a lifetime is not closed at all.
        [b'\'', second, ..] if *second != b'\'' => {
            let width = std::str::from_utf8(&rest[1..rest.len().min(5)])
                .map_or_else(|e| if e.valid_up_to() > 0 { 1 } else { 0 }, |_| 1)
                .max(1);
            let char_len = match second {
                0..=0x7f => width,
                0xc0..=0xdf => 2,
                0xe0..=0xef => 3,
                _ => 4,
            };
            if rest.get(1 + char_len) == Some(&b'\'') { at + 2 + char_len } else { at }
        }
        _ => at,
    }
}

fn quoted_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_end(bytes: &[u8], start: usize, mut at: usize) -> usize {
    let hashes = bytes[at..].iter().take_while(|b| **b == b'#').count();
    at += hashes;
    if bytes.get(at) != Some(&b'"') {
        return start; // a raw identifier
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let found = bytes[at + 1..].windows(close.len()).position(|w| w == close);
    found.map_or(bytes.len(), |offset| at + 1 + offset + close.len())
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    bytes.len()
}

fn blank_tests(code: &str) -> String {
    let mut out = code.to_owned();
    for mark in ["#[cfg(test)]", "#[cfg(all(test", "#[test]"] {
        let mut from = 0;
        while let Some(found) = out[from..].find(mark) {
            let start = from + found;
            let end = item_end(&out, start + mark.len());
            out = blank(&out, start, end);
            from = end;
        }
    }
    out
}

/// End of the item that follows `from`: its closing brace, or its semicolon if that comes before any brace.
pub fn item_end(code: &str, from: usize) -> usize {
    let bytes = code.as_bytes();
    let (mut at, mut round) = (from, 0i32);
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b'[' => round += 1,
            b')' | b']' => round -= 1,
            b';' | b',' if round == 0 => return at + 1,
            b'{' => return closing_brace(code, at),
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Offset behind the brace that closes the one at `open`.
pub fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0i32;
    for (offset, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return offset + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Functions with a body: name, offset of `fn`, lines from there to the closing brace.
pub fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let name: String = code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let end = item_end(code, at);
        if !name.is_empty() && code[at..end].ends_with('}') {
            found.push((name, at, code[at..end].matches('\n').count() + 1));
        }
    }
    found
}

#[test]
fn literals_and_comments_are_blanked_and_code_is_not() {
    let text = "let a = \"crate::x\"; // crate::y\nlet c = 'x'; fn f<'a>(s: &'a str) {} /* crate::z */ r#\"crate::w\"#; '\\''; b'{'";
    let code = blank_literals(text);
    assert_eq!(code.len(), text.len());
    assert!(!code.contains("crate"), "{code}");
    assert!(code.contains("fn f<'a>(s: &'a str) {}") && code.contains("let c ="), "{code}");
    assert!(!code.contains("b'{'"), "{code}");
}

#[test]
fn test_code_is_told_from_shipped_code() {
    let file = File::new(
        "src/a/b.rs",
        "fn shipped() { x(); }\n#[cfg(test)]\nmod tests {\n    fn t() { gone(); }\n}\nfn after() {}\n",
    );
    assert!(file.shipped.contains("shipped") && file.shipped.contains("after"));
    assert!(!file.shipped.contains("gone") && file.code.contains("gone"));
    assert_eq!(file.module(), Some("a"));
}

#[test]
fn functions_are_measured() {
    let found = functions("fn a() {\n\n}\nfn b();\nfn c() -> [u8; 2] {\n    { }\n}\n");
    let shown: Vec<_> = found.iter().map(|(name, _, lines)| (name.as_str(), *lines)).collect();
    assert_eq!(shown, [("a", 3), ("c", 3)]);
}

#[test]
fn a_file_that_is_declared_for_tests_is_test_code() {
    let parent =
        File::new("src/a/mod.rs", "#[cfg(test)]\nmod testing;\n#[cfg(test)]\nmod tests {\n}\nmod b;");
    assert_eq!(test_files_declared_in(&parent), ["src/a/testing"]);
}
