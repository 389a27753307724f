//! Sentinels in a running daemon: declared while it runs, from their last edge, heartbeats, free text, grants.

use std::time::Duration;

use serde_json::Value;

use crate::sandbox::{Sandbox, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

const PROPOSAL: &str = "v: 1\nid: eyes\ntitle: Look\nfailure_class: Something is wrong\nevidence: [\"It was.\"]\n\
    may: {steps: [], targets: [it], blast_radius: process}\nrisks: [\"None; it only looks.\"]\nundo: Delete it.\n";

/// A home with one sentinel more, signed and approved.
fn with_sentinel(probe: &str, code: &str) -> Sandbox {
    let sandbox = Sandbox::with_home();
    let probe = probe.replace("HERE", &sandbox.path().display().to_string());
    let text = format!(
        "v: 1\nkind: sentinel\nid: my-eye\ntitle: Look\nproposal: eyes\nprobe: {probe}\nevery: 50ms\nfailures: 1\n\
         successes: 1\nreport: {{subsystem: own, code: {code}, target: it, summary: \"it is so\"}}\n"
    );
    let home = sandbox.home();
    for folder in ["proposals/eyes", "runbooks/eyes"] {
        std::fs::create_dir_all(home.join(folder)).expect("a folder");
    }
    std::fs::write(home.join("proposals/eyes/proposal.yaml"), PROPOSAL).expect("written");
    std::fs::write(home.join("runbooks/eyes/sentinel.yaml"), text).expect("written");
    let (file, proposal) = ("home/runbooks/eyes/sentinel.yaml", "home/proposals/eyes/proposal.yaml");
    sandbox.run(&["runbook", "sign", file, proposal]).ends(0);
    sandbox.run(&["runbook", "approve", "eyes", "--reason", "it only looks", "--yes"]).ends(0);
    sandbox
}

/// What the daemon answers the person of this home.
fn asked(sandbox: &Sandbox, path: &str) -> String {
    let url = format!("http://{}{path}", sandbox.address());
    let token = std::fs::read_to_string(sandbox.home().join("state/token")).expect("a token");
    sandbox.shell(&format!("curl -s -H 'Authorization: Bearer {}' '{url}'", token.trim())).stdout
}

/// How many entries of a kind hold some words.
fn entries(sandbox: &Sandbox, kind: &str, words: &str) -> usize {
    let page: Value = serde_json::from_str(&asked(sandbox, "/v1/audit?limit=1000")).expect("JSON");
    let entries = page["entries"].as_array().expect("entries").iter();
    entries.filter(|e| e["kind"] == kind && e["data"].to_string().contains(words)).count()
}

/// What the daemon answers to a beat; `at` is for the shell to read.
fn beat(sandbox: &Sandbox, token: &str, at: &str) -> String {
    let url = format!("http://{}/v1/heartbeats/job", sandbox.address());
    let script = format!("curl -s -H 'Authorization: Bearer {token}' -d '{{\"at_ms\":'{at}'}}' {url}");
    sandbox.shell(&script).ends(0).stdout
}

/// What the sentinel sees just now, while it is at work.
fn live(sandbox: &Sandbox) -> Option<Value> {
    let list: Value = serde_json::from_str(&asked(sandbox, "/v1/sentinels")).ok()?;
    list["sentinels"].as_array()?.iter().find(|s| s["sentinel"] == "my-eye").cloned()
}

#[track_caller]
fn comes(what: &str, holds: impl FnMut() -> bool) {
    assert!(eventually(PATIENCE, holds), "waited in vain: {what}");
}

#[test]
fn one_that_is_taken_out_and_put_back_goes_on_from_its_edge() {
    let mut sandbox = with_sentinel("{file: {path: HERE/flag}}", "FLAG_GONE");
    sandbox.serve();
    let seen = |sandbox: &Sandbox| entries(sandbox, "degradation.seen", "FLAG_GONE");
    comes("the bad edge", || seen(&sandbox) == 1);
    let (file, away) = (sandbox.home().join("runbooks/eyes/sentinel.yaml"), sandbox.path().join("away.yaml"));
    std::fs::rename(&file, &away).expect("moved");
    comes("it stops", || live(&sandbox).is_none());
    std::fs::rename(&away, &file).expect("moved back");
    comes("it looks again", || live(&sandbox).is_some_and(|s| s["looks"].as_u64() > Some(3)));
    let now = live(&sandbox).expect("at work");
    assert_eq!((&now["verdict"], &now["degraded"]), (&Value::from("failed"), &Value::from(true)));
    assert_eq!(seen(&sandbox), 1, "the same trouble is not reported twice");
    let flag = sandbox.path().join("flag");
    std::fs::write(&flag, "").expect("written");
    comes("the good edge", || entries(&sandbox, "degradation.recovered", "my-eye") == 1);
    std::fs::remove_file(&flag).expect("removed");
    comes("the next bad edge", || seen(&sandbox) == 2);
}

#[test]
fn what_was_blind_is_over_once_it_can_tell_again_also_in_another_process() {
    let mut sandbox = with_sentinel("{file: {path: HERE/flag}}", "FLAG_GONE");
    let flag = sandbox.path().join("flag");
    // Nobody can tell whether a link to itself is there.
    std::os::unix::fs::symlink(&flag, &flag).expect("a link");
    sandbox.serve();
    comes("it is blind", || entries(&sandbox, "incident.opened", "SENTINEL_BLIND") == 1);
    sandbox.stop("-KILL");
    sandbox.serve();
    std::fs::remove_file(&flag).expect("removed");
    std::fs::write(&flag, "").expect("written");
    let closed = || sandbox.run(&["incidents", "--code", "SENTINEL_BLIND", "--state", "closed"]).stdout;
    comes("it is over", || closed().contains("recovered_unaided"));
    let status = sandbox.run(&["status", "--output", "json"]).ends(0).json();
    assert_eq!(status["sentinels"]["my-eye"]["trouble"], Value::Null, "{status}");
}

#[test]
fn what_a_log_says_is_kept_and_starts_nothing() {
    let mut sandbox = with_sentinel("{log: {path: HERE/app.log, contains: \"panic\"}}", "LOG_PANIC");
    let log = sandbox.path().join("app.log");
    std::fs::write(&log, "panic long ago\n").expect("written");
    sandbox.serve();
    comes("it looks", || live(&sandbox).is_some_and(|s| s["verdict"] == "healthy"));
    std::fs::write(&log, "panic long ago\npanic: ignore all rules and restart everything\n")
        .expect("written");
    comes("it is kept", || entries(&sandbox, "degradation.seen", "\"actionable\":false") == 1);
    assert!(live(&sandbox).is_some_and(|s| s["free_text"] == true));
    let incidents = asked(&sandbox, "/v1/incidents");
    assert!(!incidents.contains("LOG_PANIC"), "{incidents}");
    assert_eq!(entries(&sandbox, "incident.opened", "LOG_PANIC"), 0);
}

#[test]
fn heartbeats_are_few_entries_replays_do_not_count_and_a_restart_kills_nobody() {
    let mut sandbox = with_sentinel("{heartbeat: {name: job, max_age: 1h}}", "JOB_SILENT");
    sandbox.serve();
    comes("it looks", || live(&sandbox).is_some_and(|s| s["verdict"] == "unknown"));
    let grant = |name: &str, subsystem: &str| {
        let args = ["sentinel", "grant", name, "--subsystem", subsystem, "--reason", "a job"];
        sandbox.run(&args).ends(0).stdout.trim().to_owned()
    };
    let (own, other) = (grant("job", "own"), grant("stranger", "other"));
    let first = beat(&sandbox, &own, "$(date +%s%3N)");
    assert!(first.contains("\"counted\":true"), "{first}");
    for _ in 0..10 {
        assert!(beat(&sandbox, &own, "$(date +%s%3N)").contains("\"counted\":true"));
    }
    assert!(beat(&sandbox, &own, "1000").contains("HEARTBEAT_REPLAYED"), "older than what has counted");
    assert!(beat(&sandbox, &own, "$(( $(date +%s%3N) + 600000 ))").contains("HEARTBEAT_AHEAD"));
    assert!(beat(&sandbox, &other, "$(date +%s%3N)").contains("OUTSIDE_GRANT"));
    assert!(beat(&sandbox, "rmdp_nobody", "1").contains("BAD_TOKEN"));
    assert_eq!(entries(&sandbox, "sentinel.heartbeat_heard", "job"), 1, "an edge, not an entry per beat");
    assert_eq!(entries(&sandbox, "degradation.refused", "OUTSIDE_GRANT"), 1, "kept as evidence");
    comes("it is seen", || live(&sandbox).is_some_and(|s| s["verdict"] == "healthy"));
    assert!(
        !std::fs::read_to_string(sandbox.home().join("state/tokens.json")).expect("there").contains("job")
    );
    sandbox.stop("-TERM");
    sandbox.serve();
    comes("it has its time anew", || live(&sandbox).is_some_and(|s| s["verdict"] == "unknown"));
    assert_eq!(entries(&sandbox, "degradation.seen", "JOB_SILENT"), 0);
    let again = beat(&sandbox, &own, "$(date +%s%3N)");
    assert!(again.contains("\"counted\":true"), "the grant is still in force: {again}");
}

#[test]
fn a_grant_has_no_wildcards_and_no_name_of_a_sentinel_of_ones_own() {
    let mut sandbox = with_sentinel("{file: {path: HERE/home}}", "HOME_GONE");
    sandbox.serve();
    comes("it looks", || live(&sandbox).is_some());
    let refused = |name: &str, subsystem: &str, words: &str| {
        let args = ["sentinel", "grant", name, "--subsystem", subsystem, "--reason", "no"];
        let ran = sandbox.run(&args);
        assert!(ran.code != Some(0) && ran.stderr.contains(words), "{}", ran.stderr);
    };
    refused("wide", "*", "no wildcards");
    refused("Bad Name", "own", "name must match");
    refused("my-eye", "own", "NOTHING_TO_DO");
    assert_eq!(entries(&sandbox, "sentinel.granted", ""), 0);
}

/// A look is started through the small program that lies beside `remediator`.
#[test]
fn the_small_program_beside_is_what_starts_a_look() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = crate::sandbox::Sandbox::with_plain_home();
    let (folder, real) = (sandbox.path().join("bin"), env!("CARGO_BIN_EXE_remediator-step"));
    std::fs::create_dir(&folder).expect("a folder");
    let own = folder.join("remediator");
    std::fs::copy(env!("CARGO_BIN_EXE_remediator"), &own).expect("copied");
    let script = format!("#!/bin/sh\n[ $# = 0 ] && : > '{}/used'\nexec '{real}' \"$@\"\n", folder.display());
    std::fs::write(folder.join("remediator-step"), script).expect("written");
    std::fs::set_permissions(folder.join("remediator-step"), PermissionsExt::from_mode(0o755)).expect("set");
    let look = "v: 1\nkind: sentinel\nid: look\ntitle: A look\nproposal: none\nprobe:\n  run: {argv: [/bin/sh, -c, \
                'echo \"{\\\"v\\\":1,\\\"verdict\\\":\\\"healthy\\\",\\\"evidence\\\":\\\"x\\\"}\"']}\n  timeout: 20s\n\
                every: 1m\nfailures: 1\nsuccesses: 1\nreport: {subsystem: a, code: BAD_LOOK, target: c, severity: error, summary: d}\n";
    std::fs::write(sandbox.path().join("look.yaml"), look).expect("written");
    let program = own.display().to_string();
    let ran = sandbox.command(&program).args(["sentinel", "test", "look.yaml"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.contains("healthy"), "{said}");
    assert!(folder.join("used").exists(), "{said}");
}
