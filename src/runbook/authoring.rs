//! What authors and approvers do: sign a file, approve a proposal's files, with a private key file, or through
//! `ssh-keygen -Y sign` when the key has a passphrase or lives in an agent or on a token.
//! Not for judging the result: that is the catalog's work.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::base::digest::FileDigest;
use crate::base::signers::is_principal;
use crate::base::sshsig::{self, SshKeyError, SshPrivateKey, SshSigError};

use super::checks::signed_text;
use super::model::V1;
use super::proposals::{Approval, ApprovalAction, ProposalRef};
use super::trust::Role;

/// Signing or approving failed.
#[derive(Debug, thiserror::Error)]
pub enum AuthoringError {
    /// A file could not be read or written.
    #[error("cannot {what} {path}: {source}")]
    File {
        /// `read` or `write`.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be signed as it is.
    #[error("{0}")]
    Content(String),
    /// A file is not any more what the approver was shown.
    #[error(
        "{path} was changed after it was shown; nothing was approved: look at it again, then approve again"
    )]
    Changed {
        /// Which.
        path: String,
    },
    /// The key is not usable.
    #[error("the key {path}: {source}")]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        source: SshKeyError,
    },
    /// ssh-keygen was needed and failed.
    #[error("ssh-keygen -Y sign with {key} failed: {problem}; is the key in your agent (ssh-add -l)?")]
    Keygen {
        /// Which key.
        key: PathBuf,
        /// What it said.
        problem: String,
    },
    /// What was signed does not verify.
    #[error("the fresh signature does not verify: {0}; nothing was written")]
    Verify(#[from] SshSigError),
    /// No randomness.
    #[error("cannot make a nonce: {0}")]
    Random(getrandom::Error),
}

/// Signs a file for a role; writes and returns `FILE.sig`.
pub fn sign_file(path: &Path, key: &Path, role: Role) -> Result<PathBuf, AuthoringError> {
    sign_beside(path, &read(path)?, key, role)
}

/// The same for bytes that were read already, and looked at: they are what is signed, whatever the file holds by now.
pub fn sign_beside(path: &Path, bytes: &[u8], key: &Path, role: Role) -> Result<PathBuf, AuthoringError> {
    signed_text(&path.to_string_lossy(), bytes)
        .map_err(|problem| AuthoringError::Content(problem.to_string()))?;
    let armored = sign_bytes(bytes, key, role)?;
    let target = beside(path);
    write(&target, armored.as_bytes())?;
    Ok(target)
}

/// The role whose signature a file needs, by its place in the content folder (a relative path).
pub fn role_of(path: &str) -> Option<Role> {
    if path.starts_with("proposals/trust/") {
        Some(Role::Trust)
    } else if path.starts_with("proposals/") && path.ends_with("/proposal.yaml") {
        Some(Role::Proposal)
    } else if path.starts_with("proposals/") && path.contains("/approvals/") {
        Some(Role::Approval)
    } else if path.starts_with("runbooks/") {
        Some(Role::Runbook)
    } else {
        None
    }
}

/// What is approved, and by whom.
#[derive(Debug, Clone)]
pub struct Approve<'a> {
    /// The content folder.
    pub folder: &'a Path,
    /// The proposal, and the digest of the argument that was shown.
    pub proposal: (&'a str, FileDigest),
    /// The runbook's path in the folder, when there is one, and the digest of what was shown.
    pub runbook: Option<(&'a str, FileDigest)>,
    /// The other content files that belong to it: path, and the digest of what was shown.
    pub resolves: &'a [(&'a str, FileDigest)],
    /// Who approves; the key must be this person's.
    pub principal: &'a str,
    /// Private key, or public key of one in an agent.
    pub key: &'a Path,
    /// Until when it may be adopted for the first time, Unix µs.
    pub adopt_before_us: i64,
    /// Why.
    pub reason: &'a str,
}

