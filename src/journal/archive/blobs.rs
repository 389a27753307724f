//! Which blobs belong to which entries: those that a line names, and those that such a blob names in its text (the
//! manifest of a catalog names its files).

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::digest::Blake3;

use super::super::blobs::{list, read};
use super::super::error::Error;

/// Characters of a digest.
const DIGITS: usize = 64;

/// All blobs of `folder` that can be reached from `roots`.
pub(super) fn reachable(folder: &Path, roots: BTreeSet<Blake3>) -> Result<BTreeSet<Blake3>, Error> {
    let there: BTreeSet<Blake3> = list(folder)?.into_iter().collect();
    let mut waiting: Vec<Blake3> = roots.into_iter().collect();
    let mut found = BTreeSet::new();
    while let Some(digest) = waiting.pop() {
        if !there.contains(&digest) || !found.insert(digest) {
            continue;
        }
        if let Some(bytes) = read(folder, &digest)? {
            waiting.extend(digests_in(&bytes));
        }
    }
    Ok(found)
}

/// What looks like a digest in a text: runs of 64 lower hex digits.
pub(super) fn digests_in(bytes: &[u8]) -> impl Iterator<Item = Blake3> {
    let runs =
        bytes.split(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')).filter(|run| run.len() == DIGITS);
    runs.filter_map(|run| Blake3::parse(std::str::from_utf8(run).ok()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_blob_names_belongs_to_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = super::super::super::blobs::Blobs::Folder(folder.path().to_owned());
        let file = blobs.put(b"a runbook").expect("kept");
        let manifest = blobs.put(format!("{{\"file\":\"{file}\"}}").as_bytes()).expect("kept");
        let other = blobs.put(b"output").expect("kept");
        assert_eq!(reachable(folder.path(), [manifest].into()).expect("read"), [manifest, file].into());
        let absent = Blake3::of(b"not there");
        assert_eq!(reachable(folder.path(), [other, absent].into()).expect("read"), [other].into());
    }
}
