//! A home whose journal is archived, pruned and brought back, with the real binary: what is below the minimum is answered
//! as gone, the log goes on, and everything still serves.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use remediator::base::ids::BootId;
use remediator::context::FOLD_VERSION;
use remediator::journal::{IntentJournal, Options, PrunedHistory, read_offline};

use crate::sandbox::{Ran, Sandbox, eventually};

/// Segment files by name.
fn segments(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(sandbox.home().join("state/journal")).expect("a folder");
    let files = files.map(|file| file.expect("a file"));
    files
        .map(|file| (file.file_name().to_string_lossy().into_owned(), file.path()))
        .filter(|(name, _)| name.ends_with(".ndjson"))
        .map(|(name, path)| (name, std::fs::read(path).expect("read")))
        .collect()
}

/// Asks the daemon; the status, and what it said.
fn ask(sandbox: &Sandbox, path: &str) -> (String, String) {
    let script = format!(
        "curl -s -w '\\n%{{http_code}}' -H \"Authorization: Bearer $(cat home/state/token)\" 'http://{}{path}'",
        sandbox.address()
    );
    let answer = sandbox.shell(&script).ends(0).stdout;
    let (body, code) = answer.rsplit_once('\n').expect("a status");
    (code.to_owned(), body.to_owned())
}

fn checkpoint(sandbox: &Sandbox, size: u64) -> String {
    let mut text = String::new();
    assert!(eventually(Duration::from_secs(30), || {
        text = ask(sandbox, "/checkpoint").1;
        text.lines().nth(1).and_then(|line| line.parse::<u64>().ok()).is_some_and(|have| have >= size)
    }));
    text
}

fn report(sandbox: &Sandbox, target: &str) -> Ran {
    let emit = ["emit", "--subsystem", "example", "--code", "DISK_SLOW", "--severity", "warning", "--target"];
    sandbox.run(&[&emit[..], &[target, "--summary", "slow"]].concat()).ends(0)
}

