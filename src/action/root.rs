//! A folder that no path leads out of. The kernel resolves every path beneath it and follows no symbolic link
//! (openat2), so that nobody who may write in it can lead a step elsewhere, also not while it works.
//! Not for what is done with the files (`file`).

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, Stat, openat, openat2};
use rustix::io::Errno;

use crate::event::step::{Failure, StepOutcome};

/// See the module.
pub(super) struct Root {
    dir: OwnedFd,
    path: String,
}

/// A folder below a root, and a name in it.
pub(super) struct Place {
    pub(super) dir: OwnedFd,
    pub(super) name: String,
}

impl Root {
    pub(super) fn open(path: &str) -> Result<Self, StepOutcome> {
        if !path.starts_with('/') || path == "/" || path.split('/').any(|part| part == "..") {
            return Err(StepOutcome::Refused(format!("{path} is not a folder that work can be bound to")));
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = openat(CWD, path, flags, Mode::empty()).map_err(|error| failed(path, "opened", error))?;
        Ok(Self { dir, path: path.to_owned() })
    }

    /// Opens something below it.
    pub(super) fn open_below(&self, path: &str, flags: OFlags) -> Result<OwnedFd, StepOutcome> {
        if path.starts_with('/') || path.split('/').any(|part| part == ".." || part.is_empty()) {
            return Err(StepOutcome::Refused(format!("`{path}` does not stay below {}", self.path)));
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        // NONBLOCK: a pipe that stands there must not hold us up.
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        openat2(&self.dir, path, flags, Mode::empty(), resolve).map_err(|error| match error {
            Errno::LOOP => StepOutcome::Refused(format!(
                "`{path}` below {} leads through a symbolic link, and none is followed",
                self.path
            )),
            Errno::XDEV => StepOutcome::Refused(format!("`{path}` leads out of {}", self.path)),
            error => failed(&format!("{}/{path}", self.path), "opened", error),
        })
    }

    /// The folder in which a path's last name stands.
    pub(super) fn place(&self, path: &str) -> Result<Place, StepOutcome> {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        if name.is_empty() || name == "." || name == ".." {
            return Err(StepOutcome::Refused(format!("`{path}` does not name a file")));
        }
        let dir = self.open_below(folder, OFlags::DIRECTORY | OFlags::RDONLY)?;
        Ok(Place { dir, name: name.to_owned() })
    }
}

impl Place {
    /// What stands there, itself and not what it points to; none when nothing does.
    pub(super) fn look(&self, name: &str) -> Result<Option<Stat>, StepOutcome> {
        match rustix::fs::statat(&self.dir, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed(name, "looked at", error)),
        }
    }
}

/// Something did not work before anything was changed.
pub(super) fn failed(what: &str, verb: &str, error: impl std::fmt::Display) -> StepOutcome {
    problem(format!("{what} cannot be {verb}: {error}"), false)
}

/// Something did not work.
pub(super) fn problem(why: String, began: bool) -> StepOutcome {
    StepOutcome::Failed { failure: Failure::File, why, began }
}
