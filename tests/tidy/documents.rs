//! The top level and the documents: nothing unexpected lies about, every command that a document shows is one
//! that tests/docs.rs runs, and every link between documents leads somewhere.

use super::source::{entries, root};

/// What may stand at the top, besides dotfiles and `target`.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "docs",
    "proposals",
    "runbooks",
    "schemas",
    "src",
    "target",
    "tests",
    "tools",
];

/// First words of lines that are commands of ours or commands about us.
const COMMANDS: &[&str] = &[
    "remediator",
    "cargo",
    "./tools/",
    "tools/",
    "curl",
    "jq",
    "grep",
    "ssh-keygen",
    "sha256sum",
    "python3",
];

/// README.md and every page under docs/: name and text.
pub fn all() -> Vec<(String, String)> {
    let mut names = vec!["README.md".to_owned()];
    for folder in ["docs", "docs/decisions", "docs/errors"] {
        for name in entries(&root().join(folder)).expect("the folder of documents can be listed") {
            if name.ends_with(".md") {
                names.push(format!("{folder}/{name}"));
            }
        }
    }
    names
        .into_iter()
        .map(|name| {
            let text = std::fs::read_to_string(root().join(&name)).expect("a document can be read");
            (name, text)
        })
        .collect()
}

/// Names at the top that have no business there.
pub fn unexpected_at_top_level(names: &[String]) -> Vec<String> {
    names
        .iter()
        .filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()))
        .map(|name| format!("`{name}` at the top level"))
        .collect()
}

/// Commands in fenced blocks that are not `sh` blocks: nobody runs those.
pub fn unrun_commands(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut fence: Option<String> = None;
    for (number, line) in text.lines().enumerate() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(info.trim().to_owned()) };
            continue;
        }
        let Some(info) = &fence else { continue };
        let command = line.trim_start().trim_start_matches("$ ");
        let ours = COMMANDS
            .iter()
            .any(|c| command.starts_with(c) && (c.ends_with('/') || command[c.len()..].starts_with(' ')));
        if ours && info != "sh" {
            problems.push(format!(
                "{name}:{}: `{command}` stands in a `{info}` block; only `sh` blocks are run",
                number + 1
            ));
        }
    }
    problems
}

/// Links to files of this tree that are not there.
pub fn dead_links(name: &str, text: &str) -> Vec<String> {
    let folder = root().join(name).parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    let targets = text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split([')', '#', ' ']).next());
    targets
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
        .filter(|target| !folder.join(target).exists())
        .map(|target| format!("{name}: the link to `{target}` leads nowhere"))
        .collect()
}

/// Tests that a page names (`module::test`) and that do not exist.
pub fn unknown_tests(name: &str, text: &str, code: &str) -> Vec<String> {
    let named = text.split('`').skip(1).step_by(2).filter_map(|word| word.rsplit_once("::"));
    named
        .map(|(_, test)| test)
        .filter(|test| test.contains('_') && !code.contains(&format!("fn {test}(")))
        .map(|test| format!("{name}: there is no test `{test}`"))
        .collect()
}

#[test]
fn a_test_that_is_named_and_not_there_is_found() {
    let page = "`a::is_there` and `a::is_not_there` in `tests/x.rs`";
    assert_eq!(unknown_tests("x.md", page, "fn is_there() {}"), ["x.md: there is no test `is_not_there`"]);
}

#[test]
fn something_unexpected_at_the_top_is_found() {
    let names = ["src", ".github", "notes.txt"].map(str::to_owned);
    assert_eq!(unexpected_at_top_level(&names), ["`notes.txt` at the top level"]);
}

#[test]
fn a_command_that_nobody_runs_is_found() {
    let page = "```\n$ remediator status\n```\n```sh\nremediator status\n```\n```console\nremediators\n```\n";
    assert_eq!(unrun_commands("x.md", page).len(), 1);
}

#[test]
fn a_dead_link_is_found() {
    let page = "[a](docs/ARCHITECTURE.md) [b](nowhere.md) [c](https://example.com) [d](#here)";
    assert_eq!(dead_links("README.md", page).len(), 1);
}
