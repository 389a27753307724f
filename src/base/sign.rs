//! The journal's own ed25519 keys: signing, checking, and the short key id that entries carry.
//! People's SSH keys are elsewhere (`base::sshsig`); the two are never the same key.

use std::fmt;
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::sign_assembly::Assembly;
use super::written;

/// First 16 hex digits of SHA-256 of the public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl std::str::FromStr for KeyId {
    type Err = hex::FromHexError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0u8; 8];
        // Sixteen digits and no more: the decoder would take an `0x` before them.
        let digits = if text.len() == 16 { text } else { "" };
        hex::decode_to_slice(digits, &mut bytes)?;
        Ok(Self(bytes))
    }
}
impl Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        written::deserialize(d, str::parse)
    }
}

impl JsonSchema for KeyId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeyId".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{16}$", "description": "16 lower-case hex digits" })
    }
}

/// A journal's public key. Written as padded standard base64 of 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Bytes or text that are not a usable ed25519 public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an ed25519 public key (expected padded base64 of 32 bytes)")]
pub struct PublicKeyError;

impl PublicKey {
    /// From the 32 raw bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, PublicKeyError> {
        VerifyingKey::from_bytes(bytes).map(Self).map_err(|_| PublicKeyError)
    }
    /// From its written form.
    pub fn parse(text: &str) -> Result<Self, PublicKeyError> {
        let bytes = STANDARD.decode(text).map_err(|_| PublicKeyError)?;
        Self::from_bytes(&bytes.try_into().map_err(|_| PublicKeyError)?)
    }
    /// The short id that entries carry.
    pub fn id(&self) -> KeyId {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut id = [0u8; 8];
        id.copy_from_slice(&digest[..8]);
        KeyId(id)
    }
    /// Strict RFC 8032 check (refuses small-order keys and non-canonical encodings).
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
    /// The dalek key, for batch verification.
    pub fn as_dalek(&self) -> &VerifyingKey {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0.as_bytes()))
    }
}
impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        written::deserialize(d, Self::parse)
    }
}

impl JsonSchema for PublicKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PublicKey".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$", "description": "padded standard base64 of 32 bytes" })
    }
}

/// The private half. No Debug, no Serialize; wiped when dropped.
#[derive(Clone)]
pub struct JournalKey {
    signing: SigningKey,
    /// The same key where this processor can sign with it in half the time.
    quick: Option<Arc<Assembly>>,
    id: KeyId,
}

impl JournalKey {
    /// From a 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let id = PublicKey(signing.verifying_key()).id();
        let quick = Assembly::of(&signing).map(Arc::new);
        Self { signing, quick, id }
    }
    /// A fresh key from the operating system's randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = Zeroizing::new([0u8; 32]);
        getrandom::fill(&mut *seed)?;
        Ok(Self::from_seed(&seed))
    }
    /// The seed, to be written to a 0600 file and nowhere else.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes())
    }
    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.signing.verifying_key())
    }
    /// The short id that entries carry.
    pub fn id(&self) -> KeyId {
        self.id
    }
    /// Pure Ed25519 over `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        match &self.quick {
            Some(key) => key.sign(message),
            None => self.signing.sign(message).to_bytes(),
        }
    }
}

/// 88 characters of padded standard base64.
pub fn signature_text(signature: &[u8; 64]) -> String {
    STANDARD.encode(signature)
}

/// Reads what [`signature_text`] writes; anything else (other padding, other alphabet) is refused.
pub fn parse_signature(text: &str) -> Option<[u8; 64]> {
    if text.len() != 88 {
        return None;
    }
    STANDARD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quicker_way_to_sign_is_used_where_there_is_one() {
        let key = JournalKey::from_seed(&[7; 32]);
        assert_eq!(key.quick.is_some(), Assembly::of(&key.signing).is_some());
        #[cfg(all(feature = "server", target_arch = "x86_64"))]
        assert_eq!(key.quick.is_some(), is_x86_feature_detected!("adx") && is_x86_feature_detected!("avx2"));
    }

    #[test]
    fn signatures_verify_and_a_changed_bit_does_not() {
        let key = JournalKey::from_seed(&[7; 32]);
        let mut signature = key.sign(b"entry");
        assert!(key.public().verify(b"entry", &signature));
        assert!(!key.public().verify(b"entrY", &signature));
        signature[3] ^= 1;
        assert!(!key.public().verify(b"entry", &signature));
        assert_eq!(parse_signature(&signature_text(&signature)), Some(signature));
    }
}
