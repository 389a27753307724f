//! The layer as a whole: what makes a file live, each thing that keeps it from being live, matching and plans.

use std::sync::Arc;

use crate::base::digest::FileDigest;
use crate::event::content::Standing::{self, Live, ObserveOnly, Refused};
use crate::event::plan::{ActionPlan, LookPlan, ServiceVerb};

use super::placeholder::PlaceholderError;
use super::testing::{Folder, NOW_US, RUNBOOK, SERVICE, seen};
use super::trust::{Role, SAMPLE_KEYS, SignatureError, Trust, TrustError};
use super::verified::Verified;
use super::*;

mod plans;
mod trust;

const FIX: &str = "runbooks/web/fix.yaml";
const WEB: &str = "runbooks/web/service.yaml";

#[track_caller]
fn stands(folder: &Folder, name: &str, wanted: Standing, part: &str) {
    let (standing, reasons) = folder.standing(name);
    assert_eq!(standing, wanted, "{name}: {reasons}");
    assert!(reasons.contains(part), "{name} should say `{part}`: {reasons}");
    assert!(wanted == Live || reasons.contains("mend: "), "{name} names no mend: {reasons}");
}

#[test]
fn a_signed_and_approved_file_is_live_and_says_by_whom() {
    let catalog = Folder::new().load();
    assert!(catalog.unreadable().is_empty(), "{:?}", catalog.unreadable());
    assert!(catalog.entries().all(|e| e.standing == Live), "{:#?}", catalog.contents());
    let proof = catalog.verified("fix").expect("live");
    assert_eq!((proof.signer(), proof.proposal(), proof.content().id.as_str()), ("ann", "web", "fix"));
    assert_eq!(proof.approvers(), ["bob"]);
    assert_eq!(proof.digest(), FileDigest::of(RUNBOOK.as_bytes()));
    assert_eq!(catalog.services().count(), 1);
    assert_eq!(catalog.contents()["runbook/fix"].standing, Live);
}

/// A change that keeps a file from being live.
type Break = fn(&mut Folder);

#[test]
fn each_missing_or_wrong_proof_makes_it_observe_only() {
    let cases: [(&str, Break); 21] = [
        ("not signed", |f| drop(f.files.remove("runbooks/web/fix.yaml.sig"))),
        ("changed after signing", |f| f.edit(FIX, "Restart it", "Restart it now")),
        ("namespace", |f| f.sign("ann", Role::Proposal, FIX)),
        ("does not hold the role runbook@remediator", |f| f.sign("bob", Role::Runbook, FIX)),
        ("does not hold the role", |f| f.sign("eve", Role::Runbook, FIX)),
        ("not an armored SSH signature", |f| f.write("runbooks/web/fix.yaml.sig", "nonsense")),
        ("nobody in", |f| {
            let trust = String::from_utf8(f.files["proposals/trust/allowed_signers"].clone()).expect("text");
            let kept: Vec<&str> = trust.lines().filter(|line| !line.starts_with("ann")).collect();
            f.write("proposals/trust/allowed_signers", &kept.join("\n"));
        }),
        ("proposal `web` does not exist", |f| drop(f.files.remove("proposals/web/proposal.yaml"))),
        ("proposal proposals/web/proposal.yaml is not signed", |f| {
            drop(f.files.remove("proposals/web/proposal.yaml.sig"));
        }),
        ("nobody has approved it", |f| drop(f.files.remove("proposals/web/approvals/bob.json"))),
        ("bob.json is not signed", |f| drop(f.files.remove("proposals/web/approvals/bob.json.sig"))),
        ("is of other bytes", |f| {
            f.edit(FIX, "Restart it", "Restart it now");
            f.sign_all();
        }),
        ("another version of the proposal", |f| {
            f.edit("proposals/web/proposal.yaml", "stop it", "stop it soon");
            f.sign("ann", Role::Proposal, "proposals/web/proposal.yaml");
        }),
        ("had to be adopted before", |f| f.approve("bob", "web", "2026-05-01T00:00:00Z")),
        ("not by the person it is named after", |f| {
            for end in ["", ".sig"] {
                let bytes = f.files.remove(&format!("proposals/web/approvals/bob.json{end}")).expect("there");
                f.files.insert(format!("proposals/web/approvals/ann.json{end}"), bytes);
            }
        }),
        ("does not argue for steps of the kind run", |f| {
            f.edit("proposals/web/proposal.yaml", "[run, service]", "[service]");
            f.sign("ann", Role::Proposal, "proposals/web/proposal.yaml");
            f.approve("bob", "web", "2026-07-01T00:00:00Z");
        }),
        // A service that a step or an undo names is a target, also where the event's own target is argued for.
        ("does not argue for the targets `db`", |f| only_web(f, "restart: \"${target}\"", "stop: db")),
        ("does not argue for the targets `db`", |f| {
            let stop = "timeout: 20s\n    undo: {service: {stop: db}}";
            only_web(f, "timeout: 20s", stop);
        }),
        ("does not argue for the targets `db`", |f| {
            let signal = "signal: {send: TERM, to: {service: db}}";
            only_web(f, "service: {restart: \"${target}\"}", signal);
        }),
        ("does not argue for the targets `*`", |f| {
            only_web(f, "restart: \"${target}\"", "restart: \"${attributes.peer}\"");
        }),
        ("does not argue for the targets", |f| {
            f.edit("proposals/web/proposal.yaml", "['*']", "['web-?']");
            f.sign("ann", Role::Proposal, "proposals/web/proposal.yaml");
            f.approve("bob", "web", "2026-07-01T00:00:00Z");
        }),
    ];
    for (part, change) in cases {
        let mut folder = Folder::new();
        change(&mut folder);
        stands(&folder, "runbook/fix", ObserveOnly, part);
        assert!(folder.load().verified("fix").is_none());
    }
}

