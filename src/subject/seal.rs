//! Sealing and opening with keys: XChaCha20-Poly1305, a random nonce each time, the head of the sealed text (its version
//! and whose keys it takes) bound to the ciphertext. Not for where keys lie.

use std::sync::Arc;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::error::SubjectError;
use super::files::Key;
use crate::base::sealed::{Sealed, written};

const NONCE: usize = 24;

/// What the keys of subjects are made into.
const CONTEXT: &str = "remediator 2026 text of a subject v1";

/// In the order of their ids: without any of them there is no cipher.
fn cipher(keys: &[Arc<Key>]) -> XChaCha20Poly1305 {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    for key in keys {
        hasher.update(key.secret.expose());
    }
    let mut key = Zeroizing::new([0u8; 32]);
    hasher.finalize_xof().fill(key.as_mut());
    XChaCha20Poly1305::new(key.as_ref().into())
}

pub(super) fn seal(keys: &[Arc<Key>], head: &str, text: &str) -> Result<String, SubjectError> {
    let mut bytes = vec![0u8; NONCE];
    getrandom::fill(&mut bytes).map_err(|_| SubjectError::Cipher("the system gives no randomness"))?;
    let payload = Payload { msg: text.as_bytes(), aad: head.as_bytes() };
    let ciphertext = cipher(keys).encrypt(XNonce::from_slice(&bytes), payload);
    bytes.extend(ciphertext.map_err(|_| SubjectError::Cipher("the text is too long"))?);
    Ok(written(head, &bytes))
}

/// None when it is not what was sealed with these keys.
pub(super) fn open(keys: &[Arc<Key>], sealed: &Sealed<'_>) -> Option<String> {
    let bytes = sealed.bytes()?;
    let (nonce, msg) = bytes.split_at_checked(NONCE)?;
    let payload = Payload { msg, aad: sealed.head.as_bytes() };
    String::from_utf8(cipher(keys).decrypt(XNonce::from_slice(nonce), payload).ok()?).ok()
}
