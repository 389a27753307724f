//! The file `base` of a pruned journal, read by code of its own from what docs/journal-format.md says of it.

use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::base::sign::{PublicKey, parse_signature};
use crate::event::Event;
use crate::event::log::LogNamed;

/// `,"sig":"` + 88 characters + `"}`.
const SIG_BYTES: usize = 98;

/// What is kept from below the minimum.
#[derive(Deserialize)]
pub(super) struct Base {
    pub minimum: u64,
    pub hash: String,
    pub entry: u64,
    pub lines: Vec<String>,
    pub state: String,
    pub fold_version: u32,
}

#[derive(Deserialize)]
struct Members<'a> {
    seq: u64,
    node: String,
    kind: &'a str,
    kv: u32,
    #[serde(borrow)]
    data: &'a RawValue,
    sig: &'a str,
}

#[derive(Deserialize)]
struct NewKey {
    public_key: PublicKey,
}

/// What a `journal.pruned` entry says.
#[derive(Deserialize)]
struct Pruned {
    minimum: u64,
    hash: String,
    kept: String,
    state: String,
    fold_version: u32,
}

impl Base {
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join("base")).ok()?).ok()
    }

    /// Whose journal it is and the key that signs its first entry, when every kept line holds under the key before it.
    pub fn signer(&self) -> Option<(String, PublicKey)> {
        let (mut known, mut next): (Option<(String, PublicKey)>, u64) = (None, 0);
        for line in &self.lines {
            let m: Members<'_> = serde_json::from_str(line).ok()?;
            let new = || serde_json::from_str::<NewKey>(m.data.get()).ok().map(|new| new.public_key);
            let (node, key) = match known {
                None if m.seq == 0 && m.kind == "journal.genesis" => (m.node.clone(), new()?),
                None => return None,
                Some(known) => known,
            };
            let cut = line.len().checked_sub(SIG_BYTES)?;
            let signed = format!("{}}}", line.get(..cut)?);
            let holds = key.verify(signed.as_bytes(), &parse_signature(m.sig)?);
            if !holds || m.node != node || m.seq < next || m.seq >= self.minimum {
                return None;
            }
            next = m.seq + 1;
            let key = if m.kind == "journal.key_rotated" { new()? } else { key };
            known = Some((node, key));
        }
        known
    }

    /// The names of the log that the kept lines give. Whether those lines hold is for `signer` to say.
    pub fn logs(&self) -> Vec<LogNamed> {
        let lines = self.lines.iter().filter_map(|line| serde_json::from_str::<Members<'_>>(line).ok());
        let events = lines.filter_map(|m| Event::parse(m.kind, m.kv, m.data.get()).ok());
        events
            .filter_map(|event| match event {
                Event::LogNamed(named) => Some(named),
                _ => None,
            })
            .collect()
    }

    /// Whether the entry that it names says the same.
    pub fn is_said_by(&self, seq: u64, kind: &str, data: &str) -> bool {
        let mut kept = blake3::Hasher::new();
        for line in &self.lines {
            kept.update(line.as_bytes()).update(b"\n");
        }
        seq == self.entry
            && kind == "journal.pruned"
            && serde_json::from_str::<Pruned>(data).is_ok_and(|said| {
                said.minimum == self.minimum
                    && said.hash == self.hash
                    && said.state == self.state
                    && said.fold_version == self.fold_version
                    && said.kept == kept.finalize().to_hex().as_str()
            })
    }
}
