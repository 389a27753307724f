//! SSH signatures (SSHSIG, ed25519, sha512) over the raw bytes of a file, detached and armored:
//! the same bytes that `ssh-keygen -Y sign` writes and `ssh-keygen -Y verify` reads.
//! Not for who may sign what (`base::signers`), nor for the journal's own keys (`base::sign`).

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};
use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};

/// A signature that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshSigError {
    /// Not an armored SSHSIG.
    #[error("not an armored SSH signature ({0}); sign again")]
    Armor(String),
    /// Signed with something else than ed25519.
    #[error("signed with a key of type {0}; only ssh-ed25519 is accepted")]
    KeyType(String),
    /// Hashed with something else than sha512.
    #[error("made with {0}; only sha512 is accepted (the default of ssh-keygen -Y sign)")]
    Hash(String),
    /// Made for another purpose.
    #[error("made for the namespace `{got}`, needed is `{needed}`; sign again with -n {needed}")]
    Namespace {
        /// What the signature says.
        got: String,
        /// What it must say.
        needed: String,
    },
    /// The signature is not one of these bytes.
    #[error(
        "the signature does not fit these bytes: they were changed after signing, or it belongs to another file"
    )]
    Mismatch,
}

/// A person's ed25519 public key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SshPublicKey([u8; 32]);

/// Text that is not a usable OpenSSH ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshKeyError {
    /// Not readable at all.
    #[error("not an OpenSSH key: {0}")]
    Unreadable(String),
    /// Another algorithm.
    #[error("a key of type {0}; only ssh-ed25519 is accepted (ssh-keygen -t ed25519)")]
    KeyType(String),
    /// Protected by a passphrase.
    #[error("the private key is protected by a passphrase; ssh-keygen or an agent has to sign with it")]
    Encrypted,
    /// No randomness, or the key could not be encoded.
    #[error("cannot make a key: {0}")]
    Make(String),
}

/// What a signature or key says of itself, or the library of it: words from outside.
fn short(said: &dyn fmt::Display) -> String {
    super::text::shown(&said.to_string(), super::limits::NAME_BYTES_MAX)
}

impl SshPublicKey {
    /// Reads `ssh-ed25519 BASE64 [comment]`.
    pub fn parse(text: &str) -> Result<Self, SshKeyError> {
        let key =
            ssh_key::PublicKey::from_openssh(text.trim()).map_err(|e| SshKeyError::Unreadable(short(&e)))?;
        Self::from_key_data(key.key_data()).ok_or_else(|| SshKeyError::KeyType(short(&key.algorithm())))
    }
    fn from_key_data(data: &ssh_key::public::KeyData) -> Option<Self> {
        data.ed25519().map(|key| Self(key.0))
    }
    fn to_ssh(&self) -> ssh_key::PublicKey {
        ssh_key::public::Ed25519PublicKey(self.0).into()
    }
    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        self.to_ssh().fingerprint(HashAlg::Sha256).to_string()
    }
}

/// `ssh-ed25519 BASE64`, without a comment.
impl fmt::Display for SshPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ssh().to_openssh().map_or(Err(fmt::Error), |text| f.write_str(text.trim_end()))
    }
}
impl fmt::Debug for SshPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

/// A person's ed25519 private key, unprotected. No Debug; wiped when dropped.
pub struct SshPrivateKey(PrivateKey);

