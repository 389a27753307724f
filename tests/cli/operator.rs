//! What an operator does to a running home: drain it, see and break locks, ask the doctor, look at the configuration.

use std::io::BufRead as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::sandbox::{Sandbox, eventually};

/// Ends with the test.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Another process of this machine that holds the sample service's lock with a token.
fn hold(sandbox: &Sandbox, token: u64) -> Holder {
    let folder = sandbox.path().join("locks");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("service%2Fdemo-web.lock");
    let zero = "00000000-0000-0000-0000-000000000001";
    let line = serde_json::json!({"token": token, "resource": "service/demo-web", "holder":
        {"pid": 1, "node": zero, "attempt": zero, "since": 0}});
    std::fs::write(&file, line.to_string()).expect("written");
    let mut child = sandbox
        .command("flock")
        .arg(&file)
        .args(["sh", "-c", "echo held; exec cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("flock starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("piped");
    std::io::BufReader::new(out).read_line(&mut line).expect("readable");
    assert_eq!(line, "held\n");
    Holder(child)
}

fn healed(sandbox: &Sandbox) -> bool {
    sandbox.run(&["incidents", "--state", "closed"]).stdout.contains("demo-web")
}

#[test]
fn a_lock_of_another_is_shown_to_who_waits_and_broken_by_a_signature() {
    let mut sandbox = Sandbox::with_home();
    let holder = hold(&sandbox, 7);
    sandbox.serve();
    let list = || sandbox.run(&["lock", "ls", "--output", "json"]).ends(0).json();
    let waits = || list()["locks"][0]["reason"].as_str().is_some_and(|r| r.contains("token 7"));
    assert!(eventually(Duration::from_secs(30), waits), "{}", list());
    assert_eq!(list()["locks"][0]["state"], "waiting");
    let machine = sandbox.run(&["lock", "ls", "--machine", "--output", "json"]).ends(0).json();
    assert_eq!(machine["locks"][0]["token"], 7);
    assert!(sandbox.run(&["lock", "ls"]).ends(0).stdout.contains("token 7"));
    let wrong = ["lock", "break", "service/demo-web", "--token", "6", "--reason", "it hangs"];
    let refused = sandbox.run(&wrong).ends(1);
    assert!(refused.stderr.contains("token 7"), "{}", refused.stderr);
    sandbox.run(&["lock", "break", "nobody/has-it", "--reason", "it hangs"]).ends(1);
    assert_eq!(sandbox.shell("ssh-keygen -q -t ed25519 -N '' -f stranger").code, Some(0));
    let stranger = ["lock", "break", "service/demo-web", "--reason", "let me", "--key", "stranger"];
    sandbox.run(&stranger).ends(4);
    assert!(!healed(&sandbox));
    sandbox.run(&["lock", "break", "service/demo-web", "--reason", "it hangs"]).ends(0);
    assert!(
        eventually(Duration::from_secs(30), || healed(&sandbox)),
        "{}",
        sandbox.run(&["incidents"]).stdout
    );
    let tail = sandbox.run(&["audit", "tail", "--after", "-1"]).ends(0).stdout;
    assert!(tail.contains("broken with #8") && tail.contains("service/demo-web #9"), "{tail}");
    drop(holder);
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
}

#[test]
fn an_attempt_that_ran_out_of_time_takes_no_lock_any_more() {
    let mut sandbox = Sandbox::with_home();
    let file = sandbox.home().join("remediator.yaml");
    let text = std::fs::read_to_string(&file).expect("a configuration");
    let short = text.replace("lock_timeout: 60s", "lock_timeout: 4s");
    assert_ne!(short, text);
    std::fs::write(&file, short).expect("written");
    let holder = hold(&sandbox, 7);
    sandbox.serve();
    let waits = || sandbox.run(&["lock", "ls", "--output", "json"]).json()["locks"][0]["state"] == "waiting";
    assert!(eventually(Duration::from_secs(30), waits));
    // From the end of the last attempt on none is begun.
    sandbox.run(&["drain", "--reason", "a test", "--wait", "60s"]).ends(0);
    let tail = sandbox.run(&["audit", "tail", "--kind", "attempt.ended"]).ends(0).stdout;
    assert!(tail.contains("while it waited for its lock"), "{tail}");
    drop(holder);
    // Its last pause ends within these seconds.
    let machine = || sandbox.run(&["lock", "ls", "--machine", "--output", "json"]).ends(0).json();
    let taken = || machine()["locks"].as_array().is_some_and(|locks| !locks.is_empty());
    assert!(!eventually(Duration::from_secs(5), taken), "{}", machine());
}

#[test]
fn a_drain_waits_until_nothing_runs_and_a_signature_ends_it() {
    let mut sandbox = Sandbox::with_home();
    let holder = hold(&sandbox, 1);
    sandbox.serve();
    let running =
        || sandbox.run(&["lock", "ls", "--output", "json"]).json()["locks"][0]["state"] == "waiting";
    assert!(eventually(Duration::from_secs(30), running));
    let still = sandbox.run(&["drain", "--reason", "upgrade", "--wait", "1s"]).ends(75);
    assert!(still.stderr.contains("attempt(s) still under way"), "{}", still.stderr);
    drop(holder);
    sandbox.run(&["drain", "--reason", "upgrade", "--wait", "60s"]).ends(0);
    let status = sandbox.run(&["status", "--output", "json"]).ends(0).json();
    assert_eq!(status["draining"]["running"], 0);
    assert!(status["draining"]["drained"].is_u64(), "{status}");
    assert!(healed(&sandbox), "what ran was finished");
    std::fs::write(sandbox.home().join("sample/data.txt"), "damaged").expect("written");
    let held = || sandbox.run(&["incidents", "--state", "held"]).stdout.contains("DATA_CORRUPTED");
    assert!(eventually(Duration::from_secs(30), held), "{}", sandbox.run(&["incidents"]).stdout);
    sandbox.stop("-TERM");
    sandbox.serve();
    assert!(sandbox.run(&["status"]).ends(0).stdout.contains("draining"), "a restart does not end it");
    sandbox.run(&["resume", "--reason", "upgraded"]).ends(0);
    let again = || {
        let list = sandbox.run(&["incidents", "--state", "closed"]).stdout;
        list.contains("DATA_CORRUPTED")
    };
    assert!(eventually(Duration::from_secs(30), again), "{}", sandbox.run(&["incidents"]).stdout);
    sandbox.run(&["drain", "--reason", " "]).ends(2);
}

#[test]
fn a_drain_that_nobody_answers_pauses_and_says_that_it_drained_nothing() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    sandbox.signal("-STOP");
    let said = sandbox.run(&["drain", "--reason", "upgrade"]).ends(75);
    sandbox.signal("-CONT");
    assert!(said.stderr.contains("paused, not drained"), "{}", said.stderr);
    let paused = || sandbox.run(&["status", "--output", "json"]).json()["paused"]["reason"] == "upgrade";
    assert!(eventually(Duration::from_secs(30), paused), "the file paused it");
}

#[test]
fn a_typo_in_the_configuration_keeps_nobody_from_pausing() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    std::fs::write(sandbox.home().join("remediator.yaml"), "lisen: 1\n").expect("written");
    sandbox.run(&["pause", "--reason", "at once"]).ends(0);
    assert_eq!(sandbox.run(&["status", "--output", "json"]).ends(0).json()["paused"]["reason"], "at once");
    sandbox.stop("-TERM");
    // Neither a daemon nor its address: the file needs neither.
    let bare = |command: &str| sandbox.shell(&format!("unset REMEDIATOR_LISTEN; {command}"));
    std::fs::remove_file(sandbox.home().join("state/PAUSED")).unwrap_or_default();
    bare("remediator pause --reason later").ends(0);
    assert!(sandbox.home().join("state/PAUSED").exists());
    let drained = bare("remediator drain --reason later").ends(75);
    assert!(drained.stderr.contains("paused, not drained"), "{}", drained.stderr);
    let report = "remediator emit --subsystem a --code A_B --target t --summary s";
    assert!(bare(report).ends(0).stdout.contains("the report waits"));
}

