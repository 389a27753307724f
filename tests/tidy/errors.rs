//! Error codes and their pages: each code of the HTTP interface has a page under docs/errors, and each page a code.

use std::collections::BTreeSet;

use super::source::{File, entries, root};

/// Codes that the source can answer with.
pub fn codes(files: &[File]) -> BTreeSet<String> {
    let kinds = regex::Regex::new(r#"StatusCode::[A-Z_]+,\s*"([A-Z_0-9]+)""#).expect("a pattern");
    let refusals = regex::Regex::new(r#"(?:refused\(\s*|\bcode: )"([A-Z][A-Z_0-9]+)""#).expect("a pattern");
    let mut found = BTreeSet::new();
    for file in files {
        let pattern = match file.path.as_str() {
            path if path.starts_with("src/api/") => &kinds,
            path if path.starts_with("src/remediator/") => &refusals,
            _ => continue,
        };
        // Strings are what is looked for; the tests of a file stand at its end.
        let shipped = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        found.extend(pattern.captures_iter(shipped).map(|c| c[1].to_owned()));
    }
    found
}

/// Codes without a page, pages without a code, and what the list of pages leaves out.
pub fn without_page(codes: &BTreeSet<String>) -> Vec<String> {
    let folder = root().join("docs/errors");
    let names = entries(&folder).expect("the pages can be listed");
    let pages: BTreeSet<String> = names
        .iter()
        .filter_map(|n| n.strip_suffix(".md"))
        .filter(|n| *n != "README")
        .map(Into::into)
        .collect();
    let list = std::fs::read_to_string(folder.join("README.md")).expect("the list of pages can be read");
    let text = |code: &str| std::fs::read_to_string(folder.join(format!("{code}.md"))).unwrap_or_default();
    let mut problems: Vec<String> =
        codes.difference(&pages).map(|code| format!("{code}: write docs/errors/{code}.md")).collect();
    problems.extend(pages.difference(codes).map(|page| format!("docs/errors/{page}.md: no such code")));
    for page in &pages {
        let (text, kind) = (text(page), format!("urn:remediator:problem:{page}"));
        if !text.contains(&kind) || !text.contains("## What it means") || !text.contains("## What to do") {
            problems.push(format!("docs/errors/{page}.md: says its type, what it means and what to do"));
        }
        if !list.contains(&format!("[{page}]({page}.md)")) {
            problems.push(format!("docs/errors/README.md: {page} is missing"));
        }
    }
    problems
}

#[test]
fn a_code_without_a_page_and_a_page_without_a_code_are_found() {
    let codes = BTreeSet::from(["NO_SUCH_PAGE".to_owned()]);
    let problems = without_page(&codes);
    assert!(problems.iter().any(|p| p.contains("write docs/errors/NO_SUCH_PAGE.md")));
    assert!(problems.iter().any(|p| p == "docs/errors/SEALED.md: no such code"));
}
