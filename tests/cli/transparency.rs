//! The journal as a transparency log, with the real daemon and the real commands: checked by `openssl` and by a policy,
//! found tampered, forked, truncated, stale and unsigned for, and a witness that goes one way only.

use std::path::Path;
use std::time::Duration;

use remediator::base::sign::JournalKey;
use remediator::tlog::checkpoint::{Checkpoint, LogKey};
use remediator::tlog::merkle::{Hash, InMemory, consistency, root};
use remediator::tlog::note::{Kind, Note, Signature, Verdict, Verifier, cosign};
use remediator::tlog::tiles::unbundle;
use remediator::tlog::witness_request::AddCheckpoint;

use crate::sandbox::{Ran, Sandbox, eventually};

/// A GET with the person's token, by curl: head and body into files.
fn ask(sandbox: &Sandbox, path: &str, to: &str) -> Ran {
    sandbox.shell(&format!(
        r#"curl -sS -D {to}.head -o {to} -H "Authorization: Bearer $(cat home/state/token)" "http://$REMEDIATOR_LISTEN{path}""#
    ))
}

fn read(sandbox: &Sandbox, name: &str) -> String {
    std::fs::read_to_string(sandbox.path().join(name)).expect("a file")
}

fn report(sandbox: &Sandbox, target: &str) {
    let emit = [
        "emit",
        "--subsystem",
        "x",
        "--code",
        "ODD_THING",
        "--target",
        target,
        "--severity",
        "info",
        "--summary",
        "odd",
    ];
    sandbox.run(&emit).ends(0);
}

fn entries(sandbox: &Sandbox, folder: &str) -> u64 {
    sandbox.run(&["audit", "verify", "--folder", folder, "--output", "json"]).ends(0).json()["entries"]
        .as_u64()
        .expect("a count")
}

/// The checkpoint, once it speaks of everything that is durable.
fn caught_up(sandbox: &Sandbox) -> Note {
    let mut found = None;
    let all = eventually(Duration::from_secs(20), || {
        let lines = entries(sandbox, "home/state");
        ask(sandbox, "/checkpoint", "checkpoint").ends(0);
        let note = Note::parse(&read(sandbox, "checkpoint")).ok();
        found = note.filter(|note| Checkpoint::parse(&note.text).is_ok_and(|head| head.size >= lines));
        found.is_some()
    });
    assert!(all, "no checkpoint of the whole journal: {}", read(sandbox, "checkpoint"));
    found.expect("just looked at")
}

fn vkey(sandbox: &Sandbox) -> String {
    ask(sandbox, "/v1/audit/keys", "keys.json").ends(0);
    let keys: serde_json::Value = serde_json::from_str(&read(sandbox, "keys.json")).expect("JSON");
    keys["log"]["vkey"].as_str().expect("the log's key").to_owned()
}

fn write(sandbox: &Sandbox, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(sandbox.path().join(name), text).expect("written");
}

fn log_key(state: &Path) -> JournalKey {
    let seed = std::fs::read(state.join("keys/log.key")).expect("the log's key");
    JournalKey::from_seed(&seed.try_into().expect("32 bytes"))
}

