//! The machine-wide folder of lock files: found, made, and checked so that nobody else can swap it or its
//! files. Not for: what is in the files.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::LockError;

/// Everyone may make files, nobody may remove another's.
const SHARED_MODE: Mode = Mode::from_raw_mode(0o1777);

/// An open, trusted folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    fd: OwnedFd,
}

impl Folder {
    pub(super) fn of_this_machine() -> Result<Self, LockError> {
        if let Some(path) = std::env::var_os("REMEDIATOR_LOCK_DIR").filter(|path| !path.is_empty()) {
            return Self::at(Path::new(&path));
        }
        let run = Path::new("/run/lock/remediator");
        match make_and_open(run) {
            Ok(fd) => Self::trusted(run, fd),
            // Only where it cannot exist for anybody is there another place: a folder that exists but is not
            // trusted must not quietly lead two daemons to two places.
            Err(Errno::NOENT | Errno::ACCESS | Errno::PERM | Errno::ROFS) if !run.exists() => {
                Self::at(Path::new("/tmp/remediator-locks"))
            }
            Err(errno) => Err(unusable(run, &format!("cannot be opened: {errno}"))),
        }
    }

    pub(super) fn at(path: &Path) -> Result<Self, LockError> {
        let fd =
            make_and_open(path).map_err(|errno| unusable(path, &format!("cannot be opened: {errno}")))?;
        Self::trusted(path, fd)
    }

    fn trusted(path: &Path, fd: OwnedFd) -> Result<Self, LockError> {
        let stat =
            rustix::fs::fstat(&fd).map_err(|errno| unusable(path, &format!("cannot be read: {errno}")))?;
        let own = rustix::process::geteuid().as_raw();
        if stat.st_uid != 0 && stat.st_uid != own {
            return Err(unusable(path, &format!("belongs to user {}, who could remove locks", stat.st_uid)));
        }
        let mode = Mode::from_raw_mode(stat.st_mode);
        if mode.intersects(Mode::WGRP | Mode::WOTH) && !mode.contains(Mode::SVTX) {
            return Err(unusable(path, "is writable by others without the sticky bit"));
        }
        Ok(Self { path: path.to_owned(), fd })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// Opens a file of the folder, making it when it is not there. Never through a link.
    pub(super) fn open_file(&self, name: &OsStr) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        // First without CREATE: in a sticky folder the kernel refuses CREATE on another user's file.
        match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Err(Errno::NOENT) => {}
            opened => return opened,
        }
        let mode = Mode::from_raw_mode(0o666);
        match rustix::fs::openat(&self.fd, name, flags | OFlags::CREATE | OFlags::EXCL, mode) {
            Ok(fd) => {
                // The name must outlive a power cut as the token in the file does.
                rustix::fs::fsync(&self.fd)?;
                Ok(fd)
            }
            Err(Errno::EXIST) => rustix::fs::openat(&self.fd, name, flags, Mode::empty()),
            failed => failed,
        }
    }
}

fn make_and_open(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    match rustix::fs::mkdir(path, SHARED_MODE) {
        Ok(()) => {
            let fd = rustix::fs::open(path, flags, Mode::empty())?;
            // The umask took bits away; through the fd, so that a swapped name changes nothing else.
            rustix::fs::fchmod(&fd, SHARED_MODE)?;
            Ok(fd)
        }
        Err(Errno::EXIST) => rustix::fs::open(path, flags, Mode::empty()),
        Err(errno) => Err(errno),
    }
}

fn unusable(path: &Path, problem: &str) -> LockError {
    LockError::Folder { path: path.to_owned(), problem: problem.to_owned() }
}

/// Whether this is a plain file with one name: what a lock file must be.
pub(super) fn is_plain(stat: &rustix::fs::Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_or_a_folder_open_to_all_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        Folder::at(&real).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(matches!(Folder::at(&link), Err(LockError::Folder { .. })));

        rustix::fs::chmod(&real, Mode::from_raw_mode(0o777)).unwrap();
        let error = Folder::at(&real).unwrap_err().to_string();
        assert!(error.contains("sticky") && error.contains("REMEDIATOR_LOCK_DIR"), "{error}");
    }

    #[test]
    fn a_new_folder_is_shared_and_sticky() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::at(&dir.path().join("locks")).unwrap();
        assert_eq!(rustix::fs::fstat(folder.fd()).unwrap().st_mode & 0o7777, 0o1777);
    }
}
