//! One daemon per node on this machine: a restored copy of a home has the node of the original, and would adopt what
//! that one started. Not for: one daemon per folder, which is the journal's lock.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::LockError;
use super::folder::{Folder, is_plain};
use crate::base::ids::NodeId;
use crate::base::text::{clean, clip};

/// What is read of another's words about itself.
const WORDS_BYTES_MAX: usize = 1024;

/// The word of a daemon that it serves a node; given back when dropped.
#[derive(Debug)]
pub struct Served(OwnedFd);

impl Drop for Served {
    fn drop(&mut self) {
        // Explicitly: a child between fork and exec may hold a copy of the descriptor for an instant longer.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

pub(super) fn serve(folder: &Folder, node: NodeId, home: &Path) -> Result<Served, LockError> {
    let resource = format!("node {node}");
    let name = OsString::from(format!("{node}.node"));
    let path = folder.path().join(&name);
    let io = |what: &'static str| {
        let (resource, path) = (resource.clone(), path.clone());
        move |errno: Errno| LockError::Io { what, resource, path, source: errno.into() }
    };
    let file = folder.open_file(&name).map_err(io("open"))?;
    if !is_plain(&rustix::fs::fstat(&file).map_err(io("look at"))?) {
        let problem = "is not a plain file with one name".to_owned();
        return Err(LockError::Damaged { resource: resource.clone(), path: path.clone(), problem });
    }
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(LockError::NodeServed { node, by: words(&file) }),
        Err(errno) => return Err(io("take")(errno)),
    }
    let text = format!("process {} from {}\n", std::process::id(), home.display());
    rustix::fs::ftruncate(&file, 0).map_err(io("write"))?;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        at +=
            rustix::io::retry_on_intr(|| rustix::io::pwrite(&file, rest, at as u64)).map_err(io("write"))?;
    }
    Ok(Served(file))
}

fn words(file: &OwnedFd) -> String {
    let mut bytes = [0; WORDS_BYTES_MAX];
    let read = rustix::io::pread(file, &mut bytes, 0).unwrap_or(0);
    let text = clean(&String::from_utf8_lossy(&bytes[..read]));
    match text.trim() {
        "" => "a process that has not said who it is".to_owned(),
        text => clip(text, WORDS_BYTES_MAX).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::MachineLock;
    use super::*;

    #[test]
    fn a_node_is_served_once_and_again_when_that_one_has_ended() {
        let dir = tempfile::tempdir().unwrap();
        let locks = MachineLock::at(dir.path()).unwrap();
        let (one, other) = (NodeId(uuid::Uuid::from_u128(1)), NodeId(uuid::Uuid::from_u128(2)));
        let served = locks.serve_node(one, Path::new("/srv/home")).unwrap();
        let error = locks.serve_node(one, Path::new("/srv/copy")).unwrap_err().to_string();
        assert!(error.contains("from /srv/home"), "{error}");
        assert!(locks.serve_node(other, Path::new("/srv/other")).is_ok());
        assert!(locks.held().unwrap().is_empty(), "it is no lock of an attempt");
        drop(served);
        assert!(locks.serve_node(one, Path::new("/srv/copy")).is_ok());
    }
}