/// Writes and signs `proposals/ID/approvals/PRINCIPAL.json`; returns its path. What it names are the digests that it
/// was given: those of the bytes that the approver was shown. It replaces an approval by the same person: name
/// everything that belongs to the proposal.
pub fn approve(request: &Approve<'_>) -> Result<PathBuf, AuthoringError> {
    if !is_principal(request.principal) {
        let problem = format!("`{}` is not the name of a principal", request.principal);
        return Err(AuthoringError::Content(problem));
    }
    still_as_shown(request)?;
    let (id, digest) = request.proposal;
    let place = request.folder.join("proposals").join(id);
    let approval = Approval {
        v: V1,
        action: ApprovalAction::Approve,
        proposal: ProposalRef { id: id.to_owned(), digest },
        runbook: request.runbook.map(|(_, digest)| digest),
        resolves: request.resolves.iter().map(|(path, digest)| ((*path).to_owned(), *digest)).collect(),
        adopt_before: rfc3339_seconds(request.adopt_before_us)?,
        nonce: nonce()?,
        reason: request.reason.to_owned(),
    };
    let text = serde_json::to_string_pretty(&approval)
        .map_err(|error| AuthoringError::Content(format!("cannot write the approval: {error}")))?;
    let bytes = format!("{text}\n").into_bytes();
    let armored = sign_bytes(&bytes, request.key, Role::Approval)?;
    let approvals = place.join("approvals");
    fs::create_dir_all(&approvals).map_err(|source| AuthoringError::File {
        what: "make",
        path: approvals.clone(),
        source,
    })?;
    let path = approvals.join(format!("{}.json", request.principal));
    write(&path, &bytes)?;
    write(&beside(&path), armored.as_bytes())?;
    Ok(path)
}

/// An approval of what is not there any more would help nobody, and who gave it should look at what came instead.
fn still_as_shown(request: &Approve<'_>) -> Result<(), AuthoringError> {
    let (id, digest) = request.proposal;
    let argument = format!("proposals/{id}/proposal.yaml");
    let files = request.resolves.iter().copied().chain(request.runbook);
    for (path, shown) in files.chain([(argument.as_str(), digest)]) {
        if FileDigest::of(&read(&request.folder.join(path))?) != shown {
            return Err(AuthoringError::Changed { path: path.to_owned() });
        }
    }
    Ok(())
}

/// An armored signature of bytes, checked before it is returned.
pub fn sign_bytes(bytes: &[u8], key: &Path, role: Role) -> Result<String, AuthoringError> {
    let text = String::from_utf8_lossy(&read(key)?).into_owned();
    let armored = match SshPrivateKey::parse(&text) {
        Ok(private) => private
            .sign(role.namespace(), bytes)
            .map_err(|source| AuthoringError::Key { path: key.to_owned(), source })?,
        Err(source @ SshKeyError::KeyType(_)) => {
            return Err(AuthoringError::Key { path: key.to_owned(), source });
        }
        // A passphrase, or the public half of a key in an agent or on a token.
        Err(_) => keygen(bytes, key, role)?,
    };
    sshsig::verify(armored.as_bytes(), role.namespace(), bytes)?;
    Ok(armored)
}

