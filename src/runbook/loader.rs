//! Reads a content folder from disk: regular files below `runbooks/` and `proposals/`, bounded, no symbolic
//! links followed, hidden names skipped. What cannot be read is listed, never ignored.
//! Not for judging what it read: that is `catalog`.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::base::limits::{CONTENT_BYTES_MAX, CONTENT_FILES_MAX, CONTENT_FOLDER_BYTES_MAX, NAME_BYTES_MAX};
use crate::base::text::shown;

use super::content::{self, ContentFolder, DEPTH_MAX};

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
        "{path} holds more than {CONTENT_FILES_MAX} files and folders below runbooks/ and proposals/; is it the right \
         folder?"
    )]
    TooMany {
        /// Which.
        path: PathBuf,
    },
    /// More bytes than anybody means to keep there.
    #[error(
        "{path} holds more than {CONTENT_FOLDER_BYTES_MAX} bytes below runbooks/ and proposals/; keep data elsewhere"
    )]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
}

/// Reads the folder. A missing `runbooks/` or `proposals/` is an empty one; a missing folder is an error.
pub fn read_folder(root: &Path) -> Result<ContentFolder, LoadError> {
    read_within(root, CONTENT_FILES_MAX, CONTENT_FOLDER_BYTES_MAX)
}

fn read_within(root: &Path, names_max: usize, bytes_max: usize) -> Result<ContentFolder, LoadError> {
    let fail = |source| LoadError::Folder { path: root.to_owned(), source };
    fs::read_dir(root).map_err(fail)?;
    let mut walk = Walk::new(root, names_max, bytes_max);
    for top in ["runbooks", "proposals"] {
        let path = root.join(top);
        if fs::symlink_metadata(&path).is_ok() {
            walk.folder(&path, top, 0)?;
        }
    }
    Ok(walk.out)
}

/// Reads any folder, whatever lies above it: regular files with their paths as seen from where `dir` was named.
pub fn read_below(dir: &Path) -> Result<ContentFolder, LoadError> {
    fs::read_dir(dir).map_err(|source| LoadError::Folder { path: dir.to_owned(), source })?;
    let mut walk = Walk::new(dir, CONTENT_FILES_MAX, CONTENT_FOLDER_BYTES_MAX);
    walk.folder(dir, dir.to_string_lossy().trim_end_matches('/'), 0)?;
    Ok(walk.out)
}

/// One reading of a folder.
struct Walk<'a> {
    root: &'a Path,
    names_left: usize,
    bytes_left: usize,
    out: ContentFolder,
}

impl<'a> Walk<'a> {
    fn new(root: &'a Path, names_left: usize, bytes_left: usize) -> Self {
        Self { root, names_left, bytes_left, out: ContentFolder::default() }
    }

    fn folder(&mut self, dir: &Path, below: &str, depth: usize) -> Result<(), LoadError> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => {
                self.note(below.to_owned(), &error.to_string());
                return Ok(());
            }
        };
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(&entry, below, depth)?,
                Err(error) => self.note(below.to_owned(), &error.to_string()),
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &fs::DirEntry, below: &str, depth: usize) -> Result<(), LoadError> {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            return Ok(());
        }
        let left = self.names_left.checked_sub(1);
        self.names_left = left.ok_or_else(|| LoadError::TooMany { path: self.root.to_owned() })?;
        let Some(name) = name.to_str().filter(|name| content::is_admissible(name)) else {
            let name = shown(&name.to_string_lossy(), NAME_BYTES_MAX).replace(['\n', '\t'], "\u{FFFD}");
            let path = format!("{below}/{name}");
            self.note(path, content::INADMISSIBLE);
            return Ok(());
        };
        let path = format!("{below}/{name}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => self.folder(&entry.path(), &path, depth + 1)?,
            Ok(kind) if kind.is_dir() => self.note(path, "it is nested too deeply"),
            Ok(kind) if kind.is_file() => match read_file(&entry.path()) {
                Ok(bytes) => self.keep(path, bytes)?,
                Err(error) => self.note(path, &error.to_string()),
            },
            Ok(_) => self.note(path, NO_FILE),
            Err(error) => self.note(path, &error.to_string()),
        }
        Ok(())
    }

    fn keep(&mut self, path: String, bytes: Vec<u8>) -> Result<(), LoadError> {
        let left = self.bytes_left.checked_sub(bytes.len());
        self.bytes_left = left.ok_or_else(|| LoadError::TooLarge { path: self.root.to_owned() })?;
        self.out.files.insert(path, bytes);
        Ok(())
    }

    fn note(&mut self, path: String, why: &str) {
        self.out.unreadable.insert(path, why.to_owned());
    }
}

