//! What a change reaches beyond the files in it: others that it takes the place of, that it takes the force of, that it rests
//! on. What it does not reach is left alone.

use remediator::runbook::Role;

use super::repo::{PROPOSAL_TEXT, RUNBOOK, RUNBOOK_TEXT, Repo, SERVICE};

pub const FAR: &str = "runbooks/far/remedy.yaml";
const FAR_PROPOSAL: &str = "proposals/far/proposal.yaml";
pub const NEW: &str = "runbooks/new/it.yaml";

/// Beside the family `web` another one that has nothing in common with it.
pub fn with_far(runbook: &str) -> Repo {
    let repo = Repo::new();
    repo.write(FAR_PROPOSAL, PROPOSAL_TEXT.replace("web*", "*").replace("web", "far"));
    repo.write(FAR, runbook);
    repo.sign("ann", Role::Proposal, FAR_PROPOSAL);
    repo.sign("ann", Role::Runbook, FAR);
    repo.approve("bob", "far", &[FAR]);
    repo.git(&["add", "."]);
    repo.commit("far");
    repo
}

pub fn far() -> String {
    RUNBOOK_TEXT
        .replace("id: fix", "id: remedy")
        .replace("target: web", "target: '*'")
        .replace("web", "far")
        .replace("PROCESS_DEAD", "DISK_FULL")
}

/// Another runbook below `web`, honest but for what it has in common with `far`.
pub fn add(repo: &Repo, text: &str) {
    repo.write(NEW, text);
    repo.sign("ann", Role::Runbook, NEW);
    repo.approve("bob", "web", &[RUNBOOK, SERVICE, NEW]);
}

pub fn files(said: &super::repo::Said) -> Vec<&str> {
    said.errors().into_iter().map(|finding| finding["file"].as_str().unwrap()).collect()
}

#[test]
fn an_id_of_another_family_is_taken_however_it_is_spelled() {
    for spelled in ["remedy", r#""r\x65medy""#] {
        let repo = with_far(&far().replace("id: remedy", &format!("id: {spelled}")));
        add(&repo, &RUNBOOK_TEXT.replace("id: fix", "id: remedy").replace("PROCESS_DEAD", "HTTP_WEDGED"));
        let said = repo.judge_all();
        said.blocks("catalog");
        assert_eq!(files(&said), [NEW]);
    }
}

#[test]
fn a_place_of_another_family_is_taken() {
    let repo = with_far(&far());
    add(&repo, &RUNBOOK_TEXT.replace("id: fix", "id: other").replace("PROCESS_DEAD", "DISK_FULL"));
    let said = repo.judge_all();
    said.blocks("overlap");
    assert_eq!(files(&said), [NEW]);
}

#[test]
fn a_nonce_used_again_takes_the_force_of_the_other_approval_too() {
    let repo = with_far(&far());
    let approval = "proposals/web/approvals/bob.json";
    repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
    let nonce = |path: &str| {
        let approval: serde_json::Value = serde_json::from_str(&repo.read(path)).unwrap();
        approval["nonce"].as_str().unwrap().to_owned()
    };
    repo.edit(approval, &nonce(approval), &nonce("proposals/far/approvals/bob.json"));
    repo.sign("bob", Role::Approval, approval);
    let said = repo.judge_all();
    said.blocks("approval");
    assert!(files(&said).contains(&FAR), "{said:#?}");
}

