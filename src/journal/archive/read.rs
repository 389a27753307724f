//! Reading an archive back: its signature, every file against the manifest, then the same verification as that of a
//! journal, over the segments as they unpack.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::Seq;
use crate::base::limits::ARCHIVED_SEGMENT_BYTES_MAX;
use crate::base::sign::KeyId;

use super::super::base;
use super::super::blobs;
use super::super::error::Error;
use super::super::export::Manifest;
use super::super::offline::{Folder, KnownEnd};
use super::super::segment::name_of;
use super::super::store::{Store, StoreFile};
use super::super::verify::{Depth, Report, Whole, verify_in};
use super::manifest::{ArchiveManifest, ArchivedSegment, MANIFEST, SIGNATURE, Signature};

/// An archive that was verified.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Where it is.
    pub folder: PathBuf,
    /// What it holds.
    pub manifest: ArchiveManifest,
    /// Digest of the manifest's bytes.
    pub digest: FileDigest,
    /// The journal's key that signed the manifest.
    pub signed_by: KeyId,
    /// What verification found: it is good.
    pub report: Report,
}

/// Verifies an archive by itself, with every signature and every blob.
pub fn verify_archive(folder: &Path) -> Result<Archive, Error> {
    let wrong = |what: String| Error::Archive { path: folder.to_owned(), what };
    let unfit = |what: &str| Error::UnfitArchive { path: folder.to_owned(), what: what.into() };
    if !folder.is_dir() {
        let what = if folder.exists() { "that is a file, not a folder" } else { "there is no such folder" };
        return Err(unfit(what));
    }
    if !folder.join(MANIFEST).exists() && !folder.join(SIGNATURE).exists() {
        return Err(unfit(&format!(
            "it has neither {MANIFEST} nor {SIGNATURE}, so `journal archive` did not write it"
        )));
    }
    if !folder.join(SIGNATURE).exists() && Manifest::read(folder).is_some() {
        return Err(unfit("it is an export: `remediator audit verify --full --folder DIR` verifies it"));
    }
    let read = |name: &str| std::fs::read(folder.join(name)).map_err(|e| wrong(format!("{name}: {e}")));
    let (text, signature) = (read(MANIFEST)?, read(SIGNATURE)?);
    let manifest: ArchiveManifest = serde_json::from_slice(&text)
        .map_err(|e| wrong(format!("{MANIFEST} is no manifest of an archive: {e}")))?;
    let signature: Signature =
        serde_json::from_slice(&signature).map_err(|e| wrong(format!("{SIGNATURE} is no signature: {e}")))?;
    let signer = manifest.signer().map_err(|what| wrong(what.to_owned()))?;
    if !signature.holds(&signer, &text) {
        return Err(wrong(format!("{MANIFEST} is not what was signed")));
    }
    if !manifest.is_in_order() {
        return Err(wrong(format!("the segments of {MANIFEST} do not follow each other")));
    }
    let unpacked = Unpacked { folder: folder.to_owned(), manifest: manifest.clone() };
    let bad = manifest.segments.iter().find_map(|segment| unpacked.segment(segment).err());
    if let Some(error) = bad {
        return Err(wrong(error.to_string()));
    }
    if let Some(digest) = manifest.base
        && Blake3::of(&read(base::NAME)?) != digest
    {
        return Err(wrong(format!("the file `{}` is not the one that was archived", base::NAME)));
    }
    let report = verified(&unpacked).map_err(|e| wrong(e.to_string()))?;
    check(&manifest, &report, folder).map_err(wrong)?;
    let digest = FileDigest::of(&text);
    Ok(Archive { folder: folder.to_owned(), manifest, digest, signed_by: signature.key, report })
}

/// Whether an archive is of this journal, and begins where the journal does: that is what can be pruned to it.
pub fn must_be_of(archive: &Archive, genesis: Blake3, minimum: Seq) -> Result<(), Error> {
    let manifest = &archive.manifest;
    let unfit = |what: String| Error::UnfitArchive { path: archive.folder.clone(), what };
    if manifest.genesis != genesis {
        return Err(Error::ForeignArchive { path: archive.folder.clone() });
    }
    let (first, last) = (manifest.first, manifest.last);
    if last < minimum {
        return Err(unfit(format!(
            "it ends with entry {last}, and all of that was pruned already: this journal begins with entry {minimum}"
        )));
    }
    if first == minimum {
        return Ok(());
    }
    Err(unfit(format!("it begins with entry {first}, this journal with entry {minimum}")))
}

fn verified(unpacked: &Unpacked) -> Result<Report, Error> {
    let (seq, hash) = (unpacked.manifest.last, unpacked.manifest.hash);
    let folder = Folder { segments: unpacked.folder.clone(), blobs: unpacked.folder.join("blobs") };
    let whole = Whole {
        store: Arc::new(unpacked.clone()),
        folder,
        end: Some(KnownEnd { seq, hash, live: None }),
        // The signed manifest names the base's digest.
        vouched: true,
    };
    verify_in(&whole, Depth::Full, &mut |_| ())
}