#[test]
fn a_running_log_is_read_and_checked_by_others() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    (0..3).for_each(|n| report(&sandbox, &format!("disk-{n}")));
    let note = caught_up(&sandbox);
    let head = Checkpoint::parse(&note.text).expect("a checkpoint");
    let key = LogKey::of(&Verifier::parse(&vkey(&sandbox)).expect("a vkey")).expect("a log's");
    assert!(matches!(key.judge(&note), (Verdict::Holds(_), Some(_))));
    // openssl knows nothing of notes: the text, the signature without its key id, and the key as DER.
    write(&sandbox, "text", &note.text);
    write(&sandbox, "signature", &note.signatures[0].bytes);
    let der =
        [&hex::decode("302a300506032b6570032100").expect("hex")[..], key.key.as_dalek().as_bytes()].concat();
    write(&sandbox, "key.der", der);
    let openssl =
        "openssl pkeyutl -verify -pubin -inkey key.der -keyform DER -rawin -in text -sigfile signature";
    sandbox.shell(openssl).ends(0);
    write(&sandbox, "text", note.text.replace('\n', " \n"));
    assert_ne!(sandbox.shell(openssl).code, Some(0));

    let exported = sandbox.run(&["audit", "tail", "--after=-1", "--output", "json"]).ends(0).stdout;
    let lines: Vec<&[u8]> = exported.lines().map(str::as_bytes).take(head.size as usize).collect();
    ask(&sandbox, &format!("/tile/entries/000.p/{}", head.size), "bundle").ends(0);
    let bundle = std::fs::read(sandbox.path().join("bundle")).expect("a bundle");
    assert_eq!(unbundle(&bundle).expect("whole"), lines);
    assert!(
        read(&sandbox, "bundle.head").to_lowercase().contains("cache-control: max-age=31536000, immutable")
    );
    assert!(read(&sandbox, "checkpoint.head").to_lowercase().contains("cache-control: no-store"));
    ask(&sandbox, &format!("/tile/0/000.p/{}", head.size), "hashes").ends(0);
    let hashes: Vec<u8> = lines.iter().flat_map(|line| Hash::of_leaf(line).0).collect();
    assert_eq!(std::fs::read(sandbox.path().join("hashes")).expect("hashes"), hashes);
    for (path, status) in
        [("/tile/0/000", 404), ("/tile/0/00", 404), ("/tile/1/000.p/1", 404), ("/v1/audit/99999/proof", 404)]
    {
        ask(&sandbox, path, "none").ends(0);
        assert!(read(&sandbox, "none.head").starts_with(&format!("HTTP/1.1 {status}")), "{path}");
    }
    ask(&sandbox, "/metrics", "figures").ends(0);
    let figures = read(&sandbox, "figures");
    assert!(
        figures.contains("\nremediator_log_up 1\n") && figures.contains("\nremediator_log_entries "),
        "{figures}"
    );
    assert!(sandbox.get("/checkpoint").starts_with("HTTP/1.1 401"), "a journal is nobody else's business");

    sandbox.run(&["audit", "prove", "2"]).ends(0);
    sandbox.run(&["audit", "prove", "2", "--with-entry", "--to", "with.tlog-proof"]).ends(0);
    write(&sandbox, "policy", format!("log {}\nquorum none\n", vkey(&sandbox)));
    sandbox.run(&["audit", "verify", "--proof", "2.tlog-proof", "--proof", "with.tlog-proof"]).ends(0);
    let alone = ["audit", "verify", "--home", "nowhere", "--policy", "policy", "--proof"];
    sandbox.run(&[&alone[..], &["with.tlog-proof"]].concat()).ends(0);
    sandbox.run(&[&alone[..], &["2.tlog-proof"]].concat()).ends(2);
    write(&sandbox, "entry", [lines[2], b"\n"].concat());
    sandbox.run(&[&alone[..], &["2.tlog-proof", "--entry", "entry"]].concat()).ends(0);
    write(&sandbox, "entry", lines[1]);
    sandbox.run(&[&alone[..], &["2.tlog-proof", "--entry", "entry"]].concat()).ends(5);
    sandbox.stop("-TERM");
    sandbox.run(&["audit", "prove", "2", "--to", "later.tlog-proof"]).ends(0);
    sandbox.run(&["audit", "verify", "--proof", "later.tlog-proof"]).ends(0);
}

