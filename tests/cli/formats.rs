//! Old and new writers and readers with the real binary: docs/formats.md. A newer writer is played by entries that are
//! chained and signed as any, with the home's own key; an older one by golden files. The bytes are in tests/journal.

use std::fs;
use std::path::{Path, PathBuf};

use remediator::base::digest::FileDigest;
use remediator::base::sign::{JournalKey, signature_text};
use remediator::journal::LineRef;

use crate::sandbox::{Sandbox, eventually};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn segments(sandbox: &Sandbox) -> Vec<PathBuf> {
    let folder = fs::read_dir(sandbox.home().join("state/journal")).expect("a journal");
    let mut all: Vec<PathBuf> = folder.map(|entry| entry.expect("an entry").path()).collect();
    all.retain(|path| path.extension().is_some_and(|e| e == "ndjson"));
    all.sort();
    all
}

/// Every line of the journal, as stored.
fn lines(sandbox: &Sandbox) -> Vec<String> {
    let text =
        segments(sandbox).iter().map(|path| fs::read_to_string(path).expect("lines")).collect::<String>();
    text.lines().filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
}

/// Writes a line behind the journal of a home whose daemon is stopped; its seq.
fn append(sandbox: &Sandbox, (kind, kv, data): (&str, u32, &str)) -> u64 {
    let seed = fs::read(sandbox.home().join("state/keys/journal.key")).expect("the key");
    let key = JournalKey::from_seed(seed.as_slice().try_into().expect("32 bytes"));
    let segment = segments(sandbox).pop().expect("a segment");
    let text = fs::read_to_string(&segment).expect("lines");
    let all = lines(sandbox);
    let last = LineRef::parse(all.last().expect("a line").as_bytes()).expect("a line");
    let signed = format!(
        r#"{{"v":1,"seq":{},"time":{},"mono":{},"boot":"{}","node":"{}","kind":"{kind}","kv":{kv},"incident":null,"cause":null,"data":{data},"synced":null,"prev":"{}","key":"{}""#,
        last.seq + 1,
        last.at.time_us,
        last.at.mono_ms,
        last.boot,
        last.node,
        last.chain_hash(),
        key.public().id(),
    );
    let sig = signature_text(&key.sign(format!("{signed}}}").as_bytes()));
    let text = format!("{}\n{signed},\"sig\":\"{sig}\"}}\n", text.trim_end_matches('\n'));
    fs::write(segment, text).expect("appended");
    last.seq + 1
}

fn stopped() -> Sandbox {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    sandbox.stop("-TERM");
    sandbox
}

