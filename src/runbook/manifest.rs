//! The manifest of a catalog: every byte that is needed to judge it again with the same result. It is the blob
//! that `content.catalog_loaded` names. Bytes must come from such a blob: a manifest brings its own trust.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::base::digest::FileDigest;
use crate::base::redact;
use crate::event::content::Standing;

use super::catalog::{Catalog, LoadContext};
use super::content::{ContentFolder, TRUST_DIR};
use super::model::V1;
use super::trust::{Trust, TrustError};

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON of this form.
    #[error("the catalog's manifest cannot be read: {0}; is the blob of this entry complete?")]
    Json(#[from] serde_json::Error),
    /// A file in it is not base64.
    #[error("the catalog's manifest holds `{0}` damaged")]
    File(String),
    /// Its trust files cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    v: V1,
    context: LoadContext,
    /// Files that had come with remediator at that time.
    shipped: BTreeSet<FileDigest>,
    sample_keys: bool,
    /// Trust files in force, which may differ from those in the folder.
    trust: BTreeMap<String, Bytes>,
    files: BTreeMap<String, Bytes>,
    unreadable: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Bytes {
    Text(String),
    Base64(String),
}

impl Bytes {
    fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(STANDARD.encode(bytes)),
        }
    }
    fn bytes(self, path: &str) -> Result<Vec<u8>, ManifestError> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Base64(text) => STANDARD.decode(text).map_err(|_| ManifestError::File(path.to_owned())),
        }
    }
}

fn pack(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Bytes> {
    files.iter().map(|(path, bytes)| (path.clone(), Bytes::of(bytes))).collect()
}

fn unpack(files: BTreeMap<String, Bytes>) -> Result<BTreeMap<String, Vec<u8>>, ManifestError> {
    files.into_iter().map(|(path, bytes)| bytes.bytes(&path).map(|bytes| (path, bytes))).collect()
}

impl Catalog {
    /// The manifest, the same bytes for the same catalog.
    pub fn manifest_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        let kept = self.kept_files().filter(|(path, _)| !path.starts_with(TRUST_DIR));
        let files = kept.map(|(path, bytes)| (path.clone(), Bytes::of(bytes))).collect();
        let manifest = Manifest {
            v: V1,
            context: self.context().clone(),
            shipped: self.trust().shipped().clone(),
            sample_keys: self.trust().samples_allowed(),
            trust: pack(self.trust().files()),
            files,
            unreadable: self.folder().unreadable.clone(),
        };
        Ok(serde_json::to_vec(&manifest)?)
    }

    /// The files that judging this catalog again needs. Others may change as they like.
    pub(super) fn kept_files(&self) -> impl Iterator<Item = (&String, &Vec<u8>)> {
        self.folder().files.iter().filter(|(path, _)| !self.is_withheld(path))
    }

    /// A manifest is a blob, and no secret becomes one: what was refused for a secret in it, and files that nobody
    /// reads (a key left lying there), are named in the entry and not kept. Neither can ever be live.
    fn is_withheld(&self, path: &str) -> bool {
        let kinds = [".yaml", ".yml", ".json", ".sig"];
        if !kinds.iter().any(|kind| path.ends_with(kind)) {
            return true;
        }
        let refused = self.entries().filter(|e| e.standing == Standing::Refused);
        let problems = refused.filter(|e| e.path == path).map(|e| &e.problems).next();
        let Some(problems) = problems.or_else(|| self.unreadable().get(path)) else { return false };
        let found = |text: &str| redact::findings(text).iter().any(|rule| !rule.ends_with("address"));
        let bytes = self.folder().get(path).unwrap_or_default();
        problems.iter().any(|p| p.check == "secrets") || found(&String::from_utf8_lossy(bytes))
    }

    /// Judges the files of a manifest again.
    pub fn from_manifest(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Manifest = serde_json::from_slice(bytes)?;
        let trust_files = unpack(manifest.trust)?;
        let trust = if trust_files.is_empty() { Trust::none() } else { Trust::load(&trust_files)? };
        let trust = trust.with_shipped(manifest.shipped);
        let trust = if manifest.sample_keys { trust.allow_sample_keys() } else { trust };
        let mut files = unpack(manifest.files)?;
        files.extend(trust_files.into_iter().map(|(name, bytes)| (format!("{TRUST_DIR}{name}"), bytes)));
        let folder = ContentFolder { files, unreadable: manifest.unreadable };
        Ok(Self::load(Arc::new(folder), &trust, &manifest.context))
    }
}
