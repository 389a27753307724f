//! The version of every form that is written down and read again later, perhaps by another version of this program: one
//! line each. docs/formats.md says who reads what; a test compares the two. A form that changes gets a new number here,
//! and what reads the old one stays. Not for payloads of entries, which have a version per kind (`event`).

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The journal as a whole: in its genesis entry, and for its whole life.
pub const JOURNAL: u32 = 1;
/// A line of it.
pub const LINE: u32 = 1;
/// The note of the last durable entry beside the segments.
pub const HEAD: u32 = 1;
/// `base` beside the segments of a pruned journal.
pub const BASE: u32 = 1;
/// The manifest of an archive.
pub const ARCHIVE: u32 = 1;
/// `MANIFEST.json` of an export.
pub const EXPORT: u32 = 1;
/// The world as a snapshot holds it. A snapshot of another version is left alone, and the fold begins at the start.
pub const FOLD: u32 = 10;
/// `state/tokens.json`. Version 1, from before every token said its role, is read.
pub const TOKENS: u32 = 2;
/// `state/sessions.json`.
pub const SESSIONS: u32 = 1;
/// A report in `state/spool`.
pub const SPOOL: u32 = 1;
/// A subject's key, in `state/subjects`, and the word that it is being erased.
pub const SUBJECT: u32 = 1;
/// What a witness keeps of a log, in `state/witness`.
pub const WITNESS: u32 = 1;
/// The head that `audit verify --state` saw last.
pub const LAST_SEEN: u32 = 1;
/// `BACKUP.json`.
pub const BACKUP: u32 = 1;
/// `remediator.yaml`.
pub const CONFIG: u32 = 1;
/// Runbooks, services, sentinels, proposals, approvals, evidence, `policy.yaml`, the manifest of a catalog.
pub const CONTENT: u32 = 1;
/// What a person signs to resume, thaw, grant and so on.
pub const STATEMENT: u32 = 1;

/// Name and version of each, as docs/formats.md has them.
pub const ALL: &[(&str, u32)] = &[
    ("journal", JOURNAL),
    ("line", LINE),
    ("head", HEAD),
    ("base", BASE),
    ("archive", ARCHIVE),
    ("export", EXPORT),
    ("fold", FOLD),
    ("tokens", TOKENS),
    ("sessions", SESSIONS),
    ("spool", SPOOL),
    ("subject", SUBJECT),
    ("witness", WITNESS),
    ("last-seen", LAST_SEEN),
    ("backup", BACKUP),
    ("config", CONFIG),
    ("content", CONTENT),
    ("statement", STATEMENT),
];

/// A member that says a form's version, and is read only when it is this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version<const N: u32>;

impl<const N: u32> Serialize for Version<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(N)
    }
}

impl<'de, const N: u32> Deserialize<'de> for Version<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            found if found == N => Ok(Self),
            found => Err(serde::de::Error::custom(unknown(found, N))),
        }
    }
}

impl<const N: u32> schemars::JsonSchema for Version<N> {
    fn schema_name() -> Cow<'static, str> {
        format!("Version{N}").into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": N, "description": "Version of the format." })
    }
}

/// Why a form of another version is not read.
pub fn unknown(found: u32, known: u32) -> String {
    match found > known {
        true => format!("version {found} was written by a newer remediator; this one reads {known}"),
        false => format!("there is no version {found}; this is {known}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_only_when_it_is_the_known_one() {
        assert_eq!(serde_json::to_string(&Version::<3>).expect("written"), "3");
        assert!(serde_json::from_str::<Version<3>>("3").is_ok());
        let newer = serde_json::from_str::<Version<3>>("4").expect_err("newer").to_string();
        assert!(newer.contains("newer remediator") && newer.contains("reads 3"), "{newer}");
        assert!(serde_json::from_str::<Version<3>>("0").is_err());
    }
}
