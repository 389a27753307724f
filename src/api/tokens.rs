//! Tokens of people and sentinels: opaque, random, kept as keyed BLAKE3 in `state/tokens.json` only.
//! A lost token cannot be read back; it is replaced. Not for: what a token may do (`auth`, the routes).

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

pub use super::Role;
use super::tokens_v1::TokensV1;
use crate::base::digest::Blake3;
use crate::base::formats::{self, Version};
use crate::base::time::rfc3339;
use crate::event::degradation::Source;

/// What every token begins with, so that a scanner finds one that leaked.
pub const PREFIX: &str = "rmdp_";
/// A token is never longer.
const TOKEN_BYTES_MAX: usize = 128;
/// Bytes of a token's id: enough that two of a home never share one.
const ID_BYTES: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Why tokens cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("cannot {what} {}: make the home with `remediator init`, and run as its owner", path.display())]
    File {
        /// `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Its content.
    #[error("{} is not a token file ({source}): if it is damaged, remove it and restart the daemon, which makes it anew with the token in state/token", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What serde says.
        source: serde_json::Error,
    },
    /// No randomness.
    #[error("the operating system gives no randomness: {0}")]
    Random(getrandom::Error),
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Bearer {
    /// A person, and what this token of theirs may do.
    Person {
        /// The principal.
        name: String,
        /// What it may do. Always there: a program that knows no roles must not take the file for one without.
        role: Role,
    },
    /// A sentinel: may report its subsystems, nothing else.
    Sentinel {
        /// Its name.
        name: String,
        /// What it may speak of; no wildcards.
        subsystems: Vec<String>,
    },
}

impl Bearer {
    /// The verified emitter of what this bearer reports.
    pub fn source(&self) -> Source {
        match self {
            Self::Person { name, .. } => Source::Person(name.clone()),
            Self::Sentinel { name, .. } => Source::Sentinel(name.clone()),
        }
    }
}

/// One token as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Whose.
    pub bearer: Bearer,
    /// Keyed BLAKE3 of the token.
    pub hash: Blake3,
    /// When it was minted, RFC 3339.
    pub created: String,
}

impl Stored {
    /// What it is called: the beginning of its hash, which leads nobody to the token.
    pub fn id(&self) -> String {
        hex::encode(self.hash.as_bytes().iter().take(ID_BYTES).copied().collect::<Vec<u8>>())
    }
}

/// All tokens of a home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    v: Version<{ formats::TOKENS }>,
    /// Key of the hashes: stored hashes of two homes never compare.
    key: Blake3,
    tokens: Vec<Stored>,
}

/// A fresh token. Show or write it once; only its hash is kept.
pub fn mint() -> Result<String, Error> {
    Ok(format!("{PREFIX}{}", base62(&random()?)))
}

impl Tokens {
    /// None yet, with a fresh key.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { v: Version, key: Blake3::from_bytes(random()?), tokens: Vec::new() })
    }
    /// Reads `state/tokens.json`.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|source| Error::File {
            what: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&bytes).map_err(|source| Error::Content { path: path.to_owned(), source })
    }
    fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Only {
            v: u32,
        }
        if !matches!(serde_json::from_slice(bytes), Ok(Only { v: 1 })) {
            return serde_json::from_slice(bytes);
        }
        let TokensV1 { key, tokens, .. } = serde_json::from_slice(bytes)?;
        Ok(Self { v: Version, key, tokens: tokens.into_iter().map(Stored::from).collect() })
    }
    /// Writes them, readable by the owner only, all or nothing.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let fail = |source| Error::File { what: "write", path: path.to_owned(), source };
        let folder = path.parent().unwrap_or(Path::new("."));
        // Temporary files of this crate are 0600 from the start.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
        let text = serde_json::to_string_pretty(self)
            .map_err(|source| Error::Content { path: path.to_owned(), source })?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
        file.persist(path).map_err(|e| fail(e.error))?;
        std::fs::File::open(folder).and_then(|f| f.sync_all()).map_err(fail)
    }
    /// Adds a token; the wall time is data (Unix µs).
    pub fn add(&mut self, bearer: Bearer, token: &str, now_us: i64) {
        let stored = Stored { bearer, hash: self.hash(token), created: rfc3339(now_us) };
        self.tokens.push(stored);
    }
    /// Whose token this is. Every stored hash is compared, each in constant time.
    pub fn verify(&self, token: &str) -> Option<&Bearer> {
        self.stored(token).map(|stored| &stored.bearer)
    }
    /// The same, as it is stored.
    pub fn stored(&self, token: &str) -> Option<&Stored> {
        if !token.starts_with(PREFIX) || token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let hash = self.hash(token);
        let mut found = None;
        for stored in &self.tokens {
            if bool::from(stored.hash.as_bytes().ct_eq(hash.as_bytes())) {
                found = Some(stored);
            }
        }
        found
    }
    /// Whose token has this stored hash.
    pub fn bearer_of(&self, hash: &Blake3) -> Option<&Bearer> {
        self.tokens.iter().find(|stored| stored.hash == *hash).map(|stored| &stored.bearer)
    }
    /// Takes the token with this id away; gives whose it was. None when no token, or more than one, is called that.
    pub fn revoke(&mut self, id: &str) -> Option<Stored> {
        let mut called = (0..self.tokens.len()).filter(|n| self.tokens[*n].id() == id);
        let (at, None) = (called.next()?, called.next()) else { return None };
        Some(self.tokens.remove(at))
    }
    /// Whose tokens there are.
    pub fn bearers(&self) -> impl Iterator<Item = &Stored> {
        self.tokens.iter()
    }
    fn hash(&self, token: &str) -> Blake3 {
        Blake3::from_bytes(*blake3::keyed_hash(self.key.as_bytes(), token.as_bytes()).as_bytes())
    }
}

