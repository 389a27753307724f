//! One step for several targets in a running daemon: canary first, so many at once, stopped at a ratio, taken back.

use std::time::Duration;

use crate::sandbox::{Sandbox, eventually};

const PROPOSAL: &str = "v: 1\nid: fleet\ntitle: Reload\nfailure_class: Settings are old\nevidence: [\"They were.\"]\n\
    may: {steps: [run], targets: [\"*\"], blast_radius: machine}\nrisks: [\"None.\"]\nundo: Each step takes itself back.\n";

/// Each target writes when it begins and ends, and fails when a file says so.
const RUNBOOK: &str = r#"v: 1
kind: runbook
id: fleet-reload
title: Reload each of them
proposal: fleet
matcher: {subsystem: fleet, code: OLD_SETTINGS}
blast_radius: machine
limits: {attempts: 1, window: 1h, cooldown: 0s, runtime: 1m}
steps:
  - id: reload
    targets: {list: [a, b, c, d, e, f], lock: "fleet/${each}", canary: 1, at_once: 2, stop_percent: 20}
    run:
      argv: [/bin/sh, -c, 'echo "begin $1" >> "$2/log"; sleep 0.3; echo "end $1" >> "$2/log"; [ ! -e "$2/bad-$1" ]', reload, "${each}", "${home}/fleet"]
      env: {PATH: "/usr/bin:/bin"}
    timeout: 10s
    undo:
      run: {argv: [/bin/sh, -c, 'echo "undo $1" >> "$2/log"', undo, "${each}", "${home}/fleet"]}
verification: {probe: {file: {path: "${home}/fleet/log"}}, settle: 0s, successes: 1, every: 100ms, within: 5s, watch: 0s}
escalation:
  - {channel: log, message: "the fleet was not reloaded"}
"#;

/// What the targets wrote until the incident was over in one way or the other.
fn reloaded(bad: &[&str], end: &str) -> Vec<String> {
    let mut sandbox = Sandbox::with_home();
    let home = sandbox.home();
    for folder in ["proposals/fleet", "runbooks/fleet", "fleet"] {
        std::fs::create_dir_all(home.join(folder)).expect("a folder");
    }
    std::fs::write(home.join("proposals/fleet/proposal.yaml"), PROPOSAL).expect("written");
    std::fs::write(home.join("runbooks/fleet/reload.yaml"), RUNBOOK).expect("written");
    for name in bad {
        std::fs::write(home.join(format!("fleet/bad-{name}")), "").expect("written");
    }
    let (file, proposal) = ("home/runbooks/fleet/reload.yaml", "home/proposals/fleet/proposal.yaml");
    sandbox.run(&["runbook", "sign", file, proposal]).ends(0);
    sandbox.run(&["runbook", "approve", "fleet", "--reason", "it only reloads", "--yes"]).ends(0);
    sandbox.serve();
    let report =
        ["emit", "--subsystem", "fleet", "--code", "OLD_SETTINGS", "--target", "all", "--severity", "error"];
    sandbox.run(&[&report[..], &["--summary", "old"]].concat()).ends(0);
    let over = || {
        let list = sandbox.run(&["incidents"]).stdout;
        list.lines().any(|line| line.contains("OLD_SETTINGS") && line.contains(end))
    };
    assert!(eventually(Duration::from_secs(60), over), "{}", sandbox.run(&["incidents"]).stdout);
    let log = std::fs::read_to_string(home.join("fleet/log")).expect("somebody wrote");
    log.lines().map(str::to_owned).collect()
}

/// Most that had begun and not ended at any time.
fn at_once(log: &[String]) -> usize {
    let step = |now: &mut usize, line: &String| {
        match line.split_once(' ').map(|(word, _)| word) {
            Some("begin") => *now += 1,
            Some("end") => *now -= 1,
            _ => {}
        }
        Some(*now)
    };
    log.iter().scan(0, step).max().unwrap_or_default()
}

fn count(log: &[String], word: &str) -> usize {
    log.iter().filter(|line| line.starts_with(word)).count()
}

#[test]
fn the_canary_goes_alone_and_the_others_two_at_once() {
    let log = reloaded(&[], "healed");
    assert_eq!(log[..2], ["begin a", "end a"], "{log:?}");
    assert_eq!((count(&log, "begin"), count(&log, "end"), count(&log, "undo")), (6, 6, 0), "{log:?}");
    assert_eq!(at_once(&log), 2, "{log:?}");
}

#[test]
fn a_canary_that_fails_stops_all_of_it() {
    let log = reloaded(&["a"], "escalated");
    assert_eq!(count(&log, "begin"), 1, "{log:?}");
}

#[test]
fn too_many_failures_stop_the_rest_and_what_was_begun_is_taken_back() {
    let log = reloaded(&["b", "c"], "escalated");
    let begun = count(&log, "begin");
    assert!((3..6).contains(&begun), "b and c have failed, two of six are more than a fifth: {log:?}");
    // The last begun is the first taken back; what failed cleanly has nothing to take back or is taken back as well.
    assert_eq!(log.last().map(String::as_str), Some("undo a"), "{log:?}");
    assert_eq!(count(&log, "end"), begun, "what ran was waited for: {log:?}");
}
