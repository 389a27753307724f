//! What hostile, careless and unlucky people hand in: each is refused with what is wrong, where, and what mends it,
//! ends as documented, and costs nothing that was there before.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use crate::sandbox::{Ran, Sandbox, eventually};

const DEAD: &str = "runbooks/demo-web/dead.yaml";
const PROPOSAL: &str = "v: 1\nid: mark\ntitle: Leaves a mark\nfailure_class: Somebody asks for one\n\
may: {steps: [run], targets: ['*'], blast_radius: machine}\nrisks: [none]\nundo: Delete it.\n";

/// A runbook for `mark/CODE` that runs one program and is done when `/health` of nobody answers: never.
fn runbook(id: &str, code: &str, argv: &str) -> String {
    format!(
        "v: 1\nkind: runbook\nid: {id}\ntitle: Mark\nproposal: mark\nmatcher: {{subsystem: mark, code: {code}}}\n\
         blast_radius: machine\nlimits: {{attempts: 9, window: 1h, cooldown: 0s, runtime: 30s}}\nsteps:\n  - id: go\n    \
         run: {{argv: {argv}}}\n    timeout: 5s\n    idempotent: true\nverification: {{probe: {{process: {{name: \
         no-such-process}}}}, settle: 0s, successes: 1, every: 50ms, within: 100ms, watch: 0s}}\n"
    )
}

fn write(sandbox: &Sandbox, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = sandbox.home().join(path);
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
    std::fs::write(&path, bytes).expect("written");
    path
}

fn read(sandbox: &Sandbox, path: &str) -> String {
    std::fs::read_to_string(sandbox.home().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Writes a runbook, signs and approves it.
fn teach(sandbox: &Sandbox, id: &str, code: &str, argv: &str) {
    write(sandbox, "proposals/mark/proposal.yaml", PROPOSAL);
    write(sandbox, &format!("runbooks/mark/{id}.yaml"), runbook(id, code, argv));
    let files = "home/runbooks/mark/*.yaml home/proposals/mark/proposal.yaml";
    sandbox.shell(&format!("remediator runbook sign {files}")).ends(0);
    sandbox.run(&["runbook", "approve", "mark", "--reason", "a test", "--yes"]).ends(0);
}

fn report(sandbox: &Sandbox, code: &str, target: &str) -> String {
    let args = ["emit", "--subsystem", "mark", "--code", code, "--target", target, "--summary", "go"];
    let ran = sandbox.run(&[&args[..], &["--output", "json"]].concat()).ends(0).json();
    ran["receipt"].as_str().expect("a receipt").to_owned()
}

/// Follows a report until its incident is told to people; everything recorded of it.
fn told(sandbox: &Sandbox, receipt: &str) -> String {
    let state = || sandbox.run(&["explain", receipt, "--output", "json"]).json();
    assert!(eventually(Duration::from_secs(20), || state().to_string().contains("escalated")), "{}", state());
    sandbox.run(&["audit", "tail", "--after", "-1", "--output", "json"]).stdout
}

/// POSTs a file's bytes with the person's token: status and body.
fn post(sandbox: &Sandbox, path: &str, file: &str, more: &str) -> (u32, serde_json::Value) {
    let script = format!(
        "curl -s -o answer -w '%{{http_code}}' -H \"Authorization: Bearer $(cat home/state/token)\" {more} \
         --data-binary @{file} \"http://$REMEDIATOR_LISTEN{path}\"; echo; cat answer"
    );
    let ran = sandbox.shell(&script);
    let (status, body) =
        ran.stdout.split_once('\n').unwrap_or_else(|| panic!("{} {}", ran.stdout, ran.stderr));
    let body = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body}"));
    (status.parse().expect("a status"), body)
}

#[track_caller]
fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(
            ran.stdout.contains(word) || ran.stderr.contains(word),
            "no `{word}`: {}{}",
            ran.stdout,
            ran.stderr
        );
    }
}

fn standing(sandbox: &Sandbox, name: &str) -> (String, String) {
    let list = sandbox.run(&["runbook", "list", "--output", "json"]).json();
    let files = list["files"].as_array().expect("files");
    let file = files.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("{name} is not in {list}"));
    (file["standing"].as_str().unwrap_or_default().to_owned(), file["reasons"].to_string())
}

