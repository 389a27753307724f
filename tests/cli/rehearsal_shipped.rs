//! Every shipped runbook heals a real copy of its trouble, as its own `rehearsal` says.

use crate::sandbox::Sandbox;

/// Rehearses it; what is seen of the copy when it is broken, and when it is not.
fn rehearsed(id: &str, broken: &[&str], healed: &str) {
    let sandbox = Sandbox::new();
    sandbox.run(&["init", "--name", "ada", "--approve-shipped"]).ends(0);
    let file = format!("home/runbooks/{id}/runbook.yaml");
    let said = sandbox.run(&["runbook", "test", &file, "--rehearse", "--no-evidence"]).ends(0);
    assert!(said.stdout.contains(&format!("{id} healed the copy in")), "{}", said.stdout);
    let line = |when: &str| {
        let found = said.stderr.lines().find_map(|line| line.trim_start().strip_prefix(when));
        found.unwrap_or_else(|| panic!("{when}: {}", said.stderr)).to_owned()
    };
    let (before, after) = (line("before anything is broken: "), line("after it was healed: "));
    for (when, line, wanted) in [
        ("before", &before, &[healed][..]),
        ("broken", &line("after it was broken: "), broken),
        ("after", &after, &[healed][..]),
    ] {
        assert!(wanted.iter().any(|one| line.contains(one)), "{id}, {when}: {line}");
    }
    assert!(!sandbox.home().join("proposals").join(id).join("evidence").exists());
}

#[test]
fn process_dead_heals_a_process_that_was_killed() {
    // The second is said until the daemon has recorded the end itself.
    rehearsed("process-dead", &["does not run", "has ended"], "runs");
}

#[test]
fn http_wedged_heals_a_web_server_that_hangs() {
    rehearsed("http-wedged", &["did not answer"], "answered 200");
}

#[test]
fn delivery_stuck_heals_a_sender_that_hangs() {
    rehearsed("delivery-stuck", &["[outbox/message]"], "[]");
}

#[test]
fn fd_leak_heals_a_service_that_is_almost_out_of_open_files() {
    rehearsed("fd-leak", &["files open of at most 64"], "files open of at most 64");
}

#[test]
fn memory_growth_heals_a_service_above_its_cap() {
    rehearsed("memory-growth", &["at most 67108864"], "at most 67108864");
}

#[test]
fn database_corrupt_heals_a_database_that_was_overwritten() {
    rehearsed("database-corrupt", &["in database main"], "ok");
}

#[test]
fn disk_filling_heals_a_volume_full_of_old_logs() {
    rehearsed("disk-filling", &["of 32 MiB are used"], "of 32 MiB are used");
}

/// None is shipped without.
#[test]
fn every_shipped_runbook_is_rehearsed_here() {
    for (path, bytes) in remediator::runbook::shipped::FILES {
        let Some(id) = path.strip_prefix("runbooks/").and_then(|rest| rest.strip_suffix("/runbook.yaml"))
        else {
            continue;
        };
        assert!(String::from_utf8_lossy(bytes).contains("\nrehearsal:\n"), "{path}");
        assert!(include_str!("rehearsal_shipped.rs").contains(&format!("rehearsed(\"{id}\"")), "{path}");
    }
}