#[test]
fn a_daemon_goes_on_from_what_an_older_version_wrote() {
    let mut sandbox = stopped();
    append(&sandbox, ("control.paused", 1, r#"{"by":"person:ada","reason":"an old pause"}"#));
    sandbox.serve();
    assert!(sandbox.run(&["status"]).ends(0).stdout.contains("an old pause"));
    sandbox.stop("-TERM");
    let statement = FileDigest::of(b"an old statement");
    let old = format!(r#"{{"by":"ada","reason":"an old word","statement":"{statement}","nonce":"n"}}"#);
    let seq = append(&sandbox, ("control.resumed", 1, &old));
    let stored = lines(&sandbox).pop().expect("the line");
    sandbox.serve();
    let status = sandbox.run(&["status", "--output", "json"]).ends(0).json();
    assert!(status["paused"].is_null(), "{status}");
    let shown = sandbox.run(&["audit", "show", &seq.to_string()]).ends(0).stdout;
    assert!(shown.contains("resumed by ada: an old word"), "{shown}");
    let raw = sandbox.run(&["audit", "show", &seq.to_string(), "--output", "json"]).ends(0).stdout;
    assert_eq!(raw.trim_end(), stored, "the bytes stay what they were");
    sandbox.stop("-TERM");
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    sandbox.run(&["journal", "fsck"]).ends(0);
}

#[test]
fn what_a_newer_version_wrote_is_told_kept_and_never_folded() {
    let sandbox = stopped();
    let before = lines(&sandbox);
    let newer = [
        ("review.filed", 1, r#"{"what":"a kind that nobody knows yet"}"#),
        ("control.paused", 2, r#"{"by":"ada","reason":"a version of it","until":7}"#),
        ("control.paused", 1, r#"{"by":"ada","reason":"a member of it","until":7}"#),
    ];
    let first = append(&sandbox, newer[0]);
    for newer in &newer[1..] {
        append(&sandbox, *newer);
    }
    let stored = lines(&sandbox);
    let serve = sandbox.run(&["serve"]).ends(69);
    let entry = format!("entry {first}");
    assert!(serve.stderr.contains(&entry) && serve.stderr.contains("newer"), "{}", serve.stderr);
    // Whoever needs the meaning says so, and which entry; none of them panics.
    for command in [
        &["status"][..],
        &["incidents"],
        &["explain", "0"],
        &["replay", "--at", &first.to_string()],
        &["whatif", "--at", "0"],
    ] {
        let ran = sandbox.run(command).ends(69);
        assert!(ran.stderr.contains("newer"), "{command:?}: {}", ran.stderr);
    }
    assert!(!sandbox.run(&["doctor"]).stderr.contains("panicked"));
    // Whoever needs the bytes only has them all.
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    let fsck = sandbox.run(&["journal", "fsck"]).ends(0).stdout;
    assert!(fsck.contains("not checked from there on"), "{fsck}");
    let shown = sandbox.run(&["audit", "show", &first.to_string()]).ends(0).stdout;
    assert!(shown.contains("newer") && shown.contains("nobody knows yet"), "{shown}");
    let tail = sandbox.run(&["audit", "tail", "-n", "100", "--output", "json"]).ends(0).stdout;
    for line in &stored[before.len()..before.len() + 3] {
        assert!(tail.contains(line.as_str()), "{line}");
    }
    sandbox.run(&["audit", "export", "evidence"]).ends(0);
    sandbox.run(&["audit", "verify", "--full", "--folder", "evidence"]).ends(0);
    sandbox.run(&["audit", "import", "evidence", "--home", "elsewhere"]).ends(0);
    sandbox.run(&["audit", "verify", "--full", "--home", "elsewhere"]).ends(0);
    // The daemon that did not start began a segment at most.
    let after = lines(&sandbox);
    assert_eq!(after[..stored.len()], stored[..]);
    assert!(after[stored.len()..].iter().all(|line| line.contains(r#""kind":"journal.segment_opened""#)));
}

#[test]
fn files_of_another_version_are_refused_and_left_as_they_are() {
    let sandbox = stopped();
    let home = sandbox.home();
    let newer = |path: &Path, one: &str, two: &str| {
        let old = fs::read_to_string(path).expect("a file");
        assert!(old.contains(one), "{old}");
        let text = old.replacen(one, two, 1);
        fs::write(path, &text).expect("written");
        (old, text)
    };
    // The tokens: the daemon does not start, and does not make them anew.
    let tokens = home.join("state/tokens.json");
    let (old, text) = newer(&tokens, "\"v\": 2", "\"v\": 3");
    let ran = sandbox.run(&["serve"]).ends(69);
    assert!(ran.stderr.contains("newer"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&tokens).expect("there"), text);
    fs::write(&tokens, old).expect("put back");
    // The configuration.
    let config = home.join("remediator.yaml");
    let old = fs::read_to_string(&config).expect("a configuration");
    fs::write(&config, "v: 2\n").expect("written");
    let ran = sandbox.run(&["config", "check"]);
    assert!(
        ran.code != Some(0) && ran.stderr.contains("newer") | ran.stdout.contains("newer"),
        "{}",
        ran.stderr
    );
    fs::write(&config, old).expect("put back");
    // A backup.
    sandbox.run(&["backup", "copy"]).ends(0);
    newer(&sandbox.path().join("copy/BACKUP.json"), "\"v\": 1", "\"v\": 2");
    let ran = sandbox.run(&["restore", "copy", "--home", "restored"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("newer"), "{}", ran.stderr);
    assert!(!sandbox.path().join("restored").exists());
    // The head that was seen last, which is never taken for none.
    let recorded = data().join("recorded-v1").display().to_string();
    let seen = sandbox.path().join("seen.json");
    fs::copy(data().join("formats/last-seen-1.json"), &seen).expect("the golden one");
    let verify = ["audit", "verify", "--full", "--folder", &recorded, "--state", "seen.json"];
    sandbox.run(&verify).ends(0);
    let (_, text) = newer(&seen, "\"v\": 1", "\"v\": 2");
    let ran = sandbox.run(&verify).ends(5);
    assert!(ran.stderr.contains("newer"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&seen).expect("there"), text);
    // An export.
    sandbox.run(&["audit", "export", "evidence"]).ends(0);
    newer(&sandbox.path().join("evidence/MANIFEST.json"), "\"v\": 1", "\"v\": 2");
    for command in
        [&["audit", "verify", "--folder", "evidence"][..], &["audit", "import", "evidence", "--home", "x"]]
    {
        let ran = sandbox.run(command).ends(69);
        assert!(ran.stderr.contains("newer"), "{}", ran.stderr);
    }
}

#[test]
fn a_spooled_report_of_the_known_version_is_taken_in_and_one_of_another_is_set_aside() {
    let mut sandbox = stopped();
    let spool = sandbox.home().join("state/spool");
    fs::create_dir_all(&spool).expect("a folder");
    let golden = fs::read_to_string(data().join("formats/spool-1.json")).expect("the golden one");
    fs::write(spool.join("a.json"), &golden).expect("written");
    let newer = golden.replacen("\"v\":1", "\"v\":2", 1).replacen("golden-1", "golden-2", 1);
    fs::write(spool.join("b.json"), &newer).expect("written");
    sandbox.serve();
    assert!(eventually(std::time::Duration::from_secs(10), || spool.join("b.refused").exists()));
    assert_eq!(fs::read_to_string(spool.join("b.refused")).expect("kept"), newer);
    let seen =
        sandbox.run(&["audit", "query", "--kind", "degradation.seen", "--output", "json"]).ends(0).stdout;
    assert!(seen.contains("golden-1") && !seen.contains("golden-2"), "{seen}");
}

#[test]
fn a_journal_that_an_older_version_recorded_is_imported_told_and_checked() {
    let sandbox = Sandbox::new();
    let recorded = data().join("recorded-v1").display().to_string();
    sandbox.run(&["audit", "import", &recorded, "--home", "imported"]).ends(0);
    let list = sandbox.run(&["incidents", "--home", "imported", "--output", "json"]).ends(0).json();
    let incidents = list["incidents"].as_array().expect("a list");
    let healed = incidents.iter().find(|i| i["code"] == "DATA_CORRUPTED").expect("the one that was healed");
    let id = healed["id"].as_str().expect("an id");
    for format in ["md", "html", "json"] {
        let told = sandbox.run(&["postmortem", id, "--from", &recorded, "--format", format]).ends(0).stdout;
        assert!(told.contains("demo-data-corrupted"), "{told}");
    }
    let fsck = sandbox.run(&["journal", "fsck", "--folder", &recorded, "--output", "json"]).ends(0).json();
    assert_eq!(fsck["good"], true, "{fsck}");
    let same = sandbox.run(&["whatif", "--at", "0", "--from", &recorded, "--output", "json"]).ends(0).json();
    assert!(same["first_divergence"].is_null(), "decided anew it is decided the same: {same}");
}
