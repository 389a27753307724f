//! What people ask and report: the same bytes with and without a daemon, and documented ends for every refusal.

use std::time::Duration;

use crate::sandbox::{Sandbox, eventually};

/// A report that no shipped runbook takes up.
const REPORT: [&str; 9] =
    ["emit", "--subsystem", "example", "--code", "DISK_SLOW", "--target", "sda", "--summary", "slow"];

#[test]
fn the_daemon_and_the_segments_give_the_same_bytes() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let receipt = sandbox.run(&[&REPORT[..], &["--output", "json"]].concat()).ends(0).json();
    let receipt = receipt["receipt"].as_str().expect("a receipt").to_owned();
    // The sample service is started by its first incident; when that is over and seen to be, nothing moves any more.
    let healed = || {
        let status = sandbox.run(&["status", "--output", "json"]).ends(0).json();
        let eyes = status["sentinels"].as_object().expect("sentinels").clone();
        sandbox.run(&["incidents", "--state", "closed"]).stdout.contains("demo-web")
            && eyes.values().all(|eye| eye["degraded"].is_null())
    };
    assert!(eventually(Duration::from_secs(60), healed), "{}", sandbox.run(&["audit", "tail"]).stdout);
    let list = sandbox.run(&["incidents", "--output", "json"]).ends(0).json();
    let ids: Vec<String> = list["incidents"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|i| i["id"].as_str().expect("an id").to_owned())
        .collect();
    // On a busy machine the service may also have been seen not to answer.
    assert!(ids.len() >= 2, "{ids:?}");
    let mut questions: Vec<Vec<&str>> = vec![
        vec!["status"],
        vec!["incidents"],
        vec!["explain", "3"],
        vec!["explain", &receipt],
        vec!["audit", "show", "2"],
        vec!["audit", "tail", "--after", "-1"],
        vec!["audit", "tail", "--kind", "incident.", "-n", "3"],
        vec!["audit", "tail", "--kind", "lock.", "--since", "1h"],
        vec!["audit", "query", "--limit", "7"],
        vec!["audit", "query", "--target", "demo-web", "--outcome", "healthy"],
        vec!["audit", "query", "--runbook", "demo-web-dead", "--kind", "step.", "--since", "1h"],
        vec!["audit", "query", "--actor", "ada", "--after", "2", "--before", "9000"],
        vec!["audit", "query", "--target", "nobody"],
        vec!["audit", "tail", "--target", "demo-web", "-n", "4"],
        vec!["incidents", "--target", "demo-*", "--since", "1h"],
        vec!["incidents", "--code", "example/DISK_SLOW"],
    ];
    let beginning = ids[0][..9].to_owned();
    questions.push(vec!["incident", "show", &beginning]);
    questions.push(vec!["explain", &beginning]);
    for id in &ids {
        questions.push(vec!["incident", "show", id]);
        questions.push(vec!["explain", id]);
    }
    let ask = |sandbox: &Sandbox| -> Vec<(String, String)> {
        let each = questions.iter().map(|q| {
            let json = sandbox.run(&[q.as_slice(), &["--output", "json"]].concat()).ends(0);
            let human = sandbox.run(q).ends(0);
            assert!(!human.stdout.is_empty() && !human.stdout.contains('\u{1b}'), "{q:?}: {}", human.stdout);
            (json.stdout, json.stderr)
        });
        each.collect()
    };
    let online = ask(&sandbox);
    assert!(online.iter().all(|(_, note)| note.is_empty()), "the daemon answered all of it");
    sandbox.stop("-KILL");
    let offline = ask(&sandbox);
    for ((question, online), offline) in questions.iter().zip(&online).zip(&offline) {
        assert_eq!(online.0, offline.0, "{question:?}");
        assert!(offline.1.contains("read from the segments"), "{question:?}: {}", offline.1);
    }
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
}

#[test]
fn a_report_without_a_daemon_waits_and_is_taken_in_first() {
    let mut sandbox = Sandbox::with_home();
    let spooled = sandbox.run(&[&REPORT[..], &["--output", "json"]].concat()).ends(0).json();
    let file = spooled["spooled"].as_str().expect("a file").to_owned();
    assert!(std::path::Path::new(&file).is_file());
    sandbox.serve();
    assert!(!std::path::Path::new(&file).exists(), "it was taken in before the daemon was ready");
    let list = sandbox.run(&["incidents", "--output", "json"]).ends(0).json();
    let incidents = list["incidents"].as_array().expect("a list");
    let own = incidents.iter().find(|i| i["target"] == "sda").expect("the report's incident");
    let id = own["id"].as_str().expect("an id");
    let view = sandbox.run(&["incident", "show", id, "--output", "json"]).ends(0).json();
    assert_eq!(view["originating_signal"]["source"], "person:ada");
}