#[test]
fn another_process_that_answers_in_a_services_place_heals_nothing() {
    let mut sandbox = Sandbox::with_home();
    std::fs::write(sandbox.path().join("theirs.txt"), "x").expect("written");
    let port = sandbox.shell("printf %s $REMEDIATOR_SAMPLE_PORT").ends(0).stdout;
    let theirs = sandbox.path().join("theirs.txt").display().to_string();
    let squatter = ["__demo-service", "--port", &port, "--data", &theirs];
    let _squatter =
        Holder(sandbox.command(crate::sandbox::PROGRAM).args(squatter).spawn().expect("it starts"));
    let at = format!("127.0.0.1:{port}");
    assert!(eventually(Duration::from_secs(20), || std::net::TcpStream::connect(&at).is_ok()));
    sandbox.serve();
    let list = |state: &str| sandbox.run(&["incidents", "--state", state]).stdout;
    let tail = || sandbox.run(&["audit", "tail", "--after", "-1", "--output", "json"]).ends(0).stdout;
    let told = || tail().contains("somebody else answers in its place");
    assert!(eventually(Duration::from_secs(60), told), "{}", tail());
    let ended = || tail().contains("unhealed") || tail().contains("escalat");
    assert!(eventually(Duration::from_secs(60), ended), "{}", tail());
    assert!(!list("closed").contains("PROCESS_DEAD"), "{}", list("closed"));
    assert!(!list("closed").contains("HTTP_WEDGED"), "{}", list("closed"));
}