#[test]
fn a_half_written_file_signature_or_approval_is_never_live_and_hides_nothing() {
    let folder = Folder::new();
    let signature = "runbooks/web/fix.yaml.sig";
    let approval = "proposals/web/approvals/bob.json";
    for (path, step) in [(FIX, 13), (signature, 17), (approval, 29), ("proposals/web/proposal.yaml", 23)] {
        let whole = folder.files[path].clone();
        let ends = (0..whole.len()).step_by(step);
        // The armor of a signature ends before its last line feed.
        let last = whole.len() - if path == signature { 2 } else { 1 };
        for end in ends.chain([last]) {
            let mut torn = Folder::new_with_keys_of(&folder);
            torn.files.insert(path.to_owned(), whole[..end].to_vec());
            let catalog = torn.load();
            assert!(catalog.verified("fix").is_none(), "{path} cut at {end}");
            if path == FIX || path == signature {
                assert_eq!(catalog.services().count(), 1, "{path} cut at {end}");
            }
        }
    }
}

#[test]
fn revoking_a_file_a_key_a_proposal_or_an_approval_ends_it() {
    let folder = Folder::new();
    let digest = |path: &str| FileDigest::of(&folder.files[path]).to_string();
    for revoked in [
        digest(FIX),
        digest("proposals/web/proposal.yaml"),
        digest("proposals/web/approvals/bob.json"),
        folder.public("ann").to_string(),
        folder.public("bob").fingerprint(),
    ] {
        let mut folder = Folder::new_with_keys_of(&folder);
        folder.write("proposals/trust/revoked", &format!("# gone\n{revoked} # because\n"));
        folder.context.adopted.insert(FileDigest::of(RUNBOOK.as_bytes()), 1);
        stands(&folder, "runbook/fix", ObserveOnly, "revoked");
    }
    let mut folder = Folder::new();
    folder.write("proposals/trust/revoked", "\nsha256:00\n");
    let error = Trust::load(&folder.content().trust_files()).expect_err("bad line");
    assert!(error.to_string().contains("proposals/trust/revoked:2:"), "{error}");
}

/// A proposal for `web` alone, and a runbook for it with another step.
fn only_web(f: &mut Folder, from: &str, to: &str) {
    f.edit(
        "proposals/web/proposal.yaml",
        "[run, service], targets: ['*']",
        "[run, service, signal], targets: [web]",
    );
    f.edit(FIX, "PROCESS_DEAD}", "PROCESS_DEAD, target: web}");
    f.edit(FIX, from, to);
    f.sign("ann", Role::Proposal, "proposals/web/proposal.yaml");
    f.sign_all();
    f.approve("bob", "web", "2026-07-01T00:00:00Z");
}

#[test]
fn a_step_within_the_targets_of_its_proposal_is_live() {
    for within in ["restart: web", "stop: \"${target}\""] {
        let mut folder = Folder::new();
        only_web(&mut folder, "restart: \"${target}\"", within);
        stands(&folder, "runbook/fix", Live, "");
    }
}

