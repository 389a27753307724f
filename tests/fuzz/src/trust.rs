//! Target `trust`: `allowed_signers`, `policy.yaml` and `revoked`, SSH signatures and keys. What is read is read the
//! same when it is written again, and a signature counts only when its maker signed these bytes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use remediator::base::sign::{PublicKey, parse_signature, signature_text};
use remediator::base::signers::{self, AllowedSigners, is_principal};
use remediator::base::sshsig::{self, SshPrivateKey, SshPublicKey};
use remediator::runbook::Trust;
use remediator::runbook::revoked::Revoked;

use super::said;

static KEY: LazyLock<SshPublicKey> = LazyLock::new(|| {
    SshPublicKey::parse(include_str!("../../keys/sample_author.pub")).expect("a sample key")
});

/// See the module.
pub fn check(bytes: &[u8]) {
    let names = ["allowed_signers", "policy.yaml", "revoked"];
    let files: BTreeMap<_, _> = names
        .iter()
        .map(|name| (*name).to_owned())
        .zip(said::parts(bytes).into_iter().map(<[u8]>::to_vec))
        .collect();
    if let Err(why) = Trust::load(&files) {
        said::is_fit(why);
    }
    // The seeds are signatures of this by the sample author.
    match sshsig::verify(bytes, "runbook@remediator", b"steps\n") {
        Ok(key) => assert_eq!(key, *KEY, "somebody else's signature is in the corpus"),
        Err(why) => said::is_fit(why),
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    people(text);
    keys(text);
}

fn people(text: &str) {
    if let Err((_, why)) = Revoked::parse(text) {
        said::is_fit(why);
    }
    let read = match AllowedSigners::parse(text) {
        Ok(read) => read,
        Err(why) => return said::is_fit(why),
    };
    for grant in read.grants() {
        assert!(is_principal(&grant.principal) && !grant.namespaces.is_empty());
        let roles: Vec<&str> = grant.namespaces.iter().map(String::as_str).collect();
        let written = signers::line(&grant.principal, &roles, &grant.key);
        let again = AllowedSigners::parse(&written).unwrap_or_else(|why| panic!("{why}: {written:?}"));
        let [again] = again.grants() else { panic!("one line: {written:?}") };
        assert_eq!(
            (&again.principal, &again.namespaces, &again.key),
            (&grant.principal, &grant.namespaces, &grant.key)
        );
    }
}

fn keys(text: &str) {
    match SshPublicKey::parse(text) {
        Ok(key) => assert_eq!(SshPublicKey::parse(&key.to_string()), Ok(key)),
        Err(why) => said::is_fit(why),
    }
    match SshPrivateKey::parse(text) {
        Ok(key) => {
            let again = SshPrivateKey::parse(&key.to_openssh().expect("text")).expect("our own text");
            assert_eq!(again.public(), key.public());
        }
        Err(why) => said::is_fit(why),
    }
    if let Ok(key) = PublicKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Some(signature) = parse_signature(text) {
        assert_eq!(signature_text(&signature), text);
    }
}
