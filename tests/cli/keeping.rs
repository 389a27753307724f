//! Keeping a home: keys rotated, backups that become homes again, and taking it away.

use std::time::Duration;

use crate::sandbox::{Sandbox, eventually};

fn healed(sandbox: &Sandbox) -> bool {
    sandbox.run(&["incidents", "--state", "closed"]).stdout.contains("demo-web")
}

fn keys(sandbox: &Sandbox) -> serde_json::Value {
    sandbox.run(&["key", "ls", "--output", "json"]).ends(0).json()
}

#[test]
fn a_key_is_rotated_while_it_runs_and_what_the_old_one_signed_stays_good() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let first = keys(&sandbox)["keys"][0]["id"].as_str().expect("a key").to_owned();
    let old = std::fs::read(sandbox.home().join("state/keys/journal.key")).expect("a key");
    let rotated = sandbox.run(&["key", "rotate", "--reason", "a backup was lost", "--output", "json"]);
    let second = rotated.ends(0).json()["key"].as_str().expect("a key").to_owned();
    assert_ne!(first, second);
    let list = keys(&sandbox);
    assert_eq!((&list["at_hand"], list["keys"].as_array().map(Vec::len)), (&true.into(), Some(2)));
    assert!(list["keys"][0]["until"].is_u64() && list["keys"][1]["until"].is_null(), "{list}");
    let new = std::fs::read(sandbox.home().join("state/keys/journal.key")).expect("a key");
    assert_ne!(old, new);
    assert!(!sandbox.home().join("state/keys/journal.key.next").exists());
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    for _ in 0..2 {
        sandbox.run(&["key", "rotate", "--reason", "again"]).ends(0);
    }
    let refused = sandbox.run(&["key", "rotate", "--reason", "once too often"]).ends(1);
    assert!(refused.stderr.contains("TOO_SOON"), "{}", refused.stderr);
    sandbox.stop("-TERM");
    sandbox.serve();
    let refused = sandbox.run(&["key", "rotate", "--reason", "a restart resets nothing"]).ends(1);
    assert!(refused.stderr.contains("TOO_SOON"), "{}", refused.stderr);
    sandbox.stop("-TERM");
    // A crash between the entry and the file: the new key waits under its other name, the old one is in its place.
    sandbox.shell("mv home/state/keys/journal.key home/state/keys/journal.key.next").ends(0);
    std::fs::write(sandbox.home().join("state/keys/journal.key"), &old).expect("written");
    sandbox.shell("chmod 600 home/state/keys/*").ends(0);
    sandbox.run(&["key", "ls"]).ends(1);
    sandbox.serve();
    assert_eq!(keys(&sandbox)["at_hand"], true);
    sandbox.stop("-TERM");
    // A crash before the entry: the staged key never signs.
    std::fs::write(sandbox.home().join("state/keys/journal.key.next"), [7; 32]).expect("written");
    sandbox.shell("chmod 600 home/state/keys/*").ends(0);
    sandbox.serve();
    assert_eq!(keys(&sandbox)["at_hand"], true);
    assert!(!sandbox.home().join("state/keys/journal.key.next").exists());
    sandbox.stop("-TERM");
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    // A key that is gone is told apart from one that never was.
    std::fs::remove_file(sandbox.home().join("state/keys/journal.key")).expect("removed");
    let lost = sandbox.run(&["serve"]).ends(4);
    assert!(lost.stderr.contains("missing although there is a journal"), "{}", lost.stderr);
    let never = sandbox.run(&["serve", "--home", "elsewhere"]).ends(69);
    assert!(never.stderr.contains("remediator init"), "{}", never.stderr);
}

