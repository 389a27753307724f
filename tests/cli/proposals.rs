//! Why a runbook may exist, as people do it: argue, sign, review, approve together, take back, retire.

use std::time::Duration;

use crate::sandbox::{Ran, Sandbox, eventually};

const DEAD: &str = "runbooks/demo-web/dead.yaml";

fn text(sandbox: &Sandbox, path: &str) -> String {
    std::fs::read_to_string(sandbox.home().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn write(sandbox: &Sandbox, path: &str, text: &str) {
    let path = sandbox.home().join(path);
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
    std::fs::write(path, text).expect("written");
}

fn edit(sandbox: &Sandbox, path: &str, from: &str, to: &str) {
    let before = text(sandbox, path);
    assert!(before.contains(from), "{before}");
    write(sandbox, path, &before.replacen(from, to, 1));
}

fn show(sandbox: &Sandbox, id: &str) -> serde_json::Value {
    sandbox.run(&["proposal", "show", id, "--output", "json"]).ends(0).json()
}

fn approve(sandbox: &Sandbox, id: &str, key: &str) -> Ran {
    sandbox.run(&["proposal", "approve", id, "--yes", "--reason", "read", "--key", key])
}

/// People who may approve and nothing else, in force; `ada` alone may do the rest.
fn join(sandbox: &Sandbox, names: &[&str], solo: bool) {
    for name in names {
        let join = format!(
            "ssh-keygen -q -t ed25519 -N '' -f {name} && echo \"{name} namespaces=\\\"approval@remediator\\\" $(cut -d' ' \
             -f1-2 {name}.pub)\" >> home/proposals/trust/allowed_signers"
        );
        sandbox.shell(&join).ends(0);
    }
    let mut changed = vec!["runbook", "sign", "proposals/trust/allowed_signers"];
    if !solo {
        edit(sandbox, "proposals/trust/policy.yaml", "solo: true", "solo: false");
        changed.push("proposals/trust/policy.yaml");
    }
    sandbox.run(&changed).ends(0);
}

/// A runbook that runs `/bin/true`, with its proposal, both signed by ada.
fn drafted(sandbox: &Sandbox, id: &str, edits: &[(&str, &str)]) -> String {
    sandbox.run(&["runbook", "new", id, "--subsystem", "test", "--code", "NOT_WELL"]).ends(0);
    let path = format!("runbooks/{id}/runbook.yaml");
    for (from, to) in edits {
        edit(sandbox, &path, from, to);
    }
    sandbox.run(&["propose", &path, "--replace"]).ends(0);
    sandbox.run(&["proposal", "sign", id, "--files"]).ends(0);
    path
}

#[test]
fn one_writes_and_another_approves() {
    let sandbox = Sandbox::with_home();
    join(&sandbox, &["bob"], false);
    let path = drafted(&sandbox, "web-up", &[]);
    let before = show(&sandbox, "web-up");
    assert_eq!((&before["standing"], &before["signer"]), (&"signed".into(), &"ada".into()), "{before}");
    assert_eq!(before["next"], "remediator proposal approve web-up", "{before}");
    let own = sandbox.run(&["proposal", "approve", "web-up", "--yes"]).ends(1);
    assert!(own.stdout.contains("`ada` wrote and approved it"), "{}", own.stdout);
    let ada = show(&sandbox, "web-up");
    assert_eq!(
        (&ada["standing"], &ada["approvals"][0]["counts"]),
        (&"signed".into(), &false.into()),
        "{ada}"
    );
    assert!(
        ada["approvals"][0]["problems"][0]["problem"].to_string().contains("wrote and approved"),
        "{ada}"
    );
    assert!(ada["next"].to_string().contains("have somebody else approve it"), "{ada}");
    // The page goes to stderr, what came of it to stdout.
    let bob = approve(&sandbox, "web-up", "bob").ends(0);
    for part in ["risk", "undo", "sha256:", "act: run [\"/bin/true\"]", "first version", "radius"] {
        assert!(
            bob.stderr.contains(part) && !bob.stdout.contains("risk"),
            "`{part}` is missing: {}",
            bob.stderr
        );
    }
    let done = show(&sandbox, "web-up");
    assert_eq!((&done["standing"], &done["next"]), (&"approved".into(), &serde_json::Value::Null), "{done}");
    let approvals = done["approvals"].as_array().expect("approvals");
    let counting: Vec<_> =
        approvals.iter().filter(|a| a["counts"] == true).map(|a| &a["principal"]).collect();
    assert_eq!(counting, ["bob"]);
    assert_eq!(done["contents"][0]["standing"], "live");
    let people = sandbox.run(&["proposal", "show", &path]).ends(0).stdout;
    for part in ["by bob: counts", "by ada: does not count", "nothing: every file is live", "approved 1 of 1"]
    {
        assert!(people.contains(part), "`{part}` is missing: {people}");
    }
}

#[test]
fn alone_one_person_may_do_both_where_the_policy_says_so() {
    let sandbox = Sandbox::with_home();
    drafted(&sandbox, "web-up", &[]);
    let list = sandbox.run(&["proposal", "list"]).ends(0).stdout;
    assert!(list.contains("signed") && list.contains("web-up"), "{list}");
    sandbox.run(&["runbook", "approve", "web-up", "--yes"]).ends(0);
    let list = sandbox.run(&["proposal", "list", "--output", "json"]).ends(0).json();
    let line = list["proposals"].as_array().expect("proposals").iter().find(|line| line["id"] == "web-up");
    let line = line.expect("it is listed");
    assert_eq!((&line["standing"], &line["approvers"][0]), (&"approved".into(), &"ada".into()), "{line}");
    assert_eq!(line["quorum"]["needed"], 1);
    // A byte more, and it is a draft again.
    edit(&sandbox, "proposals/web-up/proposal.yaml", "v: 1", "v: 1 # a remark");
    let list = sandbox.run(&["proposal", "list"]).ends(0).stdout;
    assert!(list.contains("draft"), "{list}");
    let next = show(&sandbox, "web-up")["next"].to_string();
    assert!(next.contains("remediator runbook sign proposals/web-up/proposal.yaml"), "{next}");
}

#[test]
fn what_reaches_a_fleet_needs_two_who_did_not_write_it() {
    let sandbox = Sandbox::with_home();
    join(&sandbox, &["bob", "carol"], true);
    drafted(&sandbox, "all-up", &[("blast_radius: machine", "blast_radius: fleet")]);
    let first = approve(&sandbox, "all-up", "bob").ends(3);
    assert!(first.stdout.contains("2 people have to approve it; so far: bob"), "{}", first.stdout);
    let again = approve(&sandbox, "all-up", "bob").ends(3);
    assert!(again.stdout.contains("have somebody else approve it"), "{}", again.stdout);
    let half = show(&sandbox, "all-up");
    assert_eq!(half["quorum"], serde_json::json!({"reached": 1, "needed": 2}), "{half}");
    assert_eq!(half["approvals"][0]["counts"], true, "{half}");
    assert!(sandbox.run(&["proposal", "list"]).stdout.contains("approved 1 of 2"));
    approve(&sandbox, "all-up", "carol").ends(0);
    let done = show(&sandbox, "all-up");
    assert_eq!(
        (&done["quorum"]["reached"], &done["contents"][0]["standing"]),
        (&2.into(), &"live".into()),
        "{done}"
    );
}

#[test]
fn one_lint_tells_what_is_wrong_what_goes_beyond_and_what_nobody_argued_for() {
    let sandbox = Sandbox::with_home();
    let path = drafted(&sandbox, "web-up", &[]);
    sandbox.run(&["proposal", "lint"]).ends(0);
    edit(&sandbox, &path, "blast_radius: machine", "blast_radius: fleet");
    edit(&sandbox, &path, "attempts: 3", "attempts: 30");
    write(&sandbox, "runbooks/web-up/other.yaml", &text(&sandbox, &path).replace(": web-up", ": web-down"));
    let problems = |args: &[&str]| {
        let report = sandbox.run(&[args, &["--output", "json"]].concat()).ends(1).json();
        let problems = report["problems"].as_array().expect("problems").clone();
        let place =
            |p: &serde_json::Value| format!("{} {}:{}", p["check"], p["line"], p["column"]).replace('"', "");
        problems.iter().map(place).collect::<Vec<_>>()
    };
    let (beyond, missing) = (["within 11:15", "within 12:20"], "proposal 7:11");
    assert_eq!(problems(&["proposal", "lint", "web-up"]), beyond);
    assert_eq!(problems(&["proposal", "lint", "home/proposals/web-up/proposal.yaml"]), beyond);
    assert_eq!(problems(&["proposal", "lint", &path]), beyond);
    assert_eq!(problems(&["proposal", "lint", "runbooks/web-up/other.yaml"]), [missing]);
    assert_eq!(problems(&["runbook", "lint", &path]), beyond, "a single file in the home");
    assert_eq!(problems(&["runbook", "lint", "home/runbooks/web-up/other.yaml"]), [missing]);
    assert_eq!(problems(&["runbook", "lint", "home/runbooks/web-up"]), [missing, beyond[0], beyond[1]]);
    for all in [&["runbook", "lint"][..], &["proposal", "lint"]] {
        assert_eq!(problems(all), [missing, beyond[0], beyond[1]], "{all:?}");
    }
    let said = sandbox.run(&["runbook", "lint"]).ends(1).stdout;
    assert!(said.contains("remediator propose runbooks/web-up/other.yaml"), "{said}");
    sandbox.run(&["proposal", "lint", "web-upp"]).ends(2);
}

#[test]
fn who_approves_sees_what_has_changed_in_meaning_since_it_was_live() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let first = sandbox.run(&["proposal", "approve", "demo-web", "--yes"]).ends(0).stderr;
    assert!(first.contains("unchanged since the version adopted last"), "{first}");
    sandbox.stop("-TERM");
    edit(&sandbox, DEAD, "v: 1", "# A remark.\nv: 1");
    edit(&sandbox, DEAD, "settle: 50ms", "settle: 60ms");
    let limit = text(&sandbox, DEAD).lines().find(|line| line.contains("attempts:")).map(str::to_owned);
    let limit = limit.expect("it has limits");
    let attempts =
        limit.split("attempts: ").nth(1).and_then(|rest| rest.split([',', '}']).next()).expect("a number");
    edit(&sandbox, DEAD, &format!("attempts: {attempts}"), "attempts: 30");
    sandbox.run(&["runbook", "sign", DEAD]).ends(0);
    let page = sandbox.run(&["proposal", "approve", "demo-web", "--yes"]).ends(0).stderr;
    for part in [
        "changed since the version adopted last (entry ".to_owned(),
        format!("limits.attempts: {attempts} → 30"),
        "verification.settle: 50ms → 60ms".to_owned(),
    ] {
        assert!(page.contains(&part), "`{part}` is missing: {page}");
    }
    assert!(!page.contains("A remark"), "{page}");
}

#[test]
fn what_was_approved_and_never_live_is_what_the_next_version_is_compared_with() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let path = "runbooks/web-up/runbook.yaml";
    sandbox.run(&["runbook", "new", "web-up", "--subsystem", "test", "--code", "NOT_WELL"]).ends(0);
    sandbox.run(&["proposal", "sign", "web-up"]).ends(0);
    // The file itself is not signed, so that it is not live.
    let first = sandbox.run(&["proposal", "approve", "web-up", "--yes"]).ends(1).stderr;
    assert!(first.contains("nobody whose signature counts"), "{first}");
    let seen = || sandbox.run(&["status"]).stdout.contains("runbook/web-up  observe_only");
    assert!(eventually(Duration::from_secs(60), seen), "{}", sandbox.run(&["status"]).stdout);
    sandbox.stop("-TERM");
    edit(&sandbox, path, "attempts: 3", "attempts: 5");
    let page = sandbox.run(&["proposal", "approve", "web-up", "--yes"]).ends(1).stderr;
    assert!(page.contains("changed since the version approved last"), "{page}");
    assert!(page.contains("limits.attempts: 3 → 5"), "{page}");
}

