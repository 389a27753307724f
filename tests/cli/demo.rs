//! The demo, whole: its exit status, its report, and that it leaves nothing behind, also when it is interrupted.

use std::process::Stdio;
use std::time::Duration;

use crate::sandbox::{PROGRAM, Sandbox, eventually, processes_under};

#[test]
fn everything_that_the_demo_claims_holds_and_nothing_stays_behind() {
    let sandbox = Sandbox::new();
    let demo = sandbox.path().join("demo");
    let place = demo.display().to_string();
    let ran = sandbox.run(&["demo", "--home", &place, "--output", "json"]).ends(0);
    let report = ran.json();
    assert_eq!(report["held"], true, "{report}");
    let rounds = report["rounds"].as_array().expect("rounds");
    assert_eq!(rounds.len(), 5);
    for round in rounds {
        assert_eq!(round["held"], true, "{round}");
        assert!(round["healed_ms"].as_i64().is_some_and(|ms| ms < 30_000), "{round}");
    }
    let recovery = rounds[4]["recovery"].as_str().expect("a decision of recovery");
    assert!(recovery.contains("step_again"), "{recovery}");
    assert!(report["journal"]["entries"].as_u64().is_some_and(|n| n > 50), "{report}");
    assert_eq!(processes_under(&demo), Vec::<String>::new());
    // The folder of an earlier demo may be used again; somebody else's may not.
    std::fs::write(sandbox.path().join("mine.txt"), "mine").expect("written");
    let mine = sandbox.path().display().to_string();
    let refused = sandbox.run(&["demo", "--home", &mine]).ends(1);
    assert!(refused.stderr.contains("not empty"), "{}", refused.stderr);
    assert!(sandbox.path().join("mine.txt").exists());
}

#[test]
fn an_interrupted_demo_cleans_up() {
    let sandbox = Sandbox::new();
    let demo = sandbox.path().join("demo");
    let mut command = sandbox.command(PROGRAM);
    command.args(["demo", "--home"]).arg(&demo).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the demo starts");
    let service = || processes_under(&demo).len() >= 3; // the demo itself, its daemon, its service
    assert!(eventually(Duration::from_secs(30), service), "the service never started");
    let interrupt = sandbox.command("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    assert!(interrupt.success());
    let status = child.wait().expect("the demo ends");
    assert_eq!(status.code(), Some(130));
    assert_eq!(processes_under(&demo), Vec::<String>::new());
}

#[test]
fn a_kept_demo_goes_on_and_is_not_emptied_by_the_next() {
    let sandbox = Sandbox::new();
    let demo = sandbox.path().join("demo");
    let place = demo.display().to_string();
    let report = sandbox.run(&["demo", "--home", &place, "--keep", "--output", "json"]).ends(0).json();
    let pid = report["daemon_pid"].as_u64().expect("a running daemon").to_string();
    let status =
        sandbox.shell(&format!("unset REMEDIATOR_LISTEN; remediator status --home {place} --output json"));
    let status = status.ends(0);
    assert!(!status.stderr.contains("no daemon answers"), "{}", status.stderr);
    let refused = sandbox.run(&["demo", "--home", &place]).ends(1);
    assert!(refused.stderr.contains(&format!("kill {pid}")), "{}", refused.stderr);
    sandbox.shell(&format!("kill {pid}")).ends(0);
    let gone = || !std::path::Path::new(&format!("/proc/{pid}")).exists();
    assert!(eventually(Duration::from_secs(15), gone), "the daemon does not end");
}
