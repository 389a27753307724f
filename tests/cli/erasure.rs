//! Text about a subject, from report to oblivion, with the real binary and a real daemon: it is nowhere in plain, read by
//! people while its key is there, and gone in every copy once it is destroyed, whatever interrupts that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::sandbox::{Sandbox, eventually};

/// What must be nowhere but where people read it.
const MARK: &str = "JaneRoeOwesMoney";
/// Whose it is; as bad.
const WHO: &str = "customer:4711";

const PROPOSAL: &str = "v: 1\nid: tell\ntitle: Says what it finds\nfailure_class: Somebody asks for one\n\
may: {steps: [run], targets: ['*'], blast_radius: machine}\nrisks: [none]\nundo: Delete it.\n";

/// A runbook whose step prints the mark, and whose verification is a program that prints it, too.
fn teach(sandbox: &Sandbox) {
    let folder = sandbox.path().display();
    let script = format!(
        "printf '%s about the step\\n' {MARK} > step.txt\n\
         printf '{{\"v\":1,\"verdict\":\"failed\",\"evidence\":\"%s seen\"}}' {MARK} > look.txt\n\
         mkdir -p home/runbooks/tell home/proposals/tell"
    );
    sandbox.shell(&script).ends(0);
    let runbook = format!(
        "v: 1\nkind: runbook\nid: tell\ntitle: Tell\nproposal: tell\nmatcher: {{subsystem: tell, code: GO_ON}}\n\
         blast_radius: machine\nlimits: {{attempts: 9, window: 1h, cooldown: 0s, runtime: 30s}}\nsteps:\n  - id: go\n    \
         run: {{argv: [/bin/cat, {folder}/step.txt]}}\n    timeout: 5s\n    idempotent: true\n\
         verification: {{probe: {{run: {{argv: [/bin/cat, {folder}/look.txt]}}}}, settle: 0s, successes: 1, \
         every: 50ms, within: 100ms, watch: 0s}}\n"
    );
    std::fs::write(sandbox.home().join("runbooks/tell/tell.yaml"), runbook).expect("written");
    std::fs::write(sandbox.home().join("proposals/tell/proposal.yaml"), PROPOSAL).expect("written");
    let files = "home/runbooks/tell/tell.yaml home/proposals/tell/proposal.yaml";
    sandbox.shell(&format!("remediator runbook sign {files}")).ends(0);
    sandbox.run(&["runbook", "approve", "tell", "--reason", "a test", "--yes"]).ends(0);
}

fn report(sandbox: &Sandbox, target: &str, subject: &str) -> Value {
    let detail = format!("{MARK} {}", "at length. ".repeat(400));
    let args = ["emit", "--subsystem", "tell", "--code", "GO_ON", "--target", target, "--subject", subject];
    let said = ["--summary", &format!("{MARK} called"), "--detail", &detail, "--output", "json"];
    sandbox.run(&[&args[..], &said[..]].concat()).ends(0).json()
}

/// The one incident of a target, as people read it.
fn incident(sandbox: &Sandbox, target: &str) -> Value {
    let list = sandbox.run(&["incidents", "--target", target, "--output", "json"]).ends(0).json();
    let id = list["incidents"][0]["id"].as_str().unwrap_or_else(|| panic!("no incident: {list}")).to_owned();
    sandbox.run(&["incident", "show", &id, "--output", "json"]).ends(0).json()
}

/// Every file below a folder with these words in it: as it is, and what zstd makes of it.
fn files_with(folder: &Path, words: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, words));
            continue;
        }
        let Ok(mut bytes) = std::fs::read(&path) else { continue };
        if path.extension().is_some_and(|end| end == "zst") {
            bytes.extend(zstd::decode_all(&bytes[..]).expect("unpacked"));
        }
        let has = |word: &&str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        if words.iter().any(has) {
            found.push(path);
        }
    }
    found
}

fn keys(sandbox: &Sandbox) -> Vec<PathBuf> {
    let files = std::fs::read_dir(sandbox.home().join("state/subjects")).expect("a folder").flatten();
    files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "key")).collect()
}