#[test]
fn what_is_revoked_stops_being_live_in_a_running_daemon_and_no_line_is_lost() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let status = |word: &str| {
        let seen = || sandbox.run(&["status"]).stdout.contains(&format!("runbook/demo-web-dead  {word}"));
        assert!(eventually(Duration::from_secs(60), seen), "{}", sandbox.run(&["status"]).stdout);
    };
    let live = || {
        let seen = || !sandbox.run(&["status"]).stdout.contains("runbook/demo-web-dead");
        assert!(eventually(Duration::from_secs(60), seen), "{}", sandbox.run(&["status"]).stdout);
    };
    live();
    let before = text(&sandbox, "proposals/trust/revoked");
    let revoke = ["proposal", "revoke", "demo-web", "--reason", "it hid a leak"];
    let said = sandbox.run(&revoke).ends(0).stdout;
    assert!(said.contains("no longer live: ") && said.contains("runbook/demo-web-dead"), "{said}");
    assert!(said.contains("signed by ada"), "{said}");
    status("observe_only");
    let after = text(&sandbox, "proposals/trust/revoked");
    assert!(
        after.starts_with(&before) && after.contains("by ada, ") && after.ends_with(": it hid a leak\n"),
        "{after}"
    );
    let why = show(&sandbox, "demo-web")["approvals"][0]["problems"].to_string();
    assert!(why.contains("is revoked"), "{why}");
    let twice = sandbox.run(&revoke).ends(1).stderr;
    assert!(twice.contains("revoked already"), "{twice}");
    // Another approval is another one.
    sandbox.run(&["proposal", "approve", "demo-web", "--yes"]).ends(0);
    live();
    sandbox.run(&["proposal", "revoke", "demo-web", "--file", DEAD, "--reason", "these bytes"]).ends(0);
    status("observe_only");
    assert!(text(&sandbox, "proposals/trust/revoked").starts_with(&after));
    // The daemon never saw a trust file without its signature.
    let refused = sandbox.run(&["audit", "tail", "-n", "500"]).stdout;
    assert!(!refused.contains("trust_refused"), "{refused}");
}

