//! As a git hook, and in the framework pre-commit.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use remediator::runbook::Role;

use super::repo::{RUNBOOK, Repo, SERVICE, gate, isolate};

fn run(repo: &Repo, args: &[&str]) -> Output {
    let mut command = Command::new(gate());
    isolate(&mut command);
    command.current_dir(repo.root()).args(args).output().unwrap()
}

fn bad(repo: &Repo) {
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 300");
    repo.sign("ann", Role::Runbook, RUNBOOK);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn installed_it_blocks_a_commit_and_lets_an_honest_one_through() {
    let repo = Repo::new();
    let said = run(&repo, &["install"]);
    assert!(said.status.success(), "{said:?}");
    assert!(text(&said.stdout).contains("pre-commit"));
    bad(&repo);
    let commit = repo.try_git(&["commit", "-q", "-a", "-m", "bad"]);
    assert!(!commit.status.success());
    let said = text(&commit.stdout) + &text(&commit.stderr);
    assert!(said.contains("runbooks/web/fix.yaml:5:11: the approval") && said.contains("[drift]"), "{said}");
    assert!(said.contains("mend: remediator proposal approve web"), "{said}");
    repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "-m", "good"]);
    // Only some of what is changed: what would be committed is judged, not what is staged besides.
    repo.write("README.md", "x\n");
    repo.edit(RUNBOOK, "attempts: 300", "attempts: 301");
    repo.git(&["add", "README.md"]);
    repo.git(&["commit", "-q", "-m", "readme"]);
    assert!(!repo.try_git(&["commit", "-q", RUNBOOK, "-m", "bad"]).status.success());
}

#[test]
fn what_was_there_runs_first_and_comes_back() {
    let repo = Repo::new();
    let hook = repo.path(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let own = "#!/bin/sh\necho first >> \"$(git rev-parse --show-toplevel)/.git/ran\"\nexit \"$(cat .git/answer)\"\n";
    fs::write(&hook, own).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    repo.write(".git/answer", "0");
    for _ in 0..2 {
        assert!(run(&repo, &["install"]).status.success(), "twice is once");
    }
    repo.commit("a");
    assert_eq!(repo.read(".git/ran"), "first\n");
    repo.write(".git/answer", "7");
    assert!(!repo.try_git(&["commit", "--allow-empty", "-m", "b"]).status.success(), "its no counts");
    let said = run(&repo, &["uninstall"]);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(fs::read_to_string(&hook).unwrap(), own);
    let left: Vec<_> =
        fs::read_dir(hook.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("gate")), "{left:?}");
    // Somebody else's hook is not taken away.
    let said = run(&repo, &["uninstall"]);
    assert_eq!(said.status.code(), Some(69), "{said:?}");
    assert!(text(&said.stderr).contains("not ours"), "{said:?}");
    assert_eq!(fs::read_to_string(&hook).unwrap(), own);
}

#[test]
fn a_merge_is_judged_too() {
    let repo = Repo::new();
    assert!(run(&repo, &["install"]).status.success());
    repo.git(&["checkout", "-q", "-b", "side"]);
    bad(&repo);
    repo.git(&["commit", "-q", "-a", "--no-verify", "-m", "past the gate"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["commit", "-q", "--allow-empty", "-m", "main goes on"]);
    let merge = repo.try_git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
    assert!(!merge.status.success());
    assert!((text(&merge.stdout) + &text(&merge.stderr)).contains("[drift]"), "{merge:?}");
}

#[test]
fn a_gate_that_is_gone_blocks_and_says_what_to_do() {
    let repo = Repo::new();
    assert!(run(&repo, &["install"]).status.success());
    let hook = repo.path(".git/hooks/pre-commit");
    let text_of = fs::read_to_string(&hook).unwrap().replace(gate(), "/nonexistent/runbook-gate");
    fs::write(&hook, text_of).unwrap();
    let commit = repo.try_git(&["commit", "--allow-empty", "-m", "x"]);
    assert!(!commit.status.success());
    assert!(text(&commit.stderr).contains("not installed any more"), "{commit:?}");
    assert!(run(&repo, &["uninstall"]).status.success());
    assert!(!hook.exists());
    assert_eq!(run(&repo, &["uninstall"]).status.code(), Some(69));
}

#[test]
fn a_hooks_folder_elsewhere_is_found() {
    let repo = Repo::new();
    repo.git(&["config", "core.hooksPath", "own/hooks"]);
    assert!(run(&repo, &["install"]).status.success());
    assert!(repo.path("own/hooks/pre-commit").exists());
    bad(&repo);
    assert!(!repo.try_git(&["commit", "-q", "-a", "-m", "bad"]).status.success());
}

/// The real framework, with our own `.pre-commit-hooks.yaml`.
#[test]
fn in_the_framework_pre_commit() {
    if Command::new("pre-commit").arg("--version").output().is_err() {
        eprintln!("NOT TESTED: pre-commit is not installed (tools/test fetches it)");
        return;
    }
    let hooks = Repo::empty();
    let own =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml")).unwrap();
    hooks.write(".pre-commit-hooks.yaml", own);
    hooks.git(&["add", "-A"]);
    let revision = hooks.commit("hooks");
    let repo = Repo::new();
    repo.write(
        ".pre-commit-config.yaml",
        format!(
            "repos:\n- repo: {}\n  rev: {revision}\n  hooks:\n  - id: runbook-gate-on-path\n",
            hooks.root().display()
        ),
    );
    let cache = tempfile::tempdir().unwrap();
    let framework = |args: &[&str]| {
        let mut command = Command::new("pre-commit");
        isolate(&mut command);
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", Path::new(gate()).parent().unwrap().display());
        command
            .current_dir(repo.root())
            .env("PATH", path)
            .env("PRE_COMMIT_HOME", cache.path())
            .env("HOME", cache.path());
        command.args(args).output().unwrap()
    };
    repo.git(&["add", "-A"]);
    let said = framework(&["run"]);
    assert!(said.status.success(), "{}", text(&said.stdout) + &text(&said.stderr));
    bad(&repo);
    repo.git(&["add", "-A"]);
    // The framework puts away what is not staged before it runs hooks: the good version here does not help.
    repo.write(RUNBOOK, super::repo::RUNBOOK_TEXT);
    let said = framework(&["run"]);
    let said_text = text(&said.stdout) + &text(&said.stderr);
    assert!(!said.status.success() && said_text.contains("[drift]"), "{said_text}");
}
