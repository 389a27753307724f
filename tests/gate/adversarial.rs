//! Everything somebody might try: each is blocked, for the right reason.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use remediator::runbook::Role;

use super::repo::{PROPOSAL, PROPOSAL_TEXT, RUNBOOK, RUNBOOK_TEXT, Repo, SERVICE, SERVICE_TEXT, Said};

const BOB: &str = "proposals/web/approvals/bob.json";

#[test]
fn an_approval_copied_to_another_runbook() {
    let repo = Repo::new();
    repo.write(
        "runbooks/web/more.yaml",
        RUNBOOK_TEXT.replace("id: fix", "id: more").replace("PROCESS_DEAD", "HTTP_WEDGED"),
    );
    repo.sign("ann", Role::Runbook, "runbooks/web/more.yaml");
    repo.judge_all().blocks("drift");
    // Under another proposal, with the approval beside it.
    repo.write("proposals/other/proposal.yaml", PROPOSAL_TEXT.replace("id: web", "id: other"));
    repo.sign("ann", Role::Proposal, "proposals/other/proposal.yaml");
    repo.edit("runbooks/web/more.yaml", "proposal: web", "proposal: other");
    repo.sign("ann", Role::Runbook, "runbooks/web/more.yaml");
    for end in ["", ".sig"] {
        repo.write("proposals/other/approvals/x", "");
        fs::copy(
            repo.path(&format!("{BOB}{end}")),
            repo.path(&format!("proposals/other/approvals/bob.json{end}")),
        )
        .unwrap();
    }
    repo.judge_all().blocks("approval");
}

#[test]
fn an_approval_of_an_older_digest_with_the_difference_in_meaning() {
    let repo = Repo::new();
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 300");
    repo.edit(RUNBOOK, "timeout: 20s", "timeout: 40s");
    repo.sign("ann", Role::Runbook, RUNBOOK);
    let said = repo.judge_all();
    said.blocks("drift");
    let finding = &said.report["findings"][0];
    let difference: Vec<&str> =
        finding["difference"].as_array().unwrap().iter().map(|d| d.as_str().unwrap()).collect();
    assert_eq!(difference, ["limits.attempts: 3 → 300", "steps[restart].timeout: 20s → 40s"]);
    assert_eq!(finding["line"], 5, "the line that names the proposal: {finding:#}");
    assert_eq!(finding["mend"], "remediator proposal approve web");
}