#[test]
fn who_may_not_revoke_is_told_who_may_and_nothing_of_others_is_signed_along() {
    let sandbox = Sandbox::with_home();
    join(&sandbox, &["bob"], true);
    let asked = |reason: &str, more: &[&str], key: &[&str]| {
        sandbox.run(&[&["proposal", "revoke", "demo-web", "--reason", reason], more, key].concat())
    };
    let bob = asked("not mine to say", &[], &["--key", "bob"]).ends(3);
    let by_hand = "remediator runbook sign proposals/trust/revoked";
    assert!(
        bob.stdout.contains(&format!("not in force until ada has signed it: {by_hand}")),
        "{}",
        bob.stdout
    );
    assert!(bob.stdout.contains("live until it is signed: "), "{}", bob.stdout);
    let live = || {
        sandbox.run(&["runbook", "show", "demo-web-dead", "--output", "json"]).ends(0).json()["standing"]
            .clone()
    };
    assert_eq!(live(), "live");
    // Ada may, but what bob wrote she has not looked at.
    let ada = asked("nor this", &["--proposal"], &[]).ends(3);
    assert!(ada.stdout.contains("not signed") && ada.stdout.contains("not mine to say"), "{}", ada.stdout);
    assert_eq!(live(), "live");
    sandbox.run(&["runbook", "sign", "proposals/trust/revoked"]).ends(0);
    assert_eq!(live(), "observe_only");
    let list = sandbox.run(&["proposal", "list"]).ends(0).stdout;
    assert!(list.contains("demo-web: the proposal proposals/demo-web/proposal.yaml is revoked"), "{list}");
    asked("x", &["--approvals-of", "carol"], &[]).ends(1);
    asked("x", &["--file", "runbooks/process-dead/runbook.yaml"], &[]).ends(2);
    asked(" ", &[], &[]).ends(2);
}

