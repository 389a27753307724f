//! Identifiers: who and what an entry speaks of. Ids of recurring things are derived, never drawn,
//! so that they are the same on every replay; only receipts and process starts are fresh.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::digest::Blake3;
use super::written;

/// Position of an entry in its journal, from 0 without gaps.
pub type Seq = u64;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> { text.parse().map(Self) }
        }
    };
}

uuid_id!(
    /// An incident: the open case of one fingerprint (UUIDv8, derived).
    IncidentId
);
uuid_id!(
    /// One attempt to heal an incident (UUIDv8, derived).
    AttemptId
);
uuid_id!(
    /// What a sender gets back for an accepted input (UUIDv7, made at the edge).
    Receipt
);
uuid_id!(
    /// One start of the daemon process (UUIDv7).
    BootId
);
uuid_id!(
    /// One machine's home, random, made by `init`.
    NodeId
);

/// UUIDv8 from blake3(genesis hash ‖ receipt ‖ label ‖ ordinal): the same on every replay.
fn derive(genesis: &Blake3, receipt: &Receipt, label: &str, ordinal: u64) -> Uuid {
    let mut hasher = blake3::Hasher::new();
    hasher.update(genesis.as_bytes());
    hasher.update(receipt.0.as_bytes());
    hasher.update(label.as_bytes());
    hasher.update(&ordinal.to_be_bytes());
    let mut bytes = [0u8; 16];
    hasher.finalize_xof().fill(&mut bytes);
    Uuid::new_v8(bytes)
}

impl IncidentId {
    /// The incident that the input with `receipt` opens.
    pub fn derive(genesis: &Blake3, receipt: &Receipt, ordinal: u64) -> Self {
        Self(derive(genesis, receipt, "incident", ordinal))
    }
}

impl AttemptId {
    /// The `ordinal`-th attempt (from 1) of an incident; the incident id stands in for its receipt.
    pub fn derive(genesis: &Blake3, incident: &IncidentId, ordinal: u64) -> Self {
        Self(derive(genesis, &Receipt(incident.0), "attempt", ordinal))
    }
}

impl Receipt {
    /// A fresh receipt. Made at the edge only: the core gets it as data.
    #[cfg(feature = "server")]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

impl BootId {
    /// A fresh process-start id.
    #[cfg(feature = "server")]
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

impl NodeId {
    /// A fresh node id (time-ordered UUIDs would leak when a home was made; only `init` calls this).
    #[cfg(feature = "server")]
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0u8; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(uuid::Builder::from_random_bytes(bytes).into_uuid()))
    }
}

/// The key that seals the text of one subject: drawn with the key, so that it says nothing of whose it is.
/// Written as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectId([u8; 8]);

impl SubjectId {
    /// A fresh one, with a fresh key.
    #[cfg(feature = "server")]
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0u8; 8];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl fmt::Debug for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl std::str::FromStr for SubjectId {
    type Err = hex::FromHexError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0u8; 8];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}
impl Serialize for SubjectId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for SubjectId {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for SubjectId {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SubjectId".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{16}$", "description": "16 lower-case hex digits" })
    }
}

/// Digest of (subsystem, code, target): what makes two degradations the same trouble (RM-2).
/// Written as 32 hex digits (the first 128 bits of BLAKE3 over the length-prefixed parts).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Fingerprint of the three parts.
    pub fn of(subsystem: &str, code: &str, target: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [subsystem, code, target] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let mut bytes = [0u8; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(bytes)
    }
    /// The raw bytes, for index keys.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl std::str::FromStr for Fingerprint {
    type Err = hex::FromHexError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0u8; 16];
        // So many digits and no more: the decoder would take an `0x` before them.
        let digits = if text.len() == 32 { text } else { "" };
        hex::decode_to_slice(digits, &mut bytes)?;
        Ok(Self(bytes))
    }
}
impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        written::deserialize(d, str::parse)
    }
}

impl JsonSchema for Fingerprint {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fingerprint".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$", "description": "32 lower-case hex digits" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_and_an_escaped_text_is_one_too() {
        let digits = "0123456789abcdef0123456789abcdef";
        let one: Fingerprint = digits.parse().expect("a fingerprint");
        for wrong in
            [format!("0x{digits}"), format!("0x{}", &digits[2..]), digits[1..].to_owned(), String::new()]
        {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
        let escaped = format!(r#""\u0030{}""#, &digits[1..]);
        assert_eq!(serde_json::from_str::<Fingerprint>(&escaped).expect("the same"), one);
        assert!(
            serde_json::from_str::<Fingerprint>("7").expect_err("a number").to_string().contains("a string")
        );
    }

    #[test]
    fn fingerprint_parts_cannot_run_into_each_other() {
        assert_ne!(Fingerprint::of("a", "bc", "d"), Fingerprint::of("ab", "c", "d"));
        assert_ne!(Fingerprint::of("a", "b", "x"), Fingerprint::of("a", "b", "y"));
    }

    #[test]
    fn derived_ids_are_the_same_on_every_replay() {
        let receipt = Receipt(Uuid::from_u128(7));
        let one = IncidentId::derive(&Blake3::ZERO, &receipt, 0);
        assert_eq!(one, IncidentId::derive(&Blake3::ZERO, &receipt, 0));
        assert_ne!(one, IncidentId::derive(&Blake3::ZERO, &receipt, 1));
        assert_eq!(one.0.get_version_num(), 8);
    }
}