#[test]
fn what_is_wrong_with_a_head_is_told_apart_by_its_exit_code() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    report(&sandbox, "one");
    caught_up(&sandbox);
    write(&sandbox, "policy", format!("log {}\nquorum none\n", vkey(&sandbox)));
    sandbox.stop("-TERM");
    sandbox.run(&["audit", "export", "early"]).ends(0);
    sandbox.shell("cp -r home twin").ends(0);
    sandbox.serve();
    (0..3).for_each(|n| report(&sandbox, &format!("more-{n}")));
    caught_up(&sandbox);
    sandbox.stop("-TERM");
    let verify = |args: &[&str]| sandbox.run(&[&["audit", "verify", "--output", "json"], args].concat());
    let good = verify(&["--full", "--policy", "policy", "--state", "seen", "--max-age", "1h"]).ends(0).json();
    assert_eq!(good["log"]["findings"], serde_json::json!([]));
    let kept = read(&sandbox, "seen");

    // Rolled back: an older copy than the one that was seen.
    let rolled = verify(&["--folder", "early", "--state", "seen"]).ends(6).json();
    assert_eq!(rolled["log"]["findings"][0]["code"], "truncated");
    // Truncated: by the head file, and without one by the checkpoint.
    sandbox
        .shell("cp -r home/state cut && f=$(ls cut/journal/*.ndjson | tail -n 1) && sed -i '$ d' $f")
        .ends(0);
    verify(&["--folder", "cut"]).ends(6);
    sandbox.shell("cp -r early short && cp home/state/tlog/checkpoint short/checkpoint").ends(0);
    verify(&["--folder", "short", "--full"]).ends(6);
    // Tampered: a byte of an entry, or of the signature on the checkpoint.
    sandbox.shell("cp -r home/state bent && f=$(ls bent/journal/*.ndjson | head -n 1) && sed -i 's/journal.genesis/journal.genesiz/' $f").ends(0);
    verify(&["--folder", "bent", "--state", "seen"]).ends(5);
    let mut note = Note::parse(&read(&sandbox, "home/state/tlog/checkpoint")).expect("a note");
    note.signatures[0].bytes[9] ^= 1;
    write(&sandbox, "forged", note.to_string());
    verify(&["--checkpoint", "forged"]).ends(5);
    // Unknown key: somebody else's, or nobody's.
    let other = Verifier::new("other.example/log", Kind::Plain, JournalKey::from_seed(&[1; 32]).public());
    write(&sandbox, "others", format!("log {other}\nquorum none\n"));
    verify(&["--policy", "others"]).ends(8);
    // Stale: the same head, last called the newest in 1970.
    let key = log_key(&sandbox.home().join("state"));
    let head = Checkpoint::parse(&note.text).expect("a checkpoint");
    write(&sandbox, "old", head.signed(&key, 1).to_string());
    verify(&["--checkpoint", "old", "--max-age", "1h"]).ends(9);
    verify(&["--checkpoint", "old"]).ends(0);
    // Quorum missing, until the witness cosigns.
    let witness = JournalKey::from_seed(&[2; 32]);
    let named = Verifier::new("w.example", Kind::Timestamped, witness.public());
    write(
        &sandbox,
        "strict",
        format!("{}witness w {named}\nquorum w\n", read(&sandbox, "policy").replace("quorum none\n", "")),
    );
    verify(&["--policy", "strict"]).ends(10);
    let mut cosigned = head.signed(&key, 1);
    cosigned.signatures.push(cosign("w.example", &witness, &cosigned.text, 7));
    write(&sandbox, "cosigned", cosigned.to_string());
    let found = verify(&["--policy", "strict", "--checkpoint", "cosigned"]).ends(0).json();
    assert_eq!(found["log"]["cosigned"]["w"], 7);
    assert_eq!(read(&sandbox, "seen"), kept, "nothing but a good check moves what was seen");

    // Forked: the twin went on by itself, further than what was seen.
    sandbox.shell("rm -rf home && mv twin home").ends(0);
    sandbox.serve();
    (0..9).for_each(|n| report(&sandbox, &format!("other-{n}")));
    caught_up(&sandbox);
    sandbox.stop("-TERM");
    let verify = |args: &[&str]| sandbox.run(&[&["audit", "verify", "--output", "json"], args].concat());
    let forked = verify(&["--state", "seen"]).ends(7).json();
    assert_eq!(forked["log"]["findings"][0]["code"], "forked");
    verify(&["--checkpoint", "old"]).ends(7);
    write(&sandbox, "seen", "{}");
    verify(&["--state", "seen"]).ends(5);
}

#[test]
fn a_journal_that_was_put_back_silences_its_log_and_a_lost_cache_costs_nothing() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    report(&sandbox, "one");
    let before = Checkpoint::parse(&caught_up(&sandbox).text).expect("a checkpoint");
    sandbox.stop("-TERM");
    sandbox.shell("rm home/state/tlog/level-0; cp -r home/state/journal kept").ends(0);
    sandbox.serve();
    (0..5).for_each(|n| report(&sandbox, &format!("more-{n}")));
    let after = Checkpoint::parse(&caught_up(&sandbox).text).expect("a checkpoint");
    assert!(after.size > before.size && after.origin == before.origin);
    sandbox.stop("-KILL");
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    sandbox.shell("rm -rf home/state/journal home/state/sled-* home/state/snapshots && cp -r kept home/state/journal").ends(0);
    sandbox.serve();
    report(&sandbox, "after");
    let silent = eventually(Duration::from_secs(20), || {
        ask(&sandbox, "/checkpoint", "silent").ends(0);
        read(&sandbox, "silent").contains("LOG_SILENT")
    });
    assert!(silent, "{}", read(&sandbox, "silent"));
    assert!(read(&sandbox, "silent").contains("does not continue"), "{}", read(&sandbox, "silent"));
    ask(&sandbox, "/metrics", "figures").ends(0);
    assert!(read(&sandbox, "figures").contains("\nremediator_log_up 0\n"));
    sandbox.stop("-TERM");
    sandbox.shell("rm home/state/tlog/checkpoint").ends(0);
    sandbox.serve();
    caught_up(&sandbox);
}