#[test]
fn a_backup_of_a_running_home_becomes_a_home_that_verifies_and_serves() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    assert!(eventually(Duration::from_secs(30), || healed(&sandbox)));
    let detail = "x ".repeat(3_000);
    let report = ["emit", "--subsystem", "a", "--code", "A_B_C", "--target", "t", "--summary", "s"];
    sandbox.run(&[&report[..], &["--detail", &detail]].concat()).ends(0);
    // Somebody writes all the while.
    let noise = "for n in $(seq 40); do remediator emit --subsystem noise --code NOISE_SEEN --target t$n --summary s; done";
    let mut writer = sandbox
        .command("bash")
        .args(["-c", noise])
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("bash starts");
    let made = sandbox.run(&["backup", "kept", "--with-keys", "--output", "json"]).ends(0).json();
    assert_eq!((&made["whole"], &made["keys"]), (&true.into(), &true.into()));
    sandbox.run(&["backup", "without"]).ends(0);
    writer.wait().expect("it was a child");
    sandbox.run(&["backup", "kept"]).ends(2);
    sandbox.run(&["backup", "home/inside"]).ends(2);
    assert!(!sandbox.path().join("without/state/keys").exists());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(sandbox.path().join("kept")).expect("there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o700);
    sandbox.run(&["restore", "kept"]).ends(2);
    assert!(healed(&sandbox), "a home that holds something is not touched");
    sandbox.stop("-TERM");
    sandbox.shell("mv home lost").ends(0);
    // What a restore that was killed has left, with keys in it perhaps.
    let left = sandbox.path().join(".remediator-restore-x1y2z3");
    std::fs::create_dir_all(left.join("state/keys")).expect("made");
    let back = sandbox.run(&["restore", "kept", "--output", "json"]).ends(0).json();
    assert!(!left.exists());
    std::fs::create_dir_all(left.join("state/keys")).expect("made");
    let doctor = sandbox.run(&["doctor"]).stdout;
    assert!(doctor.contains(".remediator-restore-x1y2z3") && doctor.contains("rm -r"), "{doctor}");
    std::fs::remove_dir_all(&left).expect("removed");
    assert_eq!(back["can_serve"], true);
    let full = sandbox.run(&["audit", "verify", "--full", "--output", "json"]).ends(0).json();
    assert_eq!((&full["head"], &full["torn"]), (&back["head"], &serde_json::Value::Null));
    assert!(full["blobs"].as_u64() > Some(0));
    sandbox.serve();
    assert!(healed(&sandbox));
    let live = sandbox.run(&["status", "--output", "json"]).ends(0).json();
    assert_eq!(live["catalog"]["not_live"], serde_json::json!([]));
    sandbox.stop("-TERM");
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    let keyless = sandbox.run(&["restore", "without", "--home", "second", "--output", "json"]).ends(0).json();
    assert_eq!(keyless["can_serve"], false);
    let one =
        "f=$(ls kept/state/journal/*.ndjson | head -1); sed -i '1s/journal.genesis/journal.genesiz/' $f";
    sandbox.shell(one).ends(0);
    let refused = sandbox.run(&["restore", "kept", "--home", "third"]).ends(5);
    assert!(refused.stderr.contains("digest differs"), "{}", refused.stderr);
    assert!(!sandbox.path().join("third").exists());
}

