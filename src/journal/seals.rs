//! Closed segments: checked against what the next one's first entry says of them, mended where they differ.
//! Which line belongs where is `repair`'s decision; the segment at the end is `recovery`'s.

use std::io;
use std::sync::Arc;

use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::event::Event;
use crate::event::journal::{LineRepaired, SegmentOpened};

use super::error::Error;
use super::line::LineRef;
use super::repair::{Keys, Mended, Pieces, Source, mend_closed, repair_records};
use super::segment::name_of;
use super::store::{Store, StoreFile, read_all, read_full};
use super::writer::UNFINISHED;

/// Bytes of closed segments, newest first, whose seals are checked at open. Older ones are believed.
const CHECK_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Checks closed segments against their seals, newest first, and mends what it can.
///
/// `first_line` is that of the last segment, which is believed already; what is below `minimum` was pruned; `keys` are
/// those that may have signed.
pub(super) fn check_closed(
    store: &Arc<dyn Store>,
    (first_line, minimum): (&LineRef<'_>, Seq),
    mut keys: Keys,
    source: Option<&dyn Source>,
) -> Result<Vec<LineRepaired>, Error> {
    let mut records = Vec::new();
    let mut checked = 0;
    let Some(mut seal) = seal_of(first_line) else { return Ok(records) };
    loop {
        if checked > CHECK_BYTES_MAX || seal.0.previous_first < minimum {
            return Ok(records);
        }
        checked += seal.0.previous_bytes;
        let (first_line, mended) = check_one(store, &seal, &mut keys, source)?;
        records.extend(mended);
        let before = LineRef::parse(&first_line).ok().and_then(|line| seal_of(&line));
        match before {
            Some(before) => seal = before,
            None => return Ok(records),
        }
    }
}

/// What a segment's first line says of the segment before.
pub(super) fn seal_of(line: &LineRef<'_>) -> Option<(SegmentOpened, Blake3)> {
    match line.record().ok()?.event {
        Event::SegmentOpened(seal) => Some((seal, line.prev)),
        _ => None,
    }
}

/// Checks one closed segment; gives its first line as it must be and what had to be mended.
pub(super) fn check_one(
    store: &Arc<dyn Store>,
    (seal, last_hash): &(SegmentOpened, Blake3),
    keys: &mut Keys,
    source: Option<&dyn Source>,
) -> Result<(Vec<u8>, Vec<LineRepaired>), Error> {
    let first = seal.previous_first;
    let path = store.place().join(name_of(first));
    let bytes = match store.open(&name_of(first)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Error::Io { doing: "open", path, source: e }),
        Ok(file) => {
            let fits = is_sealed(&*file, seal).map_err(Error::io("read", &path))?;
            if fits {
                return Ok((read_start(&*file).map_err(Error::io("read", path))?, Vec::new()));
            }
            read_all(&*file).map_err(Error::io("read", path))?
        }
    };
    for line in Pieces::of(&bytes).backwards() {
        keys.learn(line);
    }
    let none = NoSource;
    let source = source.unwrap_or(&none);
    let mended: Mended = mend_closed(&bytes, seal, *last_hash, keys, source).map_err(Error::Damaged)?;
    keep_aside(store, &format!("{first:020}-damaged.ndjson"), &bytes)?;
    write_segment(store, first, &mended.bytes)?;
    let mut records = repair_records(&bytes, &mended, first, source);
    if records.is_empty() {
        // Bytes behind or between the lines were changed; the lines themselves were all there.
        let damage = "bytes that are no line were taken out".to_owned();
        let from = "segments".to_owned();
        records.push(LineRepaired { seq: first, segment: first, byte: 0, damage, from });
    }
    let start = memchr::memchr(b'\n', &mended.bytes).unwrap_or(0);
    Ok((mended.bytes[..start].to_vec(), records))
}

/// Whether a file is exactly what its seal says. Read in pieces: a segment need not fit into memory twice.
fn is_sealed(file: &dyn StoreFile, seal: &SegmentOpened) -> io::Result<bool> {
    if file.size()? != seal.previous_bytes {
        return Ok(false);
    }
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    loop {
        match read_full(file, &mut buffer, at)? {
            0 => return Ok(Blake3::from_bytes(*hasher.finalize().as_bytes()) == seal.previous_blake3),
            read => {
                hasher.update(&buffer[..read]);
                at += read as u64;
            }
        }
    }
}

struct NoSource;

impl Source for NoSource {
    fn line(&self, _: Seq) -> Option<Vec<u8>> {
        None
    }
    fn name(&self) -> &'static str {
        "segments"
    }
}

/// The first line of a file, without LF.
pub(super) fn read_start(file: &dyn StoreFile) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; crate::base::limits::LINE_BYTES_MAX + 1];
    let read = read_full(file, &mut bytes, 0)?;
    bytes.truncate(memchr::memchr(b'\n', &bytes[..read]).unwrap_or(read));
    Ok(bytes)
}

/// Keeps bytes that are not (or no longer) part of the journal.
pub(super) fn keep_aside(store: &Arc<dyn Store>, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let name = format!("aside/{name}");
    let write = || -> io::Result<()> {
        let file = store.create(&name)?;
        file.write_at(bytes, 0)?;
        file.sync()
    };
    write().map_err(Error::io("keep aside", store.place().join(&name)))
}

/// Replaces a segment's file by one with exactly these bytes.
pub(super) fn write_segment(store: &Arc<dyn Store>, first: Seq, bytes: &[u8]) -> Result<(), Error> {
    let write = || -> io::Result<()> {
        let file = store.create(UNFINISHED)?;
        file.write_at(bytes, 0)?;
        file.sync()?;
        store.rename(UNFINISHED, &name_of(first))?;
        store.sync_folder()
    };
    write().map_err(Error::io("write anew", store.place().join(name_of(first))))
}
