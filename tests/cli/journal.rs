//! The two ways out of a damaged journal, with the real binary.

use std::time::Duration;

use crate::sandbox::{Sandbox, eventually};

/// Changes one byte of the first entry's own text, and takes away the store that could mend it.
fn damage(sandbox: &Sandbox) {
    let state = sandbox.home().join("state");
    let segment = state.join("journal/00000000000000000000.ndjson");
    let text = std::fs::read_to_string(&segment).expect("the first segment");
    std::fs::write(&segment, text.replacen("journal.genesis", "journal.genesiz", 1)).expect("written");
    sandbox.shell("rm -rf home/state/sled-* home/state/snapshots").ends(0);
    sandbox.run(&["audit", "verify"]).ends(5);
}

#[test]
fn a_damaged_journal_is_restored_from_an_export_or_forked() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    sandbox.stop("-TERM");
    sandbox.run(&["audit", "export", "evidence"]).ends(0);
    damage(&sandbox);
    sandbox.run(&["journal", "restore", "--from", "nowhere"]).ends(2);
    let restored = sandbox.run(&["journal", "restore", "--from", "evidence", "--output", "json"]).ends(0);
    assert_eq!(restored.json()["restored"], true);
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
    sandbox.run(&["journal", "fork", "--reason", " "]).ends(2);
    let fork = ["journal", "fork", "--reason", "a rehearsal", "--output", "json"];
    let whole = sandbox.run(&fork).ends(4);
    assert!(whole.stderr.contains("--although-whole"), "{}", whole.stderr);
    let forked = sandbox.run(&[&fork[..], &["--although-whole"]].concat()).ends(0);
    assert_eq!(forked.json()["reason"], "a rehearsal");
    sandbox.serve();
    sandbox.stop("-TERM");
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
}

#[test]
fn the_doctor_makes_no_guess_about_the_key_of_a_damaged_journal_nor_about_what_it_may_not_read() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    sandbox.run(&["key", "rotate", "--reason", "so that the last key is not the first"]).ends(0);
    sandbox.stop("-TERM");
    let other = "setpriv --reuid 65534 --regid 65534 --clear-groups remediator";
    if sandbox.shell(&format!("{other} --version")).code == Some(0) {
        sandbox.shell("chmod 755 . home && chmod 700 home/state").ends(0);
        let hidden = sandbox.shell(&format!("chmod 700 home; {other} doctor")).ends(4);
        assert!(hidden.stderr.contains("cannot look into the home"), "{}", hidden.stderr);
        let closed = sandbox.shell(&format!("chmod 755 home; {other} doctor")).ends(1).stdout;
        for command in
            ["journal fsck", "audit prove 1", "status", "pause --reason x", "audit verify", "erase --list"]
        {
            let said = sandbox.shell(&format!("{other} {command}")).ends(4).stderr;
            assert!(
                said.contains("cannot be read by this user") && said.contains("sudo -u '#0'"),
                "{command}: {said}"
            );
        }
        assert!(closed.contains("state/token cannot be looked at: Permission denied"), "{closed}");
        assert!(closed.contains("state/journal cannot be looked at: Permission denied"), "{closed}");
        assert!(closed.contains("sudo -u '#0'") && !closed.contains("chown"), "{closed}");
        assert!(
            !closed.contains("is missing") && !closed.contains("When the journal is damaged"),
            "{closed}"
        );
    }
    damage(&sandbox);
    let said = sandbox.run(&["doctor"]).ends(1).stdout;
    assert!(said.contains("which key signs cannot be told"), "{said}");
    assert!(!said.contains("put state/keys/journal.key back"), "{said}");
}

#[test]
fn a_whole_journal_is_not_restored_and_another_ones_export_mends_nothing() {
    let mut sandbox = Sandbox::with_home();
    sandbox.run(&["init", "--approve-shipped", "--home", "other"]).ends(0);
    sandbox.run(&["audit", "export", "foreign", "--home", "other"]).ends(0);
    sandbox.serve();
    sandbox.stop("-TERM");
    sandbox.run(&["audit", "export", "evidence"]).ends(0);
    let head = || sandbox.run(&["audit", "verify", "--output", "json"]).ends(0).json()["head"].clone();
    let before = head();
    let said = sandbox.run(&["journal", "restore", "--from", "evidence"]).ends(0).stdout;
    assert!(said.contains("nothing was restored"), "{said}");
    let refused = sandbox.run(&["journal", "restore", "--from", "foreign"]).ends(4);
    assert!(refused.stderr.contains("export of another journal"), "{}", refused.stderr);
    assert_eq!(head(), before);
    let full = sandbox.run(&["audit", "export", "evidence"]).ends(2);
    assert!(full.stderr.contains("is not empty"), "{}", full.stderr);
    let nowhere = sandbox.run(&["audit", "verify", "--folder", "nope"]).ends(2);
    assert!(nowhere.stderr.contains("there is no such folder"), "{}", nowhere.stderr);
    let nowhere = sandbox.run(&["restore", "nope", "--home", "third"]).ends(2);
    assert!(nowhere.stderr.contains("there is no folder nope"), "{}", nowhere.stderr);
}

