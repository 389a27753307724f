//! Breaking a lock: its file gives way to a new one with a larger token, so whoever holds the old one fails their next
//! look at it, and the next holder's token is larger than both. And seeing who holds what, without touching it.
//! Not for: who may break a lock (that takes a signed statement).

use std::ffi::OsString;
use std::os::fd::OwnedFd;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::file::{Line, read_line, write_line};
use super::folder::{Folder, is_plain};
use super::{Holder, LockError};
use crate::base::text::file_name;

/// A lock that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its token: larger than the one that was held, smaller than the next holder's.
    pub token: u64,
    /// Who held it.
    pub holder: String,
}

/// A lock that somebody on this machine holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What is locked.
    pub resource: String,
    /// Its fencing token.
    pub token: u64,
    /// Who holds it.
    pub holder: Holder,
}

pub(super) fn break_lock(
    folder: &Folder,
    resource: &str,
    token: u64,
    floor: u64,
    breaker: &Holder,
) -> Result<Broken, LockError> {
    let name = OsString::from(file_name(resource) + ".lock");
    let path = folder.path().join(&name);
    let not_so = |problem: String| LockError::NotHeldSo { resource: resource.to_owned(), token, problem };
    let io = |what: &'static str| {
        let (resource, path) = (resource.to_owned(), path.clone());
        move |errno: Errno| LockError::Io { what, resource, path, source: errno.into() }
    };
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match rustix::fs::openat(folder.fd(), &name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Err(not_so("nobody has ever held it".into())),
        Err(errno) => return Err(io("open")(errno)),
    };
    let line = held_line(&file, &not_so)?;
    if line.token != token {
        return Err(not_so(format!("token {} is held by {}", line.token, line.holder)));
    }
    let new = Line { token: token.max(floor) + 1, holder: breaker.clone(), resource: resource.to_owned() };
    replace(folder, &name, &new).map_err(io("break"))?;
    Ok(Broken { token: new.token, holder: line.holder.to_string() })
}

/// What the file says, if somebody holds it: a free lock needs no breaking.
fn held_line(file: &OwnedFd, not_so: &dyn Fn(String) -> LockError) -> Result<Line, LockError> {
    let stat = rustix::fs::fstat(file).map_err(|errno| not_so(format!("it cannot be looked at: {errno}")))?;
    if !is_plain(&stat) {
        return Err(not_so("its file is not a plain file with one name".into()));
    }
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {}
        Err(errno) => return Err(not_so(format!("it cannot be tried: {errno}"))),
        Ok(()) => {
            // Explicitly: a child between fork and exec may hold a copy of the descriptor for an instant longer.
            let _ = rustix::fs::flock(file, FlockOperation::Unlock);
            return Err(not_so("nobody holds it".into()));
        }
    }
    read_line(file).map_err(not_so)?.ok_or_else(|| not_so("its holder has not said who it is yet".into()))
}

/// A new file under the old name: durable before it is there, and there before this returns.
fn replace(folder: &Folder, name: &OsString, line: &Line) -> Result<(), Errno> {
    let mut fresh = OsString::from(".");
    fresh.push(name);
    fresh.push(format!(".{}", std::process::id()));
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    // One that a crash left behind is ours: the name holds our process id.
    let _ = rustix::fs::unlinkat(folder.fd(), &fresh, rustix::fs::AtFlags::empty());
    let file = rustix::fs::openat(folder.fd(), &fresh, flags, Mode::from_raw_mode(0o666))?;
    write_line(&file, line)?;
    rustix::fs::renameat(folder.fd(), &fresh, folder.fd(), name)?;
    rustix::fs::fsync(folder.fd())
}