#[test]
fn a_nonce_counts_wherever_it_stands_and_whenever_its_approval_begins_to_count() {
    let nonce = |repo: &Repo, path: &str| {
        let approval: serde_json::Value = serde_json::from_str(&repo.read(path)).unwrap();
        approval["nonce"].as_str().unwrap().to_owned()
    };
    // It stands in an approval that is not signed yet; the change brings the signature and nothing else.
    let repo = with_far(&far());
    let other = "proposals/web/approvals/cyd.json";
    repo.approve("cyd", "web", &[RUNBOOK, SERVICE]);
    repo.edit(other, &nonce(&repo, other), &nonce(&repo, "proposals/far/approvals/bob.json"));
    repo.git(&["add", other]);
    repo.commit("a draft");
    repo.sign("cyd", Role::Approval, other);
    let said = repo.judge_all();
    assert!(files(&said).contains(&FAR), "{said:#?}");
    // It stands in a proposal that no content names.
    let repo = Repo::new();
    repo.write("proposals/old/proposal.yaml", PROPOSAL_TEXT.replace("id: web", "id: old"));
    repo.sign("ann", Role::Proposal, "proposals/old/proposal.yaml");
    repo.approve("bob", "old", &[RUNBOOK]);
    repo.git(&["add", "."]);
    repo.commit("old");
    add(&repo, &RUNBOOK_TEXT.replace("id: fix", "id: other").replace("PROCESS_DEAD", "HTTP_WEDGED"));
    let mine = "proposals/web/approvals/bob.json";
    repo.edit(mine, &nonce(&repo, mine), &nonce(&repo, "proposals/old/approvals/bob.json"));
    repo.sign("bob", Role::Approval, mine);
    repo.judge_all().blocks("approval");
}

/// Content of a family of its own, signed and approved.
fn family(repo: &Repo, id: &str, text: &str) -> String {
    let (proposal, path) = (format!("proposals/{id}/proposal.yaml"), format!("runbooks/{id}/it.yaml"));
    repo.write(&proposal, PROPOSAL_TEXT.replace("web*", "*").replace("id: web", &format!("id: {id}")));
    repo.write(&path, text);
    repo.sign("ann", Role::Proposal, &proposal);
    repo.sign("ann", Role::Runbook, &path);
    repo.approve("bob", id, &[&path]);
    path
}

#[test]
fn what_rests_on_a_service_by_way_of_another_is_reached() {
    for spelled in ["upper", r#""up\x70er""#] {
        by_way_of_another(spelled);
    }
}

fn by_way_of_another(spelled: &str) {
    let repo = Repo::with_trust();
    let service = |id: &str, probe: &str| {
        format!(
            "v: 1\nkind: service\nid: {id}\ntitle: It\nproposal: p-{id}\nargv: [/bin/it]\nprobe: {probe}\n"
        )
    };
    let lower = family(&repo, "p-lower", &service("lower", "{tcp: {host: 127.0.0.1, port: 1}}"));
    family(&repo, "p-upper", &service("upper", "{process: {service: lower}}"));
    let watch = family(
        &repo,
        "p-watch",
        &format!(
            "v: 1\nkind: sentinel\nid: watch\ntitle: Is it there\nproposal: p-watch\nprobe: {{service: {spelled}}}\n\
             every: 5s\nreport: {{subsystem: service, code: PROCESS_DEAD, target: web, summary: it is gone}}\n"
        ),
    );
    repo.git(&["add", "."]);
    repo.judge(&[]).passes();
    repo.commit("three");
    repo.git(&["rm", "-q", &lower, &format!("{lower}.sig")]);
    let said = repo.judge(&[]);
    said.blocks("relies_on");
    assert_eq!(files(&said), [watch.as_str()]);
}

#[test]
fn what_comes_back_by_an_approval_may_take_another_ones_place() {
    let repo = with_far(&far());
    let (approval, signature) = ("proposals/far/approvals/bob.json", "proposals/far/approvals/bob.json.sig");
    let kept = repo.read(signature);
    repo.git(&["rm", "-q", signature]);
    repo.git(&["commit", "-q", "--no-verify", "-m", "past the gate"]);
    add(&repo, &RUNBOOK_TEXT.replace("id: fix", "id: still-other").replace("PROCESS_DEAD", "DISK_FULL"));
    repo.git(&["add", "."]);
    repo.commit("in its place");
    repo.write(signature, kept);
    assert!(repo.path(approval).exists());
    repo.judge_all().blocks("overlap");
}

