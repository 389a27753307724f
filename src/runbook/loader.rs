//! Reads a content folder from disk: regular files below `runbooks/` and `proposals/`, bounded, no symbolic
//! links followed, hidden names skipped. What cannot be read is listed, never ignored.
//! Not for judging what it read: that is `catalog`.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::base::limits::{CONTENT_BYTES_MAX, CONTENT_FILES_MAX};

use super::content::ContentFolder;

/// A content folder that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A folder cannot be listed.
    #[error("cannot read the content folder {path}: {source}; is it there, and may this user read it?")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// More files than anybody means to keep there.
    #[error(
        "{path} holds more than {CONTENT_FILES_MAX} files below runbooks/ and proposals/; is it the right folder?"
    )]
    TooMany {
        /// Which.
        path: PathBuf,
    },
}

/// Deepest nesting below `runbooks/` or `proposals/`.
const DEPTH_MAX: usize = 8;

/// Reads the folder. A missing `runbooks/` or `proposals/` is an empty one; a missing folder is an error.
pub fn read_folder(root: &Path) -> Result<ContentFolder, LoadError> {
    let fail = |source| LoadError::Folder { path: root.to_owned(), source };
    fs::read_dir(root).map_err(fail)?;
    let mut folder = ContentFolder::default();
    for top in ["runbooks", "proposals"] {
        let path = root.join(top);
        if fs::symlink_metadata(&path).is_ok() {
            walk(root, &path, top, 0, &mut folder)?;
        }
    }
    Ok(folder)
}

/// Reads any folder, whatever lies above it: regular files with their paths as seen from where `dir` was named.
pub fn read_below(dir: &Path) -> Result<ContentFolder, LoadError> {
    fs::read_dir(dir).map_err(|source| LoadError::Folder { path: dir.to_owned(), source })?;
    let mut folder = ContentFolder::default();
    walk(dir, dir, dir.to_string_lossy().trim_end_matches('/'), 0, &mut folder)?;
    Ok(folder)
}

fn walk(
    root: &Path,
    dir: &Path,
    below: &str,
    depth: usize,
    out: &mut ContentFolder,
) -> Result<(), LoadError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) => {
            out.unreadable.insert(below.to_owned(), error.to_string());
            return Ok(());
        }
    };
    for entry in entries {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            out.unreadable
                .insert(format!("{below}/{}", name.to_string_lossy()), "its name is not UTF-8".into());
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{below}/{name}");
        if out.files.len() + out.unreadable.len() >= CONTENT_FILES_MAX {
            return Err(LoadError::TooMany { path: root.to_owned() });
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => {
                walk(root, &entry.path(), &path, depth + 1, out)?
            }
            Ok(kind) if kind.is_dir() => note(out, path, "it is nested too deeply"),
            Ok(kind) if kind.is_file() => match read_file(&entry.path()) {
                Ok(bytes) => drop(out.files.insert(path, bytes)),
                Err(error) => note(out, path, &error.to_string()),
            },
            Ok(_) => note(out, path, "it is no regular file (symbolic links are not followed)"),
            Err(error) => note(out, path, &error.to_string()),
        }
    }
    Ok(())
}

fn note(out: &mut ContentFolder, path: String, why: &str) {
    out.unreadable.insert(path, why.to_owned());
}

/// One byte more than allowed is read, so that the check of sizes can say that it is too large.
fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(CONTENT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_below_both_folders_are_read() {
        let home = tempfile::tempdir().expect("folder");
        let root = home.path();
        fs::create_dir_all(root.join("runbooks/web")).expect("mkdir");
        fs::create_dir_all(root.join("state")).expect("mkdir");
        for path in ["runbooks/web/a.yaml", "runbooks/.hidden", "state/key", "remediator.yaml"] {
            fs::write(root.join(path), "x").expect("write");
        }
        std::os::unix::fs::symlink("/etc/passwd", root.join("runbooks/link.yaml")).expect("link");
        let folder = read_folder(root).expect("read");
        assert_eq!(folder.files.keys().collect::<Vec<_>>(), ["runbooks/web/a.yaml"]);
        assert!(folder.unreadable["runbooks/link.yaml"].contains("symbolic"));
        assert!(read_folder(&root.join("none")).is_err());
    }
}
