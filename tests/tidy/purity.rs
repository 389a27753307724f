//! What a pure file may not contain, and what only one file may contain.

use super::source::File;

/// Text that reaches for the world, with the reason it is refused.
const IMPURE: &[(&str, &str)] = &[
    ("SystemTime", "a clock"),
    ("Instant::now", "a clock"),
    ("time::Instant", "a clock"),
    ("Timestamp::now", "a clock"),
    ("Zoned::now", "a clock"),
    ("now_v7", "a clock"),
    ("new_v4", "randomness"),
    ("getrandom", "randomness"),
    ("rand::", "randomness"),
    ("rand_core", "randomness"),
    ("OsRng", "randomness"),
    ("std::fs", "a file"),
    ("File::open", "a file"),
    ("std::net", "the network"),
    ("std::process", "a process"),
    ("std::env", "the environment"),
    ("env::var", "the environment"),
    ("thread::", "a thread"),
    ("std::os", "the operating system"),
    ("rustix", "the operating system"),
    ("tokio", "an async runtime"),
    ("async fn", "async"),
    (".await", "async"),
    ("reqwest", "the network"),
    ("HashMap", "a map with random order (use BTreeMap)"),
    ("HashSet", "a set with random order (use BTreeSet)"),
    ("println!", "output"),
    ("eprintln!", "output"),
];

/// Text that only the named file (or folder, with a slash) may contain.
const RESERVED: &[(&str, &[&str], &str)] = &[
    (
        "Command::new",
        &[
            "src/action/sandbox.rs",
            "src/runbook/authoring.rs",
            "src/base/sshsig.rs",
            "src/gate/git.rs",
            "src/cli/",
        ],
        "steps start in `sandbox` only",
    ),
    ("cel::", &["src/runbook/expr.rs", "src/runbook/expr/"], "`expr` is the only caller of CEL"),
    ("sled::", &["src/journal/"], "sled is the journal's"),
    ("unsafe ", &[], "unsafe code is forbidden"),
];

fn occurrences(file: &File, needle: &str) -> Vec<usize> {
    let code = &file.shipped;
    code.match_indices(needle)
        .map(|(at, _)| at)
        .filter(|at| {
            let before = code[..*at].chars().next_back();
            let word_start = needle.starts_with(|c: char| c.is_alphanumeric());
            !(word_start && before.is_some_and(|c| c.is_alphanumeric() || c == '_'))
        })
        .collect()
}

/// Every reach for the world.
pub fn impurities(file: &File) -> Vec<String> {
    let hits = IMPURE.iter().flat_map(|(needle, what)| {
        occurrences(file, needle)
            .into_iter()
            .filter(|at| !behind_server_feature(file, *at))
            .map(move |at| format!("{}: `{needle}` is {what}; this file must be pure", file.at(at)))
    });
    hits.collect()
}

/// Whether the function around an offset is compiled only with the feature `server` (the core does without it).
fn behind_server_feature(file: &File, at: usize) -> bool {
    let functions = super::source::functions(&file.shipped);
    let around = functions.iter().rfind(|(_, start, _)| *start <= at);
    let Some((_, start, _)) = around else { return false };
    let head = file.text[..*start].rsplit(['}', ';']).next().unwrap_or_default();
    head.contains("#[cfg(feature = \"server\")]")
}

/// Every use outside the one place for it.
pub fn reserved(file: &File) -> Vec<String> {
    let mut problems = Vec::new();
    for (needle, places, why) in RESERVED {
        if places.iter().any(|p| file.path == *p || (p.ends_with('/') && file.path.starts_with(p))) {
            continue;
        }
        problems.extend(
            occurrences(file, needle).into_iter().map(|at| format!("{}: `{needle}`: {why}", file.at(at))),
        );
    }
    problems
}

#[test]
fn every_reach_for_the_world_is_found() {
    for (needle, _) in IMPURE {
        let file = File::new("src/event/a.rs", &format!("fn f() {{ {needle} }}"));
        assert!(!impurities(&file).is_empty(), "{needle}");
        let quoted = File::new("src/event/a.rs", &format!("// {needle}\nfn f() {{ g(\"{needle}\") }}"));
        assert!(impurities(&quoted).is_empty(), "{needle} in a comment or string is no reach");
    }
}

#[test]
fn what_is_reserved_is_found_elsewhere() {
    let starts = "fn f() { std::process::Command::new(\"sh\"); }";
    assert_eq!(reserved(&File::new("src/action/run.rs", starts)).len(), 1);
    assert!(reserved(&File::new("src/action/sandbox.rs", starts)).is_empty());
    assert_eq!(reserved(&File::new("src/policy/a.rs", "fn f() { cel::Program::compile() }")).len(), 1);
    assert_eq!(reserved(&File::new("src/cli/a.rs", "fn f() { unsafe { g() } }")).len(), 1);
}
