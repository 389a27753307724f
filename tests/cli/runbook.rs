//! The runbook commands: each refusal says what is wrong and what mends it, and the mend mends it.

use std::time::Duration;

use crate::sandbox::{Sandbox, eventually};

const DEAD: &str = "home/runbooks/demo-web/dead.yaml";

fn edit(sandbox: &Sandbox, from: &str, to: &str) {
    let path = sandbox.path().join(DEAD);
    let text = std::fs::read_to_string(&path).expect("there");
    assert!(text.contains(from), "{text}");
    std::fs::write(&path, text.replace(from, to)).expect("written");
}

fn standing(sandbox: &Sandbox, name: &str) -> (String, String) {
    let list = sandbox.run(&["runbook", "list", "--output", "json"]).json();
    let files = list["files"].as_array().expect("files");
    let file = files.iter().find(|f| f["name"] == name).unwrap_or_else(|| panic!("{name} is not in {list}"));
    let word = file["standing"].as_str().unwrap_or_default().to_owned();
    (word, file["reasons"].to_string())
}

#[test]
fn an_edited_runbook_goes_live_again_by_the_mends_that_list_names() {
    let sandbox = Sandbox::with_home();
    assert_eq!(standing(&sandbox, "runbook/demo-web-dead").0, "live");
    edit(&sandbox, "settle: 50ms", "settle: 60ms");
    let (word, why) = standing(&sandbox, "runbook/demo-web-dead");
    assert_eq!(word, "observe_only");
    assert!(why.contains("remediator runbook sign"), "{why}");
    sandbox.run(&["runbook", "sign", DEAD]).ends(0);
    let (word, why) = standing(&sandbox, "runbook/demo-web-dead");
    assert_eq!(word, "observe_only");
    assert!(why.contains("remediator proposal approve demo-web"), "{why}");
    let waiting = sandbox.run(&["runbook", "approve", "demo-web"]).ends(3);
    assert!(waiting.stderr.contains("--yes"), "{}", waiting.stderr);
    sandbox.run(&["runbook", "approve", "demo-web", "--yes", "--reason", "a longer settle"]).ends(0);
    assert_eq!(standing(&sandbox, "runbook/demo-web-dead").0, "live");
    sandbox.run(&["runbook", "list"]).ends(0);
}

#[test]
fn a_misspelt_key_is_found_with_its_place_and_the_likely_one_and_is_not_signed() {
    let sandbox = Sandbox::with_home();
    edit(&sandbox, "blast_radius: process", "blast_radios: process");
    let lint = sandbox.run(&["runbook", "lint", DEAD]).ends(1);
    assert!(lint.stdout.contains("dead.yaml:8:1") && lint.stdout.contains("blast_radius"), "{}", lint.stdout);
    assert!(lint.stdout.contains('^'), "{}", lint.stdout);
    let json = sandbox.run(&["runbook", "lint", DEAD, "--output", "json"]).ends(1).json();
    assert_eq!(json["problems"][0]["line"], 8);
    let refused = sandbox.run(&["runbook", "sign", DEAD]).ends(1);
    assert!(refused.stderr.contains("not signed"), "{}", refused.stderr);
    assert_eq!(standing(&sandbox, "runbook/demo-web-dead").0, "refused");
    // One bad file never hides the good ones.
    assert_eq!(standing(&sandbox, "runbook/demo-web-wedged").0, "live");
    sandbox.run(&["runbook", "lint"]).ends(1);
    sandbox.run(&["runbook", "lint", "nowhere.yaml"]).ends(2);
}

#[test]
fn a_stranger_can_neither_sign_nor_approve() {
    let sandbox = Sandbox::with_home();
    sandbox.shell("ssh-keygen -q -t ed25519 -N '' -f stranger").ends(0);
    let signed = sandbox.run(&["runbook", "sign", DEAD, "--key", "stranger"]).ends(4);
    assert!(signed.stderr.contains("allowed_signers"), "{}", signed.stderr);
    sandbox.run(&["runbook", "approve", "demo-web", "--yes", "--key", "stranger"]).ends(4);
    sandbox.run(&["runbook", "approve", "demo-web", "--yes", "--principal", "eve"]).ends(4);
    let unknown = sandbox.run(&["runbook", "approve", "no-such-thing", "--yes"]).ends(2);
    assert!(unknown.stderr.contains("process-dead"), "{}", unknown.stderr);
    assert_eq!(standing(&sandbox, "runbook/demo-web-dead").0, "live");
}

