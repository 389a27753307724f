//! Many Ed25519 signatures under one key, checked with one equation: D. Bernstein, N. Duif, T. Lange, P. Schwabe, B.-Y. Yang,
//! "High-speed high-security signatures" (2011), section 5. A journal has one key for most of its life, so that the
//! key enters the equation once and not with each signature, as `ed25519_dalek::verify_batch` has it.
//!
//! It says that all hold, or nothing: which one does not, and whether one that is merely odd holds, is for the strict check
//! of each. Like every check of this kind it can let a signature pass whose maker, who has the private key, put a point
//! of small order into it; the strict check would not.

use std::iter::once;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{IsIdentity as _, VartimeMultiscalarMul as _};
use sha2::{Digest as _, Sha512};

use crate::base::sign::PublicKey;

/// Bytes of the random factor of each: a wrong signature passes once in 2¹²⁸.
const FACTOR_BYTES: usize = 16;

/// What of a signature and its message enters the equation: `s·B = R + h·A`.
pub(super) struct Signed {
    r: CompressedEdwardsY,
    s: Scalar,
    h: Scalar,
}

impl Signed {
    /// A message in pieces. `None`: no signature at all, whatever the key.
    pub fn of(key: &PublicKey, message: &[&[u8]], signature: &[u8; 64]) -> Option<Self> {
        let (r, s) = signature.split_first_chunk::<32>()?;
        let s = Option::from(Scalar::from_canonical_bytes(s.try_into().ok()?))?;
        let mut hash = Sha512::new().chain_update(r).chain_update(key.as_dalek().as_bytes());
        message.iter().for_each(|piece| hash.update(piece));
        let h = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        is_canonical(r).then_some(Self { r: CompressedEdwardsY(*r), s, h })
    }
}

/// Whether a coordinate is below 2²⁵⁵ − 19, its upper bit being the sign of the other one.
fn is_canonical(y: &[u8; 32]) -> bool {
    y[0] < 0xed || y[1..31].iter().any(|byte| *byte != 0xff) || y[31] & 0x7f != 0x7f
}

/// Whether each of them holds under `key`. Without randomness, or with a key under which anything holds, it never says so.
pub(super) fn all_hold(key: &PublicKey, signed: &[Signed]) -> bool {
    let mut fresh = [0; 32];
    !key.as_dalek().is_weak()
        && getrandom::fill(&mut fresh).is_ok()
        && hold_with(&factors(&fresh, signed), key.as_dalek().to_edwards(), signed)
}

/// Factors that nobody knew when the signatures were made: of fresh randomness, and of all that they are for, so that a
/// machine that was copied does not use the same ones for something else.
fn factors(fresh: &[u8; 32], signed: &[Signed]) -> Vec<Scalar> {
    let mut hash = blake3::Hasher::new_keyed(fresh);
    for one in signed {
        hash.update(one.r.as_bytes()).update(one.s.as_bytes()).update(one.h.as_bytes());
    }
    let mut bytes = vec![[0; FACTOR_BYTES]; signed.len()];
    hash.finalize_xof().fill(bytes.as_flattened_mut());
    bytes.into_iter().map(|bytes| Scalar::from(u128::from_le_bytes(bytes))).collect()
}

