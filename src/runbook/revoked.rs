//! The file `proposals/trust/revoked`: what is no longer believed, one thing per line, `#` comments.
//! A line is the digest of a content file, a proposal or an approval (`sha256:…`), a key (`ssh-ed25519 …`) or a
//! key's fingerprint (`SHA256:…`).

use std::collections::BTreeSet;

use crate::base::digest::FileDigest;
use crate::base::sshsig::SshPublicKey;

/// What is revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revoked {
    digests: BTreeSet<FileDigest>,
    fingerprints: BTreeSet<String>,
}

impl Revoked {
    /// Reads the file. The error is the line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut revoked = Self::default();
        for (index, raw) in text.lines().enumerate() {
            let line = raw.split(" #").next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let known = if line.starts_with("sha256:") {
                FileDigest::parse(line)
                    .map(|digest| revoked.digests.insert(digest))
                    .map_err(|e| e.to_string())
            } else if line.starts_with("ssh-") {
                let key = SshPublicKey::parse(line).map_err(|e| e.to_string());
                key.map(|key| revoked.fingerprints.insert(key.fingerprint()))
            } else if line.starts_with("SHA256:") && line.len() == 50 {
                Ok(revoked.fingerprints.insert(line.to_owned()))
            } else {
                Err("write sha256:DIGEST of a file, ssh-ed25519 KEY, or SHA256:FINGERPRINT".into())
            };
            known.map_err(|problem| (index + 1, problem))?;
        }
        Ok(revoked)
    }
    /// Whether a file with this digest is revoked.
    pub fn has_file(&self, digest: &FileDigest) -> bool {
        self.digests.contains(digest)
    }
    /// Whether this key is revoked.
    pub fn has_key(&self, key: &SshPublicKey) -> bool {
        self.fingerprints.contains(&key.fingerprint())
    }
}