#[test]
fn a_draft_is_tried_without_a_signature_and_nothing_is_run() {
    let sandbox = Sandbox::with_home();
    edit(&sandbox, "id: demo-web-dead", "id: my-draft");
    edit(&sandbox, "target: demo-web}", "target: \"demo-*\"}");
    std::fs::rename(sandbox.path().join(DEAD), sandbox.path().join("draft.yaml")).expect("moved");
    let tried = sandbox.run(&["runbook", "test", "draft.yaml", "--target", "demo-web"]).ends(0);
    assert!(tried.stdout.contains("my-draft matches"), "{}", tried.stdout);
    assert!(
        tried.stdout.contains("\"__demo-service\"") && tried.stdout.contains("nothing was run"),
        "{}",
        tried.stdout
    );
    let other =
        sandbox.run(&["runbook", "test", "draft.yaml", "--target", "other", "--output", "json"]).ends(1);
    assert_eq!(other.json()["matches"], false);
    sandbox.run(&["runbook", "test", "draft.yaml", "--target", "demo-web", "--attribute", "nothing"]).ends(2);
}

#[test]
fn show_says_who_signed_and_approved_and_ssh_keygen_agrees() {
    let sandbox = Sandbox::with_home();
    let shown = sandbox.run(&["runbook", "show", "demo-web-dead", "--output", "json"]).ends(0).json();
    assert_eq!(shown["signer"], "ada");
    assert_eq!(shown["approvers"][0], "ada (self-approved)");
    assert_eq!(shown["runbook"]["steps"][0]["id"], "restart");
    let digest = sandbox.shell(&format!("sha256sum {DEAD}")).ends(0).stdout;
    assert_eq!(shown["digest"], format!("sha256:{}", &digest[..64]));
    let verify = format!(
        "ssh-keygen -Y verify -f home/proposals/trust/allowed_signers -I ada -n runbook@remediator -s {DEAD}.sig < {DEAD}"
    );
    sandbox.shell(&verify).ends(0);
    sandbox.run(&["runbook", "show", "service/demo-web"]).ends(0);
    sandbox.run(&["runbook", "show", "nothing"]).ends(1);
    let near = sandbox.run(&["runbook", "show", "demo-web-ded"]).ends(1).stderr;
    assert!(near.contains("did you mean `demo-web-dead`"), "{near}");
    let near = sandbox.run(&["runbook", "show", "service/demo-wep"]).ends(1).stderr;
    assert!(near.contains("did you mean `service/demo-web`"), "{near}");
}

/// Adds bob, who may approve, to the trust files of the sandbox.
fn bob_joins(sandbox: &Sandbox) {
    let join = "ssh-keygen -q -t ed25519 -N '' -f bob && echo \"bob namespaces=\\\"approval@remediator\\\" \
                $(cut -d' ' -f1-2 bob.pub)\" >> home/proposals/trust/allowed_signers";
    sandbox.shell(join).ends(0);
}

#[test]
fn a_name_in_unsigned_trust_files_is_nobody_for_the_commands_as_for_the_daemon() {
    let sandbox = Sandbox::with_home();
    bob_joins(&sandbox);
    let approve = ["runbook", "approve", "demo-web", "--yes", "--key", "bob"];
    let refused = sandbox.run(&approve).ends(4);
    assert!(refused.stderr.contains("nobody's here"), "{}", refused.stderr);
    // And the mend that is named mends it.
    let mend = "remediator runbook sign proposals/trust/allowed_signers";
    assert!(refused.stderr.contains(mend), "{}", refused.stderr);
    sandbox.shell(&format!("cd home && {mend}")).ends(0);
    sandbox.run(&approve).ends(0);
}