/// The kernel's own list tells which files are locked; trying each would get in the way of those who need them.
pub(super) fn held(folder: &Folder) -> std::io::Result<Vec<Seen>> {
    let locked: std::collections::BTreeSet<u64> = std::fs::read_to_string("/proc/locks")?
        .lines()
        .filter(|line| line.contains(" FLOCK "))
        .filter_map(|line| line.split_whitespace().find_map(inode))
        .collect();
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(folder.path())? {
        let name = entry?.file_name();
        let plain = name.as_encoded_bytes();
        if plain.starts_with(b".") || !plain.ends_with(b".lock") {
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let Ok(file) = rustix::fs::openat(folder.fd(), &name, flags, Mode::empty()) else { continue };
        let Ok(stat) = rustix::fs::fstat(&file) else { continue };
        if !is_plain(&stat) || !locked.contains(&stat.st_ino) {
            continue;
        }
        if let Ok(Some(Line { token, holder, resource })) = read_line(&file) {
            // Files of earlier versions do not name their resource: their own name has to do.
            let file_name = String::from_utf8_lossy(&plain[..plain.len() - ".lock".len()]).into_owned();
            let resource = if resource.is_empty() { file_name } else { resource };
            seen.push(Seen { resource, token, holder });
        }
    }
    seen.sort_by(|a, b| a.resource.cmp(&b.resource));
    Ok(seen)
}

/// The inode in a word such as `08:02:4711`.
fn inode(word: &str) -> Option<u64> {
    let mut parts = word.split(':');
    let (_, _, inode) = (parts.next()?, parts.next()?, parts.next()?);
    inode.parse().ok()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::MachineLock;
    use super::*;
    use crate::base::ids::{AttemptId, NodeId};

    fn holder() -> Holder {
        let (node, attempt) = (NodeId(Uuid::from_u128(1)), AttemptId(Uuid::from_u128(2)));
        Holder { pid: std::process::id(), node, attempt, since: 0 }
    }

    #[test]
    fn a_late_holder_is_refused_by_its_token_and_the_next_one_has_a_larger() {
        let dir = tempfile::tempdir().unwrap();
        let locks = MachineLock::at(dir.path()).unwrap();
        let late = locks.try_acquire("service:web", 6, &holder()).unwrap();
        assert_eq!(late.token(), 7);
        let wrong = locks.break_lock("service:web", 6, 0, &holder()).unwrap_err();
        assert!(wrong.to_string().contains("token 7"), "{wrong}");
        late.still_held().unwrap();
        let broken = locks.break_lock("service:web", 7, 0, &holder()).unwrap();
        assert_eq!(broken.token, 8);
        let lost = late.still_held().unwrap_err();
        assert!(matches!(lost, LockError::Lost { token: 7, .. }), "{lost}");
        let next = locks.try_acquire("service:web", 0, &holder()).unwrap();
        assert_eq!(next.token(), 9);
        drop(late);
        next.still_held().unwrap();
        assert!(matches!(locks.try_acquire("service:web", 0, &holder()), Err(LockError::Busy { .. })));
    }

    #[test]
    fn what_nobody_holds_is_not_broken() {
        let dir = tempfile::tempdir().unwrap();
        let locks = MachineLock::at(dir.path()).unwrap();
        assert!(matches!(locks.break_lock("x", 1, 0, &holder()), Err(LockError::NotHeldSo { .. })));
        drop(locks.try_acquire("x", 0, &holder()).unwrap());
        let error = locks.break_lock("x", 1, 0, &holder()).unwrap_err().to_string();
        assert!(error.contains("nobody holds it"), "{error}");
        assert_eq!(locks.try_acquire("x", 0, &holder()).unwrap().token(), 2);
    }

    #[test]
    fn who_holds_what_is_seen_without_taking_it() {
        let dir = tempfile::tempdir().unwrap();
        let locks = MachineLock::at(dir.path()).unwrap();
        drop(locks.try_acquire("free", 0, &holder()).unwrap());
        let _held = locks.try_acquire("service:web", 4, &holder()).unwrap();
        let seen = locks.held().unwrap();
        assert_eq!(seen, [Seen { resource: "service:web".into(), token: 5, holder: holder() }]);
    }
}
