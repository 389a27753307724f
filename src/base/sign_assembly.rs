//! Ed25519 signing in formally verified assembly, where the processor can run it: half the time of the portable
//! implementation, and signing is most of what an entry costs. Why there are two: docs/decisions/0009-signing.md.

use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

/// A key that signs as `SigningKey` does (Ed25519 is deterministic: the same bytes), and sooner. Wiped when dropped.
pub(super) struct Assembly(machine::Key);

impl Assembly {
    /// `None` where this processor or this build cannot, or where it does not sign as `key` does: a signature that
    /// nobody can check is worse than a slow one.
    pub fn of(key: &SigningKey) -> Option<Self> {
        let quick = machine::key(&Zeroizing::new(key.to_bytes()))?;
        agrees(key, |message| machine::sign(&quick, message)).then_some(Self(quick))
    }

    /// Pure Ed25519 over `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        machine::sign(&self.0, message)
    }
}

/// Whether `sign` says what `key` says, of a message shorter and of one longer than a block of SHA-512.
fn agrees(key: &SigningKey, sign: impl Fn(&[u8]) -> [u8; 64]) -> bool {
    [&b"entry"[..], &[0xa5; 700]].iter().all(|message| sign(message) == key.sign(message).to_bytes())
}

#[cfg(all(feature = "server", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod machine {
    pub use graviola::signing::eddsa::Ed25519SigningKey as Key;

    /// graviola refuses by a panic to run on a processor without these, so it is asked first.
    fn can() -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            has!("adx")
                && has!("aes")
                && has!("avx")
                && has!("avx2")
                && has!("bmi1")
                && has!("bmi2")
                && has!("pclmulqdq")
                && has!("ssse3")
        }
        #[cfg(target_arch = "aarch64")]
        {
            use std::arch::is_aarch64_feature_detected as has;
            has!("neon") && has!("aes") && has!("pmull") && has!("sha2")
        }
    }

    pub fn key(seed: &[u8; 32]) -> Option<Key> {
        can().then(|| Key::from_bytes(seed).ok()).flatten()
    }

    pub fn sign(key: &Key, message: &[u8]) -> [u8; 64] {
        key.sign(message)
    }
}

#[cfg(not(all(feature = "server", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod machine {
    pub enum Key {}

    pub fn key(_: &[u8; 32]) -> Option<Key> {
        None
    }

    pub fn sign(key: &Key, _: &[u8]) -> [u8; 64] {
        match *key {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        /// Where the processor cannot, there is nothing to compare; CI's can.
        #[test]
        fn it_signs_as_the_portable_implementation_does(
            seed in any::<[u8; 32]>(),
            message in prop::collection::vec(any::<u8>(), 0..2_000),
        ) {
            let key = SigningKey::from_bytes(&seed);
            if let Some(quick) = Assembly::of(&key) {
                prop_assert_eq!(quick.sign(&message), key.sign(&message).to_bytes());
            }
        }
    }

    #[test]
    fn one_that_signs_otherwise_is_not_used() {
        let key = SigningKey::from_bytes(&[7; 32]);
        assert!(agrees(&key, |message| key.sign(message).to_bytes()));
        let longer_ones_wrong = |message: &[u8]| {
            let mut signature = key.sign(message).to_bytes();
            signature[63] ^= u8::from(message.len() > 128);
            signature
        };
        assert!(!agrees(&key, longer_ones_wrong));
    }

    /// From RFC 8032, 7.1, "TEST 2".
    #[test]
    fn what_the_standard_says() {
        let bytes = |text: &str| hex::decode(text).expect("hex");
        let seed = bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        let signature = bytes(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        let key = SigningKey::from_bytes(&seed.try_into().expect("32 bytes"));
        assert_eq!(key.sign(&[0x72]).to_bytes()[..], signature);
        if let Some(quick) = Assembly::of(&key) {
            assert_eq!(quick.sign(&[0x72])[..], signature);
        }
    }
}
