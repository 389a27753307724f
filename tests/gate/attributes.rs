//! Where `.gitattributes` stands, where git is asked, and whether what is said of it mends it.

use std::process::Command;

use super::repo::{RUNBOOK, RUNBOOK_TEXT, Repo, isolate};

fn mend(repo: &Repo, said: &super::repo::Said) {
    let mend = said.errors()[0]["mend"].as_str().unwrap();
    let ran = Command::new("sh").args(["-c", mend]).current_dir(repo.root()).output().unwrap();
    assert!(ran.status.success(), "{mend}: {ran:?}");
}

#[test]
fn the_mend_mends_wherever_it_stands() {
    for (at, line) in [
        (".gitattributes", "* ident"),
        (".gitattributes", "[attr]evil filter=x\nrunbooks/** evil"),
        ("runbooks/.gitattributes", "*.yaml eol=crlf"),
        ("runbooks/web/.gitattributes", "fix* filter=nothing"),
    ] {
        let repo = Repo::new();
        repo.write(at, format!("{line}\n"));
        // A deeper one has the last word, whatever stands above.
        repo.write("proposals/.gitattributes", "nothing ident\n");
        let said = repo.judge_all();
        said.blocks("attributes");
        for _ in 0..2 {
            let said = repo.judge(&[]);
            if said.code != 0 {
                mend(&repo, &said);
            }
        }
        repo.judge(&[]).passes();
    }
}

#[test]
fn a_folder_within_the_repository_is_judged_by_all_that_lie_above_and_within() {
    let repo = Repo::empty();
    let move_in = |from: &Repo| {
        for path in from.git(&["ls-files"]).lines() {
            repo.write(&format!("ops/here/{path}"), from.read(path));
        }
    };
    move_in(&Repo::new());
    repo.git(&["add", "."]);
    repo.commit("past the gate");
    repo.write("ops/.gitattributes", "*.yaml ident\n");
    let said = repo.judge_all();
    said.blocks("attributes");
    mend(&repo, &said);
    repo.judge(&[]).passes();
}

#[test]
fn without_a_working_tree_and_from_below_the_top_it_says_the_same() {
    let repo = Repo::new();
    let base = repo.git(&["rev-parse", "HEAD"]);
    repo.write(".gitattributes", "*.yaml ident\n");
    repo.git(&["add", "-A"]);
    repo.judge_in(&repo.path("runbooks/web"), &[]).blocks("attributes");
    repo.commit("past the gate");
    let range = format!("{base}..HEAD");
    repo.judge_in(&repo.path("runbooks/web"), &["--range", &range]).blocks("attributes");
    let bare = tempfile::tempdir().unwrap();
    let mut clone = Command::new("git");
    isolate(&mut clone);
    let cloned = clone.args(["clone", "-q", "--bare"]).arg(repo.root()).arg(bare.path()).output().unwrap();
    assert!(cloned.status.success(), "{cloned:?}");
    repo.judge_in(bare.path(), &["--range", &range]).blocks("attributes");
    let left = std::fs::read_dir(bare.path()).unwrap().map(Result::unwrap);
    assert!(left.into_iter().all(|entry| !entry.file_name().to_string_lossy().starts_with("runbook-gate")));
}

#[test]
fn what_blocks_still_blocks_where_the_working_tree_cannot_be_looked_at() {
    let repo = Repo::new();
    repo.write(RUNBOOK, RUNBOOK_TEXT.replace("attempts: 3", "attempts: 2"));
    repo.git(&["add", "-A"]);
    repo.git(&["config", "status.branch", "neither"]);
    assert!(!repo.try_git(&["status"]).status.success());
    repo.judge(&[]).blocks("signature");
}