#[test]
fn who_approves_is_told_what_the_approval_makes_of_each_file() {
    let sandbox = Sandbox::with_home();
    edit(&sandbox, "settle: 50ms", "settle: 60ms");
    let approve = ["runbook", "approve", "demo-web", "--yes"];
    let unsigned = sandbox.run(&approve).ends(0);
    assert!(unsigned.stdout.contains("observe_only"), "{}", unsigned.stdout);
    assert!(unsigned.stdout.contains("mend: remediator runbook sign"), "{}", unsigned.stdout);
    sandbox.run(&["runbook", "sign", DEAD]).ends(0);
    let json = sandbox.run(&["runbook", "approve", "demo-web", "--yes", "--output", "json"]).ends(0).json();
    let standing = json["standing"].as_array().expect("standing");
    assert!(standing.len() > 3 && standing.iter().all(|file| file["standing"] == "live"), "{json}");
    edit(&sandbox, "v: 1", "v: 2");
    let left_out = sandbox.run(&approve).ends(0);
    assert!(left_out.stderr.contains("runbooks/demo-web/dead.yaml has problems"), "{}", left_out.stderr);
}

#[test]
fn what_was_changed_while_the_question_stood_is_not_approved() {
    use std::io::{Read as _, Write as _};
    let sandbox = Sandbox::with_home();
    edit(&sandbox, "settle: 50ms", "settle: 60ms");
    sandbox.run(&["runbook", "sign", DEAD]).ends(0);
    let approval = sandbox.home().join("proposals/demo-web/approvals/ada.json");
    let before = std::fs::read(&approval).expect("an approval");
    // A terminal: `script` gives the command one, and ends as it ends.
    let mut terminal = sandbox.command("script");
    terminal.args(["-qec", "remediator runbook approve demo-web", "/dev/null"]);
    terminal.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut asked = terminal.spawn().expect("script starts");
    let (mut said, mut byte) = (Vec::new(), [0]);
    let stdout = asked.stdout.as_mut().expect("piped");
    while !said.ends_with(b"[y/N]") && stdout.read(&mut byte).expect("readable") > 0 {
        said.extend(byte);
    }
    edit(&sandbox, "settle: 60ms", "settle: 70ms");
    sandbox.run(&["runbook", "sign", DEAD]).ends(0);
    asked.stdin.as_mut().expect("piped").write_all(b"y\n").expect("written");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("text");
    assert_eq!(asked.wait().expect("ends").code(), Some(1), "{rest}");
    assert!(rest.contains("runbooks/demo-web/dead.yaml was changed after it was shown"), "{rest}");
    assert_eq!(std::fs::read(&approval).expect("an approval"), before);
    assert_eq!(standing(&sandbox, "runbook/demo-web-dead").0, "observe_only");
}

#[test]
fn an_approval_that_makes_nothing_live_is_no_success_and_says_who_has_to_approve() {
    let sandbox = Sandbox::with_home();
    let folder = sandbox.home().join("proposals/once");
    std::fs::create_dir_all(&folder).expect("made");
    let proposal = "v: 1\nid: once\ntitle: Say it\nfailure_class: None.\nmay: {steps: [run], targets: ['*'], \
                    blast_radius: machine}\nrisks: [none]\nundo: Delete it.\n";
    std::fs::write(folder.join("proposal.yaml"), proposal).expect("written");
    let runbook = "v: 1\nkind: runbook\nid: once\ntitle: Say it once\nproposal: once\nmatcher: {subsystem: once, code: \
                   ONCE}\nblast_radius: machine\nlimits: {attempts: 3}\nsteps:\n  - {id: say, timeout: 5s, irreversible: \
                   what is said is said, run: {argv: [/bin/true]}}\nverification: {probe: {process: {name: x}}}\n";
    std::fs::write(sandbox.home().join("runbooks/once.yaml"), runbook).expect("written");
    // Names as the commands print them, from a folder that is not the home.
    sandbox.run(&["runbook", "lint", "runbooks/once.yaml"]).ends(0);
    sandbox.run(&["runbook", "sign", "proposals/once/proposal.yaml", "runbooks/once.yaml"]).ends(0);
    let alone = sandbox.run(&["runbook", "approve", "runbooks/once.yaml", "--yes"]).ends(1).stdout;
    assert!(alone.contains("mend: have somebody else approve it"), "{alone}");
    assert!(alone.contains("or give every step an `undo`"), "{alone}");
    let report = sandbox.run(&["runbook", "approve", "once", "--yes", "--output", "json"]).ends(1).json();
    assert_eq!(report["standing"][0]["standing"], "observe_only");
    // And what it says helps.
    bob_joins(&sandbox);
    let trust = sandbox.home().join("proposals/trust/policy.yaml");
    let policy = std::fs::read_to_string(&trust).expect("there") + "approvals: {irreversible: 1}\n";
    std::fs::write(&trust, policy).expect("written");
    sandbox
        .run(&["runbook", "sign", "proposals/trust/allowed_signers", "proposals/trust/policy.yaml"])
        .ends(0);
    sandbox.run(&["runbook", "approve", "once", "--yes", "--key", "bob"]).ends(0);
    assert_eq!(standing(&sandbox, "runbook/once").0, "live");
}