#[test]
fn a_self_approval_under_whatever_name() {
    let repo = Repo::with_trust();
    repo.honest();
    fs::remove_dir_all(repo.path("proposals/web/approvals")).unwrap();
    repo.judge_all().blocks("approval");
    repo.approve("ann", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().blocks("author");
    // Ann has two keys, as the base says: the second one is still ann.
    let repo = Repo::empty();
    let second = repo.line("ann", "eve", &[Role::Approval]);
    repo.write_trust(&format!("{}{second}\n", repo.allowed()), super::repo::POLICY);
    repo.git(&["add", "."]);
    repo.commit("trust");
    repo.honest();
    fs::remove_dir_all(repo.path("proposals/web/approvals")).unwrap();
    repo.approve_with("ann", "eve", "web", &[RUNBOOK, SERVICE], "2036-01-01T00:00:00Z");
    repo.judge_all().blocks("author");
    // One key under two names makes the trust unusable, whoever signs it.
    let repo = Repo::new();
    let alias = repo.line("dan", "ann", &[Role::Approval]);
    repo.write("proposals/trust/allowed_signers", format!("{}{alias}\n", repo.allowed()));
    repo.sign("bob", Role::Trust, "proposals/trust/allowed_signers");
    repo.judge_all().blocks("trust");
}

#[test]
fn the_change_brings_its_own_key_or_policy() {
    let repo = Repo::new();
    let eve = repo.line("eve", "eve", &Role::ALL);
    repo.write("proposals/trust/allowed_signers", format!("{}{eve}\n", repo.allowed()));
    repo.judge_all().blocks("trust");
    repo.sign("eve", Role::Trust, "proposals/trust/allowed_signers");
    repo.judge_all().blocks("trust");
    // With content that rests on it.
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 9");
    repo.sign("eve", Role::Runbook, RUNBOOK);
    repo.approve("eve", "web", &[RUNBOOK, SERVICE]);
    let said = repo.judge_all();
    said.blocks("trust");
    said.blocks("signature");
    // Even when somebody who may signs it: what it gives counts from the next change on.
    repo.sign("bob", Role::Trust, "proposals/trust/allowed_signers");
    let said = repo.judge_all();
    said.blocks("signature");
    assert!(!said.blocking().contains(&"trust"), "{said:#?}");

    let repo = Repo::new();
    repo.write("proposals/trust/policy.yaml", "v: 1\nsolo: true\n");
    repo.judge_all().blocks("trust");
    fs::remove_file(repo.path("proposals/trust/policy.yaml")).unwrap();
    repo.judge_all().blocks("trust");
    fs::remove_dir_all(repo.path("proposals/trust")).unwrap();
    repo.judge_all().blocks("trust");
}

#[test]
fn the_policy_asks_for_two_where_one_is_not_enough() {
    let repo = Repo::with_trust();
    repo.honest();
    repo.edit(PROPOSAL, "blast_radius: machine", "blast_radius: fleet");
    repo.edit(RUNBOOK, "blast_radius: process", "blast_radius: fleet");
    repo.sign("ann", Role::Proposal, PROPOSAL);
    repo.sign("ann", Role::Runbook, RUNBOOK);
    repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().blocks("quorum");
    repo.approve("cyd", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().passes();
}

#[test]
fn the_policy_asks_for_a_backtest_and_there_is_none_of_these_bytes() {
    let repo = Repo::empty();
    repo.write_trust(&repo.allowed(), "v: 1\nlive_evidence: none\nbacktest: true\n");
    repo.git(&["add", "."]);
    repo.commit("trust");
    repo.honest();
    repo.judge_all().blocks("backtest");
    let keep = |digest: &str| {
        let kept = format!(
            r#"{{"v":1,"runbook":"{digest}","program":"0","at_us":0,"node":"n","from":1,"to":2,"fired":0,"incidents":0,"targets_at_once":0,"line":"nothing"}}"#
        );
        repo.write("proposals/web/backtests/fix.json", kept);
        repo.sign("ann", Role::Runbook, "proposals/web/backtests/fix.json");
    };
    let own = repo.digest(RUNBOOK).to_string();
    keep(&repo.digest(SERVICE).to_string());
    repo.judge_all().blocks("backtest");
    keep(&own);
    repo.judge_all().passes();
}

#[test]
fn the_marker_removed_or_its_proposal() {
    let repo = Repo::new();
    repo.edit(RUNBOOK, "proposal: web\n", "");
    repo.sign("ann", Role::Runbook, RUNBOOK);
    repo.judge_all().blocks("yaml");
    let repo = Repo::new();
    repo.git(&["rm", "-rq", "proposals/web"]);
    repo.judge(&[]).blocks("proposal");
    // Under the published name the marker counts as well, and the bytes are others.
    let repo = Repo::new();
    repo.edit(RUNBOOK, "proposal: web", "__proposalDerivedFrom: web");
    repo.sign("ann", Role::Runbook, RUNBOOK);
    repo.judge_all().blocks("drift");
    repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().passes();
}

#[test]
fn a_file_renamed_to_escape_the_pattern() {
    for to in ["runbooks/web/fix.yaml.txt", "runbooks/web/.fix.yaml", "scripts/fix.yaml"] {
        let repo = Repo::new();
        fs::create_dir_all(repo.path(to).parent().unwrap()).unwrap();
        repo.git(&["mv", RUNBOOK, to]);
        repo.judge(&[]).blocks("retirement");
    }
    // The other ending is no escape.
    let repo = Repo::new();
    repo.write(
        "runbooks/web/more.yml",
        RUNBOOK_TEXT.replace("id: fix", "id: more").replace("PROCESS_DEAD", "HTTP_WEDGED"),
    );
    repo.judge_all().blocks("signature");
}

#[test]
fn links_submodules_and_programs() {
    let repo = Repo::new();
    repo.write("elsewhere.yaml", RUNBOOK_TEXT);
    fs::remove_file(repo.path(RUNBOOK)).unwrap();
    symlink("../../elsewhere.yaml", repo.path(RUNBOOK)).unwrap();
    repo.judge_all().blocks("catalog");
    // The whole folder a link.
    let repo = Repo::new();
    repo.git(&["mv", "runbooks/web", "web"]);
    symlink("../web", repo.path("runbooks/web")).unwrap();
    repo.judge_all().blocks("catalog");
    let repo = Repo::new();
    let head = repo.git(&["rev-parse", "HEAD"]);
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},runbooks/sub")]);
    repo.judge(&[]).blocks("catalog");
    let repo = Repo::new();
    fs::set_permissions(repo.path(RUNBOOK), fs::Permissions::from_mode(0o755)).unwrap();
    repo.judge_all().blocks("mode");
}

#[test]
fn a_mend_that_is_pasted_runs_nothing_that_a_path_says() {
    for name in
        ["it's $(touch stolen) `touch stolen`; touch stolen.yaml", "two\nlines; touch stolen \u{202E}.yaml"]
    {
        let repo = Repo::new();
        let path = format!("runbooks/web/{name}");
        repo.write(&path, RUNBOOK_TEXT);
        fs::set_permissions(repo.path(&path), fs::Permissions::from_mode(0o755)).unwrap();
        let said = repo.judge_all();
        said.blocks("mode");
        let mends = said.errors().into_iter().filter(|error| error["file"] == path.as_str());
        for mend in mends.filter_map(|error| error["mend"].as_str()) {
            assert!(!mend.contains('\n'), "{mend:?}");
            let ran = std::process::Command::new("bash").args(["-c", mend]).current_dir(repo.root()).output();
            ran.expect("bash starts");
        }
        assert!(!repo.path("stolen").exists(), "{name:?}");
        let judged = repo.judge(&[]);
        assert!(!judged.blocking().contains(&"mode"), "mended: {judged:?}");
    }
}

#[test]
fn bytes_that_editors_hide() {
    for (what, text) in [
        ("CRLF", RUNBOOK_TEXT.replace('\n', "\r\n")),
        ("BOM", format!("\u{FEFF}{RUNBOOK_TEXT}")),
        ("NUL", RUNBOOK_TEXT.replace("Restart it", "Restart\0it")),
        ("turned", RUNBOOK_TEXT.replace("Restart it", "Restart \u{202E}it")),
        ("homoglyph", RUNBOOK_TEXT.replace("id: fix", "id: f\u{456}x")),
    ] {
        let repo = Repo::new();
        repo.write(RUNBOOK, text);
        repo.sign("ann", Role::Runbook, RUNBOOK);
        repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
        let said = repo.judge_all();
        assert_eq!(said.code, 1, "{what}: {said:#?}");
        assert!(
            said.blocking().iter().any(|check| ["bytes", "ids", "yaml"].contains(check)),
            "{what}: {said:#?}"
        );
    }
}

#[test]
fn yaml_that_others_read_differently() {
    for (what, from, to) in [
        ("duplicate key", "title: Restart it\n", "title: Restart it\ntitle: Something else\n"),
        ("anchor", "limits: {attempts: 3}", "limits: &l {attempts: 3}"),
        ("alias", "limits: {attempts: 3}", "limits: &l {attempts: 3}\npreconditions: [*l]"),
        ("tag", "title: Restart it", "title: !!str Restart it"),
        ("two documents", "title: Restart it\n", "title: Restart it\n---\ntitle: x\n"),
        ("merge", "limits: {attempts: 3}", "limits: {<<: {attempts: 3}}"),
    ] {
        let repo = Repo::new();
        repo.edit(RUNBOOK, from, to);
        repo.sign("ann", Role::Runbook, RUNBOOK);
        repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
        let said = repo.judge_all();
        assert_eq!(said.code, 1, "{what}: {said:#?}");
        let finding =
            said.report["findings"].as_array().unwrap().iter().find(|f| f["level"] == "error").unwrap();
        assert!(finding["line"].as_u64().unwrap() > 0, "{what}: {finding:#}");
    }
}

#[test]
fn what_is_staged_counts_and_not_what_lies_there() {
    let repo = Repo::new();
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 300");
    repo.git(&["add", "-A"]);
    // The good version lies there, the bad one is staged.
    repo.write(RUNBOOK, RUNBOOK_TEXT);
    repo.judge(&[]).blocks("signature");
    // And the other way round.
    repo.git(&["add", "-A"]);
    repo.write(RUNBOOK, "what: ever\n");
    repo.judge(&[]).passes();
    // Named on the command line it is judged as it lies there, and nothing is staged by that.
    repo.judge(&["runbooks"]).blocks("yaml");
    repo.judge(&[]).passes();
    assert_eq!(repo.git(&["diff", "--cached", "--name-only"]), "");
    assert_eq!(repo.git(&["ls-files", "--others", "--exclude-standard"]), "");
    assert!(
        !fs::read_dir(repo.path(".git")).unwrap().any(|e| e
            .unwrap()
            .file_name()
            .to_string_lossy()
            .contains("gate"))
    );
}

#[test]
fn a_revoked_approver_or_file() {
    let repo = Repo::new();
    let key = repo.line("bob", "cyd", &[]);
    drop(key);
    // Cyd's key is revoked at the base; what cyd approves afterwards does not count.
    let cyd = repo.line("cyd", "cyd", &[Role::Approval]);
    let words: Vec<&str> = cyd.split(' ').collect();
    let key = words[words.len() - 2..].join(" ");
    repo.write("proposals/trust/revoked", format!("{key}\n"));
    repo.sign("bob", Role::Trust, "proposals/trust/revoked");
    repo.judge_all().passes();
    repo.commit("revoke");
    repo.edit(RUNBOOK, "attempts: 3", "attempts: 2");
    repo.sign("ann", Role::Runbook, RUNBOOK);
    fs::remove_dir_all(repo.path("proposals/web/approvals")).unwrap();
    repo.approve("cyd", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().blocks("approval");
}

#[test]
fn sample_keys_count_nowhere_else() {
    let keys = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    let line = |who: &str, file: &str, roles: &str| {
        let key = fs::read_to_string(keys.join(file)).unwrap();
        let key: Vec<&str> = key.split_whitespace().take(2).collect();
        format!("{who} namespaces=\"{roles}\" {}\n", key.join(" "))
    };
    let repo = Repo::empty();
    let all = "approval@remediator,control@remediator,trust@remediator";
    let trust = line("ann", "sample_author.pub", "runbook@remediator,proposal@remediator")
        + &line("bob", "sample_approver.pub", all);
    repo.write_trust(&trust, super::repo::POLICY);
    repo.judge_all().blocks("trust");
    repo.git(&["add", "-A"]);
    assert_eq!(repo.judge(&["--sample-keys"]).code, 0);
}

#[test]
fn a_service_or_probe_edited_under_an_approved_runbook() {
    let repo = Repo::new();
    repo.edit(SERVICE, "expect_body: ok", "expect_body: o");
    repo.judge_all().blocks("signature");
    // Signed by its author it is still not what bob approved.
    repo.sign("ann", Role::Runbook, SERVICE);
    let said = repo.judge_all();
    said.blocks("drift");
    let text = said.report.to_string();
    assert!(text.contains("probe.http.expect_body: ok → o"), "{text}");
    repo.write(SERVICE, SERVICE_TEXT);
    repo.sign("ann", Role::Runbook, SERVICE);
    repo.judge_all().passes();
}

#[test]
fn an_approval_taken_away_or_weakened_under_a_file_that_stays() {
    let repo = Repo::new();
    repo.approve("cyd", "web", &[RUNBOOK, SERVICE]);
    repo.judge_all().passes();
    repo.commit("one more");
    repo.git(&["rm", "-q", "proposals/web/approvals/cyd.json", "proposals/web/approvals/cyd.json.sig"]);
    repo.judge(&[]).blocks("approvals");
    repo.git(&["reset", "-q", "--hard"]);
    repo.approve("cyd", "web", &[SERVICE]);
    repo.judge_all().blocks("approvals");
    repo.git(&["reset", "-q", "--hard"]);
    repo.edit("proposals/web/approvals/cyd.json", "read and tried", "read and tired");
    repo.judge_all().blocks("approvals");
}

#[test]
fn beyond_the_proposal() {
    for (from, to) in [
        ("target: web}", "target: '*'}"),
        ("blast_radius: process", "blast_radius: fleet"),
        ("service: {restart: web}", "http: {send: {method: POST, url: 'http://127.0.0.1:8080/${target}'}}"),
        ("service: {restart: web}", "service: {restart: db}"),
    ] {
        let repo = Repo::new();
        repo.edit(RUNBOOK, from, to);
        repo.sign("ann", Role::Runbook, RUNBOOK);
        repo.approve("bob", "web", &[RUNBOOK, SERVICE]);
        let said = repo.judge_all();
        assert_eq!(said.code, 1, "{to}: {said:#?}");
        let place = RUNBOOK_TEXT.lines().position(|line| line.contains(from)).unwrap() + 1;
        let finding = &said.report["findings"][0];
        assert_eq!(finding["line"], place, "{to}: {finding:#}");
    }
}

#[test]
fn ids_and_places_are_not_taken_from_others() {
    let repo = Repo::new();
    // The same id in another file, signed and approved as it should be.
    repo.write("runbooks/other/fix.yaml", RUNBOOK_TEXT.replace("PROCESS_DEAD", "HTTP_WEDGED"));
    repo.sign("ann", Role::Runbook, "runbooks/other/fix.yaml");
    repo.approve("bob", "web", &[RUNBOOK, SERVICE, "runbooks/other/fix.yaml"]);
    repo.judge_all().blocks("catalog");
    // The same matcher with the same priority.
    let repo = Repo::new();
    repo.write("runbooks/other/fix.yaml", RUNBOOK_TEXT.replace("id: fix", "id: another"));
    repo.sign("ann", Role::Runbook, "runbooks/other/fix.yaml");
    repo.approve("bob", "web", &[RUNBOOK, SERVICE, "runbooks/other/fix.yaml"]);
    let said = repo.judge_all();
    said.blocks("overlap");
    assert!(
        said.report["findings"].as_array().unwrap().iter().all(|f| f["file"] == "runbooks/other/fix.yaml"),
        "{said:#?}"
    );
}

#[test]
fn secrets_and_names_that_hide() {
    let repo = Repo::new();
    repo.edit(RUNBOOK, "title: Restart it", "title: ghp_abcdefghijklmnopqrstuvwxyz0123456789");
    repo.judge_all().blocks("secrets");
    let repo = Repo::new();
    repo.write("runbooks/web/f\u{200B}ix.yaml", RUNBOOK_TEXT);
    repo.judge_all().blocks("catalog");
}

#[test]
fn trust_and_runbooks_in_one_first_change() {
    let repo = Repo::empty();
    repo.write_trust(&repo.allowed(), super::repo::POLICY);
    repo.honest();
    let said = repo.judge_all();
    said.blocks("bootstrap");
    assert_eq!(said.report["bootstrap"], false);
    // Runbooks without any trust.
    let repo = Repo::empty();
    repo.write(RUNBOOK, RUNBOOK_TEXT);
    repo.judge_all().blocks("trust");
}

#[test]
fn trust_that_was_replaced_does_not_come_back_by_its_old_signature() {
    let repo = Repo::new();
    const SIGNERS: &str = "proposals/trust/allowed_signers";
    let eve = repo.line("eve", "eve", &[Role::Approval, Role::Trust]);
    repo.write(SIGNERS, format!("{}{eve}\n", repo.allowed()));
    repo.sign("bob", Role::Trust, SIGNERS);
    repo.judge_all().passes();
    repo.commit("eve joins");
    repo.write(SIGNERS, format!("# eve left\n{}", repo.allowed()));
    repo.sign("bob", Role::Trust, SIGNERS);
    repo.judge_all().passes();
    let left = repo.commit("eve leaves");
    repo.git(&["checkout", "-q", "HEAD~1", "--", SIGNERS, &format!("{SIGNERS}.sig")]);
    let said = repo.judge(&[]);
    said.blocks("trust");
    assert!(said.report.to_string().contains("its signature is spent"), "{said:#?}");
    repo.git(&["commit", "-q", "--no-verify", "-m", "cleanup"]);
    repo.judge(&["--range", &format!("{left}..HEAD")]).blocks("trust");
    // With another comment and another signature it may.
    repo.git(&["reset", "-q", "--hard", &left]);
    repo.write(SIGNERS, format!("# eve is back\n{}{eve}\n", repo.allowed()));
    repo.sign("bob", Role::Trust, SIGNERS);
    repo.judge_all().passes();
}

#[test]
fn a_program_beside_runbooks() {
    let repo = Repo::new();
    repo.write("runbooks/web/act.sh", "#!/bin/sh\n");
    fs::set_permissions(repo.path("runbooks/web/act.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    repo.judge_all().blocks("mode");
    let repo = Repo::new();
    repo.edit(RUNBOOK, "service: {restart: web}", "run: {argv: [/bin/sh, '${home}/runbooks/web/act.sh']}");
    repo.judge_all().blocks("run");
}

#[test]
fn a_configuration_that_would_run_programs() {
    let repo = Repo::new();
    repo.write(
        "remediator.yaml",
        "v: 1\nchannels: {evil: {command: {argv: [/bin/sh, -c, id]}}}\nannounce: [evil]\n",
    );
    repo.judge_all().blocks("config");
    repo.sign("ann", Role::Trust, "remediator.yaml");
    repo.judge_all().blocks("config");
    repo.sign("bob", Role::Trust, "remediator.yaml");
    repo.judge_all().passes();
    // Taken back, it does not return by its old signature, nor as a link to another file.
    repo.commit("a channel");
    repo.write("remediator.yaml", "v: 1\n");
    repo.sign("bob", Role::Trust, "remediator.yaml");
    repo.judge_all().passes();
    repo.commit("no channel");
    repo.git(&["checkout", "-q", "HEAD~1", "--", "remediator.yaml", "remediator.yaml.sig"]);
    repo.judge(&[]).blocks("config");
    repo.git(&["reset", "-q", "--hard"]);
    fs::remove_file(repo.path("remediator.yaml")).unwrap();
    symlink("elsewhere.yaml", repo.path("remediator.yaml")).unwrap();
    repo.judge_all().blocks("catalog");
}

#[test]
fn attributes_that_check_out_other_bytes() {
    let mend = |said: &Said| said.errors()[0]["mend"].as_str().unwrap().to_owned();
    for attribute in ["eol=crlf", "ident", "filter=lfs", "working-tree-encoding=UTF-16"] {
        // By themselves, of files that stay as they are.
        let repo = Repo::new();
        repo.write(".gitattributes", format!("*.yaml {attribute}\n"));
        repo.git(&["add", ".gitattributes"]);
        let said = repo.judge(&[]);
        said.blocks("attributes");
        assert!(said.errors()[0]["message"].as_str().unwrap().contains(attribute), "{said:#?}");
        let ran = std::process::Command::new("sh")
            .args(["-c", &mend(&said)])
            .current_dir(repo.root())
            .output()
            .unwrap();
        assert!(ran.status.success(), "{ran:?}");
        repo.judge(&[]).passes();
    }
    // As part of what lies between two commits, whatever is checked out.
    let repo = Repo::new();
    let base = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    repo.write("runbooks/.gitattributes", "*.yaml eol=crlf\n");
    repo.git(&["add", "."]);
    repo.commit("line ends");
    repo.git(&["checkout", "-q", "-b", "other", &base]);
    repo.judge(&["--range", &format!("{base}..main")]).blocks("attributes");
    repo.judge(&["--range", &format!("{base}..other")]).passes();
    // What concerns nothing of ours blocks nothing.
    repo.write(".gitattributes", "*.bat eol=crlf\n*.yaml text=auto eol=lf\n");
    repo.judge_all().passes();
}