#[test]
fn a_broken_file_is_refused_with_its_place_and_the_others_stay_live() {
    let mut sandbox = Sandbox::with_home();
    let good = read(&sandbox, DEAD);
    let bomb = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n";
    let cases: [(&str, Vec<u8>, &[&str]); 12] = [
        ("torn", b"v: 1\nkind: runbook\nid: [torn\n".to_vec(), &[":3:5:", "bracket"]),
        ("unknown", good.replace("priority:", "prioritty:").into(), &[":7:1:", "did you mean `priority`"]),
        ("twice", format!("{good}priority: 5\n").into(), &["second time", "keep one"]),
        ("bomb", bomb.into(), &[":1:", "anchor"]),
        ("deep", format!("v: {}", "[".repeat(100_000)).into(), &["nested too deeply", "32 levels"]),
        ("large", vec![b'a'; 2_000_000], &["2000000 bytes", "1048576"]),
        ("empty", Vec::new(), &["`kind` is missing", "known kinds"]),
        ("bytes", b"\xff\xfe\0".to_vec(), &["not UTF-8"]),
        ("way-out", good.replace("id: demo-web-dead", "id: ../../x").into(), &[":3:5:", "not an id"]),
        ("lock", good.replace("service/${target}", "service/../../x").into(), &["not the name of a lock"]),
        (
            "argument",
            good.replace("proposal: demo-web", "proposal: ../x").into(),
            &["not the id of a proposal"],
        ),
        (
            "limit",
            runbook("huge", "HUGE", "[/bin/true], rlimits: {open_files: 18446744073709551615}").into(),
            &["rlimits", "leave it out"],
        ),
    ];
    for (name, bytes, words) in cases {
        let path = write(&sandbox, &format!("runbooks/bad/{name}.yaml"), bytes);
        let ran = sandbox.run(&["runbook", "lint", &path.display().to_string()]).ends(1);
        says(&ran, words);
        says(&ran, &[&format!("{name}.yaml")]);
    }
    let many =
        format!("preconditions: [{}]\n", "{id: p, probe: {process: {name: x}}, expect: 'true'},".repeat(17));
    let path = write(&sandbox, "runbooks/bad/many.yaml", runbook("many", "MANY", "[/bin/true]") + &many);
    says(&sandbox.run(&["runbook", "lint", &path.display().to_string()]).ends(1), &["at most 16"]);
    sandbox.run(&["runbook", "list"]).ends(1);
    assert_eq!(standing(&sandbox, "runbook/demo-web-dead").0, "live");
    sandbox.serve();
    let status = sandbox.run(&["status", "--output", "json"]).ends(0).json();
    assert!(status["catalog"].to_string().contains("bad/"), "{status}");
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
}

#[test]
fn hostile_names_and_things_that_are_no_files_hide_nothing_and_hold_nobody_up() {
    let mut sandbox = Sandbox::with_home();
    let runbooks = sandbox.home().join("runbooks");
    let good = read(&sandbox, DEAD);
    let long = "x".repeat(250);
    for name in [
        b"a\nlive  runbook/b.yaml".as_slice(),
        b"\x1b[2J\x1b]0;evil\x07.yaml",
        "web\u{202E}lmay.yaml".as_bytes(),
        b"\xff\xfe.yaml",
        b"$(touch mark);`touch mark`.yaml",
        long.as_bytes(),
    ] {
        let name = std::ffi::OsStr::from_bytes(name);
        for folder in [runbooks.clone(), sandbox.home().join("proposals")] {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
            std::fs::write(path, &good).expect("written");
        }
    }
    for (name, to) in
        [("zero.yaml", "/dev/zero"), ("secret.yaml", "/etc/shadow"), ("loop", "."), ("gone.yaml", "gone")]
    {
        std::os::unix::fs::symlink(to, runbooks.join(name)).expect("linked");
    }
    sandbox.shell("mkfifo home/runbooks/pipe.yaml home/proposals/trust/pipe").ends(0);
    // Only root may make a device; a link to one stands there in any case.
    sandbox.shell("mknod home/runbooks/device.yaml c 1 5 2>/dev/null; true").ends(0);
    sandbox.serve();
    let list = sandbox.run(&["runbook", "list"]).ends(1);
    says(&list, &["pipe.yaml", "zero.yaml", "no regular file", "its name", "live"]);
    assert_eq!(standing(&sandbox, "runbook/demo-web-dead").0, "live");
    let lint = sandbox.run(&["runbook", "lint"]).ends(1);
    let status = sandbox.run(&["status"]).ends(0);
    let all = sandbox.run(&["audit", "tail", "--after", "-1"]).ends(0);
    let log = std::fs::read_to_string(sandbox.path().join("daemon.log")).expect("a log");
    for text in [&list.stdout, &list.stderr, &lint.stdout, &lint.stderr, &status.stdout, &all.stdout, &log] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202E}']), "{text:?}");
        assert!(!text.contains("\nlive  runbook/b.yaml"), "a name made a line of its own: {text}");
    }
    assert!(!sandbox.path().join("mark").exists() && !sandbox.home().join("mark").exists());
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
}