#[test]
fn what_is_said_about_a_subject_is_nowhere_in_plain_and_forgotten_with_its_key() {
    let mut sandbox = Sandbox::with_home();
    teach(&sandbox);
    // While no daemon runs, too.
    assert!(report(&sandbox, "spooled", WHO)["spooled"].is_string());
    assert_eq!(files_with(&sandbox.home().join("state/spool"), &[MARK, WHO]), Vec::<PathBuf>::new());
    sandbox.serve();
    report(&sandbox, "shop", WHO);
    report(&sandbox, "shop", WHO);
    report(&sandbox, "other", "customer:17");
    let told = || {
        ["spooled", "shop", "other"].iter().all(|target| {
            let incident = incident(&sandbox, target);
            incident["escalation"]["rung"].is_u64()
                && incident["verification_results"][0]["verdict"].is_string()
        })
    };
    assert!(eventually(Duration::from_secs(60), told), "{}", incident(&sandbox, "shop"));

    // People read it, with the daemon and without.
    let shop = incident(&sandbox, "shop");
    let id = shop["id"].as_str().expect("an id").to_owned();
    assert_eq!(shop["originating_signal"]["summary"], format!("{MARK} called"));
    assert!(
        shop["originating_signal"]["detail"]["text"].as_str().is_some_and(|t| t.starts_with(MARK)),
        "{shop}"
    );
    assert_eq!(shop["verification_results"][0]["last"]["evidence"], format!("{MARK} seen"), "{shop}");
    let seq = shop["originating_signal"]["seq"].to_string();
    let reads = |sandbox: &Sandbox, word: &str| {
        for args in [
            &["audit", "show", &seq][..],
            &["audit", "query", "--incident", &id],
            &["explain", &id],
            &["incident", "show", &id],
            &["postmortem", &id],
            &["postmortem", &id, "--format", "html"],
        ] {
            let ran = sandbox.run(args).ends(0);
            assert!(
                ran.stdout.contains(word) && !ran.stdout.contains("sealed:1:"),
                "{args:?}: {}",
                ran.stdout
            );
            assert!(word == MARK || !ran.stdout.contains(MARK), "{args:?}: {}", ran.stdout);
        }
    };
    reads(&sandbox, MARK);
    // What is stored is what is given to programs.
    let stored = sandbox.run(&["audit", "show", &seq, "--output", "json"]).ends(0);
    assert!(stored.stdout.contains("\"summary\":\"sealed:1:") && !stored.stdout.contains(MARK));
    let list = sandbox.run(&["erase", "--list", "--output", "json"]).ends(0).json();
    assert_eq!(list["subjects"][1]["subject"], WHO, "{list}");
    assert!(list["subjects"][1]["entries"].as_u64().is_some_and(|n| n > 6), "{list}");

    // Everything that makes copies.
    sandbox.stop("-TERM");
    sandbox.serve();
    sandbox.stop("-TERM");
    sandbox.run(&["journal", "archive", "--into", "archive"]).ends(0);
    sandbox.run(&["audit", "export", "export"]).ends(0);
    let backup = sandbox.run(&["backup", "backup", "--with-keys", "--output", "json"]).ends(0).json();
    assert_eq!(backup["subjects_not_included"], 2, "{backup}");
    reads(&sandbox, MARK);
    sandbox.shell("rm step.txt look.txt").ends(0);
    let only_names = files_with(sandbox.path(), &[MARK, WHO]);
    let ours: Vec<_> = keys(&sandbox).into_iter().filter(|key| only_names.contains(key)).collect();
    assert_eq!(
        (ours.len(), only_names),
        (1, ours.clone()),
        "its name stands with its key, and nothing else anywhere"
    );

    sandbox.serve();
    let metrics = sandbox.shell(
        "curl -s -H \"Authorization: Bearer $(cat home/state/token)\" \"http://$REMEDIATOR_LISTEN/metrics\"",
    );
    assert!(!metrics.ends(0).stdout.contains(MARK));
    let erased =
        sandbox.run(&["erase", "--subject", WHO, "--reason", "asked for", "--output", "json"]).ends(0).json();
    let entry = erased["seq"].to_string();
    assert!(sandbox.run(&["audit", "show", &entry]).ends(0).stdout.contains("subject.erased"));
    assert_eq!(incident(&sandbox, "shop")["originating_signal"]["summary"], "(erased)");
    assert_eq!(incident(&sandbox, "spooled")["originating_signal"]["summary"], "(erased)");
    assert_eq!(incident(&sandbox, "other")["originating_signal"]["summary"], format!("{MARK} called"));
    reads(&sandbox, "(erased)");
    sandbox.run(&["erase", "--subject", WHO]).ends(1);
    sandbox.stop("-TERM");
    reads(&sandbox, "(erased)");
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    assert_eq!(files_with(sandbox.path(), &[MARK, WHO]), Vec::<PathBuf>::new());
    // Also where the backup is a home again: there no key is at all.
    sandbox.run(&["restore", "backup", "--home", "again"]).ends(0);
    let there =
        sandbox.run(&["incidents", "--target", "shop", "--home", "again", "--output", "json"]).ends(0).json();
    assert_eq!(there["incidents"][0]["summary"], "(sealed; no key here)", "{there}");
    // Without a daemon it is the same.
    sandbox.run(&["erase", "--subject", WHO]).ends(1);
    sandbox.run(&["erase", "--subject", "customer:17"]).ends(0);
    assert_eq!(incident(&sandbox, "other")["originating_signal"]["summary"], "(erased)");
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
}