#[test]
fn what_rests_on_a_service_finds_it() {
    let repo = with_far(&far());
    let sentinel = "runbooks/far/watch.yaml";
    repo.write(
        sentinel,
        "v: 1\nkind: sentinel\nid: watch-it\ntitle: Is it there\nproposal: far\nprobe: {process: {service: web}}\n\
         every: 5s\nreport: {subsystem: service, code: PROCESS_DEAD, target: web, summary: it is gone}\n",
    );
    repo.sign("ann", Role::Runbook, sentinel);
    repo.approve("bob", "far", &[FAR, sentinel]);
    repo.judge_all().passes();
}

#[test]
fn what_it_does_not_reach_is_left_alone() {
    let repo = with_far(&far());
    repo.edit(FAR, "attempts: 3", "attempts: 2");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--no-verify", "-m", "past the gate"]);
    add(&repo, &RUNBOOK_TEXT.replace("id: fix", "id: other").replace("PROCESS_DEAD", "HTTP_WEDGED"));
    let said = repo.judge_all();
    said.passes();
    assert_eq!(said.report["findings"], serde_json::json!([]), "{said:#?}");
    let all = repo.judge(&["--all"]);
    assert!(all.report["findings"].as_array().unwrap().iter().any(|f| f["file"] == FAR), "{all:#?}");
}

/// The runbook of the other family is revoked at the base, and lies on.
fn with_far_revoked() -> Repo {
    let repo = with_far(&far());
    repo.write("proposals/trust/revoked", format!("{}\n", repo.digest(FAR)));
    repo.sign("bob", Role::Trust, "proposals/trust/revoked");
    repo.git(&["add", "."]);
    repo.commit("revoke");
    repo
}

#[test]
fn what_is_revoked_keeps_its_place_while_it_lies_there() {
    // The loader remembers that it was live; the gate tells it from the base.
    let repo = with_far_revoked();
    add(&repo, &RUNBOOK_TEXT.replace("id: fix", "id: other").replace("PROCESS_DEAD", "DISK_FULL"));
    let said = repo.judge_all();
    said.blocks("overlap");
    assert_eq!(files(&said), [NEW]);
    // Once it is gone, with its note, its place is free.
    let repo = with_far_revoked();
    let digest = repo.digest(FAR);
    repo.git(&["rm", "-q", FAR, &format!("{FAR}.sig")]);
    repo.write(
        "proposals/far/retired/remedy.yaml",
        format!("v: 1\nrunbook: remedy\ndigest: {digest}\nreason: it did harm\n"),
    );
    add(&repo, &RUNBOOK_TEXT.replace("id: fix", "id: other").replace("PROCESS_DEAD", "DISK_FULL"));
    repo.judge_all().passes();
}

#[test]
fn a_file_that_lay_there_without_an_approval_is_adopted_when_it_comes() {
    let late = "2020-01-01T00:00:00Z";
    // Past the gate: the file was committed, its approval was not.
    let repo = Repo::new();
    repo.write(NEW, RUNBOOK_TEXT.replace("id: fix", "id: other").replace("PROCESS_DEAD", "DISK_FULL"));
    repo.sign("ann", Role::Runbook, NEW);
    repo.git(&["add", "."]);
    repo.commit("past the gate");
    repo.approve_with("cyd", "cyd", "web", &[NEW], late);
    repo.judge_all().blocks("adopt_before");
    // In time it may.
    repo.approve("cyd", "web", &[NEW]);
    repo.judge_all().passes();
    // What was live at the base stays so when another approval of its proposal comes, however late its own is.
    let repo = Repo::new();
    repo.approve_with("bob", "bob", "web", &[RUNBOOK, SERVICE], late);
    repo.git(&["add", "."]);
    repo.commit("adopted long ago");
    repo.approve("cyd", "web", &[RUNBOOK]);
    repo.judge_all().passes();
}
