//! Digests: `sha256:` + hex for files people check with `sha256sum`; BLAKE3 for the chain and for blobs.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::text::shown;
use super::written;

/// BLAKE3 `derive_key` context of the entry chain (docs/journal-format.md, "prev").
pub const CHAIN_CONTEXT: &str = "remediator 2026 journal entry v1";

/// A string that is not a well-formed digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: expected {expected}, got `{got}`")]
pub struct DigestError {
    expected: &'static str,
    got: String,
}

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $expected:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The raw 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] { &self.0 }
            /// Wraps 32 raw bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self { Self(bytes) }
            /// Parses the written form: the prefix and 64 lower-case hex digits.
            pub fn parse(text: &str) -> Result<Self, DigestError> {
                let fail = || DigestError { expected: $expected, got: shown(text, 80) };
                let hex_part = text.strip_prefix($prefix).ok_or_else(fail)?;
                if hex_part.len() != 64 || hex_part.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(fail());
                }
                let mut bytes = [0u8; 32];
                hex::decode_to_slice(hex_part, &mut bytes).map_err(|_| fail())?;
                Ok(Self(bytes))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                f.write_str(&hex::encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                written::deserialize(d, Self::parse)
            }
        }
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern, "description": $expected })
            }
        }
    };
}

digest_type!(
    /// SHA-256 of a file's raw bytes, written `sha256:<64 hex>`.
    FileDigest, "sha256:", "`sha256:` and 64 lower-case hex digits", "^sha256:[0-9a-f]{64}$"
);
digest_type!(
    /// BLAKE3 of a blob, a line or a segment, written as 64 hex digits.
    Blake3, "", "64 lower-case hex digits", "^[0-9a-f]{64}$"
);

impl FileDigest {
    /// Digest of raw bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl Blake3 {
    /// The `prev` of a genesis entry.
    pub const ZERO: Self = Self([0; 32]);
    /// Plain BLAKE3 of raw bytes (blobs, lines, segments).
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
    /// The chain hash of an entry's signed bytes.
    pub fn chain(signed_bytes: &[u8]) -> Self {
        Self(blake3::derive_key(CHAIN_CONTEXT, signed_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_digest_reads_what_it_writes_and_refuses_the_rest() {
        let digest = FileDigest::of(b"abc");
        assert_eq!(
            digest.to_string(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(FileDigest::parse(&digest.to_string()), Ok(digest));
        for bad in ["", "sha256:", "sha256:00", "ba7816bf", &digest.to_string().to_uppercase()] {
            assert!(FileDigest::parse(bad).is_err(), "{bad}");
        }
    }
}