#[test]
fn an_erasure_that_was_interrupted_is_finished_and_a_key_that_comes_back_is_destroyed() {
    let mut sandbox = Sandbox::with_plain_home();
    sandbox.serve();
    report(&sandbox, "shop", WHO);
    sandbox.stop("-KILL");
    let key = keys(&sandbox).remove(0);
    let copy = std::fs::read(&key).expect("a key");
    // What a crash leaves right after the word that it is to be destroyed.
    let id = key.file_stem().expect("a name").to_string_lossy().into_owned();
    let word = format!("{{\"v\":1,\"id\":\"{id}\",\"by\":\"person:ada\",\"reason\":\"asked for\"}}");
    std::fs::write(key.with_extension("erasing"), word).expect("written");
    sandbox.serve();
    let kinds = |sandbox: &Sandbox| {
        let asked = ["audit", "query", "--kind", "subject.erased", "--output", "json"];
        sandbox.run(&asked).ends(0).json()["entries"].as_array().map_or(0, Vec::len)
    };
    assert_eq!((kinds(&sandbox), key.exists(), key.with_extension("erasing").exists()), (1, false, false));
    assert_eq!(incident(&sandbox, "shop")["originating_signal"]["summary"], "(erased)");
    sandbox.stop("-TERM");
    // Somebody puts an old copy of the folder back.
    std::fs::write(&key, copy).expect("written");
    assert_eq!(
        incident(&sandbox, "shop")["originating_signal"]["summary"],
        "(erased)",
        "the journal says so"
    );
    sandbox.serve();
    assert_eq!((kinds(&sandbox), key.exists()), (1, false));
    // The same subject later is another key.
    report(&sandbox, "shop", WHO);
    assert_eq!(keys(&sandbox).len(), 1);
    assert_ne!(keys(&sandbox)[0], key);
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
}