#[test]
fn a_half_written_runbook_stands_aside_until_it_is_whole_again() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let live = || sandbox.run(&["status", "--output", "json"]).json()["catalog"]["live"].as_u64();
    let before = live();
    assert!(before > Some(1), "{before:?}");
    let whole = read(&sandbox, DEAD);
    let fewer = before.map(|n| n - 1);
    for half in [&whole[..whole.len() / 2], &whole[..whole.len() - 1], ""] {
        write(&sandbox, DEAD, half);
        assert!(eventually(Duration::from_secs(20), || live() == fewer), "{half}: {:?}", live());
        sandbox.run(&["runbook", "list"]).ends(1);
        write(&sandbox, DEAD, &whole);
        assert!(eventually(Duration::from_secs(20), || live() == before), "{half}: {:?}", live());
    }
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
}

#[test]
fn an_edited_or_wrongly_signed_runbook_never_runs_and_says_what_mends_it() {
    let mut sandbox = Sandbox::with_home();
    teach(&sandbox, "touch", "TOUCH", "[/bin/touch, \"${home}/mark-${target}\"]");
    assert_eq!(standing(&sandbox, "runbook/touch").0, "live");
    sandbox.serve();
    told(&sandbox, &report(&sandbox, "TOUCH", "one"));
    assert!(sandbox.home().join("mark-one").exists(), "a live runbook runs");

    let good = read(&sandbox, "runbooks/mark/touch.yaml");
    let good_signature = read(&sandbox, "runbooks/mark/touch.yaml.sig");
    sandbox.shell("ssh-keygen -q -t ed25519 -N '' -f stranger").ends(0);
    let edited = good.replace("mark-", "evil-");
    let sign = "ssh-keygen -q -Y sign -f stranger -n runbook@remediator home/runbooks/mark/touch.yaml";
    let cases: [(&str, &str, &str, &str); 4] = [
        ("edited", &edited, "", "sign"),
        ("stranger", &good, sign, "nobody in"),
        ("garbage", &good, "echo garbage > home/runbooks/mark/touch.yaml.sig", "touch.yaml"),
        ("unsigned", &good, "rm home/runbooks/mark/touch.yaml.sig", "not signed"),
    ];
    for (name, text, script, word) in cases {
        write(&sandbox, "runbooks/mark/touch.yaml", text);
        write(&sandbox, "runbooks/mark/touch.yaml.sig", &good_signature);
        if name == "stranger" {
            std::fs::remove_file(sandbox.home().join("runbooks/mark/touch.yaml.sig")).expect("removed");
        }
        sandbox.shell(&format!("true; {script}")).ends(0);
        let (word_now, why) = standing(&sandbox, "runbook/touch");
        assert_eq!(word_now, "observe_only", "{name}: {why}");
        assert!(why.contains(word) && why.contains("remediator runbook sign"), "{name}: {why}");
        let seen = || sandbox.run(&["status"]).stdout.contains("1 observe only");
        assert!(eventually(Duration::from_secs(20), seen), "{name}: {}", sandbox.run(&["status"]).stdout);
        let all = told(&sandbox, &report(&sandbox, "TOUCH", name));
        assert!(all.contains("observe_only"), "{name}");
        for mark in ["mark", "evil"] {
            assert!(!sandbox.home().join(format!("{mark}-{name}")).exists(), "{name} ran");
        }
    }
}