impl SshPrivateKey {
    /// Reads an OpenSSH private key file's text.
    pub fn parse(text: &str) -> Result<Self, SshKeyError> {
        let key = PrivateKey::from_openssh(text).map_err(|e| SshKeyError::Unreadable(short(&e)))?;
        if key.algorithm() != ssh_key::Algorithm::Ed25519 {
            return Err(SshKeyError::KeyType(short(&key.algorithm())));
        }
        if key.is_encrypted() { Err(SshKeyError::Encrypted) } else { Ok(Self(key)) }
    }
    /// A fresh key with a comment, from the operating system's randomness.
    pub fn generate(comment: &str) -> Result<Self, SshKeyError> {
        let make = |e: &dyn fmt::Display| SshKeyError::Make(e.to_string());
        let mut seed = zeroize::Zeroizing::new([0u8; 32]);
        getrandom::fill(&mut *seed).map_err(|e| make(&e))?;
        let pair = ssh_key::private::Ed25519Keypair::from_seed(&seed);
        PrivateKey::new(pair.into(), comment).map(Self).map_err(|e| make(&e))
    }
    /// The text of an OpenSSH private key file, to be written 0600.
    pub fn to_openssh(&self) -> Result<zeroize::Zeroizing<String>, SshKeyError> {
        self.0.to_openssh(LineEnding::LF).map_err(|e| SshKeyError::Make(e.to_string()))
    }
    /// The public half.
    pub fn public(&self) -> Result<SshPublicKey, SshKeyError> {
        let data = self.0.public_key().key_data();
        SshPublicKey::from_key_data(data).ok_or_else(|| SshKeyError::KeyType(self.0.algorithm().to_string()))
    }
    /// An armored signature of `message` for `namespace`.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Result<String, SshKeyError> {
        let signature = self.0.sign(namespace, HashAlg::Sha512, message);
        let armored = signature.and_then(|s| s.to_pem(LineEnding::LF));
        // The armor of the library ends without a newline, ssh-keygen's with one.
        armored.map(|text| text.trim_end().to_owned() + "\n").map_err(|e| SshKeyError::Make(e.to_string()))
    }
}

/// Checks an armored signature of `message` for `namespace` and says which key made it.
/// Whether that key may is for the caller to ask.
pub fn verify(armored: &[u8], namespace: &str, message: &[u8]) -> Result<SshPublicKey, SshSigError> {
    let signature = SshSig::from_pem(armored).map_err(|e| SshSigError::Armor(short(&e)))?;
    let Some(key) = SshPublicKey::from_key_data(signature.public_key()) else {
        return Err(SshSigError::KeyType(short(&signature.algorithm())));
    };
    if signature.namespace() != namespace {
        let (got, needed) = (short(&signature.namespace()), namespace.to_owned());
        return Err(SshSigError::Namespace { got, needed });
    }
    if signature.hash_alg() != HashAlg::Sha512 {
        return Err(SshSigError::Hash(signature.hash_alg().to_string()));
    }
    let signed = SshSig::signed_data(namespace, HashAlg::Sha512, message);
    let signed = signed.map_err(|e| SshSigError::Armor(short(&e)))?;
    let strict =
        VerifyingKey::from_bytes(&key.0).ok().zip(Signature::from_slice(signature.signature_bytes()).ok());
    match strict {
        Some((verifying, made)) if verifying.verify_strict(&signed, &made).is_ok() => Ok(key),
        _ => Err(SshSigError::Mismatch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_its_bytes_its_namespace_and_nothing_else() {
        let key = SshPrivateKey::generate("test").expect("key");
        let sig = key.sign("runbook@remediator", b"steps").expect("sign");
        let public = key.public().expect("public");
        assert_eq!(verify(sig.as_bytes(), "runbook@remediator", b"steps"), Ok(public.clone()));
        assert_eq!(verify(sig.as_bytes(), "runbook@remediator", b"Steps"), Err(SshSigError::Mismatch));
        assert!(matches!(
            verify(sig.as_bytes(), "approval@remediator", b"steps"),
            Err(SshSigError::Namespace { .. })
        ));
        assert!(matches!(verify(b"nonsense", "x", b""), Err(SshSigError::Armor(_))));
        assert_eq!(SshPublicKey::parse(&public.to_string()), Ok(public));
    }

    #[test]
    fn what_a_signature_says_of_itself_is_told_short_and_harmless() {
        let key = SshPrivateKey::generate("test").expect("key");
        let sly = format!("runbook@remediator\u{1b}[2J{}", "x".repeat(9_000));
        let sig = key.sign(&sly, b"steps").expect("sign");
        let why = verify(sig.as_bytes(), "runbook@remediator", b"steps").expect_err("refused").to_string();
        assert!(why.len() < 512 && !why.contains(char::is_control), "{why:?}");
    }

    #[test]
    fn private_keys_read_what_they_write() {
        let key = SshPrivateKey::generate("me").expect("key");
        let again = SshPrivateKey::parse(&key.to_openssh().expect("text")).expect("parse");
        assert_eq!(again.public(), key.public());
    }
}
