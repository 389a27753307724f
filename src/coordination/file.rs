//! One lock file: taken with flock, holding one line `{token, holder}`. Never removed, so a token is never
//! forgotten; the own journal's last token is the floor should the file vanish all the same.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FlockOperation};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::folder::{Folder, is_plain};
use super::{Holder, LockError};
use crate::base::text::file_name;

/// A line is far below this; a longer file is not a lock file.
const FILE_BYTES_MAX: usize = 4 * 1024;
/// Integers of the journal stay within 2^53−1.
const TOKEN_MAX: u64 = (1 << 53) - 1;

/// What a lock's file says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub token: u64,
    pub holder: Holder,
    /// What is locked; the file's name may be an abbreviation of it.
    #[serde(default)]
    pub resource: String,
}

/// A lock that is held. Dropping it gives it back.
#[derive(Debug)]
pub struct Held {
    resource: String,
    token: u64,
    name: OsString,
    path: PathBuf,
    folder: OwnedFd,
    file: OwnedFd,
}

impl Held {
    /// What is locked.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The fencing token: larger than any before it.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Looks again: the file is still the one in the folder and still bears our token.
    pub fn still_held(&self) -> Result<(), LockError> {
        let lost =
            |problem: String| LockError::Lost { resource: self.resource.clone(), token: self.token, problem };
        match same_file(&self.folder, &self.name, &self.file) {
            Ok(true) => {}
            Ok(false) => return Err(lost(format!("{} was removed or replaced", self.path.display()))),
            Err(errno) => return Err(lost(format!("{} cannot be read: {errno}", self.path.display()))),
        }
        match read_line(&self.file) {
            Ok(Some(line)) if line.token == self.token => Ok(()),
            Ok(Some(line)) => Err(lost(format!("the file says token {} of {}", line.token, line.holder))),
            Ok(None) => Err(lost("the file is empty".into())),
            Err(problem) => Err(lost(problem)),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Explicitly: a child between fork and exec may hold a copy of the descriptor for an instant longer.
        let _ = rustix::fs::flock(&self.file, FlockOperation::Unlock);
    }
}

pub(super) fn try_acquire(
    folder: &Folder,
    resource: &str,
    floor: u64,
    holder: &Holder,
) -> Result<Held, LockError> {
    let name = OsString::from(file_name(resource) + ".lock");
    let path = folder.path().join(&name);
    let io = |what: &'static str| {
        let (resource, path) = (resource.to_owned(), path.clone());
        move |errno: Errno| LockError::Io { what, resource, path, source: errno.into() }
    };
    let damaged =
        |problem: String| LockError::Damaged { resource: resource.to_owned(), path: path.clone(), problem };
    let file = lock(folder, &name, resource).map_err(|refused| match refused {
        NotLocked::Busy(holder) => LockError::Busy { resource: resource.to_owned(), holder },
        NotLocked::NotPlain => damaged("is not a plain file with one name".into()),
        NotLocked::Io(what, errno) => io(what)(errno),
    })?;
    let before = read_line(&file).map_err(&damaged)?.map_or(0, |line| line.token);
    let token = before.max(floor) + 1;
    if token > TOKEN_MAX {
        return Err(damaged(format!("token {before} cannot grow")));
    }
    let folder = rustix::io::fcntl_dupfd_cloexec(folder.fd(), 3).map_err(io("share the folder of"))?;
    write_line(&file, &Line { token, holder: holder.clone(), resource: resource.to_owned() })
        .map_err(io("write the token of"))?;
    Ok(Held { resource: resource.to_owned(), token, name, path, folder, file })
}

enum NotLocked {
    Busy(String),
    NotPlain,
    Io(&'static str, Errno),
}

fn lock(folder: &Folder, name: &OsString, resource: &str) -> Result<OwnedFd, NotLocked> {
    // A file that is replaced between open and flock is opened again; nobody replaces it often.
    for _ in 0..8 {
        let file = folder.open_file(name).map_err(|errno| match errno {
            Errno::LOOP => NotLocked::NotPlain,
            errno => NotLocked::Io("open", errno),
        })?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| NotLocked::Io("look at", errno))?;
        if !is_plain(&stat) && stat.st_nlink != 0 {
            return Err(NotLocked::NotPlain);
        }
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(NotLocked::Busy(who_holds(&file))),
            Err(errno) => return Err(NotLocked::Io("take", errno)),
        }
        if same_file(folder.fd(), name, &file).map_err(|errno| NotLocked::Io("look at", errno))? {
            return Ok(file);
        }
    }
    Err(NotLocked::Busy(format!("nobody known: the file of `{resource}` is being replaced again and again")))
}

fn who_holds(file: &OwnedFd) -> String {
    match read_line(file) {
        Ok(Some(line)) => format!("{} (token {})", line.holder, line.token),
        _ => "a process that has not said who it is".to_owned(),
    }
}

