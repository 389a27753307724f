//! A journal handed to `backtest`, entry by entry, with progress. Lines are read and decoded on a thread of their own, for
//! that takes as long as deciding anew. Not for the model or the counting (`backtest`).

use std::ops::ControlFlow;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::{History, Read};
use crate::backtest::{Backtest, Fork, Report, Swap, wants};
use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::event::Record;
use crate::journal::Error;

/// Entries that are handed over at a time, and pieces that may wait.
const PIECE: usize = 1_024;
const PIECES: usize = 8;

/// Decoded entries, and the seq up to which lines were read.
type Piece = (Vec<Record>, Seq);

/// What would have been decided. `progress` hears how many entries were read; a damaged journal is taken up to the
/// damage, which the second value names.
pub fn whatif(
    history: &History,
    fork: Fork,
    swap: Swap,
    progress: &mut dyn FnMut(u64),
) -> Result<(Report, Option<String>), Error> {
    let manifests = Box::new(|digest: &Blake3| history.blob(digest).ok().flatten());
    let mut backtest = Backtest::new(history.genesis_hash(), history.genesis().node, fork, swap, manifests);
    if history.minimum() > 0 {
        backtest = backtest.beginning_with(history.first_world()?);
    }
    let read = thread::scope(|scope| {
        let (give, take) = sync_channel::<Piece>(PIECES);
        let reader = scope.spawn(move || decode(history, &give));
        for (records, seq) in take {
            records.iter().for_each(|record| backtest.record(record));
            progress(seq);
        }
        reader.join()
    });
    let read = match read {
        Ok(read) => read?,
        // The panic goes on where it would have without the thread.
        Err(panic) => std::panic::resume_unwind(panic),
    };
    Ok((backtest.finish(), read.damage.map(|damage| damage.to_string())))
}

fn decode(history: &History, give: &SyncSender<Piece>) -> Result<Read, Error> {
    let mut piece = Vec::with_capacity(PIECE);
    let (mut unreadable, mut lines) = (None, 0);
    let read = history.lines(None, &mut |line| {
        lines += 1;
        if wants(line.kind) {
            match line.record() {
                Ok(record) => piece.push(record),
                Err(source) => {
                    unreadable = Some(Error::Unreadable { seq: line.seq, source });
                    return ControlFlow::Break(());
                }
            }
        }
        // Nobody takes it any more only when the other side has panicked.
        if lines % PIECE == 0 && give.send((std::mem::take(&mut piece), line.seq)).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    let _ = give.send((piece, read.entries));
    unreadable.map_or(Ok(read), Err)
}