#[test]
fn once_adopted_it_stays_live_when_times_run_out() {
    let mut folder = Folder::new();
    folder.context.now_us = NOW_US + 400 * 86_400_000_000;
    stands(&folder, "runbook/fix", ObserveOnly, "had to be adopted before");
    folder.context.adopted =
        Folder::new().load().live_digests().into_iter().map(|digest| (digest, 7)).collect();
    stands(&folder, "runbook/fix", Live, "");
    // A key whose validity is over signs nothing new, and does not undo what was adopted.
    folder.edit("proposals/trust/allowed_signers", "namespaces=", "valid-before=\"20260201Z\",namespaces=");
    stands(&folder, "runbook/fix", Live, "");
    folder.context.adopted.clear();
    stands(&folder, "runbook/fix", ObserveOnly, "not valid at");
}

#[test]
fn an_approval_can_be_used_once_only() {
    let mut folder = Folder::new();
    let json = String::from_utf8(folder.files["proposals/web/approvals/bob.json"].clone()).expect("text");
    folder.write("proposals/web2/proposal.yaml", &super::testing::PROPOSAL.replace("id: web", "id: web2"));
    folder.sign("ann", Role::Proposal, "proposals/web2/proposal.yaml");
    folder.write("proposals/web2/approvals/bob.json", &json);
    folder.sign("bob", Role::Approval, "proposals/web2/approvals/bob.json");
    let catalog = folder.load();
    let copied = &catalog.proposals()["web2"].approvals["proposals/web2/approvals/bob.json"];
    assert!(copied.as_ref().is_err_and(|wrong| wrong.problem.contains("for the proposal `web`")));
    // The same nonce under a proposal of its own: neither counts.
    let other = FileDigest::of(&folder.files["proposals/web2/proposal.yaml"]).to_string();
    let own = FileDigest::of(&folder.files["proposals/web/proposal.yaml"]).to_string();
    folder.write(
        "proposals/web2/approvals/bob.json",
        &json.replace(&own, &other).replace("\"id\": \"web\"", "\"id\": \"web2\""),
    );
    folder.sign("bob", Role::Approval, "proposals/web2/approvals/bob.json");
    stands(&folder, "runbook/fix", ObserveOnly, "has the nonce of another");
}

#[test]
fn nobody_approves_their_own_work_but_under_the_solo_policy() {
    let mut folder = Folder::new();
    folder.files.remove("proposals/web/approvals/bob.json");
    folder.solo(false);
    folder.approve("ann", "web", "2026-07-01T00:00:00Z");
    stands(&folder, "runbook/fix", ObserveOnly, "`ann` wrote and approved it; somebody else has to approve");
    folder.solo(true);
    assert_eq!(
        folder.load().verified("fix").map(Verified::approvers),
        Some(&["ann (self-approved)".to_owned()][..])
    );
    stands(&folder, "service/web", Live, "");
    // Never what cannot be taken back, never the fleet.
    let undo = RUNBOOK.lines().find(|line| line.contains("undo:")).expect("an undo");
    let cases = [
        (undo, "    irreversible: it is", "undo"),
        ("blast_radius: process", "blast_radius: fleet", "fleet"),
    ];
    for (from, to, part) in cases {
        let mut folder = Folder::new_with_keys_of(&folder);
        folder.solo(true);
        folder.edit("proposals/web/proposal.yaml", "blast_radius: machine", "blast_radius: fleet");
        folder.sign("ann", Role::Proposal, "proposals/web/proposal.yaml");
        folder.edit(FIX, from, to);
        folder.sign_all();
        folder.approve("ann", "web", "2026-07-01T00:00:00Z");
        stands(&folder, "runbook/fix", ObserveOnly, part);
    }
}

#[test]
fn the_proposer_cannot_approve_even_when_somebody_else_signed_the_runbook() {
    let mut folder = Folder::new();
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.namespace()).collect();
    let lines = ["ann", "bob"].map(|who| crate::base::signers::line(who, &roles, &folder.public(who)));
    folder.write("proposals/trust/allowed_signers", &lines.join("\n"));
    folder.sign("bob", Role::Proposal, "proposals/web/proposal.yaml");
    stands(&folder, "runbook/fix", ObserveOnly, "`bob` wrote and approved it");
}