fn random() -> Result<[u8; 32], Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}

/// 32 bytes as 43 digits: long division by 62, most significant digit first.
fn base62(bytes: &[u8; 32]) -> String {
    let mut number = *bytes;
    let mut digits = [0u8; 43];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0u32;
        for byte in &mut number {
            let value = rest * 256 + u32::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        *digit = BASE62[rest as usize];
    }
    digits.iter().map(|d| char::from(*d)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash_only_and_another_home_does_not_know_it() {
        let mut tokens = Tokens::new().expect("randomness");
        let token = mint().expect("randomness");
        assert_eq!(token.len(), PREFIX.len() + 43);
        let ada = Bearer::Person { name: "ada".into(), role: Role::Lead };
        tokens.add(ada.clone(), &token, 0);
        assert_eq!(tokens.verify(&token), Some(&ada));
        assert_eq!(tokens.verify(&token[..token.len() - 1]), None);
        assert_eq!(tokens.verify(""), None);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens.json");
        tokens.save(&path).expect("saved");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(!text.contains(&token[PREFIX.len()..]));
        assert_eq!(Tokens::load(&path).expect("loads"), tokens);
        let mut other = Tokens::new().expect("randomness");
        other.add(Bearer::Person { name: "eve".into(), role: Role::Lead }, &mint().expect("randomness"), 0);
        assert_eq!(other.verify(&token), None);
    }

    #[test]
    fn a_token_that_was_made_before_there_were_roles_is_leads_and_one_of_now_says_its_role() {
        let file = |v: u32, bearer: &str| {
            let (key, hash) = ("01".repeat(32), "22".repeat(32));
            let text = format!(
                r#"{{"v":{v},"key":"{key}","tokens":[{{"bearer":{bearer},"hash":"{hash}","created":"2026"}}]}}"#
            );
            Tokens::parse(text.as_bytes()).map(|tokens| tokens.tokens[0].bearer.clone())
        };
        let ada = |role| Bearer::Person { name: "ada".into(), role };
        let (old, read) =
            (r#"{"kind":"person","name":"ada"}"#, r#"{"kind":"person","name":"ada","role":"read"}"#);
        assert_eq!(file(1, old).expect("reads"), ada(Role::Lead));
        assert_eq!(file(1, read).expect("reads"), ada(Role::Read));
        assert_eq!(file(2, read).expect("reads"), ada(Role::Read));
        assert!(file(2, old).is_err(), "no role is not the highest one");
        let lead = serde_json::to_string(&ada(Role::Lead)).expect("writes");
        assert_eq!(lead, r#"{"kind":"person","name":"ada","role":"lead"}"#);
        assert!(file(3, read).expect_err("newer").to_string().contains("newer"));
    }

    #[test]
    fn base62_counts() {
        let mut one = [0u8; 32];
        one[31] = 61;
        assert!(base62(&one).ends_with("0z"));
        one[31] = 62;
        assert!(base62(&one).ends_with("10"));
        assert_ne!(base62(&[255; 32]).chars().next(), Some('0'));
    }
}