#[test]
fn the_doctor_finds_what_is_wrong_with_and_without_a_daemon() {
    let mut sandbox = Sandbox::with_home();
    let state = |report: &serde_json::Value, check: &str| -> Vec<String> {
        let said = report["checks"].as_array().expect("checks").iter();
        said.filter(|c| c["check"] == check).map(|c| c["state"].as_str().unwrap_or("").to_owned()).collect()
    };
    sandbox.serve();
    let healthy = || sandbox.run(&["doctor", "--output", "json"]).code == Some(0);
    assert!(eventually(Duration::from_secs(30), healthy), "{}", sandbox.run(&["doctor"]).stdout);
    let report = sandbox.run(&["doctor", "--output", "json"]).ends(0).json();
    assert_eq!((&report["daemon"], &report["ok"]), (&true.into(), &true.into()));
    sandbox.run(&["pause", "--reason", "a test"]).ends(0);
    let paused = sandbox.run(&["doctor"]).ends(1).stdout;
    assert!(paused.contains("paused by person:ada") && paused.contains("remediator resume"), "{paused}");
    sandbox.run(&["resume", "--reason", "a test"]).ends(0);
    sandbox.stop("-TERM");
    let report = sandbox.run(&["doctor", "--output", "json"]).ends(0).json();
    assert_eq!(report["daemon"], false);
    sandbox.shell("chmod 644 home/state/keys/journal.key && chmod 755 home/state").ends(0);
    let report = sandbox.run(&["doctor", "--output", "json"]).ends(1).json();
    assert!(state(&report, "keys").contains(&"finding".to_owned()), "{report}");
    assert!(state(&report, "permissions").contains(&"finding".to_owned()), "{report}");
    sandbox.shell("rm home/state/keys/journal.key; echo 'lisen: 1' > home/remediator.yaml").ends(0);
    let report = sandbox.run(&["doctor", "--output", "json"]).ends(1).json();
    let text = report.to_string();
    assert!(text.contains("put it back from a backup"), "a lost key is told apart: {text}");
    assert_eq!(state(&report, "configuration"), ["finding"]);
    let findings = report["checks"].as_array().expect("checks").iter().filter(|c| c["state"] == "finding");
    assert!(findings.clone().all(|c| c["fix"].as_str().is_some_and(|f| !f.is_empty())), "{text}");
}

#[test]
fn the_configuration_is_checked_with_its_place_and_shown_with_its_source() {
    let sandbox = Sandbox::with_home();
    sandbox.run(&["config", "check"]).ends(0);
    let bad = "v: 1\nlimits:\n  atempts_at_once: 3\n";
    std::fs::write(sandbox.path().join("bad.yaml"), bad).expect("written");
    let report = sandbox.run(&["config", "check", "--file", "bad.yaml", "--output", "json"]).ends(1).json();
    assert_eq!((&report["problems"][0]["line"], &report["problems"][0]["column"]), (&3.into(), &3.into()));
    assert!(
        sandbox.run(&["config", "check", "--file", "bad.yaml"]).ends(1).stdout.contains("attempts_at_once")
    );
    let show = sandbox
        .shell("REMEDIATOR_LIMITS_LOCK_TIMEOUT=90s remediator config show --output json")
        .ends(0)
        .json();
    let of = |key: &str| {
        let values = show["values"].as_array().expect("values").iter();
        let found = values.clone().find(|v| v["key"] == key).unwrap_or_else(|| panic!("{key}: {show}"));
        (found["value"].as_str().unwrap_or("").to_owned(), found["source"].as_str().unwrap_or("").to_owned())
    };
    assert_eq!(of("limits.lock_timeout"), ("90s".into(), "REMEDIATOR_LIMITS_LOCK_TIMEOUT".into()));
    assert_eq!(of("limits.attempts_at_once"), ("2".into(), "file".into()));
    assert_eq!(of("content"), (".".into(), "default".into()));
    assert_eq!(of("listen"), (sandbox.address(), "REMEDIATOR_LISTEN".into()));
    let wrong = sandbox.shell("REMEDIATOR_LIMITS_LOCK_TIMEOUT=soon remediator config check").ends(1);
    assert!(wrong.stdout.contains("REMEDIATOR_LIMITS_LOCK_TIMEOUT"), "{}", wrong.stdout);
}

