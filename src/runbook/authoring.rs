//! What authors and approvers do: sign a file, approve a proposal's files, with a private key file, or through
//! `ssh-keygen -Y sign` when the key has a passphrase or lives in an agent or on a token.
//! Not for judging the result: that is the catalog's work.

use std::collections::BTreeMap;
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
    let bytes = read(path)?;
    signed_text(&path.to_string_lossy(), &bytes)
        .map_err(|problem| AuthoringError::Content(problem.to_string()))?;
    let armored = sign_bytes(&bytes, key, role)?;
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
    /// The proposal.
    pub proposal: &'a str,
    /// The runbook's path in the folder, when there is one.
    pub runbook: Option<&'a str>,
    /// Paths of the other content files that belong to it.
    pub resolves: &'a [&'a str],
    /// Who approves; the key must be this person's.
    pub principal: &'a str,
    /// Private key, or public key of one in an agent.
    pub key: &'a Path,
    /// Until when it may be adopted for the first time, Unix µs.
    pub adopt_before_us: i64,
    /// Why.
    pub reason: &'a str,
}

/// Writes and signs `proposals/ID/approvals/PRINCIPAL.json`; returns its path. It replaces an approval by the same
/// person: name everything that belongs to the proposal.
pub fn approve(request: &Approve<'_>) -> Result<PathBuf, AuthoringError> {
    if !is_principal(request.principal) {
        let problem = format!("`{}` is not the name of a principal", request.principal);
        return Err(AuthoringError::Content(problem));
    }
    let place = request.folder.join("proposals").join(request.proposal);
    let digest = |path: &str| read(&request.folder.join(path)).map(|bytes| FileDigest::of(&bytes));
    let mut resolves = BTreeMap::new();
    for path in request.resolves {
        resolves.insert((*path).to_owned(), digest(path)?);
    }
    let proposal = FileDigest::of(&read(&place.join("proposal.yaml"))?);
    let approval = Approval {
        v: V1,
        action: ApprovalAction::Approve,
        proposal: ProposalRef { id: request.proposal.to_owned(), digest: proposal },
        runbook: request.runbook.map(digest).transpose()?,
        resolves,
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
