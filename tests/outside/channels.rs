//! Channels, from the real binary to real receivers: what arrives, what failure says, what a crash costs.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, Instant};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::receiver::{Got, Receiver, Says, self_signed};
use crate::sandbox::{Sandbox, eventually};

/// A home with more in its configuration.
pub fn home(more: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.run(&["init", "--name", "ada", "--approve-shipped"]).ends(0);
    write_config(&sandbox, more);
    sandbox
}

/// A configuration of these lines only: a key may stand once.
fn write_config(sandbox: &Sandbox, lines: &str) {
    let listen = format!("listen: {}\n", sandbox.address());
    std::fs::write(sandbox.home().join("remediator.yaml"), listen + lines).expect("written");
}

pub fn secret(sandbox: &Sandbox, name: &str, value: &str) {
    let folder = sandbox.home().join("state/secrets");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(folder.join(name));
    file.and_then(|mut f| f.write_all(value.as_bytes())).expect("written");
}

fn emit(sandbox: &Sandbox, target: &str) {
    let args =
        ["emit", "--subsystem", "test", "--code", "NOBODY_HEALS", "--target", target, "--summary", "broken"];
    sandbox.run(&args).ends(0);
}

/// Every entry of a kind, as JSON.
pub fn entries(sandbox: &Sandbox, kind: &str) -> Vec<serde_json::Value> {
    let ran = sandbox.run(&["audit", "tail", "-n", "5000", "--output", "json"]).ends(0);
    let lines = ran.stdout.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.filter(|entry| entry["kind"] == kind).collect()
}

fn about(target: &'static str) -> impl Fn(&Got) -> bool {
    move |got| got.json()["about"]["target"] == target
}