const NO_FILE: &str = "it is no regular file (symbolic links are not followed)";

/// One byte more than allowed is read, so that the check of sizes can say that it is too large. What stands there may
/// be another thing than what was listed a moment ago: a pipe must not be waited for, nor a link be followed.
fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other(NO_FILE));
    }
    let mut bytes = Vec::new();
    file.take(CONTENT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::UnixListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::runbook::testing::{Folder, seen};
    use crate::runbook::{Catalog, Kind, PlanFor, Trust};

    fn home() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().expect("folder");
        fs::create_dir_all(home.path().join("runbooks/web")).expect("mkdir");
        let runbooks = home.path().join("runbooks");
        (home, runbooks)
    }

    fn pipe(path: &Path) {
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .expect("a pipe");
    }

    #[test]
    fn only_regular_files_below_both_folders_are_read() {
        let (home, _) = home();
        let root = home.path();
        fs::create_dir_all(root.join("state")).expect("mkdir");
        for path in ["runbooks/web/a.yaml", "runbooks/.hidden", "state/key", "remediator.yaml"] {
            fs::write(root.join(path), "x").expect("write");
        }
        std::os::unix::fs::symlink("/etc/passwd", root.join("runbooks/link.yaml")).expect("link");
        std::os::unix::fs::symlink("/etc", root.join("runbooks/etc")).expect("link");
        std::os::unix::fs::symlink("loop", root.join("runbooks/loop")).expect("link");
        pipe(&root.join("runbooks/pipe.yaml"));
        let _socket = UnixListener::bind(root.join("runbooks/socket.yaml")).expect("a socket");
        let folder = read_folder(root).expect("read");
        assert_eq!(folder.files.keys().collect::<Vec<_>>(), ["runbooks/web/a.yaml"]);
        for name in ["link.yaml", "etc", "loop", "pipe.yaml", "socket.yaml"] {
            assert!(folder.unreadable[&format!("runbooks/{name}")].contains("symbolic"), "{name}");
        }
        assert!(read_folder(&root.join("none")).is_err());
    }

    #[test]
    fn a_pipe_or_link_in_the_place_of_a_listed_file_is_neither_waited_for_nor_followed() {
        let (_home, runbooks) = home();
        pipe(&runbooks.join("pipe"));
        fs::write(runbooks.join("secret"), "x").expect("write");
        std::os::unix::fs::symlink("secret", runbooks.join("link")).expect("link");
        assert!(
            read_file(&runbooks.join("pipe")).expect_err("a pipe").to_string().contains("no regular file")
        );
        assert!(read_file(&runbooks.join("link")).is_err());
        assert!(read_file(Path::new("/dev/zero")).is_err(), "it would never end");
        assert!(read_file(&runbooks).is_err());
        assert_eq!(read_file(&runbooks.join("secret")).expect("a file"), b"x");
    }

    #[test]
    fn hostile_names_are_listed_harmlessly_and_never_read() {
        let (home, runbooks) = home();
        let long = "x".repeat(250);
        for name in [
            b"a\nb.yaml".as_slice(),
            b"\x1b[2J.yaml",
            b"\x9b31m.yaml",
            "web\u{202E}lmay.yaml".as_bytes(),
            "we\u{200B}b.yaml".as_bytes(),
            b"\xff\xfe\x1b.yaml",
            long.as_bytes(),
        ] {
            fs::write(runbooks.join(OsStr::from_bytes(name)), "v: 1\n").expect("write");
        }
        fs::create_dir(runbooks.join("dir\r")).expect("mkdir");
        fs::write(runbooks.join("dir\r/c.yaml"), "v: 1\n").expect("write");
        fs::write(runbooks.join("é $(reboot);`x`.yaml"), "v: 1\n").expect("a name that is odd and plain");
        let folder = read_folder(home.path()).expect("read");
        let files: Vec<_> = folder.files.keys().map(String::as_str).collect();
        assert_eq!(files, [&format!("runbooks/{long}"), "runbooks/é $(reboot);`x`.yaml"]);
        assert_eq!(folder.unreadable.len(), 7, "{:?}", folder.unreadable);
        for (path, why) in &folder.unreadable {
            assert!(
                !path.contains(|c: char| c.is_control() || crate::base::text::is_invisible(c)),
                "{path:?}"
            );
            assert!(why.contains("its name"), "{path}: {why}");
        }
    }

    #[test]
    fn a_folder_without_end_is_refused() {
        let (home, runbooks) = home();
        let mut deep = runbooks.clone();
        for _ in 0..12 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).expect("mkdir");
        fs::write(runbooks.join("big.yaml"), vec![b'#'; CONTENT_BYTES_MAX + 7]).expect("write");
        let folder = read_folder(home.path()).expect("read");
        assert!(folder.unreadable.values().any(|why| why.contains("too deeply")));
        assert_eq!(folder.files["runbooks/big.yaml"].len(), CONTENT_BYTES_MAX + 1);
        let (names, bytes) = (11, CONTENT_BYTES_MAX + 1);
        assert!(read_within(home.path(), names, bytes).is_ok(), "ten folders and a file");
        assert!(matches!(read_within(home.path(), names - 1, bytes), Err(LoadError::TooMany { .. })));
        assert!(matches!(read_within(home.path(), names, bytes - 1), Err(LoadError::TooLarge { .. })));
    }

    #[test]
    fn what_was_judged_is_what_runs_whatever_lies_there_since() {
        let content = Folder::new();
        let (home, _) = home();
        for (path, bytes) in &content.files {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("mkdir");
            fs::write(path, bytes).expect("write");
        }
        let load = || {
            let read = read_folder(home.path()).expect("read");
            let trust = Trust::load(&read.trust_files()).expect("trust");
            Catalog::load(Arc::new(read), &trust, &content.context)
        };
        let judged = load();
        for (path, from, to) in [
            ("runbooks/web/fix.yaml", "/usr/bin/cp", "/tmp/evil"),
            ("runbooks/web/service.yaml", "8080", "6666"),
        ] {
            let path = home.path().join(path);
            let text = fs::read_to_string(&path).expect("text");
            fs::write(&path, text.replace(from, to)).expect("swapped");
        }
        let seen = seen("web", &[("good", "/var/good")]);
        let again = Catalog::from_manifest(&judged.manifest_bytes().expect("written")).expect("read");
        for catalog in [&judged, &again] {
            let entry = catalog.get(Kind::Runbook, "fix").expect("there");
            let plan = catalog.plan(entry, &seen, PlanFor::Live).expect("live").plan;
            let plan = serde_json::to_string(&plan).expect("JSON");
            assert!(plan.contains("/usr/bin/cp") && plan.contains("8080"), "{plan}");
            assert!(!plan.contains("evil") && !plan.contains("6666"), "{plan}");
        }
        assert!(load().verified("fix").is_none(), "what lies there now was never signed");
    }

    #[test]
    fn of_a_file_that_is_swapped_all_the_time_one_version_is_read_whole() {
        let (home, runbooks) = home();
        let versions = [b'a', b'b'].map(|b| vec![b; 300_000]);
        let stop = Arc::new(AtomicBool::new(false));
        fs::write(runbooks.join("x.yaml"), &versions[0]).expect("write");
        let swapper = std::thread::spawn({
            let (runbooks, versions, stop) = (runbooks.clone(), versions.clone(), Arc::clone(&stop));
            move || {
                for version in versions.iter().cycle() {
                    fs::write(runbooks.join(".part"), version).expect("write");
                    fs::rename(runbooks.join(".part"), runbooks.join("x.yaml")).expect("renamed");
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            }
        });
        for _ in 0..50 {
            let folder = read_folder(home.path()).expect("read");
            let bytes = folder.get("runbooks/x.yaml").expect("it is always there");
            assert!(versions.iter().any(|version| version == bytes), "parts of two versions");
        }
        stop.store(true, Ordering::Relaxed);
        swapper.join().expect("the other thread");
    }
}