#[test]
fn an_export_becomes_a_home_that_is_read_alike_and_never_acts() {
    let mut sandbox = Sandbox::with_home();
    sandbox.serve();
    let closed = || sandbox.run(&["incidents", "--state", "closed"]).stdout.contains("demo-web");
    assert!(eventually(Duration::from_secs(30), closed));
    sandbox.stop("-TERM");
    sandbox.run(&["audit", "export", "evidence"]).ends(0);
    sandbox.run(&["audit", "import", "evidence"]).ends(2);
    sandbox.run(&["audit", "import", "home", "--home", "copy"]).ends(2);
    let import = ["audit", "import", "evidence", "--home", "copy", "--output", "json"];
    let imported = sandbox.run(&import).ends(0).json();
    assert_eq!(imported["absent"], serde_json::json!({}));
    let list = sandbox.run(&["incidents", "--output", "json"]).ends(0).json();
    let id = list["incidents"][0]["id"].as_str().expect("an incident").to_owned();
    let questions: [&[&str]; 5] = [
        &["status"],
        &["incidents"],
        &["incident", "show", &id],
        &["explain", &id],
        &["audit", "tail", "--after", "-1"],
    ];
    for question in questions {
        let ask =
            |home: &[&str]| sandbox.run(&[question, &["--output", "json"], home].concat()).ends(0).stdout;
        assert_eq!(ask(&[]), ask(&["--home", "copy"]), "{question:?}");
    }
    sandbox.run(&["audit", "verify", "--full", "--home", "copy"]).ends(0);
    // A daemon that happens to listen there is another home's.
    sandbox.serve();
    let held = sandbox.run(&["status", "--output", "json", "--home", "copy"]).ends(0).stdout;
    let before = sandbox.shell("find copy -type f -exec sha256sum {} + | sort").ends(0).stdout;
    let acts: [&[&str]; 5] = [
        &["serve"],
        &["pause", "--reason", "x"],
        &["drain", "--reason", "x"],
        &["emit", "--subsystem", "a", "--code", "A_B", "--target", "t", "--summary", "s"],
        &["journal", "fork", "--reason", "x"],
    ];
    for act in acts {
        let refused = sandbox.run(&[act, &["--home", "copy"]].concat()).ends(4);
        assert!(refused.stderr.contains("read-only"), "{act:?}: {}", refused.stderr);
    }
    assert_eq!(sandbox.shell("find copy -type f -exec sha256sum {} + | sort").ends(0).stdout, before);
    assert_eq!(sandbox.run(&["status", "--output", "json", "--home", "copy"]).ends(0).stdout, held);
    let said = sandbox.run(&["status", "--home", "copy"]).ends(0).stdout;
    assert!(said.contains("read-only"), "{said}");
    let said = sandbox.run(&["doctor", "--home", "copy"]).ends(1).stdout;
    assert!(said.contains("made from an export: it is read-only"), "{said}");
    let listed = sandbox.run(&["runbook", "list", "--home", "copy"]);
    assert!(listed.stderr.contains("read-only"), "{}", listed.stderr);
    let going = sandbox.run(&["uninstall", "--home", "copy", "--output", "json"]).ends(0).json();
    assert_eq!(going["running"], serde_json::json!([]), "what runs is the original's");
    // What an export lacks is listed; what is wrong in it is refused.
    sandbox.shell("rm $(find evidence/blobs -type f | sort | head -1)").ends(0);
    let lacking = sandbox.run(&["audit", "import", "evidence", "--home", "less", "--output", "json"]).ends(0);
    assert_eq!(lacking.json()["absent"].as_object().map(serde_json::Map::len), Some(1));
    // So is what the journal itself no longer has when it is exported.
    sandbox.shell("rm $(find home/state/blobs -type f | sort | head -1)").ends(0);
    let poorer = sandbox.run(&["audit", "export", "poorer", "--output", "json"]).ends(0).json();
    assert_eq!(poorer["absent"].as_object().map(serde_json::Map::len), Some(1));
    sandbox.shell("sed -i '1s/journal.genesis/journal.genesiz/' evidence/*.ndjson").ends(0);
    sandbox.run(&["audit", "import", "evidence", "--home", "third"]).ends(5);
    assert!(!sandbox.path().join("third").exists());
}