#[test]
fn words_that_a_template_left_are_warned_of_and_keep_nobody() {
    let sandbox = Sandbox::with_home();
    let lint = |words: &str| {
        let words = format!("{words} --output json");
        let report = sandbox.run(&words.split(' ').collect::<Vec<_>>()).ends(0).json();
        assert_eq!(report["problems"], serde_json::json!([]), "{report}");
        report["warnings"].as_array().expect("warnings").len()
    };
    assert_eq!(
        lint("runbook lint") + lint("proposal lint") + lint("sentinel lint"),
        0,
        "what is shipped is written"
    );
    sandbox.run(&["runbook", "new", "disk-slow", "--subsystem", "disk", "--code", "DISK_SLOW"]).ends(0);
    assert_eq!((lint("runbook lint"), lint("proposal lint disk-slow")), (6, 5));
    let said = sandbox.run(&["runbook", "lint", "runbooks/disk-slow/runbook.yaml"]).ends(0).stdout;
    assert!(said.contains("warning: ") && said.contains("runbook.yaml:6:8: "), "{said}");
    assert!(said.ends_with("1 file: nothing found, 1 warning\n"), "{said}");
    sandbox.run(&["sentinel", "new", "eye", "--probe", "tcp", "--file", "eye.yaml"]).ends(0);
    assert_eq!(lint("sentinel lint eye.yaml"), 2);
    sandbox.run(&["proposal", "new", "eye", "--title", "Look at it"]).ends(0);
    assert_eq!(lint("proposal lint eye"), 3);
}

#[test]
fn any_folder_is_linted_by_what_is_in_it() {
    let sandbox = Sandbox::with_home();
    let found = |folder: &str, code| {
        let report = sandbox.run(&["runbook", "lint", folder, "--output", "json"]).ends(code).json();
        (report["files"].as_u64().unwrap_or_default(), report["problems"].as_array().map_or(0, Vec::len))
    };
    let (all, none) = found("home/runbooks", 0);
    assert!(all > 8 && none == 0, "{all} {none}");
    let (few, none) = found("home/runbooks/demo-web", 0);
    assert!(few > 2 && few < all && none == 0, "{few} {none}");
    assert_eq!(found("home/proposals/demo-web", 0), (1, 0));
    assert_eq!(found("home/proposals/trust", 0).1, 0);
    assert_eq!(found("runbooks/demo-web", 0), (few, 0), "as the home names it");
    edit(&sandbox, "blast_radius: process", "blast_radios: process");
    assert_eq!(found("home/runbooks/demo-web", 1), (few, 1));
    std::fs::create_dir(sandbox.path().join("empty")).expect("made");
    let empty = sandbox.run(&["runbook", "lint", "empty"]).ends(2);
    assert!(empty.stderr.contains("nothing to lint in empty"), "{}", empty.stderr);
    // Sentinels are looked for in a folder too; others in it are not their affair.
    let eyes = sandbox.run(&["sentinel", "lint", "home/runbooks", "--output", "json"]).ends(0).json();
    assert!(eyes["files"].as_u64() > Some(0), "{eyes}");
    sandbox.run(&["sentinel", "lint", "empty"]).ends(2);
}

#[test]
fn an_edited_runbook_keeps_its_place_and_lint_names_the_rival() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    sandbox.stop("-TERM");
    let dead = std::fs::read_to_string(sandbox.path().join(DEAD)).expect("there");
    let rival = sandbox.home().join("runbooks/demo-web/aaa.yaml");
    std::fs::write(rival, dead.replace("id: demo-web-dead", "id: aaa")).expect("written");
    let again = || {
        sandbox.run(&["runbook", "sign", DEAD, "runbooks/demo-web/aaa.yaml"]).ends(0);
        sandbox.run(&["runbook", "approve", "demo-web", "--yes"]).ends(0);
    };
    again();
    assert_eq!(standing(&sandbox, "runbook/aaa").0, "refused");
    edit(&sandbox, "settle: 50ms", "settle: 60ms");
    assert_eq!(standing(&sandbox, "runbook/aaa").0, "refused", "also while the other is not live");
    again();
    assert_eq!(standing(&sandbox, "runbook/demo-web-dead").0, "live");
    assert_eq!(standing(&sandbox, "runbook/aaa").0, "refused");
    let lint = sandbox.run(&["runbook", "lint", "--output", "json"]).ends(1).json();
    let files: Vec<_> = lint["problems"].as_array().expect("problems").iter().map(|p| &p["file"]).collect();
    assert_eq!(files, ["runbooks/demo-web/aaa.yaml"]);
}

