//! Who may change who may sign: with which signature, never back to what was replaced, never so that nobody is left.

use super::*;

#[test]
fn the_trust_files_change_only_with_a_signature_of_the_version_in_force() {
    let mut folder = Folder::new();
    let before = folder.trust();
    folder.write("proposals/trust/policy.yaml", "v: 1\nsolo: true\n");
    let attempt = |folder: &Folder| before.changed(&folder.content().trust_files(), NOW_US);
    assert!(matches!(attempt(&folder), Err(TrustError::Unsigned { .. })));
    folder.sign("ann", Role::Trust, "proposals/trust/policy.yaml");
    assert!(
        attempt(&folder).is_err_and(|e| e.to_string().contains("does not hold the role trust@remediator"))
    );
    folder.sign("bob", Role::Trust, "proposals/trust/policy.yaml");
    let (after, signer) = attempt(&folder).expect("signed");
    assert_eq!((after.policy().solo, signer.as_str()), (true, "bob"));
    // Taking a file away is a change too; and whoever adds themselves does not hold the role yet.
    folder.files.remove("proposals/trust/revoked");
    assert!(attempt(&folder).is_err_and(|e| e.to_string().contains("revoked")));
    folder.write("proposals/trust/revoked", "");
    let eve = crate::base::signers::line("eve", &["trust@remediator"], &folder.public("eve"));
    folder.write("proposals/trust/allowed_signers", &eve);
    folder.sign("eve", Role::Trust, "proposals/trust/allowed_signers");
    assert!(attempt(&folder).is_err());
    assert!(matches!(Trust::load(&Default::default()), Err(TrustError::Missing(_))));
    // The same with nothing else changed: what eve gives herself in the new file does not make her signature count.
    let mut folder = Folder::new();
    let before = folder.trust();
    let mut signers =
        String::from_utf8(folder.files["proposals/trust/allowed_signers"].clone()).expect("text");
    let kept: Vec<&str> = signers.lines().filter(|line| !line.starts_with("eve")).collect();
    signers = format!(
        "{}\n{}",
        kept.join("\n"),
        crate::base::signers::line("eve", &["trust@remediator"], &folder.public("eve"))
    );
    folder.write("proposals/trust/allowed_signers", &signers);
    folder.sign("eve", Role::Trust, "proposals/trust/allowed_signers");
    let refused = before.changed(&folder.content().trust_files(), NOW_US);
    assert!(
        matches!(&refused, Err(TrustError::Unsigned { file, .. }) if file == "allowed_signers"),
        "{refused:?}"
    );
}

#[test]
fn the_last_holder_of_trust_or_control_cannot_be_signed_away() {
    const SIGNERS: &str = "proposals/trust/allowed_signers";
    let before = Folder::new();
    let line = |who: &str, roles: &[&str]| crate::base::signers::line(who, roles, &before.public(who));
    let attempt = |text: &str, revoked: &str| {
        let mut folder = Folder::new_with_keys_of(&before);
        folder.write(SIGNERS, text);
        folder.write("proposals/trust/revoked", revoked);
        for path in [SIGNERS, "proposals/trust/revoked"] {
            folder.sign("bob", Role::Trust, path);
        }
        before.trust().changed(&folder.content().trust_files(), NOW_US).map(|(_, signer)| signer)
    };
    let (trust, control) = ("trust@remediator", "control@remediator");
    let refused = |role| Err(TrustError::NobodyHolds(role));
    assert_eq!(attempt(&line("ann", &[trust, control]), ""), Ok("bob".to_owned()), "another may be the last");
    assert_eq!(attempt(&line("bob", &[control]), ""), refused(Role::Trust));
    assert_eq!(attempt(&line("bob", &[trust]), ""), refused(Role::Control));
    let over =
        line("bob", &[trust, control]).replace(" namespaces", " valid-before=\"20260101Z\",namespaces");
    assert_eq!(attempt(&over, ""), refused(Role::Trust), "a key that is over");
    let revoked = before.public("bob").fingerprint();
    assert_eq!(attempt(&line("bob", &[trust, control]), &revoked), refused(Role::Trust), "a revoked key");
    // A role that is none gives nothing, so it is named; other programs' namespaces are their own affair.
    let all = [trust, control];
    let misspelt = attempt(&line("bob", &[&all[..], &["aproval@remediator"]].concat()), "");
    let told = misspelt.expect_err("no role").to_string();
    assert!(
        told.contains("allowed_signers:1") && told.contains("did you mean `approval@remediator`"),
        "{told}"
    );
    let other = attempt(&line("bob", &[&all[..], &["owner@remediator"]].concat()), "");
    assert!(other.expect_err("no role").to_string().contains("the roles are runbook@remediator"));
    assert_eq!(attempt(&line("bob", &[&all[..], &["git", "file"]].concat()), ""), Ok("bob".to_owned()));
    let told = TrustError::NobodyHolds(Role::Trust).to_string();
    assert!(told.contains("namespaces=\"trust@remediator\""), "{told}");
}

#[test]
fn trust_that_was_replaced_is_spent_and_a_revocation_waits_for_no_other_file() {
    const SIGNERS: &str = "proposals/trust/allowed_signers";
    const REVOKED: &str = "proposals/trust/revoked";
    let before = Folder::new();
    let mut joined = Folder::new_with_keys_of(&before);
    let eve = crate::base::signers::line("eve", &["approval@remediator"], &before.public("eve"));
    let text = String::from_utf8(before.files[SIGNERS].clone()).expect("text");
    let others: Vec<&str> = text.lines().filter(|line| !line.contains("eve")).collect();
    joined.write(SIGNERS, &format!("{}\n{eve}\n", others.join("\n")));
    joined.sign("bob", Role::Trust, SIGNERS);
    let with_eve = before.trust().changed(&joined.content().trust_files(), NOW_US).expect("signed").0;
    let mut left = Folder::new_with_keys_of(&before);
    left.write(SIGNERS, &format!("# eve left\n{}\n", others.join("\n")));
    left.write(REVOKED, "# nothing yet\n");
    left.sign("bob", Role::Trust, SIGNERS);
    // One of the two is not signed: the other comes into force all the same, and it is said.
    let (next, refused) = with_eve.changed_in_part(&left.content().trust_files(), NOW_US);
    let without = next.expect("the signed one").0;
    assert!(matches!(refused, Some(TrustError::Unsigned { file, .. }) if file == "revoked"));
    assert!(without.signers().grants().iter().all(|grant| grant.principal != "eve"));
    assert_eq!(without.files()["revoked"], b"");
    assert!(with_eve.changed(&left.content().trust_files(), NOW_US).is_err(), "strictly: all or nothing");
    // The version with eve comes back with its old signature, which is bob's and good.
    let back = without.changed(&joined.content().trust_files(), NOW_US).map(|(_, signer)| signer);
    assert_eq!(back, Err(TrustError::Spent("allowed_signers".to_owned())));
    // And so does the first of all.
    let mut first = Folder::new_with_keys_of(&before);
    first.sign("bob", Role::Trust, SIGNERS);
    let back = without.changed(&first.content().trust_files(), NOW_US).map(|(_, signer)| signer);
    assert_eq!(back, Err(TrustError::Spent("allowed_signers".to_owned())));
}
