//! The layer table of docs/ARCHITECTURE.md, and the edges between modules that it does not allow.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{File, root};

/// Whether the files of a module must be pure.
enum Purity {
    All,
    AllBut(BTreeSet<String>),
    Only(BTreeSet<String>),
    None,
}

struct Row {
    may_use: BTreeSet<String>,
    purity: Purity,
}

/// The table.
pub struct Table(BTreeMap<String, Row>);

impl Table {
    /// From docs/ARCHITECTURE.md.
    pub fn of_this_tree() -> Self {
        let page = root().join("docs/ARCHITECTURE.md");
        Self::parse(&std::fs::read_to_string(page).expect("docs/ARCHITECTURE.md can be read"))
    }

    /// From Markdown: the first table with the columns module, what, may use, pure.
    pub fn parse(page: &str) -> Self {
        let header = page.find("| module |").expect("the page has a layer table");
        let rows = page[header..].lines().skip(2).take_while(|line| line.starts_with('|'));
        Self(rows.map(row).collect())
    }

    /// Whether a file is one that must be pure.
    pub fn is_pure(&self, file: &File) -> bool {
        match file.module().and_then(|module| self.0.get(module)).map(|row| &row.purity) {
            Some(Purity::All) => true,
            Some(Purity::AllBut(names)) => !names.contains(file.stem()),
            Some(Purity::Only(names)) => names.contains(file.stem()),
            Some(Purity::None) | None => false,
        }
    }

    fn allows(&self, from: &str, path: &[String]) -> bool {
        let Some(row) = self.0.get(from) else { return false };
        let first = path.first().map(String::as_str).unwrap_or_default();
        let two = path.iter().take(2).cloned().collect::<Vec<_>>().join("::");
        first == from || row.may_use.contains(first) || row.may_use.contains(&two)
    }
}

fn row(line: &str) -> (String, Row) {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let words = |text: &str| -> BTreeSet<String> {
        text.split([' ', ',']).filter(|w| !w.is_empty() && *w != "–").map(str::to_owned).collect()
    };
    let purity = match cells.get(3).copied().unwrap_or_default() {
        "yes" => Purity::All,
        text if text.starts_with("except ") => Purity::AllBut(words(&text["except ".len()..])),
        text if text.starts_with("only ") => Purity::Only(words(&text["only ".len()..])),
        "no" => Purity::None,
        other => panic!("the column `pure` says `{other}`; it may say yes, no, except …, only …"),
    };
    (cells[0].trim_matches('`').to_owned(), Row { may_use: words(cells[2]), purity })
}

/// Paths after `crate::`, groups taken apart, at most two segments each, with their offset.
pub fn crate_paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        expand(&code[at + "crate::".len()..], &mut Vec::new(), &mut |path| found.push((at, path)));
    }
    found
}

/// Reads `a::b`, `a::{b, c::d}` or `{a, b}` and reports each path; returns how many bytes it read.
fn expand(text: &str, prefix: &mut Vec<String>, report: &mut dyn FnMut(Vec<String>)) -> usize {
    let skipped = text.len() - text.trim_start().len();
    let rest = &text[skipped..];
    if rest.starts_with('{') {
        let mut at = skipped + 1;
        while at < text.len() && !text[at..].trim_start().starts_with('}') {
            let read = expand(&text[at..], prefix, report);
            at += read.max(1);
            at += text[at..].find([',', '}']).unwrap_or(0);
            at += usize::from(text[at..].starts_with(','));
        }
        return at + text[at..].find('}').map_or(0, |n| n + 1);
    }
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() {
        return skipped;
    }
    let after = &rest[name.len()..];
    let read = skipped + name.len();
    prefix.push(name);
    let total = match after.strip_prefix("::") {
        Some(deeper) if deeper.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '{') => {
            read + 2 + expand(deeper, prefix, report)
        }
        _ => {
            report(prefix.clone());
            read
        }
    };
    prefix.pop();
    total
}

/// Uses of another module that the table does not allow, and ways around `crate::`.
pub fn forbidden_edges(table: &Table, file: &File) -> Vec<String> {
    let Some(module) = file.module() else { return Vec::new() };
    let mut problems = Vec::new();
    for (at, path) in crate_paths(&file.shipped) {
        if !table.allows(module, &path) {
            problems.push(format!(
                "{}: `{module}` may not use `crate::{}` (layer table in docs/ARCHITECTURE.md)",
                file.at(at),
                path.join("::")
            ));
        }
    }
    let depth = file.path.trim_end_matches("/mod.rs").matches('/').count();
    for (at, _) in file.shipped.match_indices("super::") {
        let preceded = file.shipped[..at].ends_with("super::");
        let chain = file.shipped[at..].split("::").take_while(|part| *part == "super").count();
        if !preceded && chain >= depth {
            problems.push(format!("{}: `super::` reaches the top; write `crate::` instead", file.at(at)));
        }
    }
    problems
}