#[test]
fn a_reviewer_sees_every_look_and_who_signed_what_is_not_approved_yet() {
    let sandbox = Sandbox::with_home();
    edit(&sandbox, "settle: 50ms", "settle: 60ms");
    sandbox.run(&["runbook", "sign", DEAD]).ends(0);
    let shown = sandbox.run(&["runbook", "show", "demo-web-dead"]).ends(0).stdout;
    for part in
        ["signed by     ada", "approved by   -", "the process of service ${target}", "2 good looks in a row"]
    {
        assert!(shown.contains(part), "`{part}` is missing: {shown}");
    }
}

#[test]
fn a_problem_in_a_proposal_is_shown_at_its_line() {
    let sandbox = Sandbox::with_home();
    let path = sandbox.home().join("proposals/demo-web/proposal.yaml");
    std::fs::write(&path, "v: 1\nid: demo-web\ntitel: x\n").expect("written");
    let lint = sandbox.run(&["runbook", "lint", "--output", "json"]).ends(1).json();
    let problem = lint["problems"].as_array().expect("problems").iter().find(|p| p["line"] == 3);
    assert!(problem.is_some_and(|p| p["file"] == "proposals/demo-web/proposal.yaml"), "{lint}");
}

#[test]
fn trust_files_that_make_no_sense_or_leave_nobody_are_not_signed() {
    let sandbox = Sandbox::with_home();
    let place = |name: &str| sandbox.home().join("proposals/trust").join(name);
    let text = |name: &str| std::fs::read_to_string(place(name)).expect("there");
    let (signers, policy, revoked) = (text("allowed_signers"), text("policy.yaml"), text("revoked"));
    let without = |role: &str| signers.replace(&format!(",{role}"), "").replace(&format!("{role},"), "");
    let more = |line: &str| format!("{signers}{line}\n");
    let cases = [
        ("allowed_signers", without("trust@remediator"), "nobody holds trust@remediator"),
        ("allowed_signers", without("control@remediator"), "nobody holds control@remediator"),
        ("allowed_signers", "# nobody\n".to_owned(), "nobody holds trust@remediator"),
        ("allowed_signers", more("bob namespaces=\"git\" ssh-ed25519 AAAA"), "allowed_signers:"),
        ("allowed_signers", signers.replace("approval@", "aproval@"), "did you mean `approval@remediator`?"),
        ("policy.yaml", policy.replace("solo:", "sollo:"), "did you mean `solo`?"),
        ("revoked", format!("{revoked}nonsense\n"), "write sha256:DIGEST"),
    ];
    for (name, wrong, problem) in cases {
        let before = text(name);
        std::fs::write(place(name), wrong).expect("written");
        let file = format!("home/proposals/trust/{name}");
        let refused = sandbox.run(&["runbook", "sign", &file]).ends(1);
        assert!(
            refused.stderr.contains("not signed") && refused.stderr.contains(problem),
            "{}",
            refused.stderr
        );
        assert!(!place(&format!("{name}.sig")).exists(), "{problem}");
        std::fs::write(place(name), before).expect("written");
    }
    // What a change gives and takes is told to whoever signs it.
    bob_joins(&sandbox);
    let signed = sandbox.run(&["runbook", "sign", "home/proposals/trust/allowed_signers"]).ends(0);
    assert!(
        signed.stderr.contains("gives:") && signed.stderr.contains("bob approval@remediator"),
        "{}",
        signed.stderr
    );
}

#[test]
fn the_doctor_says_when_nobody_could_change_the_trust_files() {
    let sandbox = Sandbox::with_home();
    let told = |sandbox: &Sandbox| sandbox.run(&["doctor"]).stdout;
    assert!(!told(&sandbox).contains("nobody holds"), "{}", told(&sandbox));
    let path = sandbox.home().join("proposals/trust/allowed_signers");
    let text = std::fs::read_to_string(&path).expect("there");
    std::fs::write(&path, text.replace(",trust@remediator", "").replace("trust@remediator,", ""))
        .expect("written");
    let found = sandbox.run(&["doctor"]).ends(1).stdout;
    assert!(found.contains("nobody holds trust@remediator"), "{found}");
}