#[test]
fn a_restored_copy_never_speaks_to_the_daemon_of_the_original_nor_runs_beside_it() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    sandbox.run(&["backup", "kept", "--with-keys"]).ends(0);
    let none = sandbox.run(&["restore", "home", "--home", "copy"]).ends(2).stderr;
    assert!(none.contains("is no backup"), "{none}");
    sandbox.run(&["restore", "kept", "--home", "copy"]).ends(0);
    let copy = |args: &[&str]| sandbox.run(&[args, &["--home", "copy"]].concat());
    // The same token and the same node.
    let said = copy(&["status"]).ends(0);
    assert!(said.stderr.contains("is another home's"), "{}", said.stderr);
    assert!(said.stdout.contains("paused       no"), "{}", said.stdout);
    copy(&["resume", "--reason", "x"]).ends(69);
    copy(&["pause", "--reason", "the copy only"]).ends(0);
    copy(&["drain", "--reason", "the copy only"]).ends(0);
    assert!(sandbox.path().join("copy/state/PAUSED").exists());
    let original = sandbox.run(&["status", "--output", "json"]).ends(0).json();
    assert_eq!(
        (&original["paused"], &original["draining"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    // What only a file says is said as well.
    let said = copy(&["status"]).ends(0).stdout;
    assert!(said.contains("state/PAUSED as soon as a daemon sees it (within a second while one runs, else at its start): the copy only"), "{said}");
    assert_eq!(copy(&["status", "--output", "json"]).ends(0).json()["paused_by_file"], "the copy only");
    let said = copy(&["doctor"]).ends(1).stdout;
    assert!(said.contains("state/PAUSED pauses it") && said.contains("is another home's"), "{said}");
    let report = ["emit", "--subsystem", "a", "--code", "A_B", "--target", "t", "--summary", "s"];
    let kept = copy(&report).ends(0).stdout;
    assert!(kept.contains("is another home's; the report waits"), "{kept}");
    let beside = copy(&["serve", "--listen", "127.0.0.1:0"]).ends(75);
    assert!(beside.stderr.contains("a daemon of this node"), "{}", beside.stderr);
    sandbox.run(&["doctor"]).ends(0);
}

#[test]
fn a_home_of_somebody_else_is_not_served() {
    let sandbox = Sandbox::with_home();
    if sandbox.shell("chown 4711 home/state").code != Some(0) {
        // Only root can give a folder away.
        return;
    }
    let refused = sandbox.run(&["serve"]).ends(4);
    assert!(refused.stderr.contains("belongs to user 4711"), "{}", refused.stderr);
    assert!(!sandbox.home().join("state/starts.json").exists(), "nothing was written");
}

#[test]
fn a_lost_token_is_made_anew_by_a_restart_and_the_other_ones_go_on() {
    let mut sandbox = Sandbox::with_home();
    let token = || std::fs::read_to_string(sandbox.home().join("state/token")).expect("a token");
    let old = token();
    std::fs::write(sandbox.home().join("state/token"), "rubbish").expect("written");
    sandbox.serve();
    let garbled =
        sandbox.run(&["incident", "close", "00000000-0000-8000-8000-000000000000", "--reason", "x"]);
    assert!(garbled.stderr.contains("remove the file and restart the daemon"), "{}", garbled.stderr);
    sandbox.stop("-TERM");
    std::fs::remove_file(sandbox.home().join("state/token")).expect("removed");
    sandbox.serve();
    assert_ne!(std::fs::read_to_string(sandbox.home().join("state/token")).expect("a token"), old);
    sandbox.run(&["pause", "--reason", "with the fresh one"]).ends(0);
    let ask = format!(
        "curl -s -o /dev/null -w '%{{http_code}}' -H 'Authorization: Bearer {}' http://{}/v1/status",
        old.trim(),
        sandbox.address()
    );
    assert_eq!(sandbox.shell(&ask).ends(0).stdout, "200");
}

#[test]
fn taking_a_home_away_says_first_what_goes_and_keeps_the_proof() {
    let mut sandbox = Sandbox::with_home();
    std::fs::write(sandbox.home().join("notes.txt"), "mine").expect("written");
    sandbox.serve();
    assert!(eventually(Duration::from_secs(30), || healed(&sandbox)));
    let said = sandbox.run(&["uninstall"]).ends(0).stdout;
    assert!(said.contains("would go") && said.contains("daemon at"), "{said}");
    let running = sandbox.run(&["uninstall", "--yes", "--output", "json"]).ends(1).json();
    assert_eq!((&running["removed"], running["running"].as_array().map(Vec::len)), (&false.into(), Some(2)));
    sandbox.stop("-TERM");
    let service = sandbox.run(&["uninstall", "--yes", "--output", "json"]).ends(1).json();
    let named = service["running"][0].as_str().expect("the service").to_owned();
    assert!(named.contains("demo-web"), "{named}");
    let pid = named.split("kill ").nth(1).expect("how").trim_end_matches(')').to_owned();
    sandbox.shell(&format!("kill -KILL {pid}")).ends(0);
    let gone = || sandbox.run(&["uninstall", "--output", "json"]).json()["running"] == serde_json::json!([]);
    assert!(eventually(Duration::from_secs(10), gone));
    sandbox.run(&["uninstall", "--yes"]).ends(0);
    let left = |folder: &str| {
        let entries = std::fs::read_dir(sandbox.home().join(folder)).expect("there").flatten();
        let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(left("."), ["notes.txt", "state"]);
    assert_eq!(left("state"), ["blobs", "journal", "keys"]);
    sandbox.run(&["audit", "verify", "--full", "--folder", "home"]).ends(0);
    sandbox.run(&["uninstall", "--yes", "--purge"]).ends(0);
    assert_eq!(left("."), ["notes.txt"]);
    sandbox.run(&["uninstall"]).ends(69);
}

#[test]
fn completions_and_manual_pages_cover_every_command() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = sandbox.run(&["completions", shell]).ends(0).stdout;
        assert!(script.contains("remediator") && script.contains("uninstall"), "{shell}");
    }
    let script = "remediator completions bash > c.bash && source c.bash && complete -p remediator";
    assert!(sandbox.shell(script).ends(0).stdout.contains("_remediator"));
    sandbox.run(&["completions", "cmd"]).ends(2);
    let made = sandbox.run(&["man", "man1", "--output", "json"]).ends(0).json();
    let pages = made["pages"].as_array().expect("pages");
    assert!(pages.contains(&"remediator.1".into()) && pages.contains(&"remediator-lock-break.1".into()));
    let page = std::fs::read_to_string(sandbox.path().join("man1/remediator-lock-break.1")).expect("a page");
    assert!(page.starts_with(".ie") || page.contains(".TH"), "{page}");
    assert!(page.contains("Exit codes"), "{page}");
}
