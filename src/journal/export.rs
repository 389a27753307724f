//! Exports: a folder that a stranger can verify and a damaged journal can be mended from.
//! One segment file with every line as stored, the blobs, the public keys, and a manifest.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::digest::Blake3;
use crate::base::formats::{self, Version};
use crate::base::ids::{NodeId, Seq};
use crate::base::sign::{KeyId, PublicKey};
use crate::event::{Event, Kind as _, journal as kinds};

use super::base::{self, Base};
use super::blobs;
use super::durable::Head;
use super::error::Error;
use super::files::{make_folder, sync_folder, write_durably};
use super::handle::IntentJournal;
use super::line::LineRef;
use super::offline::{Folder, read_offline};
use super::segment::name_of;

/// Name of the manifest.
pub(super) const MANIFEST: &str = "MANIFEST.json";

/// What an export holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this file.
    pub v: Version<{ formats::EXPORT }>,
    /// Whose journal.
    pub node: NodeId,
    /// Chain hash of the genesis entry.
    pub genesis: Blake3,
    /// The last entry.
    pub head: Head,
    /// The file with all lines.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its BLAKE3.
    pub blake3: Blake3,
    /// Keys in the order in which they came into force.
    pub keys: Vec<ExportedKey>,
    /// Blobs in `blobs/`, sorted.
    pub blobs: Vec<Blake3>,
    /// Blobs that the journal itself no longer had, each with the first entry that names it (RM-56).
    #[serde(default)]
    pub absent: BTreeMap<Blake3, Seq>,
}

/// A key of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedKey {
    /// Its id.
    pub id: KeyId,
    /// Its public half.
    pub public_key: PublicKey,
    /// First entry that it signs.
    pub from: Seq,
}

impl Manifest {
    /// Reads the manifest of an export, when the folder is one.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(MANIFEST)).ok()?).ok()
    }

    /// An export of another version is not taken for one that lacks its manifest: its end would be anybody's guess.
    pub(super) fn check_version(folder: &Path) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Only {
            v: u32,
        }
        let path = folder.join(MANIFEST);
        let found = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Only>(&bytes).ok());
        match found {
            Some(Only { v }) if v != formats::EXPORT => {
                Err(Error::OtherFormat { path, what: formats::unknown(v, formats::EXPORT) })
            }
            _ => Ok(()),
        }
    }
}

/// What came of an export.
pub type Exported = Manifest;

impl IntentJournal {
    /// Writes an export of everything that is durable now into an empty or new folder.
    pub fn export(&self, to: &Path) -> Result<Exported, Error> {
        let upto = self.head().seq;
        let from = self.inner.store.place();
        export(&from, to, Some(upto))
    }
}

/// Writes an export of a journal that nobody has open.
pub fn export(from: &Path, to: &Path, upto: Option<Seq>) -> Result<Manifest, Error> {
    if to.exists() && !to.is_dir() {
        return Err(Error::NotEmpty { path: to.to_owned() });
    }
    make_folder(to)?;
    let mut entries = std::fs::read_dir(to).map_err(Error::io("list", to))?;
    if entries.next().is_some() {
        return Err(Error::NotEmpty { path: to.to_owned() });
    }
    let offline = read_offline(from)?;
    let mut lines = Lines::create(to, offline.base())?;
    let mut failed = None;
    offline.lines(None, &mut |line| {
        if upto.is_some_and(|upto| line.seq > upto) {
            return ControlFlow::Break(());
        }
        match lines.add(line) {
            Ok(()) => ControlFlow::Continue(()),
            Err(e) => {
                failed = Some(e);
                ControlFlow::Break(())
            }
        }
    })?;
    let path = to.join(name_of(offline.minimum()));
    if let Some(e) = failed {
        return Err(Error::Io { doing: "write", path, source: e });
    }
    if let Some(base) = offline.base() {
        let bytes =
            base.to_bytes().map_err(|e| Error::Illegal(format!("the base cannot be written: {e}")))?;
        write_durably(to, base::NAME, &bytes)?;
    }
    let blobs = copy_blobs(&Folder::locate(from)?, &to.join("blobs"))?;
    let manifest = lines
        .finish(offline.genesis().node, offline.genesis_hash(), blobs)
        .map_err(Error::io("write", path))?;
    let mut text = serde_json::to_vec_pretty(&manifest)
        .map_err(|e| Error::Illegal(format!("the manifest cannot be written: {e}")))?;
    text.push(b'\n');
    write_durably(to, MANIFEST, &text)?;
    sync_folder(to).map_err(Error::io("sync", to))?;
    Ok(manifest)
}

struct Lines {
    first: Seq,
    file: BufWriter<File>,
    hasher: blake3::Hasher,
    bytes: u64,
    head: Option<Head>,
    keys: Vec<ExportedKey>,
    /// Blobs that entries name, each with the first one.
    named: BTreeMap<Blake3, Seq>,
}

impl Lines {
    fn create(to: &Path, base: Option<&Base>) -> Result<Self, Error> {
        let first = base.map_or(0, |base| base.minimum);
        let path = to.join(name_of(first));
        let file = File::create_new(&path).map_err(Error::io("make", path))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        let below =
            base.map(|base| base.keys().map_err(|what| Error::Damaged(base.damage(what)))).transpose()?;
        let (keys, named) = (below.unwrap_or_default(), BTreeMap::new());
        Ok(Self { first, file, hasher: blake3::Hasher::new(), bytes: 0, head: None, keys, named })
    }

    fn add(&mut self, line: &LineRef<'_>) -> io::Result<()> {
        for part in [line.as_str().as_bytes(), b"\n"] {
            self.file.write_all(part)?;
            self.hasher.update(part);
            self.bytes += part.len() as u64;
        }
        self.head = Some(Head { seq: line.seq, hash: line.chain_hash() });
        for blob in line.blobs() {
            self.named.entry(blob).or_insert(line.seq);
        }
        if let kinds::Genesis::KIND | kinds::KeyRotated::KIND = line.kind
            && let Ok(record) = line.record()
        {
            let (public_key, from) = match record.event {
                Event::Genesis(genesis) => (genesis.public_key, line.seq),
                Event::KeyRotated(rotated) => (rotated.public_key, line.seq + 1),
                _ => return Ok(()),
            };
            self.keys.push(ExportedKey { id: public_key.id(), public_key, from });
        }
        Ok(())
    }

    fn finish(mut self, node: NodeId, genesis: Blake3, blobs: Vec<Blake3>) -> io::Result<Manifest> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        let head = self.head.ok_or_else(|| io::Error::other("there is no entry"))?;
        let absent = self.named.into_iter().filter(|(blob, _)| blobs.binary_search(blob).is_err()).collect();
        Ok(Manifest {
            v: Version,
            node,
            genesis,
            head,
            file: name_of(self.first),
            bytes: self.bytes,
            blake3: Blake3::from_bytes(*self.hasher.finalize().as_bytes()),
            keys: self.keys,
            absent,
            blobs,
        })
    }
}

fn copy_blobs(from: &Folder, to: &Path) -> Result<Vec<Blake3>, Error> {
    let digests = blobs::list(&from.blobs)?;
    let target = blobs::Blobs::Folder(to.to_owned());
    make_folder(to)?;
    for digest in &digests {
        if let Some(bytes) = blobs::read(&from.blobs, digest)? {
            target.put(&bytes)?;
        }
    }
    Ok(digests)
}