#[test]
fn a_proposal_is_made_from_what_the_file_does_and_what_the_journal_knows() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    for n in 1..=6 {
        let report = [
            "emit",
            "--subsystem",
            "disk",
            "--code",
            "DISK_SLOW",
            "--severity",
            "warning",
            "--summary",
            "slow",
        ];
        sandbox.run(&[&report[..], &["--target", &format!("sd{n}")]].concat()).ends(0);
    }
    let seen = || sandbox.run(&["incidents"]).stdout.matches("DISK_SLOW").count() == 6;
    assert!(eventually(Duration::from_secs(30), seen), "{}", sandbox.run(&["incidents"]).stdout);
    sandbox.run(&["runbook", "new", "disk-slow", "--subsystem", "disk", "--code", "DISK_SLOW"]).ends(0);
    let (file, proposal) = ("runbooks/disk-slow/runbook.yaml", "proposals/disk-slow/proposal.yaml");
    std::fs::remove_file(sandbox.home().join(proposal)).expect("removed");
    // The mend that the catalog names mends it.
    let list = sandbox.run(&["runbook", "list", "--quiet-exit"]).stdout;
    assert!(list.contains(&format!("mend: remediator propose {file}")), "{list}");
    let report = sandbox.run(&["propose", file, "--output", "json"]).ends(0).json();
    let evidence = report["evidence"].as_array().expect("evidence");
    let of_code = ["incidents", "--code", "DISK_SLOW", "--output", "json"];
    let incidents = sandbox.run(&of_code).ends(0).json();
    assert_eq!(evidence.len(), 5, "{report}");
    let newest = &incidents["incidents"][0];
    for key in ["id", "fingerprint", "opened_seq"] {
        let value = newest[key].to_string().replace('"', "");
        assert!(evidence[0].to_string().contains(&value), "{value} is not in {}", evidence[0]);
    }
    assert!(!report.to_string().contains("on sd1,"), "{report}");
    let written = text(&sandbox, proposal);
    for part in [
        "steps: [run]",
        "blast_radius: machine",
        "limits: {attempts: 3, window: 1d",
        "disk reports DISK_SLOW",
        "sd6",
    ] {
        assert!(written.contains(part), "`{part}` is missing: {written}");
    }
    sandbox.run(&["runbook", "lint"]).ends(0);
    let there = sandbox.run(&["propose", file]).ends(2).stderr;
    assert!(there.contains(proposal) && there.contains("--replace"), "{there}");
    assert_eq!(text(&sandbox, proposal), written);
    edit(&sandbox, file, "attempts: 3", "attempts: 4");
    sandbox.run(&["proposal", "sign", "disk-slow"]).ends(0);
    let replaced = sandbox.run(&["propose", file, "--replace"]).ends(0).stdout;
    assert!(replaced.contains("note: its signature"), "{replaced}");
    assert!(replaced.contains("may.limits.attempts: 3 → 4"), "{replaced}");
}

