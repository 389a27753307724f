//! `BACKUP.json`: what a backup holds, with the digest of every file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::formats;
use crate::cli::init::files;

/// Its name.
pub const FILE: &str = "BACKUP.json";

/// See the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this file.
    pub v: u32,
    /// When it was made, RFC 3339.
    pub made: String,
    /// Whether the journal's key and the tokens are in it.
    pub keys: bool,
    /// Path relative to the home → digest of its bytes.
    pub files: BTreeMap<String, FileDigest>,
}

impl Manifest {
    /// Writes it, synced.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        files::write_private(&folder.join(FILE), &text)
    }

    /// Reads it and checks every file against it; names that lead out of the folder are refused.
    pub fn checked(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Self = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is not a manifest", path.display()))?;
        if manifest.v != formats::BACKUP {
            bail!("{}: {}", path.display(), formats::unknown(manifest.v, formats::BACKUP));
        }
        for (name, digest) in &manifest.files {
            let plain = Path::new(name).components().all(|c| matches!(c, std::path::Component::Normal(_)));
            if !plain || name.is_empty() {
                bail!("{} names `{name}`, which is no path in a home", path.display());
            }
            let file = folder.join(name);
            let there = std::fs::symlink_metadata(&file).is_ok_and(|m| m.is_file());
            if !there {
                bail!("{} is missing from the backup", file.display());
            }
            let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            if FileDigest::of(&bytes) != *digest {
                bail!("{} is not what was backed up: its digest differs", file.display());
            }
        }
        Ok(manifest)
    }
}