/// Modules of the tree that the table does not name, and rows without a module.
pub fn unknown_modules(table: &Table, files: &[File]) -> Vec<String> {
    let present: BTreeSet<&str> = files.iter().filter_map(File::module).collect();
    let missing = present.iter().filter(|m| !table.0.contains_key(**m));
    let empty = table.0.keys().filter(|m| !present.contains(m.as_str()));
    missing
        .map(|m| format!("src/{m} has no row in the layer table"))
        .chain(empty.map(|m| format!("the layer table has a row for `{m}`, which does not exist")))
        .collect()
}

/// Cycles between modules, as found in the code (the table is not asked).
pub fn cycles(files: &[File]) -> Vec<String> {
    let mut edges: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let Some(module) = file.module() else { continue };
        for (_, path) in crate_paths(&file.shipped) {
            // A proof is a leaf of its module: using it is not using the module.
            if path[0] != module && !(path[0] == "journal" && path.get(1).is_some_and(|p| p == "proof")) {
                edges.entry(module).or_default().insert(path[0].clone());
            }
        }
    }
    let mut problems = Vec::new();
    for start in edges.keys() {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = vec![start];
        while let Some(module) = open.pop() {
            for next in edges.get(module).into_iter().flatten() {
                if next == start {
                    problems.push(format!("`{start}` uses itself through `{module}`"));
                }
                if seen.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
    }
    problems
}

#[cfg(test)]
fn small_table() -> Table {
    Table::parse(
        "| module | what | may use | pure |\n|---|---|---|---|\n| `base` | x | – | except ids |\n\
         | `event` | x | base | yes |\n| `action` | x | base journal::proof | no |\n| `journal` | x | base event | only line |\n",
    )
}

#[test]
fn groups_of_paths_are_taken_apart() {
    let paths: Vec<String> =
        crate_paths("use crate::{base::ids::Seq, journal::{proof::Committed, head}, event};")
            .into_iter()
            .map(|(_, path)| path.join("::"))
            .collect();
    assert_eq!(paths, ["base::ids::Seq", "journal::proof::Committed", "journal::head", "event"]);
}

#[test]
fn an_edge_that_is_not_in_the_table_is_found() {
    let table = small_table();
    let bad = |path: &str, text: &str| forbidden_edges(&table, &File::new(path, text)).len();
    assert_eq!(bad("src/event/a.rs", "use crate::base::ids::Seq;"), 0);
    assert_eq!(bad("src/base/a.rs", "use crate::event::Event;"), 1);
    assert_eq!(bad("src/base/a.rs", "fn f() { crate::event::x() }"), 1);
    assert_eq!(bad("src/base/a.rs", "use super::super::event::Event;"), 1);
    assert_eq!(bad("src/base/a.rs", "use super::ids::Seq;"), 0);
    assert_eq!(bad("src/base/mod.rs", "use super::event::Event;"), 1);
    assert_eq!(bad("src/action/a.rs", "use crate::journal::proof::Committed;"), 0);
    assert_eq!(bad("src/action/a.rs", "use crate::journal::Journal;"), 1);
    assert_eq!(bad("src/action/a.rs", "use crate::{base, journal::{proof, head}};"), 1);
    assert_eq!(bad("src/strange/a.rs", "use crate::base;"), 1);
}

#[test]
fn a_module_without_a_row_and_a_row_without_a_module_are_found() {
    let files = [File::new("src/strange/mod.rs", ""), File::new("src/base/mod.rs", "")];
    let problems = unknown_modules(&small_table(), &files);
    assert_eq!(problems.len(), 4, "{problems:?}");
}

#[test]
fn a_cycle_is_found() {
    let files = [
        File::new("src/a/mod.rs", "use crate::b::X;"),
        File::new("src/b/mod.rs", "use crate::c::X;"),
        File::new("src/c/mod.rs", "use crate::a::X;"),
    ];
    assert_eq!(cycles(&files).len(), 3);
    assert!(cycles(&files[..2]).is_empty());
}

#[test]
fn the_pure_column_is_read() {
    let table = small_table();
    let pure = |path: &str| table.is_pure(&File::new(path, ""));
    assert!(pure("src/base/time.rs") && !pure("src/base/ids.rs"));
    assert!(pure("src/event/mod.rs") && !pure("src/action/run.rs"));
    assert!(pure("src/journal/line.rs") && !pure("src/journal/files.rs"));
}