#[test]
fn a_lost_log_key_stops_the_log_and_nothing_else() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    caught_up(&sandbox);
    sandbox.stop("-TERM");
    sandbox.shell("mv home/state/keys/log.key kept").ends(0);
    let said = sandbox.run(&["doctor"]).ends(1).stdout;
    assert!(said.contains("key of the transparency log is gone"), "{said}");
    sandbox.serve();
    report(&sandbox, "one");
    ask(&sandbox, "/checkpoint", "silent").ends(0);
    assert!(read(&sandbox, "silent").contains("log.key"), "{}", read(&sandbox, "silent"));
    sandbox.stop("-TERM");
    sandbox.shell("mv kept home/state/keys/log.key").ends(0);
    sandbox.serve();
    caught_up(&sandbox);
}

/// A log of somebody else, and the requests that it sends.
struct Other {
    key: JournalKey,
    tree: InMemory,
}

impl Other {
    fn new() -> Self {
        let mut tree = InMemory::default();
        (0..300_u64).for_each(|n| tree.push(Hash::of_leaf(&n.to_be_bytes())));
        Self { key: JournalKey::from_seed(&[7; 32]), tree }
    }
    fn vkey(&self) -> String {
        Verifier::new("other.example/log", Kind::Plain, self.key.public()).to_string()
    }
    fn asks(&self, old: u64, new: u64) -> AddCheckpoint {
        let root = root(&self.tree, new).expect("a root");
        let head = Checkpoint { origin: "other.example/log".into(), size: new, root };
        let proof = consistency(&self.tree, old, new).expect("a proof");
        AddCheckpoint { old, proof, note: head.signed(&self.key, 3), head }
    }
}

/// Sends a request to the witness: status, content type and body.
fn send(sandbox: &Sandbox, body: &str) -> (String, String) {
    write(sandbox, "request", body);
    let sent = sandbox.shell(
        r#"curl -sS -o answer -w '%{http_code} %{content_type}' --data-binary @request "http://$REMEDIATOR_LISTEN/add-checkpoint""#,
    );
    (sent.ends(0).stdout, read(sandbox, "answer"))
}

