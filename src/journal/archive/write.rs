//! Writing an archive: sealed segments, compressed, with the blobs that their entries name, a manifest and its signature.
//! Changes nothing of the journal; a daemon may run meanwhile, for sealed segments do not change.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::base::digest::Blake3;
use crate::base::formats;
use crate::base::ids::Seq;
use crate::base::limits::ARCHIVED_SEGMENT_BYTES_MAX;
use crate::base::sign::JournalKey;
use crate::event::journal::KeyRotated;
use crate::event::{Event, Kind as _};

use super::super::base;
use super::super::blobs::{Blobs, read};
use super::super::error::Error;
use super::super::export::ExportedKey;
use super::super::files::{Files, make_folder, sync_folder, write_durably};
use super::super::line::LineRef;
use super::super::offline::{Folder, Offline, read_offline};
use super::super::seals::{read_start, seal_of};
use super::super::segment::{content, list, name_of};
use super::super::store::{Store, read_all};
use super::blobs::reachable;
use super::manifest::{ArchiveManifest, ArchivedSegment, MANIFEST, SIGNATURE, Signature};
use super::read::{Archive, verify_archive};

/// How hard it is compressed: the default of `zstd`.
const LEVEL: i32 = 3;

/// Which segments are archived. Always whole ones, and only sealed ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// All that are sealed.
    Head,
    /// Those that end before this entry.
    Seq(Seq),
    /// Those that were sealed before this moment, Unix µs.
    Time(i64),
}

/// Archives what is oldest of a journal into a new or empty folder, and reads it back.
pub fn archive(from: &Path, to: &Path, below: Below, key: &JournalKey) -> Result<Archive, Error> {
    let folder = Folder::locate(from)?;
    let store: Arc<dyn Store> = Arc::new(Files::new(&folder.segments));
    let sealed = sealed(&*store, below)?;
    if sealed.is_empty() {
        return Err(Error::NothingOld);
    }
    if to.exists() && !to.is_dir() {
        return Err(Error::NotEmpty { path: to.to_owned() });
    }
    make_folder(to)?;
    if std::fs::read_dir(to).map_err(Error::io("list", to))?.next().is_some() {
        return Err(Error::NotEmpty { path: to.to_owned() });
    }
    let written = write(&store, &folder, &sealed, to, key);
    if written.is_err() {
        // It was empty before, and half an archive is none: a full disk has its room back.
        let _ = empty(to);
    }
    written
}

/// Removes all that a folder holds.
fn empty(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }?;
    }
    Ok(())
}

fn write(
    store: &Arc<dyn Store>,
    folder: &Folder,
    sealed: &[Sealed],
    to: &Path,
    key: &JournalKey,
) -> Result<Archive, Error> {
    let mut found = Found::default();
    let segments = sealed
        .iter()
        .map(|segment| write_segment(&**store, segment, to, &mut found))
        .collect::<Result<Vec<_>, _>>()?;
    let offline = read_offline(&folder.segments)?;
    let base = offline.base().map(base::Base::to_bytes).transpose().map_err(unwritable)?;
    if let Some(bytes) = &base {
        write_durably(to, base::NAME, bytes)?;
    }
    let (blobs, absent) = copy_blobs(folder, &to.join("blobs"), &found.named)?;
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
        return Err(Error::NothingOld);
    };
    let (first, last, hash) = (first.first, last.last, last.hash);
    let (keys, later) = keys_of(&offline, last)?;
    let manifest = ArchiveManifest {
        v: formats::ARCHIVE,
        node: offline.genesis().node,
        genesis: offline.genesis_hash(),
        first,
        last,
        hash,
        segments,
        base: base.as_deref().map(Blake3::of),
        keys,
        later,
        blobs,
        absent,
    };
    sign(to, &manifest, key)?;
    verify_archive(to)
}

fn sign(to: &Path, manifest: &ArchiveManifest, key: &JournalKey) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(manifest).map_err(unwritable)?;
    text.push(b'\n');
    let mut signature = serde_json::to_vec(&Signature::make(key, &text)).map_err(unwritable)?;
    signature.push(b'\n');
    write_durably(to, SIGNATURE, &signature)?;
    // Last: a folder without it is no archive.
    write_durably(to, MANIFEST, &text)?;
    sync_folder(to).map_err(Error::io("sync", to))
}

fn unwritable(error: serde_json::Error) -> Error {
    Error::Illegal(format!("the archive's manifest cannot be written: {error}"))
}

/// A sealed segment and what the next one's first entry says of it.
struct Sealed {
    first: Seq,
    last: Seq,
    bytes: u64,
    blake3: Blake3,
    hash: Blake3,
}

