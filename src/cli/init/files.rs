//! Writing files so that they are there after a power cut, and private ones private from their first byte.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::Context as _;

/// Writes a new file, synced. An existing one is an error.
pub fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(path, bytes, 0o644)
}

/// The same, readable by the owner only.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(path, bytes, 0o600)
}

/// Puts bytes in the place of a file, or makes it: whole or not at all. What is half written has a hidden name, which
/// nobody reads.
pub fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let fail = || format!("cannot write {}", path.display());
    let name = path.file_name().and_then(|name| name.to_str()).with_context(fail)?;
    let part = path.with_file_name(format!(".{name}.part"));
    // What a crash has left is nobody's.
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).with_context(fail),
        _ => {}
    }
    write_new(&part, bytes)?;
    std::fs::rename(&part, path).with_context(fail)?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let attempt = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}

/// Makes a folder that only its owner may enter, with those above it.
pub fn private_folder(path: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Syncs a folder, so that the names in it last.
pub fn sync_folder(path: &Path) -> anyhow::Result<()> {
    let synced = std::fs::File::open(path).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("cannot sync the folder {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("revoked");
        std::fs::write(folder.path().join(".revoked.part"), "half").expect("written");
        for text in ["one", "two"] {
            replace(&path, text.as_bytes()).expect("written");
            assert_eq!(std::fs::read_to_string(&path).expect("readable"), text);
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1);
    }

    #[test]
    fn private_is_private_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/b/key");
        write_private(&path, b"one").expect("written");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(write_private(&path, b"two").is_err());
        assert_eq!(std::fs::read(&path).expect("readable"), b"one");
    }
}
