//! Runs every command that README.md and docs/*.md show: each document's `sh` blocks are one script, in order, in a
//! fresh sandbox. What cannot be run from within a test is listed here with where it is run instead.

use std::path::Path;

use crate::sandbox::{Ran, Sandbox};

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

/// What a document may rely on: `remediator serve` does not return, so it is put into the background and waited for, and
/// whatever still runs at the end is stopped. A busy machine is allowed to answer 503 with Retry-After. The command that
/// fails, or runs when the time is over, is written down with its line.
const PRELUDE: &str = r#"
set -Eeuo pipefail
serve() {
  remediator serve "$@" 2>daemon.log &
  for _ in $(seq 1200); do
    if remediator status --output json >/dev/null 2>&1 && command curl -fsS "http://$REMEDIATOR_LISTEN/readyz" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  return 1
}
curl() { command curl --retry 5 "$@"; }
stop() { trap - ERR TERM; { jobs -p | xargs -r kill; } 2>/dev/null || true; wait || true; }
failed() { printf '%s\n' "$1" "$2" "$3" > "$START/failed"; }
START=$PWD
trap stop EXIT
trap 'failed $? $LINENO "$BASH_COMMAND"' ERR
trap 'failed "124 (its time is over)" $LINENO "$BASH_COMMAND"; exit 124' TERM
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of a document's `sh` blocks, each where it stands in the document; the others are empty.
fn commands(text: &str) -> Vec<String> {
    let mut fence: Option<bool> = None;
    let line = |line: &str| {
        match (line.strip_prefix("```"), fence) {
            (Some(info), None) => fence = Some(info.trim() == "sh"),
            (Some(_), Some(_)) => fence = None,
            (None, Some(true)) => return line.to_owned(),
            (None, _) => {}
        }
        String::new()
    };
    text.lines().map(line).collect()
}

/// The script of a document: its first line stands behind those of the prelude.
fn script(port: u16, lines: &[String]) -> String {
    let mut script = format!("{PRELUDE}export PORT={port}\n");
    let without_python = std::env::var_os("REMEDIATOR_SKIP_PYTHON").is_some();
    for line in lines {
        let elsewhere = ELSEWHERE.iter().any(|(command, _)| line == command);
        let served = line.strip_prefix("remediator serve").filter(|args| !args.ends_with('&'));
        script += match served {
            _ if elsewhere || (without_python && line.trim_start().starts_with("python3 ")) => {
                "\n".to_owned()
            }
            Some(args) => format!("serve{args}\n"),
            None => format!("{line}\n"),
        }
        .as_str();
    }
    script
}

/// The end of a text: what stands there says why.
fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Which command failed, where, and what was said last: short, because logs of builds are cut.
fn why(document: &str, sandbox: &Sandbox, ran: &Ran) -> String {
    let read = |name: &str| std::fs::read_to_string(sandbox.path().join(name)).unwrap_or_default();
    let failed = read("failed");
    let mut failed = failed.splitn(3, '\n');
    let code = failed.next().filter(|code| !code.is_empty());
    let code = code.map_or_else(|| format!("{:?}", ran.code), str::to_owned);
    let before = PRELUDE.lines().count() + 1;
    let line =
        failed.next().and_then(|line| line.parse::<usize>().ok()).map(|line| line.saturating_sub(before));
    let at = line.map(|line| format!(":{line}")).unwrap_or_default();
    let command = failed.next().unwrap_or("(no command was written down)").trim_end();
    let said = [
        ("daemon.log", last_lines(&read("daemon.log"), 10)),
        ("stdout", last_lines(&ran.stdout, 10)),
        ("stderr", last_lines(&ran.stderr, 20)),
    ];
    let said: String = said.iter().map(|(name, text)| format!("--- end of {name}\n{text}\n")).collect();
    format!("{said}--- {document}{at} ended with {code}: {command}")
}

/// Runs a document; why it failed, if so.
fn runs(document: &str, mut sandbox: Sandbox) -> Result<(), String> {
    let text = std::fs::read_to_string(root().join(document)).expect("the document can be read");
    let lines = commands(&text);
    let without_python = std::env::var_os("REMEDIATOR_SKIP_PYTHON").is_some();
    let nothing = lines.iter().all(String::is_empty);
    if nothing || (without_python && lines.iter().any(|line| line.contains("$(python3 "))) {
        return Ok(());
    }
    for folder in ["tools", "docs", "tests", "schemas"] {
        let _ = std::os::unix::fs::symlink(root().join(folder), sandbox.path().join(folder));
    }
    if document != "README.md" {
        sandbox.serve();
    }
    let ran = sandbox.shell(&script(sandbox.own_port(), &lines));
    if ran.code == Some(0) { Ok(()) } else { Err(why(document, &sandbox, &ran)) }
}

#[test]
fn the_readme_runs() {
    if let Err(why) = runs("README.md", Sandbox::new()) {
        panic!("{why}");
    }
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
    let (pages, failures) = (std::sync::Mutex::new(pages()), std::sync::Mutex::new(Vec::new()));
    let next = || pages.lock().expect("no page has panicked with it").pop();
    let work = || {
        while let Some(page) = next() {
            let home = match page.as_str() {
                // Shows the whole way of a runbook, so it must do for the strictest home.
                "docs/runbooks.md" => Sandbox::with_plain_home(),
                _ => Sandbox::with_home(),
            };
            if let Err(why) = runs(&page, home) {
                failures.lock().expect("no page has panicked with it").push(why);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..PAGES_AT_ONCE {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("no page has panicked with it");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_command_that_fails_is_named_with_its_line() {
    let lines = commands("text\n```sh\necho well\nremediator nonsense\necho never\n```\n```\nnot run\n```\n");
    assert_eq!(lines, ["", "", "echo well", "remediator nonsense", "echo never", "", "", "", ""]);
    let sandbox = Sandbox::new();
    let ran = sandbox.shell(&script(sandbox.own_port(), &lines));
    assert_eq!(ran.code, Some(2));
    let why = why("docs/x.md", &sandbox, &ran);
    assert!(why.ends_with("docs/x.md:4 ended with 2: remediator nonsense"), "{why}");
    assert!(why.contains("unrecognized subcommand 'nonsense'") && !why.contains("never"), "{why}");
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
