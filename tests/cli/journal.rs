//! The two ways out of a damaged journal, with the real binary.

use crate::sandbox::Sandbox;

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
    let forked = sandbox.run(&["journal", "fork", "--reason", "a rehearsal", "--output", "json"]).ends(0);
    assert_eq!(forked.json()["reason"], "a rehearsal");
    sandbox.serve();
    sandbox.stop("-TERM");
    sandbox.run(&["audit", "verify", "--full"]).ends(0);
}