#[test]
fn a_home_is_archived_pruned_served_backed_up_and_brought_back() {
    let mut sandbox = Sandbox::with_plain_home();
    sandbox.serve();
    sandbox.stop("-TERM");
    sandbox.serve();
    let nowhere = sandbox.run(&["journal", "archive", "verify", "nowhere"]).ends(2);
    assert!(nowhere.stderr.contains("there is no such folder"), "{}", nowhere.stderr);
    let made = sandbox.run(&["journal", "archive", "--into", "archive", "--output", "json"]).ends(0).json();
    let minimum = made["last"].as_u64().expect("a seq") + 1;
    let full = sandbox.run(&["journal", "archive", "--into", "archive"]).ends(2);
    assert!(full.stderr.contains("is not empty"), "{}", full.stderr);
    let young = sandbox.run(&["journal", "archive", "--into", "young", "--older-than", "1d"]).ends(0);
    assert!(young.stdout.contains("nothing is that old"), "{}", young.stdout);
    let young = ["journal", "archive", "--into", "young", "--older-than", "1d", "--output", "json"];
    assert_eq!(sandbox.run(&young).ends(0).json()["segments"].as_u64(), Some(0));
    assert!(!sandbox.path().join("young").exists(), "no folder is made");
    sandbox.run(&["journal", "archive", "--into", "young", "--below", "1"]).ends(0);
    let none = sandbox.run(&["journal", "archive", "--into", "none", "--below", "0"]).ends(2);
    assert!(none.stderr.contains("no sealed segment is that old"), "{}", none.stderr);
    let running = sandbox.run(&["journal", "prune", "--archive", "archive"]).ends(75);
    assert!(running.stderr.contains("in use by another process"), "{}", running.stderr);
    checkpoint(&sandbox, minimum);
    sandbox.run(&["audit", "verify", "--full", "--state", "seen.json"]).ends(0);
    sandbox.stop("-TERM");
    let before = segments(&sandbox);

    let within = sandbox.home().join("state/journal/archive").display().to_string();
    let refused = sandbox.run(&["journal", "archive", "--into", &within]).ends(2);
    assert!(refused.stderr.contains("within what it would be a copy of"), "{}", refused.stderr);

    let prune = ["journal", "prune", "--archive", "archive", "--output", "json"];
    let pruned = sandbox.run(&prune).ends(0).json();
    assert_eq!((pruned["minimum"].as_u64(), pruned["segments"].as_u64()), (Some(minimum), Some(2)));
    assert_eq!(sandbox.run(&prune).ends(0).json()["minimum"].as_u64(), Some(minimum), "again is no harm");
    let verified = ["audit", "verify", "--full", "--state", "seen.json", "--output", "json"];
    assert_eq!(sandbox.run(&verified).ends(0).json()["minimum"].as_u64(), Some(minimum));
    sandbox.run(&["journal", "fsck"]).ends(0);
    let gone = sandbox.run(&["audit", "show", "0"]).ends(69);
    assert!(gone.stderr.contains("restore --from-archive"), "{}", gone.stderr);
    let unproved = sandbox.run(&["audit", "prove", "0"]).ends(69);
    assert!(unproved.stderr.contains("restore --from-archive"), "{}", unproved.stderr);
    let stepped = sandbox.run(&["replay", "--output", "json"]).ends(0).stdout;
    let step: serde_json::Value =
        serde_json::from_str(stepped.lines().next().expect("a step")).expect("JSON");
    assert_eq!(step["entry"]["seq"].as_u64(), Some(minimum), "it begins with what there is");
    let head = sandbox.run(&["status", "--output", "json"]).ends(0).json()["head"]["seq"].as_u64();
    let newest = head.expect("a head");
    let early = sandbox.run(&["audit", "prove", &newest.to_string()]).ends(75);
    assert!(early.stderr.contains(&format!("does not reach entry {newest} yet")), "{}", early.stderr);
    sandbox.run(&["audit", "prove", &(newest + 1).to_string()]).ends(1);
    let exported = sandbox.run(&["audit", "export", "evidence"]).ends(0).stdout;
    let there = newest + 1 - minimum;
    assert!(exported.starts_with(&format!("{there} entries and ")), "only what it holds: {exported}");
    assert!(exported.contains(&format!("begins with entry {minimum}")), "{exported}");
    sandbox.run(&["audit", "import", "evidence", "--home", "investigation"]).ends(0);
    sandbox.run(&["status", "--home", "investigation"]).ends(0);

    sandbox.serve();
    report(&sandbox, "sda");
    let (code, body) = ask(&sandbox, "/v1/audit?after=0");
    assert_eq!(code, "410", "{body}");
    let problem: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(problem["code"], "PRUNED");
    assert!(problem["detail"].as_str().expect("text").contains(&minimum.to_string()), "{body}");
    assert_eq!(ask(&sandbox, "/v1/audit/0").0, "410");
    assert_eq!(ask(&sandbox, "/v1/audit/0/proof").0, "410");
    sandbox.run(&["audit", "prove", "0"]).ends(69);
    assert_eq!(ask(&sandbox, "/tile/entries/000.p/1").0, "410");
    let stream =
        "timeout 60 curl -s -N -w '\n%{http_code}' -H \"Authorization: Bearer $(cat home/state/token)\" ";
    for how in ["-H 'Accept: application/x-ndjson' ", "-H 'Last-Event-ID: 0' ", ""] {
        let asked = format!("{stream}{how}\"http://$REMEDIATOR_LISTEN/v1/audit/stream?after=0\"");
        let answer = sandbox.shell(&asked).ends(0).stdout;
        assert!(answer.contains("\"PRUNED\"") && answer.ends_with("\n410"), "{how}: {answer}");
    }
    let followed = sandbox.shell("timeout 60 remediator audit tail --follow --after 0").ends(69);
    assert!(followed.stderr.contains("restore --from-archive"), "{}", followed.stderr);
    let first = "timeout 60 remediator audit tail --follow > first & \
                 while kill -0 $! && [ ! -s first ]; do sleep 0.1; done; kill $! && [ -s first ]";
    sandbox.shell(first).ends(0);
    sandbox.run(&["audit", "tail", "-n", "1000"]).ends(0);
    let first: serde_json::Value = serde_json::from_str(&ask(&sandbox, "/v1/audit?limit=1").1).expect("JSON");
    assert_eq!(first["entries"][0]["seq"].as_u64(), Some(minimum));
    let head = checkpoint(&sandbox, minimum + 5);
    let size = head.lines().nth(1).expect("a size").parse::<u64>().expect("a number").min(255);
    assert_eq!(ask(&sandbox, &format!("/tile/0/000.p/{size}")).0, "200", "hashes are all there");
    assert_eq!(ask(&sandbox, &format!("/v1/audit/{minimum}/proof")).0, "200");
    let keys: serde_json::Value = serde_json::from_str(&ask(&sandbox, "/v1/audit/keys").1).expect("JSON");
    assert_eq!(keys["keys"][0]["from"].as_u64(), Some(0));
    let figures = ask(&sandbox, "/metrics").1;
    assert!(figures.contains(&format!("remediator_journal_minimum_seq {minimum}")));
    let appends =
        figures.lines().find_map(|line| line.strip_prefix("remediator_journal_append_seconds_count "));
    assert!(appends.is_some_and(|count| count.parse::<u64>().is_ok_and(|count| count > 0)), "{figures}");
    let status = sandbox.run(&["status", "--output", "json"]).ends(0).json();
    assert_eq!(status["minimum"].as_u64(), Some(minimum));
    sandbox.run(&["backup", "kept", "--with-keys"]).ends(0);
    sandbox.stop("-TERM");
    sandbox.run(&verified).ends(0);
    // The log was named below the minimum; its checkpoint is still looked at.
    let tree = sandbox.run(&["journal", "fsck"]).ends(0).stdout;
    assert!(tree.contains("healthy  tree:"), "{tree}");
    sandbox.run(&["restore", "kept", "--home", "copy"]).ends(0);
    sandbox.run(&["audit", "verify", "--full", "--home", "copy"]).ends(0);

    let restore = ["journal", "restore", "--from-archive", "archive", "--output", "json"];
    let restored = sandbox.run(&restore).ends(0).json();
    assert_eq!((restored["minimum"].as_u64(), restored["whole"].as_bool()), (Some(0), Some(true)));
    let after = segments(&sandbox);
    assert!(before.iter().take(2).all(|(name, bytes)| after[name] == *bytes), "byte for byte");
    let again = sandbox.run(&restore).ends(2);
    assert!(again.stderr.contains("nothing is pruned from this journal"), "{}", again.stderr);
    sandbox.run(&["audit", "show", "0"]).ends(0);
    sandbox.serve();
    assert_eq!(ask(&sandbox, "/v1/audit/0").0, "200");
    sandbox.stop("-TERM");
    let whole = sandbox.run(&verified).ends(0).json();
    assert_eq!(whole["minimum"].as_u64(), Some(0));
}

