//! Registries: every file is declared by its parent, every event kind is in the registry, and every file of a
//! folder that has a list (commands, step kinds, looks, checks, channels) is used by that folder's `mod.rs`.

use std::collections::BTreeSet;

use super::source::File;

/// Types in event files that are no part of any entry: what senders write, what eyes are given, and errors.
const NOT_EVENTS: &[&str] = &["DegradationReport", "Entry", "ReportError", "SentinelPlan", "SpooledReport"];

/// Folders whose `mod.rs` is a list of what is in them: file name → a line beside `mod NAME;` that uses it. The
/// second column names files that belong to the folder but are no members of its list.
const LISTS: &[(&str, &[&str])] = &[
    (
        "src/cli",
        &[
            "client",
            "exit",
            "follow",
            "home",
            "hung",
            "nearest",
            "out",
            "reader",
            "signing",
            "statement",
            "tls",
            "variables",
        ],
    ),
    ("src/cli/doctor", &[]),
    ("src/policy", &["freeze", "group", "held", "limits", "settle"]),
    ("src/runbook/checks", &[]),
    (
        "src/action",
        &[
            "ask",
            "group",
            "leftovers",
            "look",
            "output",
            "pace",
            "permit",
            "root",
            "sandbox",
            "supervisor",
            "table",
        ],
    ),
    ("src/runbook/probe", &[]),
    ("src/sentinel", &["blocking", "hysteresis", "kept", "live", "rhythm", "watch"]),
    ("src/notify", &[]),
    ("src/api/routes", &[]),
];

/// Files that no parent declares: they are not compiled, so they are not part of the product.
pub fn undeclared(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for file in files {
        let Some((parents, name)) = parents_of(&file.path) else { continue };
        let declared = files.iter().filter(|f| parents.contains(&f.path)).any(|parent| {
            ["mod ", "pub mod ", "pub(crate) mod ", "pub(super) mod "]
                .iter()
                .any(|prefix| parent.code.contains(&format!("{prefix}{name};")))
        });
        if !declared {
            problems.push(format!("{}: no `mod {name};` in {}", file.path, parents.join(" or ")));
        }
    }
    problems
}

/// The files that may declare a file, and the name they declare it under.
fn parents_of(path: &str) -> Option<(Vec<String>, String)> {
    if matches!(path, "src/lib.rs" | "src/main.rs") {
        return None;
    }
    let trimmed = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let (folder, name) = trimmed.rsplit_once('/')?;
    let parents = if folder == "src" {
        vec!["src/lib.rs".to_owned()]
    } else {
        vec![format!("{folder}/mod.rs"), format!("{folder}.rs")]
    };
    Some((parents, name.to_owned()))
}

/// Structs of event files that are neither in the registry nor part of another event.
pub fn unregistered_events(files: &[File]) -> Vec<String> {
    let is_registry = |file: &&File| file.path == "src/event/registry.rs";
    let Some(registry) = files.iter().find(is_registry) else {
        return vec!["src/event/registry.rs is missing".to_owned()];
    };
    let mut problems = Vec::new();
    for file in files.iter().filter(|f| !is_registry(f) && !f.path.ends_with("/mod.rs")) {
        for name in structs(&file.shipped) {
            let registered = registry.code.contains(&format!("{}::{name},", file.stem()));
            let part = files.iter().any(|f| is_field_type(&f.shipped, &name));
            if !registered && !part && !NOT_EVENTS.contains(&name.as_str()) {
                problems.push(format!("{}: `{name}` is in no event and not in the registry", file.path));
            }
        }
    }
    problems
}

fn structs(code: &str) -> BTreeSet<String> {
    code.match_indices("pub struct ")
        .map(|(at, m)| code[at + m.len()..].chars().take_while(|c| c.is_alphanumeric()).collect())
        .collect()
}

/// Whether some `name: Type` or `Variant(Type)` mentions the struct.
fn is_field_type(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].trim_end_matches(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        let after = code[at + name.len()..].chars().next();
        let field = before.ends_with(": ")
            || before.ends_with('<')
            || before.ends_with('(')
            || before.ends_with(", ");
        field && matches!(after, Some(',' | '>' | ')'))
    })
}

/// Files of a listing folder that their `mod.rs` declares but never uses.
pub fn unlisted(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    for (folder, others) in LISTS {
        let Some(list) = files.iter().find(|f| f.path == format!("{folder}/mod.rs")) else { continue };
        for file in files {
            let Some(rest) = file.path.strip_prefix(&format!("{folder}/")) else { continue };
            let name = rest.trim_end_matches("/mod.rs").trim_end_matches(".rs");
            let nested = name.contains('/');
            if nested || name == "mod" || others.contains(&name) || file.shipped.trim().is_empty() {
                continue;
            }
            let used = ["::", ",", ";"].iter().any(|end| list.code.contains(&format!("=> {name}{end}")));
            if !used && !list.code.contains(&format!("{name}::")) {
                problems.push(format!("{}: not in the list of {folder}/mod.rs", file.path));
            }
        }
    }
    problems
}

#[test]
fn a_file_that_nobody_declares_is_found() {
    let lib = File::new("src/lib.rs", "pub mod a;");
    let module = File::new("src/a/mod.rs", "mod b; // mod c;");
    let files = [
        lib,
        module,
        File::new("src/a/b.rs", ""),
        File::new("src/a/c.rs", ""),
        File::new("src/a/b/d.rs", ""),
    ];
    let problems = undeclared(&files);
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn an_event_that_is_not_registered_is_found() {
    let registry = File::new("src/event/registry.rs", "registry! { \"x\" 1 family::Known, }");
    let family = "pub struct Known { pub part: Option<Part>, pub other: family::Other, }\n\
                  pub struct Part {}\npub struct Other {}\npub struct Forgotten { pub n: u8 }\nimpl Forgotten {}";
    let problems = unregistered_events(&[registry, File::new("src/event/family.rs", family)]);
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn a_command_that_is_not_in_the_list_is_found() {
    let list = File::new("src/cli/mod.rs", "mod status; mod forgotten;\nfn main() { status::run() }");
    let files =
        [list, File::new("src/cli/status.rs", "fn x() {}"), File::new("src/cli/forgotten.rs", "fn x() {}")];
    assert_eq!(unlisted(&files).len(), 1);
}