#[test]
fn a_witness_cosigns_what_continues_and_remembers_it_over_a_crash() {
    let (mut sandbox, log) = (Sandbox::with_home(), Other::new());
    sandbox
        .shell(&format!("printf 'witness:\\n  logs: [\"{}\"]\\n' >> home/remediator.yaml", log.vkey()))
        .ends(0);
    sandbox.serve();
    let (status, lines) = send(&sandbox, &log.asks(0, 100).body());
    assert_eq!(status, "200 text/plain; charset=utf-8", "{lines}");
    ask(&sandbox, "/v1/audit/keys", "keys.json").ends(0);
    let keys: serde_json::Value = serde_json::from_str(&read(&sandbox, "keys.json")).expect("JSON");
    let witness = Verifier::parse(keys["witness"]["vkey"].as_str().expect("a vkey")).expect("readable");
    let cosigned =
        Note::parse(&format!("{}{lines}", log.asks(0, 100).note)).expect("a note with one line more");
    assert!(matches!(witness.verify(&cosigned), Verdict::Holds(Some(_))));

    let said = |body: &str| send(&sandbox, body).0;
    // Sixteen lines of keys that it does not know, as large as post-quantum ones, are passed over.
    let mut many = log.asks(100, 100);
    many.note.signatures.extend((0..16).map(|n| {
        let bytes = vec![n; 4_900];
        Signature { name: format!("pq-{n}.example"), id: [n; 4], bytes }
    }));
    assert_eq!(said(&many.body()), "200 text/plain; charset=utf-8");
    assert_eq!(send(&sandbox, &log.asks(0, 200).body()), ("409 text/x.tlog.size".into(), "100\n".into()));
    let mut forged = log.asks(100, 200);
    forged.note.signatures[0].bytes[5] ^= 1;
    assert_eq!(said(&forged.body()), "403 application/problem+json");
    let mut short = log.asks(100, 200);
    short.proof.pop();
    assert_eq!(said(&short.body()), "422 application/problem+json");
    let mut forked = Other::new();
    forked.tree = InMemory::default();
    (0..300_u64).for_each(|n| forked.tree.push(Hash::of_leaf(&(n + 1).to_be_bytes())));
    assert_eq!(said(&forked.asks(100, 100).body()), "409 application/problem+json");
    assert_eq!(said(&forked.asks(100, 200).body()), "422 application/problem+json");
    let text = log.asks(100, 200).body().replace("other.example/log", "unknown.example/log");
    assert_eq!(said(&text), "404 application/problem+json");
    assert_eq!(said("old 0\n"), "400 application/problem+json");

    sandbox.stop("-KILL");
    sandbox.serve();
    assert_eq!(send(&sandbox, &log.asks(0, 200).body()), ("409 text/x.tlog.size".into(), "100\n".into()));
    assert_eq!(send(&sandbox, &log.asks(100, 300).body()).0, "200 text/plain; charset=utf-8");
    assert_eq!(send(&sandbox, &log.asks(100, 300).body()), ("409 text/x.tlog.size".into(), "300\n".into()));
}

#[test]
fn a_log_is_cosigned_by_another_home_and_its_proofs_then_carry_the_quorum() {
    let (mut log, mut other) = (Sandbox::with_home(), Sandbox::with_home());
    log.serve();
    report(&log, "one");
    caught_up(&log);
    let vkey = vkey(&log);
    other.shell(&format!("printf 'witness:\\n  logs: [\"{vkey}\"]\\n' >> home/remediator.yaml")).ends(0);
    other.serve();
    ask(&other, "/v1/audit/keys", "keys.json").ends(0);
    let keys: serde_json::Value = serde_json::from_str(&read(&other, "keys.json")).expect("JSON");
    let witness = keys["witness"]["vkey"].as_str().expect("a vkey");
    let url = format!("http://{}", other.address());
    write(&log, "policy", format!("log {vkey}\nwitness w {witness} {url}\nquorum w\n"));
    log.run(&["audit", "verify", "--policy", "policy"]).ends(10);
    let cosign = ["audit", "cosign", "--policy", "policy", "--to", "cosigned"];
    log.run(&cosign).ends(0);
    report(&log, "two");
    caught_up(&log);
    log.run(&cosign).ends(0);
    log.run(&["audit", "verify", "--policy", "policy", "--checkpoint", "cosigned", "--max-age", "1h"])
        .ends(0);
    log.run(&["audit", "prove", "1", "--with-entry", "--checkpoint", "cosigned"]).ends(0);
    let alone = ["audit", "verify", "--home", "nowhere", "--policy", "policy", "--proof", "1.tlog-proof"];
    log.run(&alone).ends(0);
    other.stop("-TERM");
    let refused = log.run(&[&cosign[..], &["--output", "json"]].concat()).ends(10);
    assert!(refused.stderr.contains("w did not cosign"), "{}", refused.stderr);
}