/// Sealed segments that are old enough, from the first one on.
fn sealed(store: &dyn Store, below: Below) -> Result<Vec<Sealed>, Error> {
    let mut found = Vec::new();
    for pair in list(store)?.windows(2) {
        let [first, next] = *pair else { break };
        let path = store.place().join(name_of(next));
        let start = store.open(&name_of(next)).and_then(|file| read_start(&*file));
        let start = start.map_err(Error::io("read", path))?;
        let line = LineRef::parse(&start).ok();
        let Some((line, (seal, hash))) = line.and_then(|line| Some((line, seal_of(&line)?))) else { break };
        let old = match below {
            Below::Head => true,
            Below::Seq(seq) => next <= seq,
            Below::Time(time_us) => line.at.time_us < time_us,
        };
        if !old || seal.previous_first != first {
            break;
        }
        let (last, bytes, blake3) = (seal.previous_last, seal.previous_bytes, seal.previous_blake3);
        found.push(Sealed { first, last, bytes, blake3, hash });
    }
    Ok(found)
}

/// What was met on the way.
#[derive(Default)]
struct Found {
    /// Blobs that entries name, each with the first of them.
    named: BTreeMap<Blake3, Seq>,
}

fn write_segment(
    store: &dyn Store,
    sealed: &Sealed,
    to: &Path,
    found: &mut Found,
) -> Result<ArchivedSegment, Error> {
    let name = name_of(sealed.first);
    let path = store.place().join(&name);
    let bytes = store.open(&name).and_then(|file| read_all(&*file)).map_err(Error::io("read", &path))?;
    let bytes = content(&bytes);
    if bytes.len() as u64 != sealed.bytes || Blake3::of(bytes) != sealed.blake3 {
        let what = format!("segment {name} is not what was sealed: `remediator audit verify` says where");
        return Err(Error::NotAJournal { path: store.place(), what });
    }
    if sealed.bytes > ARCHIVED_SEGMENT_BYTES_MAX {
        return Err(Error::Illegal(format!(
            "segment {name} has {} bytes, too many for an archive",
            sealed.bytes
        )));
    }
    for line in bytes.split(|byte| *byte == b'\n').filter_map(|line| LineRef::parse(line).ok()) {
        for blob in line.blobs() {
            found.named.entry(blob).or_insert(line.seq);
        }
    }
    let file = ArchivedSegment::file_of(sealed.first);
    let packed = zstd::bulk::compress(bytes, LEVEL).map_err(Error::io("compress", path))?;
    write_durably(to, &file, &packed)?;
    let Sealed { first, last, bytes, blake3, hash } = *sealed;
    let (file_bytes, file_blake3) = (packed.len() as u64, Blake3::of(&packed));
    Ok(ArchivedSegment { first, last, bytes, blake3, hash, file, file_bytes, file_blake3 })
}

/// Copies what the entries name, and what that names.
fn copy_blobs(
    folder: &Folder,
    to: &Path,
    named: &BTreeMap<Blake3, Seq>,
) -> Result<(Vec<Blake3>, BTreeMap<Blake3, Seq>), Error> {
    make_folder(to)?;
    let there = reachable(&folder.blobs, named.keys().copied().collect::<BTreeSet<_>>())?;
    let target = Blobs::Folder(to.to_owned());
    for digest in &there {
        if let Some(bytes) = read(&folder.blobs, digest)? {
            target.put(&bytes)?;
        }
    }
    let absent = named.iter().filter(|(blob, _)| !there.contains(blob)).map(|(blob, seq)| (*blob, *seq));
    Ok((there.iter().copied().collect(), absent.collect()))
}

/// The keys up to `last` and the one in force behind it, and the lines that changed it later.
fn keys_of(offline: &Offline, last: Seq) -> Result<(Vec<ExportedKey>, Vec<String>), Error> {
    let public_key = offline.genesis().public_key.clone();
    let mut keys = match offline.base() {
        Some(base) => base.keys().map_err(|what| Error::Damaged(base.damage(what)))?,
        None => vec![ExportedKey { id: public_key.id(), public_key, from: 0 }],
    };
    let mut later = Vec::new();
    offline.lines(None, &mut |line| {
        if line.kind != KeyRotated::KIND {
            return ControlFlow::Continue(());
        }
        match line.record().map(|record| record.event) {
            Ok(Event::KeyRotated(rotated)) if line.seq <= last => {
                let public_key = rotated.public_key;
                keys.push(ExportedKey { id: public_key.id(), public_key, from: line.seq + 1 });
            }
            _ => later.push(line.as_str().to_owned()),
        }
        ControlFlow::Continue(())
    })?;
    Ok((keys, later))
}
