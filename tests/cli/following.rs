//! Following a daemon as things happen, and what is published about its interface: the commands `audit tail --follow`,
//! `watch` and `schema`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::sandbox::{PROGRAM, Sandbox, eventually};

const LONG: Duration = Duration::from_secs(60);

/// A command that goes on until it is ended, its output in a file.
struct Following {
    child: Child,
    output: std::path::PathBuf,
}

impl Following {
    fn start(sandbox: &Sandbox, name: &str, args: &[&str]) -> Self {
        let output = sandbox.path().join(name);
        let file = std::fs::File::create(&output).expect("a file");
        let child = sandbox.command(PROGRAM).args(args).stdout(file).stderr(Stdio::null()).spawn();
        Self { child: child.expect("the program starts"), output }
    }
    fn said(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }
    /// Waits until this was printed.
    #[track_caller]
    fn says(&self, words: &str) {
        assert!(eventually(LONG, || self.said().contains(words)), "no `{words}` in {}", self.said());
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn report(sandbox: &Sandbox, target: &str) {
    let what =
        ["emit", "--subsystem", "example", "--code", "DISK_SLOW", "--target", target, "--summary", "slow"];
    sandbox.run(&what).ends(0);
}

#[test]
fn following_goes_on_across_a_restart_without_gap_or_repetition() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let tail = ["audit", "tail", "--after", "-1", "--follow", "--output", "json"];
    let lines = Following::start(&sandbox, "lines", &tail);
    let people = Following::start(&sandbox, "people", &["watch", "--plain"]);
    let some = ["audit", "tail", "--kind", "incident.op", "--follow", "--output", "json"];
    let opened = Following::start(&sandbox, "opened", &some);
    report(&sandbox, "first-disk");
    opened.says("first-disk");
    lines.says("first-disk");
    people.says("first-disk");
    sandbox.stop("-TERM");
    sandbox.serve();
    report(&sandbox, "second-disk");
    lines.says("second-disk");
    people.says("second-disk");
    let said = lines.said();
    let whole = said.lines().filter(|line| line.ends_with('}'));
    let seqs: Vec<u64> = whole
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["seq"].as_u64().expect("a seq")
        })
        .collect();
    assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>());
    let stored = sandbox.run(&["audit", "tail", "--after", "-1", "--output", "json"]).ends(0).stdout;
    let given: String = said.lines().take(seqs.len()).flat_map(|line| [line, "\n"]).collect();
    assert!(stored.starts_with(&given), "byte for byte");
    sandbox.stop("-TERM");
    sandbox.run(&["watch"]).ends(69);
}

#[test]
fn watching_draws_on_a_terminal_and_puts_it_back() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let script = "stty -a > before; remediator watch; echo $? > code; stty -a > after";
    let shown = sandbox.path().join("shown");
    let mut terminal = sandbox
        .command("script")
        .args(["-qefc", script])
        .arg(&shown)
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("script starts (Debian's package bsdutils has it)");
    let screen = || String::from_utf8_lossy(&std::fs::read(&shown).unwrap_or_default()).into_owned();
    assert!(eventually(LONG, || screen().contains("SENTINELS")), "{}", screen());
    report(&sandbox, "some-disk");
    assert!(eventually(LONG, || screen().contains("some-disk")), "{}", screen());
    terminal.stdin.take().expect("piped").write_all(b"q").expect("written");
    assert!(eventually(LONG, || sandbox.path().join("after").exists()), "{}", screen());
    terminal.wait().expect("it was a child");
    let read = |name: &str| std::fs::read_to_string(sandbox.path().join(name)).expect("written");
    assert_eq!(read("code").trim(), "0");
    assert_eq!(read("before"), read("after"));
    assert!(
        screen().contains("\u{1b}[?1049h") && screen().contains("\u{1b}[?1049l"),
        "its own screen, and back"
    );
}

#[test]
fn every_schema_is_printed_as_it_is_kept_and_the_document_is_the_daemons() {
    let mut sandbox = Sandbox::with_home();
    let names = sandbox.run(&["schema", "--output", "json"]).ends(0).json();
    let names: Vec<&str> =
        names["schemas"].as_array().expect("names").iter().filter_map(|n| n.as_str()).collect();
    assert!(names.contains(&"entry") && names.contains(&"openapi"), "{names:?}");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for (dialect, folder) in [("draft-07", kept.clone()), ("2020-12", kept.join("2020-12"))] {
        for name in names.iter().filter(|name| **name != "openapi") {
            let printed = sandbox.run(&["schema", name, "--dialect", dialect]).ends(0).stdout;
            let file = std::fs::read_to_string(folder.join(format!("{name}.schema.json"))).expect("kept");
            assert_eq!(printed, file, "{name} {dialect}");
        }
    }
    let refused = sandbox.run(&["schema", "runbok"]).ends(2);
    assert!(refused.stderr.contains("runbook"), "{}", refused.stderr);
    sandbox.serve();
    let served = sandbox.get("/openapi.json");
    let printed = sandbox.run(&["schema", "openapi"]).ends(0).stdout;
    assert!(served.ends_with(&printed), "the daemon gives the same document");
}