#[test]
fn a_proposal_to_begin_with_lints_and_takes_nobodys_place() {
    let sandbox = Sandbox::with_home();
    let new = |more: &[&str]| {
        sandbox.run(&[&["proposal", "new", "mail", "--title", "Keep \"mail\" going"], more].concat())
    };
    new(&[]).ends(0);
    let blank = text(&sandbox, "proposals/mail/proposal.yaml");
    assert!(blank.lines().filter(|line| line.trim_start().starts_with('#')).count() > 8, "{blank}");
    sandbox.run(&["proposal", "lint", "mail"]).ends(0);
    assert!(new(&[]).ends(2).stderr.contains("is there already"));
    std::fs::remove_dir_all(sandbox.home().join("proposals/mail")).expect("removed");
    new(&["--from", DEAD]).ends(0);
    let from = text(&sandbox, "proposals/mail/proposal.yaml");
    assert!(
        from.contains("steps: [service]") && from.contains("title: \"Keep \\\"mail\\\" going\""),
        "{from}"
    );
    sandbox.run(&["proposal", "lint", "mail"]).ends(0);
    sandbox.run(&["proposal", "new", "No Id", "--title", "x"]).ends(2);
    sandbox.run(&["proposal", "new", "xy", "--title", " "]).ends(2);
}

