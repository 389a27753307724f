//! Turning a guard off must make a test fail. Always: the list fits the tree. With REMEDIATOR_GUARDS set (that is what
//! `tools/guards` does): each guard is turned off in a copy of the tree and its test is run there.

#[path = "guards/list.rs"]
mod list;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use list::{FAMILIES, GUARDS, Guard};

/// A test that has not failed by then hangs, which is as good.
const TEST_SECONDS_MAX: &str = "600";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// Every Rust source of the tree, in one text.
fn sources() -> String {
    let mut found = Vec::new();
    files(&root().join("src"), &mut found);
    files(&root().join("tests"), &mut found);
    let rust = found.iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    rust.filter_map(|path| fs::read_to_string(path).ok()).collect()
}

#[test]
fn every_anchor_stands_once_and_every_test_exists() {
    let sources = sources();
    let mut problems = Vec::new();
    for guard in GUARDS {
        let text = fs::read_to_string(root().join(guard.file)).unwrap_or_default();
        let times = text.matches(guard.anchor).count();
        if times != 1 {
            problems.push(format!("{}: its anchor stands {times} times in {}", guard.name, guard.file));
        }
        let named = match guard.test.iter().position(|arg| *arg == "--") {
            Some(at) => format!("name: \"{}\"", guard.test[at + 1]),
            None => {
                format!("fn {}(", guard.test.last().and_then(|t| t.rsplit("::").next()).unwrap_or_default())
            }
        };
        if !sources.contains(&named) {
            problems.push(format!("{}: there is no `{named}`", guard.name));
        }
    }
    let there: BTreeSet<&str> = GUARDS.iter().map(|guard| guard.family).collect();
    problems.extend(
        FAMILIES.iter().filter(|f| !there.contains(*f)).map(|f| format!("no guard of the family {f}")),
    );
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A copy of the tree in which guards are turned off.
struct Copy {
    tree: tempfile::TempDir,
    target: PathBuf,
}

impl Copy {
    fn make() -> Self {
        let tree = tempfile::tempdir().expect("a temporary folder can be made");
        for name in
            ["Cargo.toml", "Cargo.lock", "src", "tests", "schemas", "runbooks", "proposals", "docs", "tools"]
        {
            // With new times: the builds are kept, and what the run before built last with a guard off is newer than
            // the tree, so cargo would take it for a build of these files.
            let args = ["-R", "--preserve=mode"];
            let status = Command::new("cp").args(args).arg(root().join(name)).arg(tree.path()).status();
            assert!(status.expect("cp can be started").success(), "{name} can be copied");
        }
        // Kept between runs; the dependencies are taken over from the tree's own first.
        let target = root().join("target/guards");
        if !target.join("debug").is_dir() {
            fs::create_dir_all(&target).expect("target/guards can be made");
            let own = root().join("target/debug");
            let _ = Command::new("cp").args(["-a", "--reflink=auto"]).arg(own).arg(&target).status();
        }
        Self { tree, target }
    }

    fn cargo(&self, args: &[&str]) -> Command {
        // `timeout` ends cargo and whatever it has started.
        let mut command = Command::new("timeout");
        command.args(["--kill-after=10", TEST_SECONDS_MAX, env!("CARGO"), "test"]).args(args);
        command.current_dir(self.tree.path()).env("CARGO_TARGET_DIR", &self.target);
        command
            .env_remove("REMEDIATOR_GUARDS")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn compiles(&self, test: &[&str]) -> bool {
        let before = test.iter().position(|arg| *arg == "--").unwrap_or(2);
        // `--lib NAME` and `--test FILE NAME`: everything but the name.
        let chosen = if test[0] == "--lib" { &test[..1] } else { &test[..before.min(2)] };
        let args = [&["--no-run"], chosen].concat();
        self.cargo(&args).status().is_ok_and(|status| status.success())
    }

    /// Whether the test passes; one that hangs does not.
    fn passes(&self, test: &[&str]) -> bool {
        self.cargo(test).status().is_ok_and(|status| status.success())
    }

    fn survives(&self, guard: &Guard) -> Option<String> {
        let path = self.tree.path().join(guard.file);
        let good = fs::read_to_string(&path).expect("the copy can be read");
        fs::write(&path, good.replacen(guard.anchor, guard.off, 1)).expect("the copy can be written");
        let problem = if !self.compiles(guard.test) {
            Some("does not compile when it is off")
        } else if self.passes(guard.test) {
            Some("can be turned off and its test still passes")
        } else {
            None
        };
        fs::write(&path, good).expect("the copy can be written");
        problem.map(|what| format!("{} ({}): {what}", guard.name, guard.file))
    }
}

#[test]
fn a_guard_turned_off_makes_its_test_fail() {
    let Some(wanted) = std::env::var_os("REMEDIATOR_GUARDS") else {
        println!("not asked for: tools/guards does it");
        return;
    };
    let wanted = wanted.to_string_lossy().into_owned();
    let chosen: Vec<&Guard> = GUARDS
        .iter()
        .filter(|guard| wanted == "all" || guard.family == wanted || guard.name.contains(&wanted))
        .collect();
    assert!(!chosen.is_empty(), "no guard is called `{wanted}`");
    let copy = Copy::make();
    let tests: BTreeSet<&[&str]> = chosen.iter().map(|guard| guard.test).collect();
    let mut problems: Vec<String> = Vec::new();
    for test in tests {
        if !copy.passes(test) {
            problems.push(format!("fails although no guard is off: cargo test {}", test.join(" ")));
        }
    }
    println!("{} tests pass with every guard in place", chosen.len());
    let mut count: BTreeMap<&str, u32> = BTreeMap::new();
    for guard in &chosen {
        let problem = copy.survives(guard);
        let word = if problem.is_some() { "NOT NOTICED" } else { "noticed" };
        println!("{word}: {}: {}", guard.family, guard.name);
        *count.entry(guard.family).or_default() += 1;
        problems.extend(problem);
    }
    println!("{} guards turned off, one by one: {count:?}", chosen.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
