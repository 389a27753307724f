//! What a running home remembers and the gate tells from history: what was adopted, and whose place and id is taken.

use remediator::runbook::Role;

use super::reach::{FAR, NEW, add, far, files, with_far};
use super::repo::{RUNBOOK, RUNBOOK_TEXT, Repo, SERVICE};

const LATE: &str = "2020-01-01T00:00:00Z";

fn change_policy(repo: &Repo, policy: &str) {
    repo.write("proposals/trust/policy.yaml", policy);
    repo.sign("bob", Role::Trust, "proposals/trust/policy.yaml");
    repo.judge_all().passes();
    repo.commit("policy");
}

#[test]
fn a_file_that_was_never_live_is_adopted_when_its_signature_comes_or_it_moves() {
    let past_the_gate = |signed: bool| {
        let repo = Repo::new();
        repo.write(NEW, RUNBOOK_TEXT.replace("id: fix", "id: other").replace("PROCESS_DEAD", "DISK_FULL"));
        repo.approve_with("cyd", "cyd", "web", &[NEW], LATE);
        if signed {
            repo.sign("eve", Role::Runbook, NEW);
        }
        repo.git(&["add", "."]);
        repo.commit("past the gate");
        repo
    };
    let repo = past_the_gate(false);
    repo.sign("ann", Role::Runbook, NEW);
    repo.judge_all().blocks("adopt_before");
    let repo = past_the_gate(true);
    let to = "runbooks/newer/it.yaml";
    std::fs::create_dir_all(repo.path("runbooks/newer")).unwrap();
    repo.git(&["mv", NEW, to]);
    repo.git(&["rm", "-q", &format!("{NEW}.sig")]);
    repo.sign("ann", Role::Runbook, to);
    let said = repo.judge_all();
    said.blocks("adopt_before");
    assert!(files(&said).iter().all(|file| *file == to), "{said:#?}");
    // In time it may.
    repo.approve("cyd", "web", &[to]);
    repo.judge_all().passes();
}

#[test]
fn who_began_alone_and_is_joined_need_not_begin_anew() {
    let repo = Repo::with_trust();
    change_policy(&repo, "v: 1\nlive_evidence: none\nsolo: true\n");
    repo.honest();
    std::fs::remove_dir_all(repo.path("proposals/web/approvals")).unwrap();
    repo.approve("ann", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().passes();
    repo.commit("alone");
    // From now on two, and a backtest of what is new.
    change_policy(&repo, "v: 1\nlive_evidence: none\nbacktest: true\n");
    repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().passes();
    // What is new has none.
    add(&repo, &RUNBOOK_TEXT.replace("id: fix", "id: other").replace("PROCESS_DEAD", "DISK_FULL"));
    let said = repo.judge_all();
    said.blocks("backtest");
    assert_eq!(files(&said), [NEW]);
}

#[test]
fn where_more_approvals_are_needed_the_first_ones_stay_in_time() {
    let repo = Repo::with_trust();
    change_policy(&repo, "v: 1\nlive_evidence: none\napprovals: {fleet: 1, irreversible: 1}\n");
    repo.honest();
    for path in [super::repo::PROPOSAL, RUNBOOK] {
        repo.edit(path, "blast_radius: ", "blast_radius: fleet # ");
    }
    repo.edit(super::repo::PROPOSAL, "fleet # machine}", "fleet}");
    repo.sign("ann", Role::Proposal, super::repo::PROPOSAL);
    repo.sign("ann", Role::Runbook, RUNBOOK);
    repo.approve_with("bob", "bob", "web", &[RUNBOOK, SERVICE], LATE);
    repo.git(&["add", "."]);
    repo.commit("adopted long ago");
    change_policy(&repo, "v: 1\nlive_evidence: none # again two\n");
    repo.approve("cyd", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().passes();
}

#[test]
fn who_loses_an_approver_keeps_the_place() {
    let repo = with_far(&far());
    repo.git(&["rm", "-q", "-r", "proposals/far/approvals"]);
    repo.approve("cyd", "far", &[FAR]);
    repo.git(&["add", "."]);
    repo.commit("approved by another");
    let allowed = repo.allowed();
    let others: Vec<&str> = allowed.lines().filter(|line| !line.starts_with("cyd ")).collect();
    repo.write("proposals/trust/allowed_signers", format!("{}\n", others.join("\n")));
    repo.sign("bob", Role::Trust, "proposals/trust/allowed_signers");
    repo.judge_all().passes();
    repo.commit("cyd leaves");
    add(&repo, &RUNBOOK_TEXT.replace("id: fix", "id: other").replace("PROCESS_DEAD", "DISK_FULL"));
    let said = repo.judge_all();
    said.blocks("overlap");
    assert_eq!(files(&said), [NEW]);
}

#[test]
fn a_file_that_takes_the_id_of_another_one_that_was_live_is_told_at_that_one() {
    // A copy stands first in the alphabet.
    let repo = Repo::new();
    for end in ["", ".sig"] {
        repo.write(&format!("runbooks/a.yaml{end}"), repo.read(&format!("{RUNBOOK}{end}")));
    }
    let said = repo.judge_all();
    said.blocks("catalog");
    assert_eq!(files(&said), [RUNBOOK]);
    // The other one loses its signature, and its id with it.
    let repo = Repo::new();
    repo.sign("eve", Role::Runbook, RUNBOOK);
    add(&repo, &RUNBOOK_TEXT.replace("attempts: 3", "attempts: 1"));
    let said = repo.judge_all();
    said.blocks("catalog");
    assert_eq!(files(&said), [RUNBOOK]);
}