#[test]
fn what_does_not_lint_is_refused_and_hides_nothing() {
    let mut folder = Folder::new();
    folder.write("runbooks/bad.yaml", &RUNBOOK.replace("id: fix", "id: bad").replace("steps:", "stepz:"));
    folder.write("runbooks/worse.yaml", "{{{");
    folder.write("runbooks/crlf.yaml", &SERVICE.replace("id: web", "id: crlf").replace('\n', "\r\n"));
    folder.write("runbooks/zz.yaml", RUNBOOK);
    folder.write("runbooks/README.md", "not content");
    stands(&folder, "runbook/bad", Refused, "unknown key `stepz`");
    stands(&folder, "runbook/fix", Live, "");
    let catalog = folder.load();
    let unreadable: Vec<&String> = catalog.unreadable().keys().collect();
    assert_eq!(unreadable, ["runbooks/crlf.yaml", "runbooks/worse.yaml", "runbooks/zz.yaml"]);
    assert!(catalog.unreadable_contents()["runbooks/zz.yaml"].contains("belongs to runbooks/web/fix.yaml"));
    assert_eq!(catalog.get(Kind::Runbook, "fix").map(|e| e.path.as_str()), Some(FIX));
}

#[test]
fn of_two_overlapping_runbooks_the_first_adopted_stays() {
    let mut folder = Folder::new();
    let other = RUNBOOK.replace("id: fix", "id: abc");
    folder.write("runbooks/abc.yaml", &other);
    folder.sign_all();
    folder.approve("bob", "web", "2026-07-01T00:00:00Z");
    stands(&folder, "runbook/fix", Refused, "overlaps that of `abc`");
    folder.context.adopted.insert(FileDigest::of(RUNBOOK.as_bytes()), 3);
    stands(&folder, "runbook/abc", Refused, "overlaps that of `fix`");
    stands(&folder, "runbook/fix", Live, "");
    for (from, to) in
        [("blast_radius: process", "priority: 5\nblast_radius: process"), ("PROCESS_DEAD}", "DISK_FULL}")]
    {
        let mut folder = Folder::new_with_keys_of(&folder);
        folder.write("runbooks/abc.yaml", &other.replace(from, to));
        folder.sign_all();
        folder.approve("bob", "web", "2026-07-01T00:00:00Z");
        stands(&folder, "runbook/abc", Live, "");
        stands(&folder, "runbook/fix", Live, "");
    }
}

#[test]
fn an_edit_does_not_hand_a_runbooks_place_to_its_rival() {
    let mut folder = Folder::new();
    let again = |folder: &mut Folder| {
        folder.sign_all();
        folder.approve("bob", "web", "2026-07-01T00:00:00Z");
    };
    folder.write("runbooks/abc.yaml", &RUNBOOK.replace("id: fix", "id: abc"));
    folder.context.first_live.insert("runbook/fix".into(), 3);
    again(&mut folder);
    stands(
        &folder,
        "runbook/abc",
        Refused,
        "overlaps that of `fix` with equal priority, which was there first",
    );
    folder.edit(FIX, "Restart it", "Restart it now");
    stands(&folder, "runbook/fix", ObserveOnly, "");
    stands(&folder, "runbook/abc", Refused, "and is not live now");
    stands(&folder, "runbook/abc", Refused, "or mend or remove `fix`");
    again(&mut folder);
    stands(&folder, "runbook/fix", Live, "");
    stands(&folder, "runbook/abc", Refused, "which was there first");
    // Judged again from the manifest it is the same.
    let catalog = folder.load();
    let manifest = catalog.manifest_bytes().expect("manifest");
    assert_eq!(Catalog::from_manifest(&manifest).expect("catalog").contents(), catalog.contents());
    folder.files.remove(FIX);
    stands(&folder, "runbook/abc", Live, "");
}

#[test]
fn shipped_files_need_approval_only_and_sample_keys_count_nowhere() {
    let mut folder = Folder::empty();
    for (path, bytes) in shipped::FILES {
        folder.files.insert((*path).to_owned(), bytes.to_vec());
    }
    stands(&folder, "runbook/process-dead", ObserveOnly, "nobody has approved it");
    for shipped in shipped::runbooks() {
        folder.approve("bob", &shipped.proposal, "2026-07-01T00:00:00Z");
    }
    let catalog = folder.load();
    assert_eq!(catalog.verified("process-dead").map(Verified::signer), Some("shipped"));
    assert_eq!(shipped::runbooks().len(), 7);
    for shipped in shipped::runbooks() {
        assert_eq!(catalog.verified(&shipped.id).map(Verified::digest), Some(shipped.digest));
    }
    // The samples of sentinels are not read, and fit their runbooks once somebody switches them on.
    for (path, bytes) in shipped::FILES.iter().filter(|(path, _)| path.ends_with(".off")) {
        assert!(folder.load().entries().all(|entry| entry.path != *path));
        let content = checks::read(path.trim_end_matches(".off"), bytes);
        let Ok(Content::Sentinel(sentinel)) = content else { panic!("{path}: {content:?}") };
        let runbook = shipped::runbooks().into_iter().find(|r| r.proposal == sentinel.proposal).expect(path);
        let runbook = catalog.verified(&runbook.id).expect("live").content();
        assert_eq!(runbook.matcher.subsystem, sentinel.report.subsystem);
    }
    // One changed byte, and it is nobody's.
    folder.edit("runbooks/process-dead/runbook.yaml", "priority: 100", "priority: 101");
    stands(&folder, "runbook/process-dead", ObserveOnly, "not signed");
}

