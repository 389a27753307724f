//! Bases of every kind: merges, rebases, no commit yet, shallow clones, worktrees, ranges.

use std::process::Command;

use remediator::runbook::Role;

use super::repo::{RUNBOOK, Repo, SERVICE, gate, isolate};

/// A change that nobody approved.
fn bad(repo: &Repo) {
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 300");
    repo.sign("ann", Role::Runbook, RUNBOOK);
}

#[test]
fn a_merge_is_judged_by_the_branch_that_it_lands_on() {
    let repo = Repo::new();
    repo.git(&["checkout", "-q", "-b", "side"]);
    let eve = repo.line("eve", "eve", &[Role::Approval, Role::Runbook]);
    repo.write("proposals/trust/allowed_signers", format!("{}{eve}\n", repo.allowed()));
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 300");
    repo.sign("eve", Role::Runbook, RUNBOOK);
    repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--no-verify", "-m", "past the gate"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("README.md", "x\n");
    repo.git(&["add", "-A"]);
    repo.commit("elsewhere");
    repo.git(&["merge", "-q", "--no-commit", "--no-ff", "side"]);
    let said = repo.judge(&[]);
    said.blocks("trust");
    said.blocks("signature");
    // Files that are not merged yet cannot be judged, and so block.
    repo.git(&["merge", "--abort"]);
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 4");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--no-verify", "-m", "both"]);
    assert!(!repo.try_git(&["merge", "-q", "--no-commit", "side"]).status.success(), "a conflict is wanted");
    let said = repo.judge(&[]);
    assert_eq!(said.code, 69, "{said:#?}");
    assert!(said.stderr.contains("not merged yet") && said.stderr.contains("blocked"), "{}", said.stderr);
}

#[test]
fn a_range_is_judged_as_a_whole_by_its_first_commit() {
    let repo = Repo::new();
    let base = repo.git(&["rev-parse", "HEAD"]);
    bad(&repo);
    repo.git(&["add", "-A"]);
    repo.commit("bad");
    let range = format!("{base}..HEAD");
    repo.judge(&["--range", &range]).blocks("drift");
    repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
    repo.git(&["add", "-A"]);
    repo.commit("approved");
    repo.judge(&["--range", &range]).passes();
    repo.judge(&["--range", &format!("{base}..")]).passes();
    // What lies here or is staged has no part in it.
    repo.write(RUNBOOK, "what: ever\n");
    repo.git(&["add", "-A"]);
    repo.judge(&["--range", &range]).passes();
}

#[test]
fn a_range_that_is_none_is_refused_with_what_to_do() {
    let repo = Repo::new();
    for (range, code, says) in [
        ("HEAD", 2, "BASE..HEAD"),
        ("HEAD...HEAD", 2, "BASE..HEAD"),
        ("..HEAD", 2, "BASE..HEAD"),
        ("nowhere..HEAD", 69, "git fetch"),
        ("--output=x..HEAD", 69, "git fetch"),
    ] {
        let said = repo.judge(&[&format!("--range={range}")]);
        assert_eq!(said.code, code, "{range}: {said:#?}");
        assert!(said.stderr.contains(says), "{range}: {}", said.stderr);
    }
    // A base that went on: what it holds since would look as if it was taken back.
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.commit("side");
    repo.git(&["checkout", "-q", "main"]);
    repo.commit("main goes on");
    let said = repo.judge(&["--range", "main..side"]);
    assert_eq!(said.code, 69, "{said:#?}");
    assert!(said.stderr.contains("rebase or merge"), "{}", said.stderr);
}

#[test]
fn each_commit_of_a_rebase_is_judged_by_the_one_before() {
    let repo = Repo::new();
    repo.git(&["checkout", "-q", "-b", "side"]);
    bad(&repo);
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--no-verify", "-m", "bad"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.write("README.md", "x\n");
    repo.git(&["add", "-A"]);
    repo.commit("main goes on");
    repo.git(&["checkout", "-q", "side"]);
    let rebase =
        repo.try_git(&["rebase", "-q", "--exec", &format!("{} --range HEAD~1..HEAD", gate()), "main"]);
    assert!(!rebase.status.success());
    let said = String::from_utf8_lossy(&rebase.stdout).into_owned();
    assert!(said.contains("[drift]") && said.contains("limits.attempts: 3 → 300"), "{said}");
}