#[test]
fn a_signer_without_the_role_counts_for_nothing() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let trust = || sandbox.run(&["status", "--output", "json"]).json()["trust"]["files"].clone();
    let before = trust();
    sandbox.shell("ssh-keygen -q -t ed25519 -N '' -f bob").ends(0);
    let add = "printf 'bob namespaces=\"proposal@remediator\" %s\\n' \"$(cut -d' ' -f1,2 bob.pub)\" \
               >> home/proposals/trust/allowed_signers";
    sandbox.shell(add).ends(0);
    sandbox.run(&["runbook", "sign", "home/proposals/trust/allowed_signers"]).ends(0);
    assert!(eventually(Duration::from_secs(20), || trust() != before), "bob is known, for proposals");
    let sign = format!("rm home/{DEAD}.sig; ssh-keygen -q -Y sign -f bob -n runbook@remediator home/{DEAD}");
    sandbox.shell(&sign).ends(0);
    let (word, why) = standing(&sandbox, "runbook/demo-web-dead");
    assert_eq!(word, "observe_only");
    assert!(why.contains("bob") && why.contains("role"), "{why}");
    let refused = sandbox.run(&["runbook", "approve", "demo-web", "--yes", "--key", "bob"]).ends(4);
    says(&refused, &["approval@remediator"]);
}

#[test]
fn changed_trust_files_are_not_believed_without_a_signature() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    sandbox.shell("ssh-keygen -q -t ed25519 -N '' -f eve").ends(0);
    let before = sandbox.run(&["status", "--output", "json"]).json()["trust"]["files"].clone();
    let roles =
        "runbook@remediator,proposal@remediator,approval@remediator,control@remediator,trust@remediator";
    let add = format!(
        "printf 'eve namespaces=\"{roles}\" %s\\n' \"$(cut -d' ' -f1,2 eve.pub)\" >> home/proposals/trust/allowed_signers"
    );
    sandbox.shell(&add).ends(0);
    let status = || sandbox.run(&["status", "--output", "json"]).json()["trust"].clone();
    let refused = || status()["refused"].as_str().is_some_and(|why| why.contains("Sign it: "));
    assert!(eventually(Duration::from_secs(20), refused), "{}", status());
    assert_eq!(status()["files"], before, "what is in force has not changed");
    let signers = sandbox.home().join("proposals/trust/allowed_signers");
    let changed = std::fs::read_to_string(&signers).expect("readable");
    let kept: Vec<_> =
        changed.lines().filter(|line| !line.starts_with("eve")).map(|l| format!("{l}\n")).collect();
    std::fs::write(&signers, kept.concat()).expect("written");
    assert!(eventually(Duration::from_secs(20), || status()["refused"].is_null()), "{}", status());
    std::fs::write(&signers, changed).expect("written");
    assert!(eventually(Duration::from_secs(20), refused), "{}", status());
    sandbox.run(&["pause", "--reason", "stop"]).ends(0);
    sandbox.run(&["resume", "--reason", "mine now", "--key", "eve"]).ends(4);
    sandbox.run(&["resume", "--reason", "still mine"]).ends(0);
    // The daemon comes up again with the trust in force, not with the files.
    sandbox.stop("-TERM");
    sandbox.serve();
    sandbox.run(&["pause", "--reason", "stop"]).ends(0);
    sandbox.run(&["resume", "--reason", "mine now", "--key", "eve"]).ends(4);
}

