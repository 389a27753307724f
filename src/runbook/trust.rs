//! Who may sign what, under which policy, and what is revoked: the files in `proposals/trust/`.
//! Not for what a signature makes of a content file (`verified`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::digest::FileDigest;
use crate::base::signers::{AllowedSigners, Holder};
use crate::base::sshsig::{SshPublicKey, SshSigError};
use crate::base::time::rfc3339;

use super::checks::{Rejected, signed_text};
use super::content::TRUST_DIR;
use super::memo::Memo;
use super::model::Content;
use super::policy::Policy;
use super::problem::{Source, likely};
use super::revoked::Revoked;
use super::yaml;

/// Public halves of the keys in tests/keys: everybody has the private ones.
pub const SAMPLE_KEYS: [&str; 2] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIxE4TB6KipIAlvpnI+ZFe4k3bovyTXcr+6pJFJ/QqtW",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFnDRIDjlzIcatmzWQRDb2U5QG8OxPpH6DyCsZnH7E2f",
];

/// The trust files, in the order in which they are read.
pub const TRUST_FILES: [&str; 3] = ["allowed_signers", "policy.yaml", "revoked"];

/// What a signature is for; each is a namespace of SSHSIG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Signs content files.
    Runbook,
    /// Writes proposals.
    Proposal,
    /// Approves content.
    Approval,
    /// Gives the remediator more power again.
    Control,
    /// Changes the trust files.
    Trust,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Runbook, Self::Proposal, Self::Approval, Self::Control, Self::Trust];
    /// The namespace of its signatures.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Runbook => "runbook@remediator",
            Self::Proposal => "proposal@remediator",
            Self::Approval => "approval@remediator",
            Self::Control => "control@remediator",
            Self::Trust => "trust@remediator",
        }
    }
}

/// Whether the sample keys count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SampleKeys {
    Refused,
    Allowed,
}

/// The trust in force.
#[derive(Debug, Clone)]
pub struct Trust {
    signers: AllowedSigners,
    policy: Policy,
    revoked: Revoked,
    files: Arc<BTreeMap<String, Vec<u8>>>,
    shipped: Arc<BTreeSet<FileDigest>>,
    samples: SampleKeys,
    former: Arc<BTreeSet<FileDigest>>,
    memo: Memo,
}

/// Trust files that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// One is missing.
    #[error("{TRUST_DIR}{0} is missing: nobody could sign anything; `remediator init` writes it")]
    Missing(&'static str),
    /// One cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A change of one is not signed by somebody who may.
    #[error(
        "{TRUST_DIR}{file} has changed without a signature that counts ({why}); the version before stays in force. \
         Sign it: remediator runbook sign {TRUST_DIR}{file}"
    )]
    Unsigned {
        /// Which file.
        file: String,
        /// Why its signature does not count.
        why: String,
    },
    /// An old version with its old signature.
    #[error(
        "{TRUST_DIR}{0} is a version that was in force before and was replaced: its signature is spent, and the version \
         before this stays in force. To go back to what it says, change a comment in it and sign it again: remediator \
         runbook sign {TRUST_DIR}{0}"
    )]
    Spent(String),
    /// Nobody could change the trust files again, or give power back.
    #[error(
        "with these trust files nobody holds {role} any more, and nobody could ever mend that; let a line of \
         {TRUST_DIR}allowed_signers keep it: namespaces=\"{role}\" with a key that is valid now and not revoked",
        role = .0.namespace()
    )]
    NobodyHolds(Role),
}

/// A signature that counts: whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The person.
    pub principal: String,
    /// Why it does not count at this time, if it does not: the key's validity has not begun or is over.
    pub untimely: Option<String>,
}

/// A signature that does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is none.
    #[error(transparent)]
    Bad(#[from] SshSigError),
    /// Nobody in allowed_signers has this key.
    #[error("signed with the key {0}, which nobody in {TRUST_DIR}allowed_signers has")]
    UnknownKey(String),
    /// The person may not do this.
    #[error("signed by `{principal}`, who does not hold the role {role}", role = role.namespace())]
    NoRole {
        /// Who.
        principal: String,
        /// What it would need.
        role: Role,
    },
    /// The key is revoked.
    #[error("signed with the key {0}, which is revoked")]
    RevokedKey(String),
    /// A key whose private half is public.
    #[error("signed with a sample key of remediator's own repository, which everybody has")]
    SampleKey,
}

impl Trust {
    /// Nobody may anything: what holds without trust files.
    pub fn none() -> Self {
        Self {
            signers: AllowedSigners::default(),
            policy: Policy::strict(),
            revoked: Revoked::default(),
            files: Arc::default(),
            shipped: super::shipped::digests(),
            samples: SampleKeys::Refused,
            former: Arc::default(),
            memo: Memo::default(),
        }
    }