fn signature(key: &str, got: &Got) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(format!("{}.{}", got.header("x-remediator-timestamp"), got.body).as_bytes());
    format!("v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[test]
fn a_notice_arrives_signed_and_its_receipt_is_an_entry_and_no_secret_stands_anywhere() {
    let receiver = Receiver::new();
    let mut sandbox = home(
        "channels:\n  oncall:\n    webhook: {url_secret: hook-url, sign_secret: hook-key}\nannounce: [log, oncall]\n",
    );
    secret(&sandbox, "hook-url", &receiver.url("/path-that-is-secret\n"));
    secret(&sandbox, "hook-key", "key-that-is-secret\n");
    sandbox.serve();
    emit(&sandbox, "one");
    let got = receiver.wait("the escalation", about("one"));
    let json = got.json();
    assert_eq!(
        (&json["v"], &json["topic"], &json["channel"]),
        (&1.into(), &"escalation".into(), &"oncall".into())
    );
    assert_eq!(got.path, "/path-that-is-secret");
    assert_eq!(got.header("x-remediator-signature"), signature("key-that-is-secret", &got));
    assert_eq!(got.header("idempotency-key"), json["id"].as_str().expect("an id"));
    assert!(eventually(Duration::from_secs(20), || {
        let told = entries(&sandbox, "notice.delivered");
        told.iter().any(|e| e["data"]["notice"] == json["notice"] && e["data"]["said"] == "HTTP 200 ok")
    }));
    sandbox.run(&["status", "--output", "json"]).ends(0);
    sandbox.stop("-TERM");
    let leaks =
        sandbox.shell("grep -rl -e key-that-is-secret -e path-that-is-secret . | grep -v state/secrets/");
    assert_eq!(leaks.stdout, "", "a secret stands in a file");
}

#[test]
fn a_failure_is_tried_again_across_a_kill_with_the_same_id_and_the_real_words_are_kept() {
    let receiver = Receiver::new();
    receiver.says(&[Says::Status(500, "", "the pager is down"), Says::Status(503, "Retry-After: 2\r\n", "")]);
    let mut sandbox = home(&format!(
        "channels:\n  oncall:\n    webhook: {{url: \"{}\"}}\nannounce: [oncall]\n",
        receiver.url("/hook")
    ));
    sandbox.serve();
    emit(&sandbox, "two");
    let first = receiver.wait("the first try", about("two"));
    assert!(eventually(Duration::from_secs(20), || {
        entries(&sandbox, "notice.failed").iter().any(|e| e["data"]["reason"] == "HTTP 500 the pager is down")
    }));
    sandbox.stop("-KILL");
    sandbox.serve();
    assert!(eventually(Duration::from_secs(60), || !entries(&sandbox, "notice.delivered").is_empty()));
    let got: Vec<Got> = receiver.got().into_iter().filter(about("two")).collect();
    assert!(got.len() >= 3, "500, 503 and 200: {got:?}");
    assert!(got.iter().all(|g| g.header("idempotency-key") == first.header("idempotency-key")));
    assert!(got.iter().all(|g| g.body == first.body), "every try says the same");
    assert_eq!(entries(&sandbox, "notice.queued").len(), 1, "one notice, however often it is tried");
}

#[test]
fn a_configuration_that_is_read_again_brings_its_channels_and_its_sources() {
    let receiver = Receiver::new();
    let mut sandbox = home("");
    sandbox.serve();
    sandbox.run(&["notify", "test", "oncall"]).ends(2);
    let more = format!(
        "channels: {{oncall: {{webhook: {{url: \"{}\"}}}}}}\nannounce: [oncall]\ningest: {{json: {{any: {{map: {{subsystem: {{default: a}}, code: {{default: ANY}}, target: {{from: [/t]}}, summary: {{default: s}}}}}}}}}}\n",
        receiver.url("/hook")
    );
    write_config(&sandbox, &more);
    sandbox.signal("-HUP");
    let listed = || sandbox.run(&["notify", "list"]).ends(0).stdout.contains("oncall");
    assert!(eventually(Duration::from_secs(20), listed), "the new channel is in force");
    sandbox.run(&["notify", "test", "oncall"]).ends(0);
    let token = std::fs::read_to_string(sandbox.home().join("state/token")).expect("a token");
    let url = format!("http://{}/v1/ingest/json/any", sandbox.address());
    let curl =
        format!("curl -fsS -H 'Authorization: Bearer {}' {url} -d '{{\"t\":\"three\"}}'", token.trim());
    sandbox.shell(&curl).ends(0);
    receiver.wait("the escalation", about("three"));
    assert!(entries(&sandbox, "notice.failed").is_empty(), "nothing was refused for want of a channel");
}

#[test]
fn a_receiver_that_hangs_holds_up_nobody_else() {
    let (wedged, well) = (Receiver::new(), Receiver::new());
    wedged.says(&[Says::Nothing; 64]);
    let mut sandbox = home(&format!(
        "channels:\n  wedged: {{webhook: {{url: \"{}\"}}, timeout: 60s}}\n  well: {{webhook: {{url: \"{}\"}}}}\nannounce: [wedged, well]\n",
        wedged.url("/"),
        well.url("/")
    ));
    sandbox.serve();
    let began = Instant::now();
    for target in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        emit(&sandbox, target);
    }
    well.wait("the last notice", about("h"));
    assert!(began.elapsed() < Duration::from_secs(45), "the well one waited for the wedged one");
    assert!(wedged.got().len() <= 4, "no more than its share of connections is held");
    sandbox.stop("-TERM");
}