fn same_file(folder: &OwnedFd, name: &OsString, file: &OwnedFd) -> Result<bool, Errno> {
    let ours = rustix::fs::fstat(file)?;
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok(named.st_ino == ours.st_ino && named.st_dev == ours.st_dev),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

pub(super) fn read_line(file: &OwnedFd) -> Result<Option<Line>, String> {
    let mut bytes = vec![0; FILE_BYTES_MAX];
    let mut length = 0;
    while length < bytes.len() {
        match rustix::io::pread(file, &mut bytes[length..], length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(format!("cannot be read: {errno}")),
        }
    }
    bytes.truncate(length);
    if length == 0 {
        return Ok(None);
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|e| format!("holds no token: {e}"))
}

/// Writes over the line before and syncs. A crash in between leaves either line or, at worst, one that does
/// not parse, which is an error rather than a token that shrank.
pub(super) fn write_line(file: &OwnedFd, line: &Line) -> Result<(), Errno> {
    let mut text = serde_json::to_string(line).map_err(|_| Errno::INVAL)?;
    text.push('\n');
    let mut at = 0;
    while at < text.len() {
        at += rustix::io::retry_on_intr(|| rustix::io::pwrite(file, &text.as_bytes()[at..], at as u64))?;
    }
    rustix::fs::ftruncate(file, text.len() as u64)?;
    rustix::fs::fdatasync(file)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::super::MachineLock;
    use super::*;
    use crate::base::ids::{AttemptId, NodeId};

    fn holder() -> Holder {
        Holder {
            pid: std::process::id(),
            node: NodeId(Uuid::from_u128(1)),
            attempt: AttemptId(Uuid::from_u128(2)),
            since: 0,
        }
    }

    fn locks() -> (tempfile::TempDir, MachineLock) {
        let dir = tempfile::tempdir().unwrap();
        let locks = MachineLock::at(dir.path()).unwrap();
        (dir, locks)
    }

    #[test]
    fn a_held_lock_is_refused_with_its_holder_and_its_token_grows() {
        let (_dir, locks) = locks();
        let first = locks.try_acquire("service:web", 0, &holder()).unwrap();
        assert_eq!(first.token(), 1);
        let error = locks.try_acquire("service:web", 0, &holder()).unwrap_err();
        assert!(matches!(&error, LockError::Busy { holder: h, .. } if h.contains("token 1")), "{error}");
        drop(first);
        assert_eq!(locks.try_acquire("service:web", 0, &holder()).unwrap().token(), 2);
        assert_eq!(locks.try_acquire("service:web", 40, &holder()).unwrap().token(), 41);
        assert_eq!(locks.try_acquire("service:web", 3, &holder()).unwrap().token(), 42);
    }

    #[test]
    fn all_or_none() {
        let (_dir, locks) = locks();
        let b = locks.try_acquire("b", 0, &holder()).unwrap();
        let all = BTreeMap::from([("a".to_owned(), 0), ("b".to_owned(), 0)]);
        assert!(matches!(locks.try_acquire_all(&all, &holder()), Err(LockError::Busy { .. })));
        drop(b);
        let held = locks.try_acquire_all(&all, &holder()).unwrap();
        assert_eq!(held.iter().map(Held::resource).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn names_cannot_leave_the_folder_and_links_are_not_followed() {
        let (dir, locks) = locks();
        let held = locks.try_acquire("../../etc/passwd", 0, &holder()).unwrap();
        assert!(held.path.starts_with(dir.path()) && held.path.exists());
        let outside = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("x.lock")).unwrap();
        assert!(matches!(locks.try_acquire("x", 0, &holder()), Err(LockError::Damaged { .. })));
        assert_eq!(std::fs::read(outside.path()).unwrap(), b"");
    }

    #[test]
    fn a_stolen_lock_is_noticed() {
        let (dir, locks) = locks();
        let path = dir.path().join("x.lock");
        let held = locks.try_acquire("x", 0, &holder()).unwrap();
        held.still_held().unwrap();
        std::fs::write(
            &path,
            serde_json::to_vec(&Line { token: 9, holder: holder(), resource: "x".into() }).unwrap(),
        )
        .unwrap();
        assert!(held.still_held().unwrap_err().to_string().contains("token 9"));
        std::fs::remove_file(&path).unwrap();
        assert!(held.still_held().unwrap_err().to_string().contains("removed or replaced"));
        // Its place can be taken by another, and the one who lost it knows.
        let other = locks.try_acquire("x", 1, &holder()).unwrap();
        assert_eq!(other.token(), 2);
        assert!(held.still_held().is_err());
        other.still_held().unwrap();
    }

    #[test]
    fn a_file_without_a_token_is_an_error_not_a_smaller_token() {
        let (dir, locks) = locks();
        std::fs::write(dir.path().join("x.lock"), "{\"token\":7,\"hol").unwrap();
        let error = locks.try_acquire("x", 0, &holder()).unwrap_err();
        assert!(matches!(error, LockError::Damaged { .. }), "{error}");
    }

    #[test]
    fn the_lock_is_exclusive_across_processes_and_not_inherited() {
        let (dir, locks) = locks();
        let path = dir.path().join("x.lock");
        let held = locks.try_acquire("x", 0, &holder()).unwrap();
        let flock = |path: &std::path::Path| {
            std::process::Command::new("flock").arg("-n").arg(path).arg("true").status().unwrap().success()
        };
        assert!(!flock(&path));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        drop(held);
        assert!(flock(&path), "a child kept the lock");
        child.kill().unwrap();
        child.wait().unwrap();
        // The other way round: another process has it.
        let mut other = std::process::Command::new("flock")
            .arg(&path)
            .args(["sh", "-c", "echo locked; exec cat"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = std::io::BufReader::new(other.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        assert_eq!(line, "locked\n");
        assert!(matches!(locks.try_acquire("x", 0, &holder()), Err(LockError::Busy { .. })));
        drop(other.stdin.take());
        other.wait().unwrap();
        assert_eq!(locks.try_acquire("x", 0, &holder()).unwrap().token(), 2);
    }
}