/// What was read against what the manifest says.
fn check(manifest: &ArchiveManifest, report: &Report, folder: &Path) -> Result<(), String> {
    if let Some(bad) = &report.first_bad {
        return Err(bad.to_string());
    }
    if let Some(blob) = report.bad_blobs.first() {
        return Err(format!("blob {blob} does not hold what its name promises"));
    }
    let (head, keys) = (report.head.map(|head| (head.seq, head.hash)), &report.keys);
    let same = head == Some((manifest.last, manifest.hash))
        && report.minimum == manifest.first
        && report.node == Some(manifest.node)
        && report.genesis == Some(manifest.genesis)
        && *keys == manifest.keys;
    if !same {
        return Err("its entries are not those that the manifest names".into());
    }
    let there = blobs::list(&folder.join("blobs")).map_err(|e| e.to_string())?;
    if there != manifest.blobs {
        return Err("its blobs are not those that the manifest names".into());
    }
    match report.missing_blobs.iter().find(|(blob, _)| !manifest.absent.contains_key(blob)) {
        Some((blob, seq)) => Err(format!("blob {blob}, which entry {seq} names, is missing")),
        None => Ok(()),
    }
}

/// The segments of an archive as a store has them: read only.
#[derive(Debug, Clone)]
pub(super) struct Unpacked {
    pub folder: PathBuf,
    pub manifest: ArchiveManifest,
}

impl Unpacked {
    /// The bytes of a segment, checked against the manifest before and after they are unpacked.
    pub fn segment(&self, segment: &ArchivedSegment) -> io::Result<Vec<u8>> {
        let wrong = |what: &str| io::Error::other(format!("{} {what}", segment.file));
        let packed = std::fs::read(self.folder.join(&segment.file))
            .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", segment.file)))?;
        if packed.len() as u64 != segment.file_bytes || Blake3::of(&packed) != segment.file_blake3 {
            return Err(wrong("is not the file that was archived"));
        }
        if segment.bytes > ARCHIVED_SEGMENT_BYTES_MAX {
            return Err(wrong("is larger than any segment"));
        }
        let length = usize::try_from(segment.bytes).map_err(|_| wrong("is larger than memory"))?;
        let bytes = zstd::bulk::decompress(&packed, length)
            .map_err(|e| wrong(&format!("cannot be unpacked: {e}")))?;
        if bytes.len() != length || Blake3::of(&bytes) != segment.blake3 {
            return Err(wrong("does not unpack to the segment that was sealed"));
        }
        Ok(bytes)
    }
}

/// A file that is unpacked when it is read.
enum Packed {
    Segment { of: Box<Unpacked>, segment: ArchivedSegment, bytes: OnceLock<Vec<u8>> },
    Plain(Vec<u8>),
}

fn read_only<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "an archive is only read"))
}

impl StoreFile for Packed {
    fn size(&self) -> io::Result<u64> {
        Ok(match self {
            Self::Segment { segment, .. } => segment.bytes,
            Self::Plain(bytes) => bytes.len() as u64,
        })
    }
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let bytes = match self {
            Self::Plain(bytes) => bytes,
            Self::Segment { of, segment, bytes } => match bytes.get() {
                Some(bytes) => bytes,
                None => {
                    let unpacked = of.segment(segment)?;
                    bytes.get_or_init(|| unpacked)
                }
            },
        };
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        read_only()
    }
    fn set_len(&self, _: u64) -> io::Result<()> {
        read_only()
    }
    fn sync(&self) -> io::Result<()> {
        read_only()
    }
}

impl Store for Unpacked {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.manifest.segments.iter().map(|segment| name_of(segment.first)).collect())
    }
    fn open(&self, name: &str) -> io::Result<Arc<dyn StoreFile>> {
        if name == base::NAME && self.manifest.base.is_some() {
            return Ok(Arc::new(Packed::Plain(std::fs::read(self.folder.join(name))?)));
        }
        let segment = self.manifest.segments.iter().find(|segment| name_of(segment.first) == name);
        let segment = segment.ok_or(io::ErrorKind::NotFound)?.clone();
        Ok(Arc::new(Packed::Segment { of: Box::new(self.clone()), segment, bytes: OnceLock::new() }))
    }
    fn create(&self, _: &str) -> io::Result<Arc<dyn StoreFile>> {
        read_only()
    }
    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        read_only()
    }
    fn remove(&self, _: &str) -> io::Result<()> {
        read_only()
    }
    fn sync_folder(&self) -> io::Result<()> {
        read_only()
    }
    fn place(&self) -> PathBuf {
        self.folder.clone()
    }
}