/// A runbook with much to touch, and a proposal that argues for it; neither is signed.
const WIDE: &str = r#"v: 1
kind: runbook
id: wide
title: Reload each of them
proposal: demo-web
matcher: {subsystem: fleet, code: OLD_SETTINGS}
blast_radius: machine
limits: {attempts: 1, window: 1h, cooldown: 0s, runtime: 20m}
steps:
  - id: reload
    targets:
      list: [alpha, beta, gamma]
      lock: "fleet/${each}"
      canary: 2
      at_once: 3
      stop_percent: 20
      check: {probe: {tcp: {host: 127.0.0.1, port: 4711}}, within: 7s}
    http: {method: POST, url: "http://127.0.0.1:9/${each}", body: {json: {force: true}}, expect_status: [299]}
    timeout: 10s
    idempotent: true
    retry: {times: 2, delay: 3s, on: [connect]}
  - id: clear
    file: {root: /var/lib/app, prune: {name: "*.old", older_than: 9h}, max_bytes: 12345, max_files: 17}
    timeout: 10s
    idempotent: true
  - id: wake
    signal: {send: HUP, to: {name: appd}, at_most: 6}
    timeout: 5s
    idempotent: true
verification: {probe: {tcp: {host: 127.0.0.1, port: 4711}}}
"#;

#[test]
fn a_reviewer_sees_every_target_body_and_bound() {
    let sandbox = Sandbox::with_home();
    std::fs::write(sandbox.home().join("runbooks/demo-web/wide.yaml"), WIDE).expect("written");
    let shown = sandbox.run(&["runbook", "show", "wide"]).ends(0).stdout;
    for part in [
        "alpha, beta, gamma",
        "the first 2 one after another (canary), then 3 at once",
        "more than 20 percent",
        "fleet/${each}",
        "within 7s",
        "{\"force\":true}",
        "299",
        "2 retries, 3s before the first, only on connect",
        "longer ago than 9h",
        "at most 12345 bytes",
        "at most 17 files",
        "more than 6 are there",
    ] {
        assert!(shown.contains(part), "`{part}` is missing: {shown}");
    }
    let json = sandbox.run(&["runbook", "show", "wide", "--output", "json"]).ends(0).json();
    let targets = &json["runbook"]["steps"][0]["targets"];
    assert_eq!((&targets["canary"], &targets["list"][2]), (&2.into(), &"gamma".into()), "{json}");
}

#[test]
fn a_dry_run_says_in_words_what_is_looked_at_and_what_bounds_it() {
    let sandbox = Sandbox::with_home();
    let file = "home/runbooks/demo-web/wide.yaml";
    std::fs::write(sandbox.path().join(file), WIDE).expect("written");
    let tried = sandbox.run(&["runbook", "test", file, "--target", "all"]).ends(0).stdout;
    for part in [
        "radius    machine",
        "1 attempts in 1h, 0ms between them, 20m each",
        "alpha, beta, gamma: 2 one after another (canary), then 3 at once, stopped above 20 percent",
        "at most 10s, 2 retries, 3s before the first, may be repeated",
        "fleet/all, fleet/alpha, fleet/beta, fleet/gamma",
        "by 127.0.0.1:4711 taking connections",
        "within 7s, at 127.0.0.1:4711 taking connections",
    ] {
        assert!(tried.contains(part), "`{part}` is missing: {tried}");
    }
    assert!(!tried.contains("{\"look\""), "{tried}");
}

#[test]
fn an_undo_with_a_time_of_its_own_is_told_whose_time_it_has() {
    let sandbox = Sandbox::with_home();
    let undo = WIDE.replace(
        "    timeout: 5s\n    idempotent: true",
        "    timeout: 5s\n    undo: {wait: {for: 1s}, timeout: 5s}",
    );
    std::fs::write(sandbox.path().join("draft.yaml"), undo).expect("written");
    let lint = sandbox.run(&["runbook", "lint", "draft.yaml"]).ends(1).stdout;
    assert!(lint.contains("an undo has the time that its step has"), "{lint}");
}