#[test]
fn a_variable_that_nothing_reads_is_named_with_the_likely_one() {
    let sandbox = Sandbox::with_home();
    let likely = "did you mean `REMEDIATOR_LIMITS_LOCK_TIMEOUT`?";
    let misspelt =
        |command: &str| sandbox.shell(&format!("REMEDIATOR_LIMIT_LOCK_TIMEOUT=90s remediator {command}"));
    let checked = misspelt("config check").ends(0).stdout;
    assert!(checked.contains(likely), "{checked}");
    let checked = misspelt("config check --output json").ends(0).json();
    assert_eq!(checked["warnings"][0]["help"], likely);
    let doctor = misspelt("doctor --output json").json();
    let findings = doctor["checks"].as_array().expect("checks").iter();
    assert!(findings.clone().any(|c| c["state"] == "finding" && c["fix"] == likely), "{doctor}");
    // It says so before anything else can go wrong.
    let serve = misspelt("serve --listen nonsense");
    assert!(serve.code != Some(0) && serve.stderr.contains(likely), "{}", serve.stderr);
    let right = sandbox.run(&["config", "check", "--output", "json"]).ends(0).json();
    assert_eq!(right["warnings"], serde_json::json!([]));
}

#[test]
fn a_word_that_does_not_fit_says_how_it_stands_and_what_does() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let report =
        ["emit", "--subsystem", "example", "--code", "DISK_SLOW", "--target", "sda", "--summary", "slow"];
    let receipt = sandbox.run(&[&report[..], &["--output", "json"]].concat()).ends(0).json();
    let receipt = receipt["receipt"].as_str().expect("a receipt").to_owned();
    let about = sandbox.run(&["explain", &receipt, "--output", "json"]).ends(0).json();
    let id = about["incident"].as_str().expect("an incident").to_owned();
    let refused = |args: &[&str], says: &[&str]| {
        let ran = sandbox.run(&[args, &["--reason", "a test"]].concat()).ends(1);
        assert!(says.iter().all(|words| ran.stderr.contains(words)), "{args:?}: {}", ran.stderr);
    };
    refused(&["incident", "thaw", &id], &["only a frozen", "is escalated", "incident close"]);
    refused(&["incident", "rerun", &id], &["no attempt of it has run", "is escalated", "incident show"]);
    refused(&["target", "clear", "sda"], &["`sda` is not tainted", "nothing to clear"]);
    sandbox.run(&["incident", "close", &id, "--reason", "a test"]).ends(0);
    refused(&["incident", "close", &id], &["is closed", "reported again"]);
    refused(&["incident", "rerun", &id], &["at rest", "is closed", "reported again"]);
    refused(&["incident", "thaw", &id], &["only a frozen", "is closed"]);
    let nothing = "0190a5a0-0000-8000-8000-000000000000";
    for word in ["close", "rerun", "thaw"] {
        refused(&["incident", word, nothing], &["is not in this journal", "remediator incidents"]);
    }
}

#[test]
fn what_no_runbook_is_for_names_the_nearest_and_the_command_that_writes_one() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let report =
        ["emit", "--subsystem", "service", "--code", "HTTP_WEDGE", "--target", "db", "--summary", "slow"];
    let said = sandbox.run(&report).ends(0).stdout;
    assert!(said.contains("nearest is") && said.contains("another code"), "{said}");
    let command = said.lines().find_map(|l| l.strip_prefix("write one: ")).expect("a command").to_owned();
    let json = sandbox.run(&[&report[..], &["--output", "json"]].concat()).ends(0).json();
    assert_eq!(json["unmatched"]["write"], command.as_str());
    assert!(json["receipt"].is_string());
    sandbox.shell(&command).ends(0);
    sandbox.run(&["runbook", "lint"]).ends(0);
    sandbox.shell(&command).ends(2);
    let said = sandbox.run(&report).ends(0).stdout;
    assert!(!said.contains("nearest"), "one is there now: {said}");
    sandbox.run(&["runbook", "new", "Bad Id", "--code", "X_Y_Z"]).ends(2);
    sandbox.run(&["runbook", "new", "good-id", "--code", "bad"]).ends(2);
}

#[test]
fn before_the_first_daemon_status_and_doctor_say_so_and_a_key_of_nobodys_is_named() {
    let sandbox = Sandbox::with_plain_home();
    let status = sandbox.run(&["status"]).ends(0).stdout;
    assert!(status.contains("never started on this home: `remediator serve`"), "{status}");
    let doctor = sandbox.run(&["doctor"]).stdout;
    assert!(doctor.contains("no daemon was started on this home yet"), "{doctor}");
    assert!(!doctor.contains("no sentinel watches anything"), "{doctor}");
    assert!(doctor.contains("a key of ada"), "{doctor}");
    // Another key lies where keys usually are.
    let another = "rm -rf ~/.config/remediator && mkdir -p ~/.ssh && rm -f ~/.ssh/id_ed25519* && \
                   ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519";
    sandbox.shell(another).ends(0);
    let doctor = sandbox.run(&["doctor"]).stdout;
    assert!(doctor.contains("which is nobody's key") && doctor.contains("--key PATH"), "{doctor}");
}
