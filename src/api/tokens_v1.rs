//! `state/tokens.json` of version 1, from before tokens had to say their role: read, and written as what it is now with
//! the next change. A person's token without a role is `lead`'s, as it was. Not for what is written now (`tokens`).

use serde::Deserialize;

use super::tokens::{Bearer, Role, Stored};
use crate::base::digest::Blake3;
use crate::base::formats::Version;

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokensV1 {
    #[serde(rename = "v")]
    _v: Version<1>,
    pub key: Blake3,
    pub tokens: Vec<StoredV1>,
}

/// A token in it.
#[derive(Deserialize)]
pub(super) struct StoredV1 {
    bearer: BearerV1,
    hash: Blake3,
    created: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
enum BearerV1 {
    Person {
        name: String,
        #[serde(default)]
        role: Role,
    },
    Sentinel {
        name: String,
        subsystems: Vec<String>,
    },
}

impl From<StoredV1> for Stored {
    fn from(old: StoredV1) -> Self {
        let StoredV1 { bearer, hash, created } = old;
        let bearer = match bearer {
            BearerV1::Person { name, role } => Bearer::Person { name, role },
            BearerV1::Sentinel { name, subsystems } => Bearer::Sentinel { name, subsystems },
        };
        Self { bearer, hash, created }
    }
}