#[test]
fn before_the_first_commit() {
    let repo = Repo::empty();
    repo.judge(&[]).passes();
    repo.write_trust(&repo.allowed(), super::repo::POLICY);
    repo.judge_all().passes();
    // A HEAD that is damaged is no repository without history.
    std::fs::write(repo.path(".git/HEAD"), format!("{}\n", "1".repeat(40))).unwrap();
    let said = repo.judge(&[]);
    assert_eq!(said.code, 69, "{said:#?}");
}

#[test]
fn a_shallow_clone_judges_what_it_can_and_says_what_it_lacks() {
    let repo = Repo::new();
    let old = repo.git(&["rev-parse", "HEAD~1"]);
    bad(&repo);
    repo.git(&["add", "-A"]);
    repo.commit("bad");
    let place = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repo.root().display());
    let mut clone = Command::new("git");
    isolate(&mut clone);
    assert!(clone.args(["clone", "-q", "--depth=2", &url]).arg(place.path()).status().unwrap().success());
    repo.judge_in(place.path(), &["--range", "HEAD~1..HEAD"]).blocks("drift");
    let said = repo.judge_in(place.path(), &["--range", &format!("{old}..HEAD")]);
    assert_eq!(said.code, 69, "{said:#?}");
    assert!(said.stderr.contains("--unshallow"), "{}", said.stderr);
    // Whether trust is an old version that comes back is told by history, which is not here.
    std::fs::write(place.path().join("proposals/trust/policy.yaml"), "v: 1\nsolo: true\n").unwrap();
    let mut add = Command::new("git");
    isolate(&mut add);
    assert!(add.current_dir(place.path()).args(["add", "-A"]).status().unwrap().success());
    let said = repo.judge_in(place.path(), &[]);
    assert_eq!(said.code, 69, "{said:#?}");
    assert!(said.stderr.contains("--unshallow"), "{}", said.stderr);
}

#[test]
fn a_worktree_and_a_folder_below_are_the_same_repository() {
    let repo = Repo::new();
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    repo.git(&["worktree", "add", "-q", tree.to_str().unwrap(), "-b", "side"]);
    let fix = tree.join(RUNBOOK);
    let text = std::fs::read_to_string(&fix).unwrap().replace("attempts: 3", "attempts: 300");
    std::fs::write(&fix, text).unwrap();
    let mut add = Command::new("git");
    isolate(&mut add);
    assert!(add.current_dir(&tree).args(["add", "-A"]).status().unwrap().success());
    repo.judge_in(&tree, &[]).blocks("signature");
    repo.judge_in(&tree.join("runbooks/web"), &[]).blocks("signature");
    repo.judge(&[]).passes();
    let nowhere = repo.judge_in(place.path(), &[]);
    assert_eq!(nowhere.code, 69, "{nowhere:#?}");
    assert!(nowhere.stderr.contains("not a git repository"), "{}", nowhere.stderr);
}

#[test]
fn every_content_folder_of_a_repository_is_judged_by_its_own_trust() {
    let repo = Repo::new();
    for path in repo.git(&["ls-files"]).lines() {
        repo.write(&format!("deploy/home/{path}"), std::fs::read(repo.path(path)).unwrap());
    }
    // Another home in a subfolder begins with its trust too.
    repo.judge_all().blocks("bootstrap");
    repo.git(&["commit", "-q", "--no-verify", "-m", "past the gate"]);
    repo.edit(&format!("deploy/home/{RUNBOOK}"), "attempts: 3", "attempts: 300");
    let said = repo.judge_all();
    said.blocks("signature");
    assert_eq!(said.report["findings"][0]["file"], format!("deploy/home/{RUNBOOK}"));
}

#[test]
fn replaced_objects_and_settings_of_the_repository_change_nothing() {
    let repo = Repo::new();
    let base = repo.git(&["rev-parse", "HEAD"]);
    repo.git(&["checkout", "-q", "-b", "side"]);
    let eve = repo.line("eve", "eve", &Role::ALL);
    repo.write("proposals/trust/allowed_signers", format!("{}{eve}\n", repo.allowed()));
    repo.git(&["add", "-A"]);
    let other = repo.commit("eve everywhere");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["replace", &base, &other]);
    repo.git(&["checkout", "-q", "side", "--", "proposals/trust/allowed_signers"]);
    repo.judge(&[]).blocks("trust");
}