    /// From the bytes of the files in `proposals/trust/`, by name. Others than the three are ignored.
    pub fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, TrustError> {
        let text = |name: &'static str| {
            let path = format!("{TRUST_DIR}{name}");
            files
                .get(name)
                .map(|bytes| signed_text(&path, bytes).map_err(|p| TrustError::Unreadable(p.to_string())))
                .transpose()
        };
        let at = |name: &str, line: usize, problem: &str| {
            TrustError::Unreadable(format!("{TRUST_DIR}{name}:{line}: {problem}"))
        };
        let signers = text("allowed_signers")?.ok_or(TrustError::Missing("allowed_signers"))?;
        let signers =
            AllowedSigners::parse(signers).map_err(|e| at("allowed_signers", e.line, &e.problem))?;
        let policy = match text("policy.yaml")? {
            None => Policy::strict(),
            Some(text) => {
                let policy: Policy = yaml::typed(Source { file: "proposals/trust/policy.yaml", text })
                    .map_err(|p| TrustError::Unreadable(p.to_string()))?;
                policy
                    .check()
                    .map_err(|what| TrustError::Unreadable(format!("{TRUST_DIR}policy.yaml: {what}")))?;
                policy
            }
        };
        let revoked = Revoked::parse(text("revoked")?.unwrap_or_default())
            .map_err(|(line, problem)| at("revoked", line, &problem))?;
        let kept = files.iter().filter(|(name, _)| TRUST_FILES.contains(&name.as_str()));
        let files = Arc::new(kept.map(|(name, bytes)| (name.clone(), bytes.clone())).collect());
        Ok(Self { signers, policy, revoked, files, ..Self::none() })
    }

    /// The same, knowing which versions of its files were in force before: their signatures are spent.
    #[must_use]
    pub fn with_former(self, former: BTreeSet<FileDigest>) -> Self {
        Self { former: Arc::new(former), ..self }
    }

    /// The same, with the sample keys counting: for tests and for the gate's run on this repository only.
    #[must_use]
    pub fn allow_sample_keys(self) -> Self {
        Self { samples: SampleKeys::Allowed, ..self }
    }

    pub(super) fn with_shipped(self, shipped: BTreeSet<FileDigest>) -> Self {
        Self { shipped: Arc::new(shipped), ..self }
    }
    pub(super) fn shipped(&self) -> &BTreeSet<FileDigest> {
        &self.shipped
    }
    pub(super) fn samples_allowed(&self) -> bool {
        self.samples == SampleKeys::Allowed
    }
    /// One content file read and checked, from memory where the same bytes were read before.
    pub fn content(&self, path: &str, bytes: &[u8]) -> Result<Arc<Content>, Rejected> {
        self.memo.content(path, bytes)
    }
    /// What was already made of bytes.
    pub(super) fn memo(&self) -> &Memo {
        &self.memo
    }
    pub(super) fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// The same people, signatures and revocations under another policy: what if.
    #[must_use]
    pub fn with_policy(&self, policy: Policy) -> Self {
        Self { policy, ..self.clone() }
    }
    /// The same people, signatures and policy as if nothing had been revoked: what was live once.
    #[must_use]
    pub fn unrevoked(&self) -> Self {
        Self { revoked: Revoked::default(), ..self.clone() }
    }
    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
    /// Who may sign what.
    pub fn signers(&self) -> &AllowedSigners {
        &self.signers
    }
    /// The files it was read from.
    pub fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }
    /// The digests of those files.
    pub fn digests(&self) -> BTreeMap<String, FileDigest> {
        self.files.iter().map(|(name, bytes)| (name.clone(), FileDigest::of(bytes))).collect()
    }

    /// Who holds a role with a key that counts at this time.
    pub fn holders(&self, role: Role, now_us: i64) -> BTreeSet<String> {
        let grants = self.signers.grants().iter();
        let counted = grants.filter_map(|grant| self.principal_of(role, &grant.key, now_us).ok());
        counted.filter(|signed| signed.untimely.is_none()).map(|signed| signed.principal).collect()
    }

    /// Whether a change to this trust may come into force: every role in it is one, and it is held on
    /// ([`Self::must_be_held`]).
    pub fn must_be_sound(&self, now_us: i64) -> Result<(), TrustError> {
        for grant in self.signers.grants() {
            if let Some(problem) = grant.namespaces.iter().find_map(|name| misspelt(name)) {
                let at = format!("{TRUST_DIR}allowed_signers:{}: {problem}", grant.line);
                return Err(TrustError::Unreadable(at));
            }
        }
        self.must_be_held(now_us)
    }

    /// Whether a home can live with this trust: somebody may change it again, and somebody may give power back.
    pub fn must_be_held(&self, now_us: i64) -> Result<(), TrustError> {
        let missing =
            [Role::Trust, Role::Control].into_iter().find(|role| self.holders(*role, now_us).is_empty());
        missing.map_or(Ok(()), |role| Err(TrustError::NobodyHolds(role)))
    }

    /// Whose signature of `message` this is, if it counts for `role`.
    pub fn verify(
        &self,
        role: Role,
        message: &[u8],
        armored: &[u8],
        now_us: i64,
    ) -> Result<Signed, SignatureError> {
        let key = self.memo.key(armored, role.namespace(), message)?;
        self.principal_of(role, &key, now_us)
    }

    fn principal_of(&self, role: Role, key: &SshPublicKey, now_us: i64) -> Result<Signed, SignatureError> {
        if self.revoked.has_key(key) {
            return Err(SignatureError::RevokedKey(key.fingerprint()));
        }
        if self.samples == SampleKeys::Refused && SAMPLE_KEYS.contains(&key.to_string().as_str()) {
            return Err(SignatureError::SampleKey);
        }
        match self.signers.holder(key, role.namespace(), Some(now_us)) {
            Holder::Holds(grant) => Ok(Signed { principal: grant.principal.clone(), untimely: None }),
            Holder::OutsideValidity(grant) => {
                let untimely = format!(
                    "the key of `{}` ({TRUST_DIR}allowed_signers line {}) is not valid at {}",
                    grant.principal,
                    grant.line,
                    rfc3339(now_us)
                );
                Ok(Signed { principal: grant.principal.clone(), untimely: Some(untimely) })
            }
            Holder::OtherRoles(grant) => {
                Err(SignatureError::NoRole { principal: grant.principal.clone(), role })
            }
            Holder::Unknown => Err(SignatureError::UnknownKey(key.fingerprint())),
        }
    }

    /// The trust after a change of the files, if every changed one carries a signature (`NAME.sig`) of somebody
    /// who holds `trust@remediator` in this version, and somebody still holds that role and `control@remediator`
    /// afterwards. Also says who signed.
    pub fn changed(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        now_us: i64,
    ) -> Result<(Self, String), TrustError> {
        match self.changed_in_part(files, now_us) {
            (_, Some(error)) => Err(error),
            (Some(next), None) => Ok(next),
            (None, None) => Ok((self.clone(), String::new())),
        }
    }

    /// The same for each file by itself: what is signed comes into force (a revocation must not wait for an edit of
    /// another file), what is not stays as it was, and is said.
    pub fn changed_in_part(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        now_us: i64,
    ) -> (Option<(Self, String)>, Option<TrustError>) {
        let (mut merged, mut signers, mut refused) = ((*self.files).clone(), BTreeSet::new(), None);
        for name in TRUST_FILES.into_iter().filter(|name| self.files.get(*name) != files.get(*name)) {
            match self.signer_of_change(name, files, now_us) {
                Ok((bytes, signer)) => {
                    merged.insert(name.to_owned(), bytes);
                    signers.insert(signer);
                }
                Err(error) => drop(refused.get_or_insert(error)),
            }
        }
        if signers.is_empty() {
            return (None, refused);
        }
        let next = Self::load(&merged).map(|next| {
            let replaced = self.files.iter().filter(|(name, bytes)| merged.get(*name) != Some(bytes));
            let replaced = replaced.map(|(_, bytes)| FileDigest::of(bytes));
            let former = Arc::new(self.former.iter().copied().chain(replaced).collect());
            Self {
                samples: self.samples,
                shipped: Arc::clone(&self.shipped),
                former,
                memo: self.memo.clone(),
                ..next
            }
        });
        match next.and_then(|next| next.must_be_sound(now_us).map(|()| next)) {
            Ok(next) => (Some((next, signers.into_iter().collect::<Vec<_>>().join(", "))), refused),
            Err(error) => (None, Some(error)),
        }
    }

    /// The new bytes of one trust file, and who may and did sign them.
    fn signer_of_change(
        &self,
        name: &str,
        files: &BTreeMap<String, Vec<u8>>,
        now_us: i64,
    ) -> Result<(Vec<u8>, String), TrustError> {
        let unsigned = |why: String| TrustError::Unsigned { file: name.to_owned(), why };
        let new =
            files.get(name).ok_or_else(|| unsigned("it is gone; restore it, or sign an empty one".into()))?;
        if self.former.contains(&FileDigest::of(new)) {
            return Err(TrustError::Spent(name.to_owned()));
        }
        let armored = files.get(&format!("{name}.sig")).ok_or_else(|| unsigned("unsigned".into()))?;
        match self.verify(Role::Trust, new, armored, now_us).map_err(|e| unsigned(e.to_string()))? {
            Signed { untimely: Some(why), .. } => Err(unsigned(why)),
            Signed { principal, .. } => Ok((new.clone(), principal)),
        }
    }
}

/// What is wrong with a namespace that means a role of remediator and is none. Others are other programs'.
fn misspelt(name: &str) -> Option<String> {
    let roles = Role::ALL.map(Role::namespace);
    if roles.contains(&name) {
        return None;
    }
    let near = match name.strip_suffix("@remediator") {
        Some(word) => likely(word, roles.map(|role| role.trim_end_matches("@remediator")))
            .map(|near| format!("{near}@remediator")),
        None => likely(name, roles).map(str::to_owned),
    };
    match near {
        Some(near) => Some(format!("`{name}` is no role; did you mean `{near}`?")),
        None if name.ends_with("@remediator") => {
            Some(format!("`{name}` is no role; the roles are {}", roles.join(", ")))
        }
        None => None,
    }
}
