//! Reading all segments in pieces of whole lines, looked at by every core, joined in order.
//! Knows nothing of what is looked for: that is `verify`.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::base::ids::Seq;
use crate::base::limits::LINE_BYTES_MAX;

use super::error::Error;
use super::segment::name_of;
use super::store::{Store, StoreFile, read_full};

/// Bytes that one core takes at a time.
const PIECE_BYTES: usize = 2 * 1024 * 1024;

/// Some whole lines of a segment (only the last piece of a file may end without LF).
pub(super) struct Piece {
    /// First seq of the segment, which names its file.
    pub segment: Seq,
    /// Where in the file it begins.
    pub byte: u64,
    pub bytes: Vec<u8>,
}

/// Cuts the files into pieces.
struct Cutter<'a> {
    store: &'a dyn Store,
    segments: std::slice::Iter<'a, Seq>,
    open: Option<(Seq, Arc<dyn StoreFile>, u64)>,
}

impl Cutter<'_> {
    fn next(&mut self) -> Result<Option<Piece>, Error> {
        loop {
            let Some((segment, file, byte)) = self.open.take() else {
                let Some(segment) = self.segments.next() else { return Ok(None) };
                let path = self.store.place().join(name_of(*segment));
                let file = self.store.open(&name_of(*segment)).map_err(Error::io("open", path))?;
                self.open = Some((*segment, file, 0));
                continue;
            };
            let mut bytes = vec![0; PIECE_BYTES];
            let path = || self.store.place().join(name_of(segment));
            let read = read_full(&*file, &mut bytes, byte).map_err(Error::io("read", path()))?;
            if read == 0 {
                continue;
            }
            let mut length = read;
            if read == PIECE_BYTES {
                let search = &bytes[read - LINE_BYTES_MAX - 1..];
                if let Some(last) = memchr::memrchr(b'\n', search) {
                    length = read - LINE_BYTES_MAX + last;
                }
                self.open = Some((segment, file, byte + length as u64));
            }
            bytes.truncate(length);
            return Ok(Some(Piece { segment, byte, bytes }));
        }
    }
}

/// Looks at every piece with `look` on all cores, and hands the results to `join` in order.
pub(super) fn for_each<R: Send>(
    store: &dyn Store,
    segments: &[Seq],
    look: impl Fn(&Piece) -> R + Sync,
    join: &mut dyn FnMut(Piece, R) -> ControlFlow<()>,
) -> Result<(), Error> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let mut cutter = Cutter { store, segments: segments.iter(), open: None };
    thread::scope(|scope| {
        let (give, take) = bounded::<(usize, Piece)>(cores * 2);
        let (send, results) = bounded::<(usize, Piece, R)>(cores * 4);
        for _ in 0..cores {
            let (take, send, look) = (take.clone(), send.clone(), &look);
            scope.spawn(move || {
                for (i, piece) in take {
                    let result = look(&piece);
                    if send.send((i, piece, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop((take, send));
        // The channels are dropped when this returns, and with them the threads end.
        conduct(&mut cutter, give, results, cores * 2, join)
    })
}

fn conduct<R>(
    cutter: &mut Cutter<'_>,
    give: Sender<(usize, Piece)>,
    results: Receiver<(usize, Piece, R)>,
    in_flight_max: usize,
    join: &mut dyn FnMut(Piece, R) -> ControlFlow<()>,
) -> Result<(), Error> {
    let mut early: BTreeMap<usize, (Piece, R)> = BTreeMap::new();
    let (mut given, mut joined) = (0, 0);
    let mut more = true;
    loop {
        while more && given - joined < in_flight_max {
            more = match cutter.next()? {
                Some(piece) => give.send((given, piece)).is_ok(),
                None => false,
            };
            given += usize::from(more);
        }
        if joined == given {
            return Ok(());
        }
        let Ok((i, piece, result)) = results.recv() else { return Ok(()) };
        early.insert(i, (piece, result));
        while let Some((piece, result)) = early.remove(&joined) {
            joined += 1;
            if join(piece, result).is_break() {
                return Ok(());
            }
        }
    }
}