#[test]
fn notify_test_says_the_real_error_with_and_without_a_daemon() {
    let receiver = Receiver::new();
    let refused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let script = "cat > got.json; echo taken; exit ${1:-0}";
    let mut sandbox = Sandbox::new();
    let dir = sandbox.path().display().to_string();
    let more = format!(
        "channels:
  good: {{webhook: {{url: \"{good}\"}}}}
  broken: {{webhook: {{url: \"{good}\"}}}}
  slow: {{webhook: {{url: \"{good}\"}}, timeout: 300ms}}
  refused: {{webhook: {{url: \"http://{refused}/\"}}}}
  no-tls: {{webhook: {{url: \"https://127.0.0.1:{port}/\"}}}}
  stranger: {{webhook: {{url: \"https://{stranger}/\"}}}}
  no-secret: {{slack: {{url_secret: not-there}}}}
  page: {{command: {{argv: [/bin/sh, -c, \"cd {dir} && {script}\"]}}}}
  page-fails: {{command: {{argv: [/bin/sh, -c, \"echo no modem >&2; exit 3\"]}}}}
  page-hangs: {{command: {{argv: [/bin/sleep, \"300\"]}}, timeout: 5s}}
",
        good = receiver.url("/"),
        port = receiver.port(),
        stranger = self_signed(),
    );
    sandbox.run(&["init", "--name", "ada", "--approve-shipped"]).ends(0);
    write_config(&sandbox, &more);
    let all = |sandbox: &Sandbox, recorded: bool| {
        let test = |name: &str, code: i32| {
            let json = sandbox.run(&["notify", "test", name, "--output", "json"]).ends(code).json();
            assert_eq!(json["notice"].is_u64(), recorded, "{json}");
            (
                json["result"].as_str().expect("a word").to_owned(),
                json["said"].as_str().expect("a text").to_owned(),
            )
        };
        assert_eq!(test("good", 0), ("delivered".into(), "HTTP 200 ok".into()));
        receiver.says(&[Says::Status(500, "", "out of paper")]);
        assert_eq!(test("broken", 1), ("failed".into(), "HTTP 500 out of paper".into()));
        receiver.says(&[Says::Status(403, "", "who are you")]);
        assert_eq!(test("broken", 1), ("refused".into(), "HTTP 403 who are you".into()));
        receiver.says(&[Says::Nothing]);
        let cases = [
            ("slow", "no answer within 300 ms"),
            ("refused", "refused"),
            ("no-tls", "tls handshake"),
            ("stranger", "certificate"),
            ("no-secret", "mode 0600"),
            ("page-fails", "exit code 3: no modem"),
            ("page-hangs", "did not end within"),
        ];
        for (name, words) in cases {
            let (result, said) = test(name, 1);
            assert_eq!(result, "failed", "{name}: {said}");
            assert!(said.to_lowercase().contains(words), "{name}: {said}");
        }
        assert_eq!(test("page", 0), ("delivered".into(), "taken".into()));
        let got = std::fs::read_to_string(sandbox.path().join("got.json")).expect("the program wrote it");
        let got: serde_json::Value = serde_json::from_str(&got).expect("JSON on its standard input");
        assert_eq!((&got["topic"], &got["channel"]), (&"test".into(), &"page".into()));
        assert_eq!(test("log", 0).0, "delivered");
        sandbox.run(&["notify", "test", "nobody"]).ends(2);
    };
    all(&sandbox, false);
    let list = sandbox.run(&["notify", "list", "--output", "json"]).ends(0).stdout;
    sandbox.serve();
    all(&sandbox, true);
    let token = std::fs::read_to_string(sandbox.home().join("state/token")).expect("a token");
    let twin = sandbox.shell(&format!(
        "curl -fsS -H 'Authorization: Bearer {}' http://{}/v1/channels",
        token.trim(),
        sandbox.address()
    ));
    assert_eq!(twin.stdout.trim(), list.trim(), "command and route say the same");
}

#[test]
fn ntfy_and_slack_get_their_own_formats_with_their_secrets() {
    let receiver = Receiver::new();
    let mut sandbox = home(&format!(
        "channels:\n  phone: {{ntfy: {{server: \"{0}\", topic: ada-alarms, token_secret: ntfy}}}}\n  team: {{slack: {{url_secret: slack}}}}\nannounce: [phone, team]\n",
        receiver.url("")
    ));
    secret(&sandbox, "ntfy", "tk_secret");
    secret(&sandbox, "slack", &receiver.url("/services/T/B/x"));
    sandbox.serve();
    emit(&sandbox, "<!here> & co");
    let ntfy = receiver.wait("the push", |got| got.path == "/");
    assert_eq!(ntfy.header("authorization"), "Bearer tk_secret");
    let json = ntfy.json();
    assert_eq!((&json["topic"], &json["priority"]), (&"ada-alarms".into(), &4.into()));
    assert!(json["message"].as_str().expect("a text").contains("<!here> & co"));
    let slack = receiver.wait("the chat", |got| got.path == "/services/T/B/x").json();
    let text = slack["text"].as_str().expect("a text");
    assert!(text.contains("&lt;!here&gt; &amp; co") && !text.contains("<!"), "{text}");
    assert_eq!(slack["blocks"][0]["type"], "section");
}

#[test]
fn a_subscriber_is_told_how_each_attempt_ended_as_the_schema_says() {
    let receiver = Receiver::new();
    let mut sandbox = Sandbox::with_home();
    let more = format!("channels: {{ci: {{webhook: {{url: \"{}\"}}}}}}\noutcomes: [ci]\n", receiver.url("/"));
    write_config(&sandbox, &more);
    sandbox.serve();
    let got = receiver.wait("an outcome", |got| got.json()["topic"] == "outcome");
    let json = got.json();
    assert_eq!(json["outcome"]["dry_run"], false);
    let schema = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/notice.schema.json"));
    let schema: serde_json::Value = serde_json::from_str(&schema.expect("a schema")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    assert!(validator.is_valid(&json), "{json}");
    let entry = json["outcome"]["entry"].as_u64().expect("a seq").to_string();
    let explained = sandbox.run(&["explain", &entry, "--output", "json"]).ends(0);
    assert!(explained.stdout.contains("attempt.ended"), "{}", explained.stdout);
}

#[test]
fn runbooks_are_linted_against_the_channels_of_their_home() {
    let sandbox = home("channels: {oncall: {webhook: {url: \"http://127.0.0.1:1/\"}}}\n");
    let file = sandbox.home().join("runbooks/process-dead/runbook.yaml");
    let text = std::fs::read_to_string(&file).expect("a runbook");
    std::fs::write(&file, text.replacen("channel: log", "channel: oncall", 1)).expect("written");
    sandbox.run(&["runbook", "lint", &file.display().to_string()]).ends(0);
    std::fs::write(&file, text.replacen("channel: log", "channel: pager", 1)).expect("written");
    let ran = sandbox.run(&["runbook", "lint"]).ends(1);
    assert!(
        ran.stdout.contains("no channel `pager`") && ran.stdout.contains("known here: log, oncall"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_receiver_that_the_page_shows_takes_what_is_sent_and_nothing_else() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        eprintln!("\nNOT TESTED: python3 is not installed\n");
        return;
    }
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/channels.md")).expect("the page");
    let code =
        page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let mut sandbox = Sandbox::new();
    sandbox.run(&["init", "--name", "ada", "--approve-shipped"]).ends(0);
    let port = sandbox.own_port();
    write_config(
        &sandbox,
        &format!(
            "channels:\n  good: {{webhook: {{url: \"http://127.0.0.1:{port}/\", sign_secret: key}}}}\n  bad: {{webhook: {{url: \"http://127.0.0.1:{port}/\", sign_secret: other}}}}\n"
        ),
    );
    secret(&sandbox, "key", "correct horse");
    secret(&sandbox, "other", "battery staple");
    std::fs::write(sandbox.path().join("receiver.py"), code).expect("written");
    let mut python = sandbox
        .command("python3")
        .args(["receiver.py", &port.to_string(), "home/state/secrets/key"])
        .stdout(std::fs::File::create(sandbox.path().join("got.ndjson")).expect("a file"))
        .spawn()
        .expect("it starts");
    sandbox.serve();
    let up = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert!(eventually(Duration::from_secs(20), up), "the receiver listens");
    sandbox.run(&["notify", "test", "good"]).ends(0);
    let refused = sandbox.run(&["notify", "test", "bad"]).ends(1);
    assert!(refused.stdout.contains("HTTP 401"), "{}", refused.stdout);
    let _ = python.kill();
    let _ = python.wait();
    let got = std::fs::read_to_string(sandbox.path().join("got.ndjson")).expect("what it took");
    assert_eq!(got.lines().count(), 1, "{got}");
}