fn keygen(bytes: &[u8], key: &Path, role: Role) -> Result<String, AuthoringError> {
    let fail = |problem: String| AuthoringError::Keygen { key: key.to_owned(), problem };
    let mut child = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", role.namespace(), "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| fail(format!("it cannot be started: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        std::io::Write::write_all(&mut stdin, bytes).map_err(|error| fail(error.to_string()))?;
    }
    let output = child.wait_with_output().map_err(|error| fail(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(fail(crate::base::text::clean(said.trim())));
    }
    String::from_utf8(output.stdout).map_err(|error| fail(error.to_string()))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

fn read(path: &Path) -> Result<Vec<u8>, AuthoringError> {
    fs::read(path).map_err(|source| AuthoringError::File { what: "read", path: path.to_owned(), source })
}

/// Whole or not at all: a half-written signature would demote a live runbook.
fn write(path: &Path, bytes: &[u8]) -> Result<(), AuthoringError> {
    let fail = |source| AuthoringError::File { what: "write", path: path.to_owned(), source };
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    fs::write(&part, bytes).and_then(|()| fs::rename(&part, path)).map_err(fail)
}

fn nonce() -> Result<String, AuthoringError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(AuthoringError::Random)?;
    Ok(hex::encode(bytes))
}

fn rfc3339_seconds(time_us: i64) -> Result<String, AuthoringError> {
    let timestamp = jiff::Timestamp::from_microsecond(time_us)
        .map_err(|error| AuthoringError::Content(format!("`adopt_before` is no time: {error}")))?;
    Ok(format!("{timestamp:.0}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::signers;
    use crate::runbook::testing::NOW_US;

    /// A folder with a key made by ssh-keygen and an allowed_signers that gives `ann` every role.
    fn home() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().expect("folder");
        let key = home.path().join("id");
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
        assert!(made.expect("ssh-keygen").success());
        let private = SshPrivateKey::parse(&fs::read_to_string(&key).expect("key")).expect("parse");
        let roles: Vec<&str> = Role::ALL.iter().map(|role| role.namespace()).collect();
        let line = signers::line("ann@example.org", &roles, &private.public().expect("public"));
        fs::write(home.path().join("allowed_signers"), format!("# people\n{line}\n")).expect("write");
        (home, key)
    }

    fn keygen_verifies(home: &Path, file: &Path, namespace: &str) -> bool {
        let mut child = Command::new("ssh-keygen");
        child.args(["-q", "-Y", "verify", "-I", "ann@example.org", "-n", namespace, "-f"]);
        child.arg(home.join("allowed_signers")).arg("-s").arg(beside(file));
        child.stdin(fs::File::open(file).expect("file")).stdout(Stdio::null()).stderr(Stdio::null());
        child.status().expect("ssh-keygen").success()
    }

    #[test]
    fn ssh_keygen_verifies_what_we_sign() {
        let (home, key) = home();
        let file = home.path().join("a.yaml");
        fs::write(&file, "v: 1\n").expect("write");
        sign_file(&file, &key, Role::Runbook).expect("sign");
        assert!(keygen_verifies(home.path(), &file, "runbook@remediator"));
        assert!(!keygen_verifies(home.path(), &file, "approval@remediator"));
        fs::write(&file, "v: 2\n").expect("write");
        assert!(!keygen_verifies(home.path(), &file, "runbook@remediator"));
    }

    #[test]
    fn we_verify_what_ssh_keygen_signs() {
        let (home, key) = home();
        let signers = fs::read(home.path().join("allowed_signers")).expect("signers");
        let trust =
            super::super::Trust::load(&[("allowed_signers".to_owned(), signers)].into()).expect("trust");
        let ours = sign_bytes(b"v: 1\n", &key, Role::Runbook).expect("ours");
        let theirs = keygen(b"v: 1\n", &key, Role::Runbook).expect("theirs");
        assert_eq!(ours, theirs, "ed25519 signatures of the same bytes are the same bytes");
        let signed = trust.verify(Role::Runbook, b"v: 1\n", theirs.as_bytes(), NOW_US).expect("verify");
        assert_eq!(signed.principal, "ann@example.org");
        assert!(trust.verify(Role::Runbook, b"v: 2\n", theirs.as_bytes(), NOW_US).is_err());
        // The public half is enough when ssh-keygen can reach the private one.
        let public = key.with_extension("pub");
        assert_eq!(sign_bytes(b"v: 1\n", &public, Role::Runbook).expect("by public key"), theirs);
    }

    #[test]
    fn other_key_types_and_unfit_files_are_refused() {
        let (home, key) = home();
        let ecdsa = home.path().join("ecdsa");
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ecdsa", "-N", "", "-f"]).arg(&ecdsa).status();
        assert!(made.expect("ssh-keygen").success());
        assert!(matches!(sign_bytes(b"x", &ecdsa, Role::Runbook), Err(AuthoringError::Key { .. })));
        assert!(matches!(
            sign_bytes(b"x", &home.path().join("none"), Role::Runbook),
            Err(AuthoringError::File { .. })
        ));
        let file = home.path().join("a.yaml");
        fs::write(&file, "v: 1\r\n").expect("write");
        assert!(matches!(sign_file(&file, &key, Role::Runbook), Err(AuthoringError::Content(_))));
        assert!(!beside(&file).exists());
    }

    #[test]
    fn an_approval_that_we_write_is_one_that_counts() {
        let (home, key) = home();
        let root = home.path();
        for (path, text) in [
            ("proposals/web/proposal.yaml", crate::runbook::testing::PROPOSAL),
            ("runbooks/web/service.yaml", crate::runbook::testing::SERVICE),
            ("runbooks/web/fix.yaml", crate::runbook::testing::RUNBOOK),
        ] {
            fs::create_dir_all(root.join(path).parent().expect("parent")).expect("mkdir");
            fs::write(root.join(path), text).expect("write");
            sign_file(&root.join(path), &key, role_of(path).expect("role")).expect("sign");
        }
        fs::create_dir_all(root.join("proposals/trust")).expect("mkdir");
        fs::copy(root.join("allowed_signers"), root.join("proposals/trust/allowed_signers")).expect("copy");
        fs::write(root.join("proposals/trust/policy.yaml"), "v: 1\nsolo: true\nlive_evidence: none\n")
            .expect("write");
        let shown = |path: &str| FileDigest::of(&fs::read(root.join(path)).expect("there"));
        let service = ("runbooks/web/service.yaml", shown("runbooks/web/service.yaml"));
        let request = Approve {
            folder: root,
            proposal: ("web", shown("proposals/web/proposal.yaml")),
            runbook: Some(("runbooks/web/fix.yaml", shown("runbooks/web/fix.yaml"))),
            resolves: &[service],
            principal: "ann@example.org",
            key: &key,
            adopt_before_us: NOW_US + 86_400_000_000,
            reason: "tried it",
        };
        let written = approve(&request).expect("approve");
        assert!(keygen_verifies(root, &written, "approval@remediator"));
        let folder = super::super::loader::read_folder(root).expect("read");
        let trust = super::super::Trust::load(&folder.trust_files()).expect("trust");
        let context = crate::runbook::testing::Folder::empty().context;
        let catalog = super::super::Catalog::load(std::sync::Arc::new(folder), &trust, &context);
        assert_eq!(
            catalog.verified("fix").map(|v| v.approvers()),
            Some(&["ann@example.org (self-approved)".to_owned()][..]),
            "{:#?}",
            catalog.contents()
        );
        assert_eq!(catalog.services().count(), 1);
        assert!(approve(&Approve { principal: "../x", ..request.clone() }).is_err());
        // Whatever is changed after it was shown is not approved, however well it is signed.
        let before = fs::read(&written).expect("approval");
        for path in ["runbooks/web/fix.yaml", "runbooks/web/service.yaml", "proposals/web/proposal.yaml"] {
            let text = fs::read(root.join(path)).expect("there");
            fs::write(root.join(path), [text.as_slice(), b"# more\n"].concat()).expect("write");
            sign_file(&root.join(path), &key, role_of(path).expect("role")).expect("sign");
            let refused = approve(&request);
            assert!(
                matches!(&refused, Err(AuthoringError::Changed { path: named }) if named == path),
                "{refused:?}"
            );
            assert_eq!(fs::read(&written).expect("approval"), before);
            fs::write(root.join(path), text).expect("write");
        }
    }
}