/// Whether the sum of `z·(R + h·A − s·B)` is nothing.
fn hold_with(factors: &[Scalar], key: EdwardsPoint, signed: &[Signed]) -> bool {
    let (mut of_base, mut of_key) = (Scalar::ZERO, Scalar::ZERO);
    for (z, one) in factors.iter().zip(signed) {
        of_base -= z * one.s;
        of_key += z * one.h;
    }
    let scalars = once(of_base).chain(once(of_key)).chain(factors.iter().copied());
    let points = [Some(ED25519_BASEPOINT_POINT), Some(key)];
    let points = points.into_iter().chain(signed.iter().map(|one| one.r.decompress()));
    EdwardsPoint::optional_multiscalar_mul(scalars, points).is_some_and(|sum| sum.is_identity())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::sign::JournalKey;

    /// 2²⁵² + 27742317777372353535851937790883648493, little end first: the order of the base point.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];

    fn key() -> JournalKey {
        JournalKey::from_seed(&[11; 32])
    }

    fn signed(count: usize) -> Vec<(Vec<u8>, [u8; 64])> {
        let messages = (0..count).map(|n| format!("entry {n}").into_bytes());
        messages.map(|message| (message.clone(), key().sign(&message))).collect()
    }

    fn hold(key: &PublicKey, all: &[(Vec<u8>, [u8; 64])]) -> bool {
        let one = |(message, signature): &(Vec<u8>, [u8; 64])| Signed::of(key, &[message], signature);
        all.iter().map(one).collect::<Option<Vec<_>>>().is_some_and(|all| all_hold(key, &all))
    }

    #[test]
    fn what_was_signed_holds_in_pieces_too_and_under_no_other_key() {
        for count in [0, 1, 2, 189, 190, 191, 1_000] {
            assert!(hold(&key().public(), &signed(count)), "{count}");
        }
        let (message, signature) = &signed(1)[0];
        let pieces =
            Signed::of(&key().public(), &[&message[..3], &message[3..]], signature).expect("a signature");
        assert!(all_hold(&key().public(), &[pieces]));
        assert!(!hold(&JournalKey::from_seed(&[12; 32]).public(), &signed(3)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn one_changed_bit_anywhere_and_not_all_hold(count in 1usize..40, which in any::<prop::sample::Index>(), bit in 0usize..512, of_message: bool) {
            let mut all = signed(count);
            let (message, signature) = &mut all[which.index(count)];
            let bytes: &mut [u8] = if of_message { message } else { signature };
            let at = bit % (bytes.len() * 8);
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert!(!hold(&key().public(), &all));
        }
    }

    /// Without factors that nobody knew before, what is wrong with one could be made good by another.
    #[test]
    fn wrong_ones_do_not_make_each_other_good() {
        let mut all = signed(2);
        let shifted = |signature: &[u8; 64], by: Scalar| {
            let s = Scalar::from_bytes_mod_order(signature[32..].try_into().expect("32 bytes")) + by;
            let mut signature = *signature;
            signature[32..].copy_from_slice(s.as_bytes());
            signature
        };
        all[0].1 = shifted(&all[0].1, Scalar::ONE);
        all[1].1 = shifted(&all[1].1, -Scalar::ONE);
        let terms: Vec<Signed> =
            all.iter().map(|(m, s)| Signed::of(&key().public(), &[m], s).expect("a signature")).collect();
        assert!(
            hold_with(&[Scalar::ONE; 2], key().public().as_dalek().to_edwards(), &terms),
            "the sums are equal"
        );
        assert!(!all_hold(&key().public(), &terms));
    }

    #[test]
    fn other_ways_to_write_a_signature_are_none() {
        let (message, mut signature) = signed(1).remove(0);
        let mut carry = 0;
        for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            (*byte, carry) = (sum as u8, sum >> 8);
        }
        assert!(Signed::of(&key().public(), &[&message], &signature).is_none(), "s above the order");
        for (low, is) in [(0xec, true), (0xed, false), (0xff, false)] {
            let mut y = [0xff; 32];
            y[0] = low;
            assert_eq!((is_canonical(&y), is_canonical(&[low; 32])), (is, low != 0xff));
            y[31] = 0x7f;
            assert_eq!(is_canonical(&y), is);
            y[30] = 0xfe;
            assert!(is_canonical(&y));
        }
    }

    /// Under the key that is no point but the neutral one, `s = 0` and `R` neutral fit every message.
    #[test]
    fn under_a_key_of_small_order_nothing_holds() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let weak = PublicKey::from_bytes(&neutral).expect("a point");
        let mut signature = [0; 64];
        signature[0] = 1;
        let term = Signed::of(&weak, &[b"anything"], &signature).expect("well-formed");
        assert!(hold_with(&[Scalar::ONE], weak.as_dalek().to_edwards(), std::slice::from_ref(&term)));
        assert!(!all_hold(&weak, &[term]));
    }
}