/// One figure with a label.
fn figure(sandbox: &Sandbox, name: &str) -> Option<u64> {
    ask(sandbox, "/metrics", "figures").ends(0);
    let figures = read(sandbox, "figures");
    figures.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[test]
fn the_daemon_has_its_checkpoints_cosigned_and_goes_on_without_a_witness_that_is_away() {
    let (mut sandbox, mut other) = (Sandbox::with_home(), Sandbox::with_home());
    sandbox.serve();
    caught_up(&sandbox);
    let log = vkey(&sandbox);
    sandbox.stop("-TERM");
    other.shell(&format!("printf 'witness:\\n  logs: [\"{log}\"]\\n' >> home/remediator.yaml")).ends(0);
    other.serve();
    ask(&other, "/v1/audit/keys", "keys.json").ends(0);
    let keys: serde_json::Value = serde_json::from_str(&read(&other, "keys.json")).expect("JSON");
    let witness = keys["witness"]["vkey"].as_str().expect("a vkey").to_owned();
    let policy = format!("log {log}\nwitness w {witness} http://{}\nquorum w\n", other.address());
    write(&sandbox, "home/policy", policy.clone());
    sandbox.shell("printf 'log:\\n  policy: policy\\n' >> home/remediator.yaml").ends(0);
    sandbox.serve();
    // Cosigned without anybody's doing: what is kept has the quorum, and so has what is served while it is the same head.
    let verify = ["audit", "verify", "--policy", "home/policy", "--checkpoint", "home/state/tlog/cosigned"];
    let quorum = || sandbox.run(&verify).code == Some(0);
    assert!(eventually(Duration::from_secs(60), quorum), "{}", sandbox.run(&verify).stdout);
    let up = "remediator_log_witness_up{witness=\"w\"}";
    assert_eq!(figure(&sandbox, up), Some(1));
    let name = witness.split('+').next().expect("a name").to_owned();
    let served = || {
        ask(&sandbox, "/checkpoint", "checkpoint").ends(0);
        read(&sandbox, "checkpoint").contains(&format!("\u{2014} {name} "))
    };
    assert!(eventually(Duration::from_secs(60), served), "{}", read(&sandbox, "checkpoint"));
    assert!(sandbox.run(&["doctor"]).stdout.contains("the log is witnessed by w"));
    let cosigned = |sandbox: &Sandbox| {
        let note = Note::parse(&read(sandbox, "home/state/tlog/cosigned")).expect("a note");
        Checkpoint::parse(&note.text).expect("a checkpoint").size
    };
    let before = cosigned(&sandbox);

    // The witness dies: the log goes on as ever, and says who is away.
    other.stop("-KILL");
    report(&sandbox, "while-it-is-away");
    let head = Checkpoint::parse(&caught_up(&sandbox).text).expect("a checkpoint");
    assert!(head.size > before);
    assert!(eventually(Duration::from_secs(60), || figure(&sandbox, up) == Some(0)), "it is told");
    assert_eq!(cosigned(&sandbox), before, "what has the quorum stays");
    assert_eq!(figure(&sandbox, "remediator_log_up"), Some(1));

    // It comes back, with another head to know: asked again by itself, from the size that it remembers.
    other.serve();
    let caught_on = || figure(&sandbox, up) == Some(1) && cosigned(&sandbox) >= head.size;
    assert!(eventually(Duration::from_secs(120), caught_on), "{}", read(&sandbox, "daemon.log"));
    sandbox.run(&verify).ends(0);
    // The log itself starts again and knows nothing of what it was told: 409 says from where.
    sandbox.stop("-KILL");
    sandbox.serve();
    report(&sandbox, "later");
    let later = Checkpoint::parse(&caught_up(&sandbox).text).expect("a checkpoint");
    assert!(eventually(Duration::from_secs(120), || cosigned(&sandbox) >= later.size));
    // A witness that knows another tree of ours is no reason to stop, and is never believed.
    sandbox.stop("-TERM");
    let said = sandbox.run(&["doctor"]).stdout;
    assert!(said.contains("the log is witnessed by w"), "{said}");
    write(&sandbox, "home/policy", format!("log {log}\nquorum nobody\n"));
    let said = sandbox.run(&["doctor"]).ends(1).stdout;
    assert!(said.contains("no witness is asked"), "{said}");
    sandbox.serve();
    caught_up(&sandbox);
    // With the configuration the policy is read again: the witness is named, then one that cannot be used changes
    // nothing, then none is named.
    let size = |sandbox: &Sandbox| Checkpoint::parse(&caught_up(sandbox).text).expect("a checkpoint").size;
    for (target, text) in [("named-again", policy), ("not-right", "nonsense\n".to_owned())] {
        write(&sandbox, "home/policy", text);
        sandbox.signal("-HUP");
        report(&sandbox, target);
        let head = size(&sandbox);
        let in_force = || cosigned(&sandbox) >= head;
        assert!(eventually(Duration::from_secs(120), in_force), "{target}: {}", read(&sandbox, "daemon.log"));
    }
    sandbox.shell("sed -i '/^log:/,$d' home/remediator.yaml").ends(0);
    sandbox.signal("-HUP");
    assert!(eventually(Duration::from_secs(30), || figure(&sandbox, up).is_none()), "nobody is asked");
}
