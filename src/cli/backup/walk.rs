//! Which files of a home a backup takes, in which order. The order makes it consistent while a daemon writes: the head
//! file before the segments (it never speaks of more than they hold), segments in order, then the blobs that their
//! entries name (each was durable before its entry).

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::base::digest::FileDigest;

/// What `--with-keys` takes as well.
pub const KEYS: [&str; 5] = [
    "state/keys/journal.key",
    "state/keys/log.key",
    "state/keys/witness.key",
    "state/tokens.json",
    "state/token",
];

/// The head file, what is kept of pruned entries, and every segment, in order.
pub fn journal(state: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = state.join("journal");
    let mut segments: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_segment(path))
        .collect();
    segments.sort();
    let mut files = vec![folder.join("head")];
    let base = folder.join("base");
    if base.exists() {
        // Over what was pruned the tree cannot be made anew. What was left of it by a write meanwhile is cut at the start.
        files.push(base);
        under(&state.join("tlog"), &|path| !is_tree(path), &mut files)?;
    }
    files.extend(segments);
    Ok(files)
}

/// `level-0` and so on; the checkpoint beside them is not of the copy.
fn is_tree(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("level-"))
}

/// `00000000000000000000.ndjson`.
fn is_segment(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_suffix(".ndjson").is_some_and(|seq| seq.len() == 20 && seq.bytes().all(|b| b.is_ascii_digit()))
}

/// Blobs, reports that were acknowledged and wait, and a pause by file.
pub fn blobs_and_spool(state: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for folder in ["blobs", "spool"] {
        under(&state.join(folder), &|_| false, &mut files)?;
    }
    files.push(state.join("PAUSED"));
    Ok(files)
}

/// Everything else of the home but its state, and but the backup itself should it lie there.
pub fn content(root: &Path, backup: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let state = root.join("state");
    under(root, &|path| path == state || path == backup, &mut files)?;
    Ok(files)
}

/// Plain files below a folder. Links, sockets and temporary files of writers are no content.
fn under(folder: &Path, skip: &dyn Fn(&Path) -> bool, into: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e).with_context(|| format!("cannot list {}", folder.display())),
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let (path, kind) = (entry.path(), entry.file_type());
        let kind = kind.with_context(|| format!("cannot look at {}", path.display()))?;
        if skip(&path) {
            continue;
        }
        if kind.is_dir() {
            under(&path, skip, into)?;
        } else if kind.is_file() && !entry.file_name().as_encoded_bytes().starts_with(b".tmp") {
            into.push(path);
        }
    }
    into.sort();
    Ok(())
}

/// Copies one file of the home, synced, with its permissions; its name in the home and the digest of what was copied.
/// One that is not there (any more) has no digest.
pub fn copy_file(root: &Path, path: &Path, to: &Path) -> anyhow::Result<(String, Option<FileDigest>)> {
    let relative = path.strip_prefix(root).context("a file outside the home")?;
    let name =
        relative.to_str().with_context(|| format!("{} has no readable name", path.display()))?.to_owned();
    let mut source = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((name, None)),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
    };
    let target = to.join(relative);
    let mut attempt = || -> std::io::Result<FileDigest> {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes)?;
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut copy = std::fs::OpenOptions::new().write(true).create_new(true).open(&target)?;
        copy.set_permissions(source.metadata()?.permissions())?;
        copy.write_all(&bytes)?;
        copy.sync_all()?;
        Ok(FileDigest::of(&bytes))
    };
    let digest =
        attempt().with_context(|| format!("cannot copy {} to {}", path.display(), target.display()))?;
    Ok((name, Some(digest)))
}