#[test]
fn pausing_always_works_and_resuming_needs_a_daemon_and_a_signature() {
    let mut sandbox = Sandbox::with_home();
    sandbox.run(&["pause", "--reason", "before the start"]).ends(0);
    assert!(sandbox.home().join("state/PAUSED").is_file());
    sandbox.run(&["resume", "--reason", "too early"]).ends(69);
    sandbox.serve();
    let paused = || sandbox.run(&["status", "--output", "json"]).json()["paused"]["reason"].clone();
    assert!(eventually(Duration::from_secs(10), || paused() == "before the start"), "{}", paused());
    let keygen = "ssh-keygen -q -t ed25519 -N '' -f stranger";
    assert_eq!(sandbox.shell(keygen).code, Some(0));
    let refused = sandbox.run(&["resume", "--reason", "let me", "--key", "stranger"]).ends(4);
    assert!(refused.stderr.contains("SIGNATURE_WRONG"), "{}", refused.stderr);
    assert!(sandbox.home().join("state/PAUSED").exists(), "a refusal lifts nothing");
    sandbox.run(&["resume", "--reason", "ready"]).ends(0);
    assert!(!sandbox.home().join("state/PAUSED").exists());
    assert_eq!(paused(), serde_json::Value::Null);
    sandbox.run(&["pause", "--reason", "with a daemon"]).ends(0);
    assert_eq!(paused(), "with a daemon");
}

#[test]
fn every_refusal_has_its_documented_end_and_says_what_to_do() {
    let mut sandbox = Sandbox::with_home();
    let nothing = "0190a5a0-0000-8000-8000-000000000000";
    let cases: &[(&[&str], i32, &str)] = &[
        (&["status", "--home", "nowhere"], 69, "remediator init"),
        (&["incident", "show", nothing], 1, "remediator incidents"),
        (&["explain", "nonsense"], 2, "neither a seq"),
        (&["explain", "99999"], 1, "entry 99999"),
        (&["audit", "show", "99999"], 1, "entry 99999"),
        (&["incidents", "--state", "happy"], 2, "one of open"),
        (&["incidents", "--since", "yesterday"], 2, "24h"),
        (&["audit", "tail", "--kind", "atempt."], 2, "did you mean `attempt.`?"),
        (&["audit", "tail", "--incident", "xyz"], 2, "is not the id of an incident"),
        (&["pause", "--reason", " "], 2, "reason"),
        (&["audit", "verify", "--folder", "nowhere"], 2, "nowhere"),
        (&["emit", "--subsystem", "x", "--code", "bad", "--target", "t", "--summary", "s"], 2, "`code`"),
        (&["emit", "--file", "nowhere.json"], 2, "nowhere.json"),
    ];
    let check = |sandbox: &Sandbox| {
        for (args, code, says) in cases {
            let ran = sandbox.run(args).ends(*code);
            assert!(ran.stderr.contains(says), "{args:?}: {}", ran.stderr);
        }
    };
    check(&sandbox);
    sandbox.run(&["audit", "tail", "--follow"]).ends(69);
    sandbox.serve();
    check(&sandbox);
    std::fs::write(sandbox.home().join("state/token"), "rmdp_wrong\n").expect("written");
    sandbox.run(&REPORT).ends(4);
    let ran = sandbox.run(&["status"]).ends(0);
    assert!(ran.stderr.contains("read from the segments"), "{}", ran.stderr);
}

#[test]
fn lists_are_narrowed_and_an_empty_one_says_so() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let receipt = sandbox.run(&[&REPORT[..], &["--output", "json"]].concat()).ends(0).json();
    let receipt = receipt["receipt"].as_str().expect("a receipt").to_owned();
    let about = sandbox.run(&["explain", &receipt, "--output", "json"]).ends(0).json();
    let id = about["incident"].as_str().expect("an incident").to_owned();
    let check = |sandbox: &Sandbox| {
        let list = sandbox.run(&["incidents", "--target", "s?a", "--output", "json"]).ends(0).json();
        assert_eq!(list["incidents"].as_array().map(Vec::len), Some(1), "{list}");
        let none = sandbox.run(&["incidents", "--target", "sdb"]).ends(0);
        assert_eq!(none.stdout, "no incidents that fit\n");
        let none =
            sandbox.run(&["incidents", "--since", "2099-01-01T00:00:00Z", "--output", "json"]).ends(0).json();
        assert_eq!(none["incidents"], serde_json::json!([]));
        let tail = ["audit", "tail", "--incident", &id[..9], "--kind", "incident.opened"];
        let one = sandbox.run(&tail).ends(0);
        assert!(one.stdout.lines().count() == 1 && one.stdout.contains("incident.opened"), "{}", one.stdout);
        let none = sandbox.run(&[&tail[..], &["--since", "2099-01-01T00:00:00Z"]].concat()).ends(0);
        assert_eq!(none.stdout, "no entries that fit\n");
        let none = sandbox.run(&["audit", "tail", "--kind", "control.drained", "--output", "json"]).ends(0);
        assert!(none.stdout.is_empty() && none.stderr.contains("no entries that fit"), "{}", none.stderr);
    };
    check(&sandbox);
    sandbox.stop("-KILL");
    check(&sandbox);
}