#[test]
fn nothing_goes_below_an_open_incident_or_above_the_checkpoint() {
    let mut sandbox = Sandbox::with_plain_home();
    sandbox.serve();
    // No runbook is for it: it stays open until somebody closes it.
    let id = "curl -fsS -H \"Authorization: Bearer $(cat home/state/token)\" -H 'Content-Type: application/json' \
              http://$REMEDIATOR_LISTEN/v1/degradations -d '{\"subsystem\":\"service\",\"code\":\"PROCESS_DEAD\",\
              \"target\":\"nobody\",\"severity\":\"error\",\"summary\":\"gone\"}'";
    sandbox.shell(id).ends(0);
    let of_target = ["incidents", "--target", "nobody", "--output", "json"];
    let list = |sandbox: &Sandbox| sandbox.run(&of_target).ends(0).json();
    assert!(eventually(Duration::from_secs(30), || list(&sandbox)["incidents"]
        .as_array()
        .is_some_and(|l| !l.is_empty())));
    let incident = list(&sandbox)["incidents"][0]["id"].as_str().expect("an id").to_owned();
    sandbox.stop("-TERM");
    sandbox.serve();
    sandbox.run(&["journal", "archive", "--into", "archive"]).ends(0);
    sandbox.stop("-TERM");
    let open = list(&sandbox)["incidents"][0]["closure"].is_null();
    let prune = ["journal", "prune", "--archive", "archive"];
    let before = segments(&sandbox);
    if open {
        let refused = sandbox.run(&prune).ends(4);
        assert!(
            refused.stderr.contains(&incident) && refused.stderr.contains("--below"),
            "{}",
            refused.stderr
        );
        assert!(segments(&sandbox).len() >= before.len());
        sandbox.serve();
        sandbox.run(&["incident", "close", &incident, "--reason", "seen to"]).ends(0);
        sandbox.stop("-TERM");
    }
    let checkpoint = sandbox.home().join("state/tlog/checkpoint");
    let kept = std::fs::read(&checkpoint).expect("a checkpoint");
    std::fs::remove_file(&checkpoint).expect("removed");
    let refused = sandbox.run(&prune).ends(4);
    assert!(refused.stderr.contains("no checkpoint"), "{}", refused.stderr);
    std::fs::write(&checkpoint, [&kept[..kept.len() / 2], b"x"].concat()).expect("written");
    sandbox.run(&prune).ends(4);
    assert!(before.keys().all(|name| segments(&sandbox).contains_key(name)), "nothing was removed");
    std::fs::write(&checkpoint, kept).expect("put back");
    sandbox.run(&prune).ends(0);
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
}

/// The pruned home as a version of this program would have left it that folds otherwise.
fn as_an_older_version_left_it(sandbox: &Sandbox) {
    let state = sandbox.home().join("state");
    let offline = read_offline(&state).expect("readable");
    let history = PrunedHistory::gather(&offline, &[sandbox.path().join("archive")]).expect("one archive");
    let key = remediator::remediator::read_journal_key(&state).expect("a key");
    let options = Options::new(&state, BootId::fresh(), key);
    // Its snapshots are none of this version either.
    std::fs::remove_dir_all(state.join("snapshots")).expect("there are some");
    let old = br#"{"a":"world of long ago"}"#;
    IntentJournal::refold(options, &history, old, FOLD_VERSION - 1, &mut |_| ControlFlow::Continue(()))
        .expect("written");
}