#[test]
fn a_retired_runbook_is_gone_and_says_why() {
    let sandbox = Sandbox::with_home();
    let path = drafted(&sandbox, "web-up", &[]);
    sandbox.run(&["proposal", "approve", "web-up", "--yes"]).ends(0);
    let retire = |id: &str, more: &[&str]| {
        sandbox.run(&[&["runbook", "retire", id, "--reason", "the web is \"elsewhere\""], more].concat())
    };
    retire("web-up", &["--replaced-by", "nobody"]).ends(2);
    assert!(retire("demo-data-corrupted", &[]).ends(1).stderr.contains("relies on it"));
    assert!(retire("no-such", &[]).ends(1).stderr.contains("there is no content file"));
    retire("service/demo-web", &[]).ends(2);
    let said = retire("web-up", &["--replaced-by", "process-dead"]).ends(0).stdout;
    assert!(said.contains("proposals/web-up/retired/web-up.yaml"), "{said}");
    for gone in [path.clone(), format!("{path}.sig")] {
        assert!(!sandbox.home().join(&gone).exists(), "{gone}");
    }
    let note = text(&sandbox, "proposals/web-up/retired/web-up.yaml");
    assert!(note.contains("replaced_by: process-dead") && note.contains("sha256:"), "{note}");
    for whole in ["home", "home/proposals/web-up", "home/proposals/web-up/retired/web-up.yaml"] {
        sandbox.run(&["runbook", "lint", whole]).ends(0);
    }
    edit(&sandbox, "proposals/web-up/retired/web-up.yaml", "reason:", "why:");
    sandbox.run(&["proposal", "lint", "web-up"]).ends(1);
    retire("web-up", &[]).ends(1);
}

/// Old trust files with their old signatures, put back by somebody without any key: the daemon and the commands keep what
/// is in force, also after a restart; and an edit of one file that nobody signed keeps no revocation of another up.
#[test]
fn replaced_trust_is_spent_for_a_running_daemon_and_an_unsigned_edit_delays_no_revocation() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let trust = sandbox.home().join("proposals/trust");
    let policy = trust.join("policy.yaml");
    let first = std::fs::read_to_string(&policy).expect("there");
    let sign =
        |name: &str| sandbox.run(&["runbook", "sign", trust.join(name).to_str().expect("UTF-8")]).ends(0);
    sign("policy.yaml");
    let old_signature = std::fs::read(trust.join("policy.yaml.sig")).expect("there");
    std::fs::write(&policy, format!("{first}approvals: {{fleet: 3, irreversible: 3}}\n")).expect("written");
    sign("policy.yaml");
    let audit = || sandbox.run(&["audit", "tail", "-n", "50"]).stdout;
    assert!(
        eventually(Duration::from_secs(30), || audit().matches("trust_changed").count() == 1),
        "{}",
        audit()
    );
    std::fs::write(&policy, &first).expect("written");
    std::fs::write(trust.join("policy.yaml.sig"), old_signature).expect("written");
    let status = || sandbox.run(&["status"]).stdout;
    assert!(
        eventually(Duration::from_secs(30), || status().contains("its signature is spent")),
        "{}",
        status()
    );
    // The edit that does not count stands there still; a revocation comes into force all the same.
    sandbox.run(&["proposal", "revoke", "demo-web", "--reason", "it did harm"]).ends(0);
    let list = || sandbox.run(&["status"]).stdout;
    assert!(
        eventually(Duration::from_secs(30), || audit().matches("trust_changed").count() == 2),
        "{}",
        audit()
    );
    assert!(
        eventually(Duration::from_secs(30), || list().contains("runbook/demo-web-dead  observe_only")),
        "{}",
        list()
    );
    assert!(status().contains("its signature is spent"), "{}", status());
    sandbox.stop("-KILL");
    sandbox.serve();
    let status = sandbox.run(&["status"]).stdout;
    assert!(
        status.contains("its signature is spent") && status.contains("runbook/demo-web-dead  observe_only"),
        "{status}"
    );
}
