//! Runs every command that README.md and docs/*.md show: each document's `sh` blocks are one script, in order, in a
//! fresh sandbox. What cannot be run from within a test is listed here with where it is run instead.

use std::path::Path;

use crate::sandbox::Sandbox;

/// Commands that are run elsewhere.
const ELSEWHERE: &[(&str, &str)] = &[
    ("cargo run --release -- demo", "tests/cli/demo.rs runs the same binary"),
    ("./tools/test", "it is what runs this test"),
    (
        "cargo install --locked --profile gate --no-default-features --bin runbook-gate --path .",
        "tools/test checks that it compiles; compiling it takes minutes",
    ),
    ("export PATH=\"$PWD/target/release:$PATH\"", "the sandbox has the binary under test in its PATH"),
    ("export REMEDIATOR_HOME=\"$PWD/my-home\"", "the sandbox has a home"),
];

/// What a document may rely on: `remediator serve` does not return, so it is put into the background and waited for.
const PRELUDE: &str = r#"
set -euo pipefail
serve() {
  remediator serve "$@" 2>daemon.log &
  echo $! > daemon.pid
  for _ in $(seq 300); do
    if remediator status --output json >/dev/null 2>&1 && curl -fsS "http://$REMEDIATOR_LISTEN/readyz" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  cat daemon.log >&2
  return 1
}
stop() { if [ -f "$START/daemon.pid" ]; then kill "$(cat "$START/daemon.pid")"; wait || true; fi; }
START=$PWD
trap stop EXIT
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of a document's `sh` blocks.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fence: Option<bool> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), fence) {
            (Some(info), None) => fence = Some(info.trim() == "sh"),
            (Some(_), Some(_)) => fence = None,
            (None, Some(true)) => found.push(line.to_owned()),
            (None, _) => {}
        }
    }
    found
}

fn script(lines: &[String]) -> String {
    let mut script = PRELUDE.to_owned();
    for line in lines {
        if ELSEWHERE.iter().any(|(command, _)| line == command) {
            continue;
        }
        let without_python = std::env::var_os("REMEDIATOR_SKIP_PYTHON").is_some();
        if without_python && line.trim_start().starts_with("python3 ") {
            continue;
        }
        script += match line.strip_prefix("remediator serve") {
            Some(args) => format!("serve{args}\n"),
            None => format!("{line}\n"),
        }
        .as_str();
    }
    script
}

fn runs(document: &str, mut sandbox: Sandbox) {
    let text = std::fs::read_to_string(root().join(document)).expect("the document can be read");
    let lines = commands(&text);
    let without_python = std::env::var_os("REMEDIATOR_SKIP_PYTHON").is_some();
    if lines.is_empty() || (without_python && lines.iter().any(|line| line.contains("$(python3 "))) {
        return;
    }
    for folder in ["tools", "docs", "tests", "schemas"] {
        let _ = std::os::unix::fs::symlink(root().join(folder), sandbox.path().join(folder));
    }
    if document != "README.md" {
        sandbox.serve();
    }
    let ran = sandbox.shell(&format!("export PORT={}\n{}", sandbox.own_port(), script(&lines)));
    let log = std::fs::read_to_string(sandbox.path().join("daemon.log")).unwrap_or_default();
    assert_eq!(
        ran.code,
        Some(0),
        "{document}: a command failed\nstdout: {}\nstderr: {}\ndaemon: {log}",
        ran.stdout,
        ran.stderr
    );
}

#[test]
fn the_readme_runs() {
    runs("README.md", Sandbox::new());
}

/// Pages that run beside each other: most of their time is spent waiting for a daemon.
const PAGES_AT_ONCE: usize = 3;

/// Every page below docs, by its path.
fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    for folder in ["docs", "docs/decisions"] {
        let entries = std::fs::read_dir(root().join(folder)).expect("documents").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        pages.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("{folder}/{name}")));
    }
    pages
}

#[test]
fn every_page_under_docs_runs() {
    let pages = std::sync::Mutex::new(pages());
    let next = || pages.lock().expect("no page has panicked with it").pop();
    std::thread::scope(|scope| {
        for _ in 0..PAGES_AT_ONCE {
            scope.spawn(|| {
                while let Some(page) = next() {
                    let home = match page.as_str() {
                        // Shows the whole way of a runbook, so it must do for the strictest home.
                        "docs/runbooks.md" => Sandbox::with_plain_home(),
                        _ => Sandbox::with_home(),
                    };
                    runs(&page, home);
                }
            });
        }
    });
}

#[test]
fn a_command_that_fails_is_noticed() {
    let lines = commands("text\n```sh\nremediator nonsense\n```\n```\nnot run\n```\n");
    assert_eq!(lines, ["remediator nonsense"]);
    assert_ne!(Sandbox::new().shell(&script(&lines)).code, Some(0));
}

#[test]
fn what_is_run_elsewhere_is_really_shown() {
    let read = |page: &String| std::fs::read_to_string(root().join(page)).expect("a page");
    let lines: Vec<String> =
        pages().iter().chain([&"README.md".to_owned()]).map(read).flat_map(|text| commands(&text)).collect();
    for (command, _) in ELSEWHERE {
        assert!(lines.iter().any(|line| line == command), "{command} is in no document any more");
    }
}
