//! What must never be blocked.

use std::collections::BTreeMap;

use remediator::base::digest::FileDigest;
use remediator::runbook::Role;
use remediator::runbook::evidence::{Evidence, Seen};
use remediator::runbook::model::V1;

use super::repo::{PROPOSAL, RUNBOOK, Repo, SERVICE};

#[test]
fn the_first_trust_is_a_bootstrap_and_says_so() {
    let repo = Repo::empty();
    repo.write_trust(&repo.allowed(), super::repo::POLICY);
    let said = repo.judge_all();
    said.passes();
    assert_eq!(said.report["bootstrap"], true, "{said:#?}");
    assert!(said.report["verdict"].as_str().unwrap().starts_with("bootstrap"));
}

#[test]
fn an_honest_first_runbook_passes() {
    let repo = Repo::with_trust();
    repo.honest();
    let said = repo.judge_all();
    said.passes();
    assert_eq!(said.report["files"], 2, "{said:#?}");
}

#[test]
fn an_honest_edit_that_was_approved_again_passes() {
    let repo = Repo::new();
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 2");
    repo.sign("ann", Role::Runbook, RUNBOOK);
    repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().passes();
}

#[test]
fn a_change_that_touches_no_content_file_passes() {
    let repo = Repo::new();
    repo.write("README.md", "# More\n");
    repo.write("src/runbooks/note.txt", "not ours\n");
    let said = repo.judge_all();
    said.passes();
    assert!(said.report["verdict"].as_str().unwrap().contains("no runbook"), "{said:#?}");
    // A comment in a file beside them is nobody's business either.
    repo.write("runbooks/web/README.md", "how it came about\n");
    repo.judge_all().passes();
}

#[test]
fn a_revert_to_an_approved_version_passes_though_its_approval_is_old() {
    let repo = Repo::with_trust();
    repo.honest();
    repo.approve_with("bob", "bob", "web", &[RUNBOOK, SERVICE], "2020-01-01T00:00:00Z");
    // Too late for a first adoption …
    repo.judge_all().blocks("adopt_before");
    repo.git(&["commit", "-q", "--no-verify", "-m", "fix"]);
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 2");
    repo.sign("ann", Role::Runbook, RUNBOOK);
    repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().passes();
    let second = repo.commit("fewer attempts");
    // … but this one was here before.
    repo.git(&["revert", "--no-commit", &second]);
    repo.judge(&[]).passes();
    // Also among more files than are asked for by name.
    (0..100).for_each(|n| repo.write(&format!("runbooks/notes/{n}.md"), "x\n"));
    repo.judge_all().passes();
}

#[test]
fn a_runbook_removed_with_its_note_passes_and_without_is_blocked() {
    let repo = Repo::new();
    let digest = repo.digest(RUNBOOK);
    repo.git(&["rm", "-q", RUNBOOK, &format!("{RUNBOOK}.sig")]);
    repo.judge(&[]).blocks("retirement");
    repo.write(
        "proposals/web/retired/fix.yaml",
        format!("v: 1\nrunbook: fix\ndigest: {digest}\nreason: ' '\n"),
    );
    repo.judge_all().blocks("retirement");
    repo.write(
        "proposals/web/retired/fix.yaml",
        format!("v: 1\nrunbook: fix\ndigest: sha256:{}\nreason: the service is gone\n", "0".repeat(64)),
    );
    repo.judge_all().blocks("retirement");
    repo.write(
        "proposals/web/retired/fix.yaml",
        format!("v: 1\nrunbook: fix\ndigest: {digest}\nreason: the service is gone\n"),
    );
    repo.judge_all().passes();
}

#[test]
fn a_file_that_moves_with_its_id_is_the_same_runbook() {
    let repo = Repo::new();
    let to = "runbooks/site/fix.yaml";
    std::fs::create_dir_all(repo.path("runbooks/site")).unwrap();
    repo.git(&["mv", RUNBOOK, to]);
    repo.git(&["mv", &format!("{RUNBOOK}.sig"), &format!("{to}.sig")]);
    repo.judge(&[]).passes();
}

#[test]
fn a_trust_change_signed_by_who_may_passes() {
    let repo = Repo::new();
    let eve = repo.line("eve", "eve", &[Role::Approval]);
    repo.write("proposals/trust/allowed_signers", format!("{}{eve}\n", repo.allowed()));
    repo.sign("bob", Role::Trust, "proposals/trust/allowed_signers");
    repo.judge_all().passes();
}

#[test]
fn a_revocation_passes_though_it_ends_what_was_live() {
    let repo = Repo::new();
    repo.write("proposals/trust/revoked", format!("{}  # it did harm\n", repo.digest(RUNBOOK)));
    repo.sign("bob", Role::Trust, "proposals/trust/revoked");
    repo.judge_all().passes();
}

#[test]
fn what_was_wrong_before_blocks_nobody_else_and_is_told_where_asked_for() {
    let repo = Repo::new();
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 9");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--no-verify", "-m", "past the gate"]);
    repo.edit(PROPOSAL, "web dies", "web dies");
    repo.write("runbooks/web/other.md", "x\n");
    repo.judge_all().passes();
    let said = repo.judge(&["--all"]);
    said.passes();
    let notes = said.report["findings"].as_array().unwrap();
    assert!(
        notes.iter().any(|finding| finding["level"] == "note" && finding["file"] == RUNBOOK),
        "{said:#?}"
    );
}