#[test]
fn large_and_malformed_reports_are_refused_everywhere_and_nothing_is_taken_down() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    std::fs::write(sandbox.path().join("big"), "ä".repeat(5_000_000)).expect("written");
    says(&sandbox.run(&["emit", "--file", "big"]).ends(2), &["longer than 65536 bytes", "detail"]);
    says(&sandbox.run(&["emit", "--file", "/dev/zero"]).ends(2), &["longer than 65536 bytes"]);
    for more in ["", "-H 'Transfer-Encoding: chunked'", "-H 'Expect:'"] {
        let (status, body) = post(&sandbox, "/v1/degradations", "big", more);
        assert_eq!((status, &body["code"]), (413, &"TOO_LARGE".into()), "{body}");
    }
    let report = |more: &str| {
        let start = r#"{"subsystem":"mark","code":"NEVER","target":"t","severity":"info","summary":"s""#;
        format!("{start}{more}}}")
    };
    let long = "x".repeat(513);
    let cases = [
        (report(r#","observed_at":"9999-01-01T00:00:00Z""#), "observed_at"),
        (report(r#","id":"""#), "id"),
        (report(r#","id":"\u001b[2J""#), "id"),
        (report(r#","attributes":{"":"x"}"#), "attributes"),
        (report(&format!(r#","attributes":{{"x":"{long}"}}"#)), "attributes"),
        (report("").replace(r#""t""#, r#""https://me:hunter2@db/""#), "target"),
        (report("").replace(r#""t""#, r#""a\u0000b""#), "target"),
        (report("").replace(r#""mark""#, r#""""#), "subsystem"),
        (report("").replace("NEVER", "never"), "code"),
    ];
    for (text, field) in cases {
        std::fs::write(sandbox.path().join("report"), &text).expect("written");
        let (status, body) = post(&sandbox, "/v1/degradations", "report", "");
        assert_eq!(
            (status, &body["code"], &body["field"]),
            (400, &"BAD_REPORT".into(), &field.into()),
            "{text}"
        );
        let ran = sandbox.run(&["emit", "--file", "report"]).ends(2);
        says(&ran, &[&format!("`{field}`")]);
    }
    for (text, code) in [("{", "BAD_JSON"), ("{\"subsystem\":1}", "BAD_REPORT"), ("[[[[", "BAD_REPORT")] {
        std::fs::write(sandbox.path().join("report"), text).expect("written");
        let (status, body) = post(&sandbox, "/v1/degradations", "report", "");
        assert_eq!((status, &body["code"]), (400, &code.into()), "{text}");
    }
    std::fs::write(sandbox.path().join("report"), b"{\"a\xff").expect("written");
    assert_eq!(post(&sandbox, "/v1/degradations", "report", "").1["code"], "BAD_UTF8");
    std::fs::write(sandbox.path().join("report"), report("")).expect("written");
    assert_eq!(post(&sandbox, "/v1/explain/%ff", "report", "-X GET").1["code"], "BAD_PARAMETER");
    assert_eq!(post(&sandbox, "/v1/../../etc/passwd", "report", "--path-as-is").1["code"], "NOT_FOUND");
    let (status, _) = post(&sandbox, "/v1/degradations", "report", "");
    assert_eq!(status, 202, "it still listens");
    assert!(sandbox.get("/livez").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_spooled_report_that_breaks_a_rule_is_set_aside_and_late_ones_are_taken_in() {
    let mut sandbox = Sandbox::with_home();
    let spooled = |target: &str, more: &str| {
        format!(
            r#"{{"v":1,"person":"ada","report":{{"subsystem":"mark","code":"LATE","target":"{target}","severity":"info","summary":"s","id":"{target}"{more}}}}}"#
        )
    };
    write(&sandbox, "state/spool/1.json", spooled("far", r#","observed_at":"9999-01-01T00:00:00Z""#));
    write(&sandbox, "state/spool/2.json", "not JSON");
    write(&sandbox, "state/spool/3.json", spooled("early", ""));
    sandbox.serve();
    let there = |name: &str| sandbox.home().join("state/spool").join(name).exists();
    assert!(there("1.refused") && there("2.refused") && !there("3.json"));
    std::fs::write(sandbox.home().join("state/spool/4.json"), spooled("late", "")).expect("written");
    assert!(eventually(Duration::from_secs(10), || !sandbox.home().join("state/spool/4.json").exists()));
    let list = sandbox.run(&["incidents"]).ends(0).stdout;
    assert!(list.contains("early") && list.contains("late") && !list.contains("far"), "{list}");
}

#[test]
fn a_daemon_that_hangs_costs_no_report_and_no_view() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    report(&sandbox, "BEFORE", "before");
    sandbox.signal("-STOP");
    let args = ["emit", "--subsystem", "mark", "--code", "WHILE", "--target", "while", "--summary", "s"];
    says(&sandbox.run(&args).ends(0), &["hangs", "waits in"]);
    let list = sandbox.run(&["incidents"]).ends(0);
    says(&list, &["hangs", "before"]);
    sandbox.signal("-CONT");
    // It may have been in the daemon's hands already: it counts once all the same.
    let counts = || {
        let all = sandbox.run(&["incidents", "--output", "json"]).json()["incidents"].clone();
        let all = all.as_array().cloned().unwrap_or_default();
        all.iter().filter(|i| i["target"] == "while").map(|i| i["count"].as_u64()).collect::<Vec<_>>()
    };
    let spool = sandbox.home().join("state/spool");
    let empty = || std::fs::read_dir(&spool).is_ok_and(|mut files| files.next().is_none());
    assert!(eventually(Duration::from_secs(20), empty));
    assert_eq!(counts(), [Some(1)]);
}

#[test]
fn a_daemon_that_hangs_is_named_with_its_process_within_seconds() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let started = ["audit", "tail", "--kind", "process.started", "-n", "1", "--output", "json"];
    let pid = sandbox.run(&started).ends(0).json()["data"]["pid"].as_u64().expect("a pid");
    let (stopped, mend) = (format!("process {pid} is stopped"), format!("kill -CONT {pid}"));
    sandbox.signal("-STOP");
    for args in
        [&["status"][..], &["doctor"], &["status", "--output", "json"], &["doctor", "--output", "json"]]
    {
        let began = std::time::Instant::now();
        let ran = sandbox.run(args);
        // Three seconds for the sign of life, and some for a machine that is busy.
        assert!(began.elapsed() < Duration::from_secs(9), "{args:?} took {:?}", began.elapsed());
        for words in ["does not answer", &stopped, &mend] {
            assert!(ran.stdout.contains(words), "{args:?}: no `{words}` in {}", ran.stdout);
        }
    }
    sandbox.signal("-CONT");
    let status = sandbox.run(&["status"]).ends(0);
    assert!(!status.stdout.contains("does not answer"), "{}", status.stdout);
}

#[test]
fn names_that_climb_stay_names() {
    let mut sandbox = Sandbox::with_home();
    teach(&sandbox, "touch", "TOUCH", "[/bin/touch, \"${home}/mark-${target}\"]");
    sandbox.serve();
    for target in ["../../x", "/etc/x", "..", "$(touch mark-shell);`id`", "-rf"] {
        let args = ["emit", "--subsystem=mark", "--code=TOUCH", "--summary=go", "--output=json"];
        let target_arg = format!("--target={target}");
        let ran = sandbox.run(&[&args[..], &[target_arg.as_str()]].concat()).ends(0).json();
        told(&sandbox, ran["receipt"].as_str().expect("a receipt"));
    }
    let outside: Vec<_> = std::fs::read_dir(sandbox.path())
        .expect("listed")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("mark") || name == "x")
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
    for args in [
        &["runbook", "show", "../../etc/passwd"][..],
        &["incident", "show", "../x"],
        &["runbook", "approve", "../x", "--yes"],
        &["explain", "../x"],
        &["audit", "show", "-5"],
    ] {
        let ran = sandbox.run(args);
        assert!(matches!(ran.code, Some(1 | 2)) && !ran.stderr.is_empty(), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn a_missing_program_is_said_and_people_are_told() {
    let mut sandbox = Sandbox::with_home();
    teach(&sandbox, "gone", "GONE", "[/no/such/program]");
    sandbox.serve();
    let all = told(&sandbox, &report(&sandbox, "GONE", "t"));
    assert!(
        all.contains("failed_before_mutation") && all.contains("cannot execute /no/such/program"),
        "{all}"
    );
}

#[test]
fn what_a_step_prints_is_redacted_and_harmless_everywhere() {
    let mut sandbox = Sandbox::with_home();
    let script = "#!/bin/sh\necho password=hunter2 AKIAIOSFODNN7EXAMPLE\nprintf '\\033[2J\\033]0;evil\\007' >&2\n\
                  echo 'https://me:hunter2@host/'\nhead -c 5000 /dev/zero | tr '\\0' x\necho; echo token: hunter2\nexport DB_PASSWORD=hunter2 API_TOKEN=hunter2; env\nexit 3\n";
    let path = write(&sandbox, "leak.sh", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("executable");
    teach(&sandbox, "leak", "LEAK", "[\"${home}/leak.sh\"]");
    // A file with a secret is refused, and its bytes go nowhere.
    write(
        &sandbox,
        "runbooks/mark/secret.yaml",
        runbook("secret", "SECRET", "[/bin/echo, password=hunter2]"),
    );
    sandbox.serve();
    let args =
        ["emit", "--subsystem", "mark", "--code", "LEAK", "--target", "t", "--summary", "pwd: hunter2"];
    let more = [
        "--attribute",
        "db_password=hunter2",
        "--detail",
        "Authorization: Bearer hunter2hunter2",
        "--output",
        "json",
    ];
    let receipt = sandbox.run(&[&args[..], &more].concat()).ends(0).json();
    let all = told(&sandbox, receipt["receipt"].as_str().expect("a receipt"));
    assert!(all.contains("[redacted]") && all.contains("\"exited\":3"), "{all}");
    for (what, text) in [
        ("audit", all),
        ("explain", sandbox.run(&["explain", receipt["receipt"].as_str().expect("a receipt")]).stdout),
        ("log", std::fs::read_to_string(sandbox.path().join("daemon.log")).expect("a log")),
    ] {
        assert!(!text.contains('\u{1b}'), "{what} moves a cursor: {text}");
    }
    sandbox.stop("-TERM");
    // Nor do those who look back months later find one, in any form.
    let list = sandbox.run(&["incidents", "--output", "json"]).ends(0).json();
    let incidents = list["incidents"].as_array().expect("a list");
    let leak = incidents.iter().find(|incident| incident["code"] == "LEAK").expect("the incident");
    let id = leak["id"].as_str().expect("an id");
    sandbox.run(&["audit", "export", "evidence"]).ends(0);
    let last = sandbox.run(&["audit", "verify", "--output", "json"]).ends(0).json()["head"]["seq"].clone();
    let steps: Vec<String> = (0..=last.as_u64().expect("a seq")).map(|seq| seq.to_string()).collect();
    let mut told: Vec<Vec<&str>> = vec![
        vec!["backtest", "--policy", "home/proposals/trust/policy.yaml"],
        vec!["whatif", "--at", "0"],
        vec!["journal", "fsck"],
    ];
    told.extend(["md", "html", "json"].map(|format| vec!["postmortem", id, "--format", format]));
    told.extend(steps.iter().map(|seq| vec!["replay", "--at", seq.as_str()]));
    for command in told {
        for output in ["human", "json"] {
            if output == "json" && command[0] == "postmortem" {
                continue;
            }
            let ran = sandbox.run(&[&command[..], &["--output", output]].concat()).ends(0);
            let said = ran.stdout + &ran.stderr;
            assert!(
                !said.contains("hunter2") && !said.contains("AKIAIOSFODNN7EXAMPLE"),
                "{command:?}: {said}"
            );
            assert!(!said.contains('\u{1b}'), "{command:?} moves a cursor: {said}");
        }
    }
    let found = sandbox.shell("grep -rlaE 'hunter2|AKIAIOSFODNN7EXAMPLE' home/state daemon.log evidence");
    assert_eq!(found.stdout, "", "a secret was kept");
}

#[test]
fn homes_keys_ports_and_tokens_that_are_wrong_are_named() {
    let mut sandbox = Sandbox::with_home();
    let state = sandbox.home().join("state");
    std::fs::create_dir(sandbox.path().join("plain")).expect("a folder");
    says(&sandbox.run(&["serve", "--home", "plain"]).ends(69), &["no home", "remediator init"]);
    says(
        &sandbox.run(&["init", "--approve-shipped", "--home", "home/remediator.yaml"]).ends(1),
        &["remediator.yaml"],
    );
    let port = std::net::TcpListener::bind(sandbox.address()).expect("free until now");
    says(&sandbox.run(&["serve"]).ends(75), &["cannot listen", &sandbox.address(), "--listen"]);
    drop(port);
    let key = state.join("keys/journal.key");
    let bytes = std::fs::read(&key).expect("a key");
    std::fs::remove_file(&key).expect("removed");
    says(&sandbox.run(&["serve"]).ends(4), &["missing", "backup"]);
    assert!(!key.exists(), "a lost key is never replaced");
    for (bad, word) in [(&bytes[..31], "31 bytes"), (&[7; 32][..], "put the right key back")] {
        std::fs::write(&key, bad).expect("written");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("private");
        says(&sandbox.run(&["serve"]).ends(4), &[word]);
    }
    std::fs::write(&key, &bytes).expect("written");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("open");
    says(&sandbox.run(&["serve"]).ends(4), &["mode 644", "chmod 600"]);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("private");
    std::fs::remove_file(state.join("starts.json")).expect("three failed starts make the next observe only");
    sandbox.serve();
    says(&sandbox.run(&["serve", "--listen", "127.0.0.1:0"]).ends(75), &["in use by another process"]);
    let token = std::fs::read(state.join("token")).expect("a token");
    for wrong in ["", "rmdp_wrong", "\u{1b}[2J"] {
        std::fs::write(state.join("token"), wrong).expect("written");
        let args = ["emit", "--subsystem", "x", "--code", "ABC", "--target", "t", "--summary", "s"];
        says(&sandbox.run(&args).ends(4), &["token"]);
    }
    std::fs::write(state.join("token"), &token).expect("written");
    assert!(sandbox.get("/v1/status").starts_with("HTTP/1.1 401"));
    sandbox.run(&["status"]).ends(0);
}

#[test]
fn lost_tokens_are_made_anew_and_the_one_in_use_goes_on() {
    let mut sandbox = Sandbox::with_home();
    let state = sandbox.home().join("state");
    let token = std::fs::read(state.join("token")).expect("a token");
    std::fs::remove_file(state.join("tokens.json")).expect("removed");
    sandbox.serve();
    assert_eq!(std::fs::read(state.join("token")).expect("a token"), token);
    report(&sandbox, "ANY", "one");
    sandbox.stop("-TERM");
    for lost in ["tokens.json", "token"] {
        std::fs::remove_file(state.join(lost)).expect("removed");
    }
    sandbox.serve();
    report(&sandbox, "ANY", "two");
    let mode = std::fs::metadata(state.join("token")).expect("a token").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_ne!(std::fs::read(state.join("token")).expect("a token"), token);
}

#[test]
fn a_lost_journal_and_lost_blobs_are_damage_and_nothing_is_begun_in_their_place() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    sandbox.stop("-TERM");
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    let state = sandbox.home().join("state");
    std::fs::rename(state.join("journal"), sandbox.path().join("aside")).expect("moved");
    says(&sandbox.run(&["serve"]).ends(5), &["missing although its key is there"]);
    assert!(!state.join("journal").exists());
    std::fs::rename(sandbox.path().join("aside"), state.join("journal")).expect("moved");
    std::fs::rename(state.join("blobs"), sandbox.path().join("aside")).expect("moved");
    says(&sandbox.run(&["audit", "verify", "--full"]).ends(5), &["which entry 0 names, is missing"]);
    says(&sandbox.run(&["serve"]).ends(75), &["blob", "is missing", "backup"]);
    std::fs::remove_dir_all(state.join("blobs")).ok();
    std::fs::rename(sandbox.path().join("aside"), state.join("blobs")).expect("moved");
    sandbox.serve();
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
}

#[test]
fn a_folder_that_cannot_be_read_is_listed_not_ignored() {
    let sandbox = Sandbox::with_home();
    let hidden = sandbox.home().join("runbooks/http-wedged");
    std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(0o000)).expect("closed");
    if std::fs::read_dir(&hidden).is_ok() {
        eprintln!("skipped: root reads everything");
        return;
    }
    let ran = sandbox.run(&["runbook", "list"]).ends(1);
    std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(0o755)).expect("opened");
    says(&ran, &["http-wedged", "cannot be read"]);
}