#[cfg(feature = "server")]
#[test]
fn this_repository_stands_by_its_sample_keys_where_they_are_allowed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Arc::new(loader::read_folder(root).expect("repository"));
    let strict = Trust::load(&folder.trust_files()).expect("trust");
    let context = Folder::empty().context;
    let refused = Catalog::load(Arc::clone(&folder), &strict, &context);
    for entry in refused.entries() {
        assert_eq!(entry.standing, ObserveOnly);
        assert!(entry.reason().is_some_and(|reason| reason.contains("sample key")), "{:?}", entry.reasons);
    }
    let allowed = strict.clone().allow_sample_keys();
    let catalog = Catalog::load(Arc::clone(&folder), &allowed, &context);
    assert!(catalog.entries().count() >= 2);
    assert!(catalog.entries().all(|e| e.standing == Live), "tools/sign-shipped? {:#?}", catalog.contents());
    let path = "runbooks/process-dead/runbook.yaml";
    let (bytes, armored) = (folder.get(path).expect("file"), folder.signature_of(path).expect("sig"));
    let signed = allowed.verify(Role::Runbook, bytes, armored, NOW_US).map(|s| s.principal);
    assert_eq!(signed.as_deref(), Ok("sample-author"));
    assert_eq!(strict.verify(Role::Runbook, bytes, armored, NOW_US), Err(SignatureError::SampleKey));
    for name in ["author", "approver"] {
        let public =
            std::fs::read_to_string(root.join(format!("tests/keys/sample_{name}.pub"))).expect("key");
        assert!(SAMPLE_KEYS.iter().any(|key| public.starts_with(key)), "{name} is not in SAMPLE_KEYS");
    }
}

#[test]
fn a_manifest_keeps_no_secret_and_nothing_that_nobody_reads() {
    let mut folder = Folder::new();
    let words = "hunter2";
    folder.write(
        "runbooks/web/secret.yaml",
        &RUNBOOK.replace("id: fix", "id: leak").replace("WHAT: ", &format!("PASSWORD: {words}, WHAT: ")),
    );
    folder.write("runbooks/web/torn.yaml", &format!("id: [\npassword: {words}\n"));
    folder.write("runbooks/web/deploy_key", &format!("-----BEGIN X PRIVATE KEY-----\n{words}\n"));
    let catalog = folder.load();
    assert_eq!(folder.standing("runbook/leak").0, Standing::Refused);
    let bytes = catalog.manifest_bytes().expect("manifest");
    assert!(!String::from_utf8_lossy(&bytes).contains(words));
    let again = Catalog::from_manifest(&bytes).expect("again");
    assert!(again.verified("fix").is_some(), "what is live is whole");
    assert_eq!(again.live_digests(), catalog.live_digests());
}

#[test]
fn a_manifest_gives_the_same_catalog_again() {
    let mut folder = Folder::new();
    folder.write("runbooks/worse.yaml", "{{{");
    folder.files.insert("runbooks/binary.yaml".into(), vec![0xFF, 0xFE]);
    let catalog = folder.load();
    let bytes = catalog.manifest_bytes().expect("manifest");
    let again = Catalog::from_manifest(&bytes).expect("again");
    assert_eq!(again.contents(), catalog.contents());
    assert_eq!(again.unreadable_contents(), catalog.unreadable_contents());
    assert_eq!(again.verified("fix"), catalog.verified("fix"));
    assert!(again.is_same_as(&catalog));
    assert_eq!(again.manifest_bytes().expect("manifest"), bytes);
    assert!(Catalog::from_manifest(b"{}").is_err());
}