#[test]
fn an_approval_that_never_counted_may_go() {
    let repo = Repo::new();
    // Under another proposal it also names a file that has an approval of its own.
    let other = "proposals/other/proposal.yaml";
    repo.write(other, repo.read(PROPOSAL).replace("id: web", "id: other"));
    repo.sign("ann", Role::Proposal, other);
    repo.approve("bob", "other", &[RUNBOOK]);
    repo.git(&["add", "-A"]);
    repo.commit("other");
    repo.git(&["rm", "-q", "proposals/other/approvals/bob.json", "proposals/other/approvals/bob.json.sig"]);
    repo.judge(&[]).passes();
}

#[test]
fn a_draft_of_a_proposal_may_wait_for_its_signature() {
    let repo = Repo::new();
    repo.write("proposals/next/proposal.yaml", super::repo::PROPOSAL_TEXT.replace("id: web", "id: next"));
    repo.judge_all().passes();
    repo.write("proposals/next/proposal.yaml", "v: 1\nid: next\n");
    repo.judge_all().blocks("proposal");
}

/// A rehearsal of what lies here, signed by ann.
fn rehearsed(repo: &Repo, days_ago: i64) {
    rehearsed_with(repo, days_ago, [("service/web".to_owned(), repo.digest(SERVICE))].into());
}

fn rehearsed_with(repo: &Repo, days_ago: i64, relies_on: BTreeMap<String, FileDigest>) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64;
    let evidence = Evidence {
        v: V1,
        runbook: repo.digest(RUNBOOK),
        relies_on,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        at_us: now - days_ago * 86_400_000_000,
        seen: Seen::Rehearsal { healed_ms: 1_000, head: "x".to_owned() },
    };
    let path = "proposals/web/evidence/fix.json";
    repo.write(path, serde_json::to_string_pretty(&evidence).unwrap());
    repo.sign("ann", Role::Runbook, path);
}

#[test]
fn a_runbook_with_the_evidence_that_the_policy_asks_for_passes_and_without_is_blocked() {
    let repo = Repo::empty();
    // Without a word the policy asks for one of both kinds.
    repo.write_trust(&repo.allowed(), "v: 1\n");
    repo.git(&["add", "."]);
    repo.commit("trust");
    repo.honest();
    repo.judge_all().blocks("evidence");
    rehearsed(&repo, 31);
    repo.judge_all().blocks("evidence");
    rehearsed_with(&repo, 1, BTreeMap::new());
    let said = repo.judge_all();
    said.blocks("evidence");
    assert!(said.report.to_string().contains("rehearsed without service/web"), "{said:#?}");
    rehearsed(&repo, 1);
    repo.judge_all().passes();
    repo.commit("fix");
    // The service that it was rehearsed with is another one now.
    repo.edit(SERVICE, "expect_body: ok", "expect_body: o");
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 2");
    for path in [SERVICE, RUNBOOK] {
        repo.sign("ann", Role::Runbook, path);
    }
    repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().blocks("evidence");
    rehearsed(&repo, 1);
    repo.judge_all().passes();
    repo.edit("proposals/web/evidence/fix.json", "1000", "1");
    repo.judge_all().blocks("evidence");
}

/// What this repository ships is signed with its sample keys, which count nowhere else.
#[test]
fn this_repository_passes_with_its_sample_keys() {
    fn copy(from: &std::path::Path, to: &std::path::Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            if from.is_dir() {
                copy(&from, &to);
            } else {
                std::fs::copy(&from, &to).unwrap();
            }
        }
    }
    let (repo, tree) = (Repo::empty(), std::path::Path::new(env!("CARGO_MANIFEST_DIR")));
    copy(&tree.join("proposals/trust"), &repo.path("proposals/trust"));
    repo.git(&["add", "-A"]);
    let first = repo.judge(&["--sample-keys"]);
    first.passes();
    assert_eq!(first.report["bootstrap"], true);
    repo.commit("trust");
    for top in ["runbooks", "proposals"] {
        copy(&tree.join(top), &repo.path(top));
    }
    repo.git(&["add", "-A"]);
    let said = repo.judge(&["--sample-keys"]);
    said.passes();
    assert!(said.report["files"].as_u64().unwrap() >= 7, "{said:#?}");
    assert_eq!(repo.judge(&[]).code, 1, "without the word they count for nothing");
}

#[test]
fn what_was_forgotten_is_named_when_something_blocks() {
    let repo = Repo::new();
    repo.edit(RUNBOOK, "title: ", "title: Soon ");
    repo.sign("ann", Role::Runbook, RUNBOOK);
    repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
    repo.write("notes.txt", "not of remediator");
    repo.git(&["add", RUNBOOK, "proposals"]);
    let said = repo.judge_once(repo.root(), &[]);
    said.blocks("signature");
    let unstaged = |said: &super::repo::Said| -> Vec<String> {
        let findings = said.report["findings"].as_array().unwrap();
        let notes = findings.iter().filter(|finding| finding["check"] == "unstaged");
        notes.map(|finding| finding["file"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(unstaged(&said), [format!("{RUNBOOK}.sig")]);
    repo.git(&["add", "--", &format!("{RUNBOOK}.sig")]);
    let said = repo.judge_once(repo.root(), &[]);
    said.passes();
    assert_eq!(unstaged(&said), [""; 0]);
}

#[test]
fn the_mend_of_a_first_commit_with_too_much_in_it_is_one() {
    let repo = Repo::empty();
    repo.write_trust(&repo.allowed(), "v: 1\n");
    repo.honest();
    let said = repo.judge_all();
    said.blocks("bootstrap");
    let mend = said.errors()[0]["mend"].as_str().unwrap().split(" && git commit").next().unwrap().to_owned();
    let ran = std::process::Command::new("sh").args(["-c", &mend]).current_dir(repo.root()).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let said = repo.judge_once(repo.root(), &[]);
    assert_eq!(said.report["bootstrap"], true, "{said:#?}");
}