#[test]
fn a_pruned_home_that_another_version_wrote_is_refused_with_what_mends_it_and_folded_anew_from_its_archive() {
    let mut sandbox = Sandbox::with_plain_home();
    sandbox.serve();
    report(&sandbox, "sda");
    let list = || sandbox.run(&["incidents", "--output", "json"]).ends(0).json()["incidents"].clone();
    assert!(eventually(Duration::from_secs(30), || list()[0]["id"].is_string()));
    let id = list()[0]["id"].as_str().expect("an id").to_owned();
    sandbox.run(&["incident", "close", &id, "--reason", "seen to"]).ends(0);
    sandbox.stop("-TERM");
    let made = ["journal", "archive", "--into", "archive", "--output", "json"];
    sandbox.serve();
    let minimum = sandbox.run(&made).ends(0).json()["last"].as_u64().expect("a seq") + 1;
    checkpoint(&sandbox, minimum);
    sandbox.stop("-TERM");
    let incidents = ["incidents", "--output", "json"];
    let before = sandbox.run(&incidents).ends(0).stdout;
    sandbox.run(&["journal", "prune", "--archive", "archive"]).ends(0);
    let refold = ["journal", "refold", "--archive", "archive", "--output", "json"];
    assert_eq!(sandbox.run(&refold).ends(0).json()["refolded"].as_bool(), Some(false), "nothing to do");
    as_an_older_version_left_it(&sandbox);
    let archive = sandbox.path().join("archive").display().to_string();
    let journal = sandbox.home().join("state/journal");
    let segments = || std::fs::read_dir(&journal).expect("listed").count();
    let there = segments();
    for command in ["serve", "status", "serve"] {
        let refused = sandbox.run(&[command]).ends(69);
        assert!(refused.stderr.contains("journal refold --archive"), "{}", refused.stderr);
        assert!(refused.stderr.contains(&archive), "it names the archive: {}", refused.stderr);
    }
    assert_eq!(segments(), there, "what is refused begins no segment");
    // Nothing is lost meanwhile, and what needs no fold works.
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    let nothing = sandbox.run(&["journal", "refold", "--archive", "nowhere"]).ends(2);
    assert!(nothing.stderr.contains("there is no such folder"), "{}", nothing.stderr);
    let done = sandbox.run(&refold).ends(0).json();
    let told = (done["minimum"].as_u64(), done["refolded"].as_bool(), done["fold_version"].as_u64());
    assert_eq!(told, (Some(minimum), Some(true), Some(u64::from(FOLD_VERSION))));
    assert_eq!(sandbox.run(&incidents).ends(0).stdout, before, "the same world as before it was pruned");
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    sandbox.run(&["journal", "fsck"]).ends(0);
    sandbox.serve();
    sandbox.run(&refold).ends(0);
    sandbox.stop("-TERM");
    sandbox.run(&["journal", "restore", "--from-archive", "archive"]).ends(0);
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    let there = segments();
    sandbox.run(&["journal", "restore", "--from-archive", "archive"]).ends(2);
    assert_eq!(segments(), there, "what is refused begins no segment");
}

#[test]
fn the_wrong_folder_is_told_with_what_it_is() {
    let mut sandbox = Sandbox::with_plain_home();
    sandbox.serve();
    sandbox.stop("-TERM");
    sandbox.run(&["journal", "archive", "--into", "archive"]).ends(0);
    sandbox.run(&["audit", "export", "evidence"]).ends(0);
    std::fs::write(sandbox.path().join("file"), "x").expect("written");
    std::fs::create_dir(sandbox.path().join("empty")).expect("made");
    for (words, says) in [
        ("journal archive verify evidence", "it is an export"),
        ("journal prune --archive evidence", "it is an export"),
        ("journal archive verify empty", "`journal archive` did not write it"),
        ("journal archive verify file", "that is a file, not a folder"),
        ("journal archive --into file", "is no folder"),
        ("audit export file", "is no folder"),
        ("journal restore --from archive", "--from-archive"),
        ("postmortem 6f1c0e8a --from archive", "it is an archive"),
        ("audit verify --folder file", "that is a file, not a folder"),
        ("journal restore", "--from-archive <DIR>"),
    ] {
        let said = sandbox.run(&words.split(' ').collect::<Vec<_>>()).ends(2).stderr;
        assert!(said.contains(says), "{words}: {said}");
    }
    std::fs::remove_file(sandbox.path().join("archive/MANIFEST.sig")).expect("it was there");
    sandbox.run(&["journal", "archive", "verify", "archive"]).ends(5);
}