#[test]
fn a_reviewer_sees_the_proposal_and_what_it_bounds() {
    let sandbox = Sandbox::with_home();
    let shown = sandbox.run(&["runbook", "show", "proposal/demo-web"]).ends(0).stdout;
    for part in ["title", "may do", "  target      ", "  radius      machine", "risk", "undo", DEAD_BELOW] {
        assert!(shown.contains(part), "`{part}` is missing: {shown}");
    }
    let json = sandbox.run(&["runbook", "show", "proposal/demo-web", "--output", "json"]).ends(0).json();
    assert_eq!(json["name"], "proposal/demo-web");
    let near = sandbox.run(&["runbook", "show", "proposal/demo-wep"]).ends(1).stderr;
    assert!(near.contains("did you mean `proposal/demo-web`"), "{near}");
}

/// The same as `DEAD`, as the home names it.
const DEAD_BELOW: &str = "runbooks/demo-web/dead.yaml";

/// A step that says why it fails.
const FAILING: &str = r#"v: 1
kind: runbook
id: failing
title: Fail and say why
proposal: failing
matcher: {subsystem: fleet, code: OLD_SETTINGS}
blast_radius: machine
limits: {attempts: 1, window: 1h, cooldown: 0s, runtime: 1m}
steps:
  - id: reload
    run: {argv: [/bin/sh, -c, "for a in 1 2 3 4 5 6 7 8; do for b in 1 2 3 4 5 6 7 8; do echo line $a$b of what is too long for an entry; done; done; echo the disk of beta is read-only >&2; exit 1"]}
    timeout: 10s
    idempotent: true
verification: {probe: {file: {path: "${home}/nothing"}}, settle: 0s, successes: 1, every: 100ms, within: 1s, watch: 0s}
"#;

const ARGUMENT: &str = "v: 1\nid: failing\ntitle: Reload\nfailure_class: Settings are old\nevidence: [\"They were.\"]\n\
    may: {steps: [run], targets: [\"*\"], blast_radius: machine}\nrisks: [\"None.\"]\nundo: Nothing to take back.\n";

#[test]
fn what_a_failed_step_printed_last_is_shown_with_its_incident() {
    let mut sandbox = Sandbox::with_home();
    for folder in ["proposals/failing", "runbooks/failing"] {
        std::fs::create_dir_all(sandbox.home().join(folder)).expect("a folder");
    }
    let (file, proposal) = ("home/runbooks/failing/runbook.yaml", "home/proposals/failing/proposal.yaml");
    std::fs::write(sandbox.path().join(file), FAILING).expect("written");
    std::fs::write(sandbox.path().join(proposal), ARGUMENT).expect("written");
    sandbox.run(&["runbook", "sign", file, proposal]).ends(0);
    sandbox.run(&["runbook", "approve", "failing", "--reason", "it only fails", "--yes"]).ends(0);
    sandbox.serve();
    let report = ["emit", "--subsystem", "fleet", "--code", "OLD_SETTINGS", "--target", "all"];
    sandbox.run(&[&report[..], &["--severity", "error", "--summary", "old"]].concat()).ends(0);
    let over = || {
        let list = sandbox.run(&["incidents"]).stdout;
        list.lines().any(|line| line.contains("escalated") && line.contains("OLD_SETTINGS"))
    };
    assert!(eventually(Duration::from_secs(60), over), "{}", sandbox.run(&["incidents"]).stdout);
    let list = sandbox.run(&["incidents", "--output", "json"]).json();
    let failed =
        list["incidents"].as_array().expect("incidents").iter().find(|i| i["code"] == "OLD_SETTINGS");
    let id = failed.and_then(|i| i["id"].as_str()).expect("an id").to_owned();
    let shown = [sandbox.run(&["incident", "show", &id]), sandbox.run(&["explain", &id])]
        .map(|ran| ran.ends(0).stdout);
    for shown in &shown {
        assert!(
            shown.contains("| line 88 of")
                && !shown.contains("line 11")
                && shown.contains("| the disk of beta is read-only"),
            "{shown}"
        );
    }
    // The same from the segments.
    sandbox.stop("-TERM");
    let still = sandbox.run(&["incident", "show", &id]).ends(0).stdout;
    assert!(still.contains("| line 88 of") && still.contains("| the disk of beta is read-only"), "{still}");
}
