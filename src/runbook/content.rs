//! A content folder as bytes: what the loader read, what a manifest holds, what the gate takes from git.
//! Not for reading it from disk: that is `loader`.

use std::collections::BTreeMap;

use crate::base::text::is_invisible;

/// Folder of the trust files, with its slash.
pub const TRUST_DIR: &str = "proposals/trust/";

/// Deepest nesting below `runbooks/` or `proposals/`.
pub const DEPTH_MAX: usize = 8;
/// Why a name is none of a content file.
pub const INADMISSIBLE: &str = "its name is not UTF-8, or holds control characters or invisible ones";

/// Whether this may be the name of a content file or of its folder. A name stands in messages, entries and commands to
/// type: what could make it look like another is no name.
pub fn is_admissible(name: &str) -> bool {
    !name.contains(|c: char| c.is_control() || is_invisible(c) || c == char::REPLACEMENT_CHARACTER)
}

/// Every file below `runbooks/` and `proposals/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentFolder {
    /// Path relative to the folder, with `/`, and the file's bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Paths that could not be read, and why: shown as refused, never ignored.
    pub unreadable: BTreeMap<String, String>,
}

impl ContentFolder {
    /// The files whose digest counts: YAML below `runbooks/`.
    pub fn content_files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let below = self.files.range("runbooks/".to_owned()..);
        below
            .take_while(|(path, _)| path.starts_with("runbooks/"))
            .filter(|(path, _)| path.ends_with(".yaml") || path.ends_with(".yml"))
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }
    /// The bytes of one file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }
    /// The detached signature beside a file.
    pub fn signature_of(&self, path: &str) -> Option<&[u8]> {
        self.get(&format!("{path}.sig"))
    }
    /// The trust files: name below `proposals/trust/` and bytes.
    pub fn trust_files(&self) -> BTreeMap<String, Vec<u8>> {
        let below = self.files.range(TRUST_DIR.to_owned()..);
        below
            .take_while(|(path, _)| path.starts_with(TRUST_DIR))
            .map(|(path, bytes)| (path[TRUST_DIR.len()..].to_owned(), bytes.clone()))
            .collect()
    }
}