#[test]
fn who_may_not_forgets_nobody_and_what_cannot_be_sealed_is_not_taken() {
    let mut sandbox = Sandbox::with_plain_home();
    sandbox.serve();
    report(&sandbox, "shop", WHO);
    sandbox
        .run(&[
            "emit",
            "--subsystem",
            "x",
            "--code",
            "ABC",
            "--target",
            "t",
            "--summary",
            "s",
            "--subject",
            "a b",
        ])
        .ends(2);
    let token = sandbox
        .run(&["token", "new", "--name", "writer", "--role", "write", "--output", "json"])
        .ends(0)
        .json();
    let token = token["token"].as_str().expect("a token").to_owned();
    let post = |route: &str, body: &str| {
        let script = format!(
            "curl -s -o answer -w '%{{http_code}}' -H 'Authorization: Bearer {token}' \"http://$REMEDIATOR_LISTEN{route}\" -d '{body}'"
        );
        sandbox.shell(&script).ends(0).stdout
    };
    assert_eq!(post("/v1/subjects/erase", &format!("{{\"subject\":\"{WHO}\",\"reason\":\"x\"}}")), "403");
    assert_eq!(keys(&sandbox).len(), 1);
    // A file that nobody can read may be that subject's: nothing is guessed, nothing kept.
    let before = sandbox.run(&["status", "--output", "json"]).ends(0).json()["head"]["seq"].clone();
    std::fs::write(sandbox.home().join("state/subjects/00000000000000ff.key"), "{}").expect("written");
    let body = format!(
        "{{\"subsystem\":\"tell\",\"code\":\"GO_ON\",\"target\":\"t\",\"severity\":\"info\",\"summary\":\"{MARK}\",\"subject\":\"new\"}}"
    );
    assert_eq!(post("/v1/degradations", &body), "503");
    assert!(
        std::fs::read_to_string(sandbox.path().join("answer")).expect("an answer").contains("NOT_SEALED")
    );
    assert_eq!(sandbox.run(&["status", "--output", "json"]).ends(0).json()["head"]["seq"], before);
    let log = std::fs::read_to_string(sandbox.path().join("daemon.log")).expect("a log");
    assert!(!log.contains(MARK), "{log}");
    let doctor = sandbox.shell("chmod 644 home/state/subjects/*.key; remediator doctor");
    assert!(
        doctor.stdout.contains("subjects/") && doctor.stdout.contains("open to others"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn no_key_of_a_subject_outlives_it_and_no_entry_says_so_of_one_that_is_there() {
    let mut sandbox = Sandbox::with_plain_home();
    sandbox.serve();
    report(&sandbox, "shop", WHO);
    let old = keys(&sandbox).remove(0);
    let copy = std::fs::read(&old).expect("a key");
    // The folder is lost, the subject is reported again, and then an old copy comes back.
    std::fs::remove_file(&old).expect("lost");
    report(&sandbox, "again", WHO);
    std::fs::write(&old, copy).expect("put back");
    assert_eq!(incident(&sandbox, "shop")["originating_signal"]["summary"], format!("{MARK} called"));
    let erased = sandbox.run(&["erase", "--subject", WHO, "--output", "json"]).ends(0).json();
    assert_eq!((keys(&sandbox).len(), erased["others"].as_array().map(Vec::len)), (0, Some(1)), "{erased}");
    for target in ["shop", "again"] {
        assert_eq!(incident(&sandbox, target)["originating_signal"]["summary"], "(erased)");
    }
    // Begun, and not come to the key: whoever finishes it destroys the key before the entry.
    report(&sandbox, "other", "customer:17");
    let key = keys(&sandbox).remove(0);
    let id = key.file_stem().expect("a name").to_string_lossy().into_owned();
    let word = format!("{{\"v\":1,\"id\":\"{id}\",\"by\":\"person:ada\",\"reason\":\"asked for\"}}");
    std::fs::write(key.with_extension("erasing"), &word).expect("written");
    report(&sandbox, "third", "customer:18");
    sandbox.run(&["erase", "--subject", "customer:18"]).ends(0);
    let query = ["audit", "query", "--kind", "subject.erased", "--output", "json"];
    let said = sandbox.run(&query).ends(0).stdout;
    assert!(said.contains(&id) && !key.exists(), "{said}");
    // Where it cannot be read on whose word, the key goes all the same, at the next start.
    report(&sandbox, "fourth", "customer:19");
    let key = keys(&sandbox).remove(0);
    std::fs::write(key.with_extension("erasing"), "{").expect("written");
    std::fs::write(key.with_file_name("0000000000000001.erasing"), "{").expect("written");
    let doctor = sandbox.run(&["doctor"]).ends(1).stdout;
    assert!(doctor.contains("0000000000000001.erasing cannot be read"), "{doctor}");
    sandbox.stop("-TERM");
    sandbox.serve();
    assert!(!key.exists());
    // Nobody of that name: the journal is left as it is.
    sandbox.stop("-TERM");
    for left in ["erasing", "key"] {
        let _ = std::fs::remove_file(key.with_extension(left));
    }
    std::fs::remove_file(key.with_file_name("0000000000000001.erasing")).expect("removed");
    let before = sandbox.run(&["status", "--output", "json"]).ends(0).json()["head"]["seq"].clone();
    sandbox.run(&["erase", "--subject", "nobody"]).ends(1);
    assert_eq!(sandbox.run(&["status", "--output", "json"]).ends(0).json()["head"]["seq"], before);
}

#[test]
fn what_steps_and_watches_shows_words_while_the_key_is_there_and_says_when_it_is_not() {
    let mut sandbox = Sandbox::with_plain_home();
    sandbox.serve();
    let mut watching = sandbox.command("sh");
    watching.args(["-c", "exec remediator watch --plain > watched.txt 2>&1"]);
    let mut watching = watching.spawn().expect("it starts");
    let mut tailing = sandbox.command("sh");
    tailing.args(["-c", "exec remediator audit tail --follow > tailed.txt 2>&1"]);
    let mut tailing = tailing.spawn().expect("it starts");
    let shown = |sandbox: &Sandbox, word: &str| {
        ["watched.txt", "tailed.txt"].iter().all(|file| {
            std::fs::read_to_string(sandbox.path().join(file)).is_ok_and(|text| text.contains(word))
        })
    };
    assert!(eventually(Duration::from_secs(30), || shown(&sandbox, "process.started")));
    report(&sandbox, "shop", WHO);
    let words = format!("on shop: {MARK} called");
    assert!(eventually(Duration::from_secs(30), || shown(&sandbox, &words)));
    let stepped = |sandbox: &Sandbox, output: &str| {
        let ran = sandbox.run(&["replay", "--at", "0", "--count", "1000", "--output", output]).ends(0);
        assert!(!ran.stdout.contains("sealed:1:"), "{}", ran.stdout);
        ran.stdout
    };
    assert!(stepped(&sandbox, "human").contains(&words) && stepped(&sandbox, "json").contains(&words));
    sandbox.run(&["erase", "--subject", WHO]).ends(0);
    for output in ["human", "json"] {
        let text = stepped(&sandbox, output);
        assert!(text.contains("on shop: (erased)") && !text.contains(MARK), "{text}");
    }
    // What came before the erasure in a file that was sealed by then is told as erased, too.
    sandbox.stop("-KILL");
    let spooled = report(&sandbox, "spooled", "customer:17");
    assert!(spooled["spooled"].is_string());
    sandbox.run(&["erase", "--subject", "customer:17"]).ends(0);
    sandbox.serve();
    assert!(eventually(Duration::from_secs(30), || shown(&sandbox, "on spooled: (erased)")));
    for child in [&mut watching, &mut tailing] {
        child.kill().expect("ended");
        child.wait().expect("it was a child");
    }
}

#[test]
fn what_was_begun_before_an_incident_was_about_somebody_is_sealed_as_well() {
    let mut sandbox = Sandbox::with_home();
    teach(&sandbox);
    // Step and look wait, so that a report can come in between.
    let folder = sandbox.path().display().to_string();
    let runbook = sandbox.home().join("runbooks/tell/tell.yaml");
    let mut text = std::fs::read_to_string(&runbook).expect("a runbook");
    for what in ["step", "look"] {
        let script =
            format!("while [ ! -e {folder}/go-{what} ]; do sleep 0.1; done; cat {folder}/{what}.txt\n");
        std::fs::write(sandbox.path().join(format!("{what}.sh")), script).expect("written");
        let slow = format!("/bin/sh, {folder}/{what}.sh");
        text = text.replace(&format!("/bin/cat, {folder}/{what}.txt"), &slow);
    }
    let text = text.replace("timeout: 5s", "timeout: 25s").replace("within: 100ms", "within: 3s");
    std::fs::write(&runbook, text).expect("written");
    sandbox.shell("remediator runbook sign home/runbooks/tell/tell.yaml").ends(0);
    sandbox.run(&["runbook", "approve", "tell", "--reason", "a test", "--yes"]).ends(0);
    sandbox.serve();
    let entries = |kind: &str| {
        let asked = ["audit", "query", "--kind", kind, "--output", "json"];
        sandbox.run(&asked).ends(0).json()["entries"].as_array().map_or(0, Vec::len)
    };
    // A report about nobody, one about somebody while what it led to goes on, and its end.
    let joined = |target: &str, until: &str, goes_on: &str| {
        let before = entries(until);
        let args =
            ["emit", "--subsystem", "tell", "--code", "GO_ON", "--summary", "hangs", "--target", target];
        sandbox.run(&args).ends(0);
        let begun = eventually(Duration::from_secs(60), || entries(until) > before);
        assert!(begun, "no {until}: {}", sandbox.run(&["audit", "tail", "-n", "100"]).stdout);
        report(&sandbox, target, WHO);
        std::fs::write(sandbox.path().join(goes_on), "").expect("written");
        let told = || incident(&sandbox, target)["escalation"]["rung"].is_u64();
        assert!(eventually(Duration::from_secs(90), told), "{}", incident(&sandbox, target));
        let id = incident(&sandbox, target)["id"].as_str().expect("an id").to_owned();
        sandbox.run(&["postmortem", &id]).ends(0).stdout
    };
    std::fs::write(sandbox.path().join("go-look"), "").expect("written");
    let one = joined("one", "step.started", "go-step");
    assert!(one.contains(&format!("{MARK} about the step")), "{one}");
    std::fs::remove_file(sandbox.path().join("go-look")).expect("removed");
    std::fs::write(sandbox.path().join("step.txt"), "nothing\n").expect("written");
    let two = joined("two", "verification.started", "go-look");
    assert!(two.contains(&format!("{MARK} seen")), "{two}");
    sandbox.stop("-TERM");
    assert_eq!(files_with(&sandbox.home(), &[MARK]), Vec::<PathBuf>::new());
}
