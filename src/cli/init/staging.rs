//! A folder beside a home, in which the home is made before it is renamed to its place; and what a crash left of such a
//! folder is removed by whoever makes the next. Not for what is put into it.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};

/// What their names begin with; what they were for follows.
const PREFIX: &str = ".remediator-";
/// What they are for.
const WHATS: [&str; 3] = ["init-", "import-", "restore-"];

/// See the module. It goes when this is dropped.
pub struct Staging {
    folder: tempfile::TempDir,
    /// Held while it is in use: without this lock it is nobody's.
    _lock: File,
}

impl Staging {
    /// For `what` is done, in the folder in which the home will be.
    pub fn beside(parent: &Path, what: &str) -> anyhow::Result<Self> {
        let fail = || format!("cannot make a folder in {}", parent.display());
        // One at a time: a folder that was made a moment ago and is not locked yet looks abandoned.
        let turn = File::open(parent).ok();
        turn.as_ref().map(|turn| flock(turn, FlockOperation::LockExclusive));
        for path in abandoned(parent) {
            // It may hold keys, and nobody else would ever look at it. One that cannot be removed is in nobody's way.
            if std::fs::remove_dir_all(&path).is_ok() {
                anstream::eprintln!("note: {} was left by a crash and is removed", path.display());
            }
        }
        let prefix = format!("{PREFIX}{what}-");
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent).with_context(fail)?;
        let lock = File::open(folder.path()).with_context(fail)?;
        // Whoever only looks whether it is free holds it for a moment.
        flock(&lock, FlockOperation::LockExclusive).map_err(std::io::Error::from).with_context(fail)?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// It was renamed: nothing is left to be removed.
    pub fn keep(self) {
        let _ = self.folder.keep();
    }
}

/// Our folders in `parent` that nobody works in any more.
pub fn abandoned(parent: &Path) -> Vec<PathBuf> {
    let own = rustix::process::geteuid().as_raw();
    let is_ours = |name: &str| {
        name.strip_prefix(PREFIX).is_some_and(|rest| WHATS.iter().any(|what| rest.starts_with(what)))
    };
    let mut found: Vec<PathBuf> = std::fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_ours))
        .filter(|entry| entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == own))
        .map(|entry| entry.path())
        .filter(|path| is_free(path))
        .collect();
    found.sort();
    found
}

fn is_free(path: &Path) -> bool {
    let Ok(folder) = File::open(path) else { return false };
    flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_goes_and_what_is_in_use_or_anothers_stays() {
        let parent = tempfile::tempdir().expect("a folder");
        let used = Staging::beside(parent.path(), "restore").expect("made");
        for name in [".remediator-restore-x", ".remediator-init-y/state", ".remediator-other", "home"] {
            std::fs::create_dir_all(parent.path().join(name)).expect("made");
        }
        std::os::unix::fs::symlink(
            parent.path().join("home"),
            parent.path().join(".remediator-restore-link"),
        )
        .expect("linked");
        assert_eq!(abandoned(parent.path()).len(), 2);
        let next = Staging::beside(parent.path(), "import").expect("made");
        assert_eq!(abandoned(parent.path()), Vec::<PathBuf>::new());
        assert!(used.path().is_dir() && next.path().is_dir());
        for name in [".remediator-other", "home", ".remediator-restore-link"] {
            assert!(parent.path().join(name).exists(), "{name}");
        }
        drop(used);
        next.keep();
        assert_eq!(abandoned(parent.path()).len(), 1);
    }

    #[test]
    fn many_that_are_made_at_once_do_not_take_each_other_for_left() {
        let parent = tempfile::tempdir().expect("a folder");
        let round = || {
            for _ in 0..200 {
                let staging = Staging::beside(parent.path(), "init").expect("made");
                std::fs::write(staging.path().join("x"), "x").expect("still there");
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(round);
            }
        });
    }
}