#[test]
fn a_narrow_terminal_gets_what_fits_and_a_pipe_everything() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let long = format!("disk-{}", "x".repeat(60));
    let report =
        ["emit", "--subsystem", "example", "--code", "DISK_SLOW", "--target", &long, "--summary", "slow"];
    let receipt = sandbox.run(&[&report[..], &["--output", "json"]].concat()).ends(0).json();
    let receipt = receipt["receipt"].as_str().expect("a receipt").to_owned();
    let about = sandbox.run(&["explain", &receipt, "--output", "json"]).ends(0).json();
    let id = about["incident"].as_str().expect("an incident").to_owned();
    let narrow = |command: &str| {
        let script = format!("script -qec 'stty cols 60; remediator {command}' /dev/null");
        sandbox.shell(&script).stdout.replace('\r', "")
    };
    let list = narrow("incidents");
    assert!(list.contains(&id[..8]) && list.contains("DISK_SLOW") && list.contains('…'), "{list}");
    assert!(list.lines().all(|line| line.chars().count() <= 60), "{list}");
    let status = narrow("status");
    let own = status.lines().find(|line| line.contains(&id[..8])).expect("it is open");
    assert!(own.chars().count() <= 60 && own.ends_with('…'), "{status}");
    let files = narrow("runbook list --quiet-exit");
    let table: Vec<&str> = files.lines().take_while(|line| !line.is_empty()).collect();
    assert!(table.len() > 3 && table.iter().all(|line| line.chars().count() <= 60), "{files}");
    let piped = sandbox.run(&["status"]).ends(0).stdout;
    assert!(piped.lines().any(|line| line.contains(&id[..8]) && line.ends_with("slow")), "{piped}");
    let piped = sandbox.run(&["incidents"]).ends(0).stdout;
    assert!(piped.contains(&id) && piped.contains(&long), "a pipe gets everything: {piped}");
    let explained = sandbox.run(&["explain", &id]).ends(0).stdout;
    assert!(
        explained.contains("Limits as they are now") && explained.contains("as things were at"),
        "{explained}"
    );
}

#[test]
fn damage_is_found_with_its_place_and_an_export_verifies_elsewhere() {
    let sandbox = Sandbox::with_home();
    sandbox.run(&["audit", "export", "out"]).ends(0);
    sandbox.run(&["audit", "export", "out"]).ends(2);
    let report =
        sandbox.run(&["audit", "verify", "--full", "--folder", "out", "--output", "json"]).ends(0).json();
    assert_eq!((&report["v"], &report["first_bad"]), (&1.into(), &serde_json::Value::Null));
    let segment = sandbox.path().join("out").join(format!("{:020}.ndjson", 0));
    let mut bytes = std::fs::read(&segment).expect("the exported lines");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).expect("written");
    let report =
        sandbox.run(&["audit", "verify", "--full", "--folder", "out", "--output", "json"]).ends(5).json();
    assert!(report["first_bad"]["seq"].is_u64() && report["first_bad"]["byte"].is_u64(), "{report}");
}

#[test]
fn an_incident_is_found_by_the_beginning_of_its_id_and_status_shows_it() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let receipt = sandbox.run(&[&REPORT[..], &["--output", "json"]].concat()).ends(0).json();
    let receipt = receipt["receipt"].as_str().expect("a receipt").to_owned();
    let about = sandbox.run(&["explain", &receipt, "--output", "json"]).ends(0).json();
    let id = about["incident"].as_str().expect("an incident").to_owned();
    let status = sandbox.run(&["status"]).ends(0).stdout;
    assert!(status.contains(&format!("  {}  escalated  example/DISK_SLOW on sda", &id[..8])), "{status}");
    let named = sandbox.run(&["incident", "show", &id[..9], "--output", "json"]).ends(0).json();
    assert_eq!(named["id"], id.as_str());
    let human = sandbox.run(&["explain", &id]).ends(0).stdout;
    assert_eq!(human.matches(&id).count(), 1, "named once: {human}");
    for (wrong, code) in [("abc", 2), ("no-such-thing", 2), ("ffffffff-0", 1)] {
        let refused = sandbox.run(&["incident", "show", wrong]).ends(code);
        assert!(refused.stderr.contains("remediator incidents"), "{}", refused.stderr);
        let refused = sandbox.run(&["explain", wrong]).ends(code);
        assert!(refused.stderr.contains("remediator incidents"), "{}", refused.stderr);
    }
    sandbox.run(&["incident", "close", &id[..9], "--reason", "a test"]).ends(0);
}
