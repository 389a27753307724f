//! Offline verification, quick and full: says whether a folder holds an unbroken journal, and if not,
//! the first entry and byte that are wrong. Reads files only; mends nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::base::digest::Blake3;
use crate::base::ids::{NodeId, Seq};

use super::base::Base;
use super::blobs;
use super::durable::Head;
use super::error::{Damage, Error};
use super::export::ExportedKey;
use super::files::Files;
use super::head::Note;
use super::offline::{Folder, KnownEnd, Offline};
use super::pieces;
use super::segment::{list, name_of};
use super::signatures::{self, Range};
use super::store::Store;
use super::walk::{self, Walker};

/// How much is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Chain, seals, head and key changes: proves every byte of content.
    Quick,
    /// Every signature and every blob as well.
    Full,
}

/// How far verification has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes looked at; in a full verification each counts twice.
    pub bytes: u64,
    /// Bytes there are to look at.
    pub of: u64,
    /// Entries that were good so far.
    pub entries: u64,
}

/// Bytes behind the last durable entry that are not an entry: a crash in the middle of a write, no damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Torn {
    /// The seq that was being written.
    pub seq: Seq,
    /// In which file.
    pub file: String,
    /// From which byte on.
    pub byte: u64,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Version of this object.
    pub v: u32,
    /// How much was checked.
    pub depth: Depth,
    /// Whose journal.
    pub node: Option<NodeId>,
    /// Chain hash of the genesis entry.
    pub genesis: Option<Blake3>,
    /// Good entries, those that were pruned counted: the seq that comes next.
    pub entries: u64,
    /// The first entry there is: those below it were pruned.
    pub minimum: Seq,
    /// The last good entry.
    pub head: Option<Head>,
    /// The first thing that is wrong.
    pub first_bad: Option<Damage>,
    /// A tail that never was durable.
    pub torn: Option<Torn>,
    /// Keys in the order in which they came into force.
    pub keys: Vec<ExportedKey>,
    /// Signatures that were checked.
    pub signatures: u64,
    /// Blobs that were checked (full verification).
    pub blobs: u64,
    /// Blobs whose bytes are not those their name promises.
    pub bad_blobs: Vec<Blake3>,
    /// Blobs that are not there, each with the first entry that names it (full verification).
    pub missing_blobs: BTreeMap<Blake3, Seq>,
}

/// Said of entries that the folder itself says were there.
const MISSING: &str = "the entries from here on are missing";

impl Report {
    /// Whether what is wrong is that the end is missing, and nothing else.
    pub fn is_cut_off(&self) -> bool {
        self.first_bad.as_ref().is_some_and(|bad| bad.what == MISSING)
    }
    /// Whether everything is as it must be.
    pub fn is_good(&self) -> bool {
        self.first_bad.is_none() && self.bad_blobs.is_empty() && self.missing_blobs.is_empty()
    }
}

/// Verifies a home, state folder, journal folder or export.
pub fn verify(folder: &Path, depth: Depth, progress: &mut dyn FnMut(Progress)) -> Result<Report, Error> {
    let folder = Folder::locate(folder)?;
    let store: Arc<dyn Store> = Arc::new(Files::new(&folder.segments));
    // Read first: what is appended while we read is then beyond it, not missing.
    let end = folder.known_end();
    verify_in(&Whole { store, folder, end, vouched: false }, depth, progress)
}

/// What is verified.
pub(super) struct Whole {
    pub store: Arc<dyn Store>,
    pub folder: Folder,
    /// Where it ends.
    pub end: Option<KnownEnd>,
    /// Whether somebody else answers for its base.
    pub vouched: bool,
}

/// Verifies a journal wherever it is.
pub(super) fn verify_in(
    whole: &Whole,
    depth: Depth,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, Error> {
    let Whole { store, folder, end, vouched } = whole;
    let segments = list(&**store)?;
    let base = Base::read(&**store);
    let bytes = segments
        .iter()
        .filter_map(|first| store.open(&name_of(*first)).and_then(|file| file.size()).ok())
        .sum::<u64>();
    let of = if depth == Depth::Full { bytes * 2 } else { bytes };
    let mut done = 0;
    let checkpoint = end.as_ref().and_then(|end| end.live.as_ref());
    let mut walker =
        Walker::new(checkpoint, segments.last().copied().unwrap_or(0)).above(base.as_ref(), *vouched);
    pieces::for_each(&**store, &segments, walk::look, &mut |piece, found| {
        done += piece.bytes.len() as u64;
        let flow = walker.join(&piece, found);
        progress(Progress { bytes: done, of, entries: walker.entries() });
        flow
    })?;
    walker.finish();
    settle_seals(&mut walker, &**store, &segments)?;
    check_unhashed(&mut walker, &**store, &segments, checkpoint)?;
    let mut report = report_of(walker, depth, end.as_ref());
    report.minimum = base.map_or(0, |base| base.minimum);
    if depth == Depth::Full {
        let mut found = signatures::check(&**store, &segments, &report, &mut |bytes| {
            progress(Progress { bytes: done + bytes, of, entries: report.entries });
        })?;
        if let Some(bad) = found.bad.take().filter(|bad| is_before(bad, report.first_bad.as_ref())) {
            report.entries = bad.seq;
            report.head = None;
            report.first_bad = Some(bad);
            report.torn = None;
        }
        report.signatures = found.count;
        check_blobs(folder, &mut report)?;
        find_missing_blobs(whole, &mut report)?;
    }
    Ok(report)
}

/// A seal or note that does not fit although the chain holds: some signature's bytes were changed. Which?
fn settle_seals(walker: &mut Walker<'_>, store: &dyn Store, segments: &[Seq]) -> Result<(), Error> {
    let Some(at) = walker.bad_seal() else { return Ok(()) };
    let range = Range { segment: 0, byte: 0, until: at.seq + 1, end: None };
    let keys = signatures::Keys::of(walker.keys());
    if let Some(bad) = signatures::first_bad(store, segments, &keys, range, &mut |_| ())?.bad {
        walker.blame(bad);
    }
    Ok(())
}

/// The last few lines are in no hash yet: their signatures are looked at, so that every byte is proven.
fn check_unhashed(
    walker: &mut Walker<'_>,
    store: &dyn Store,
    segments: &[Seq],
    note: Option<&Note>,
) -> Result<(), Error> {
    let Some(note) = note.filter(|_| !walker.is_bad()) else { return Ok(()) };
    let range = Range { segment: note.segment, byte: note.bytes, until: walker.entries(), end: None };
    let keys = signatures::Keys::of(walker.keys());
    let found = signatures::first_bad(store, segments, &keys, range, &mut |_| ())?;
    walker.count_signatures(found.count);
    if let Some(bad) = found.bad {
        walker.blame(bad);
    }
    Ok(())
}

fn is_before(bad: &Damage, other: Option<&Damage>) -> bool {
    other.is_none_or(|other| bad.seq < other.seq)
}

fn report_of(walker: Walker<'_>, depth: Depth, end: Option<&KnownEnd>) -> Report {
    let mut report = Report {
        v: 1,
        depth,
        node: walker.node(),
        genesis: walker.genesis(),
        entries: walker.entries(),
        minimum: 0,
        head: walker.head(),
        first_bad: None,
        torn: None,
        keys: walker.keys().to_vec(),
        signatures: walker.signatures(),
        blobs: 0,
        bad_blobs: Vec::new(),
        missing_blobs: BTreeMap::new(),
    };
    let (file, byte) = walker.place();
    match walker.into_bad() {
        // Only a live folder may have a tail; there it is behind the last entry that was ever acknowledged.
        Some(bad) if end.is_some_and(|end| end.live.is_some() && bad.seq > end.seq) => {
            report.torn = Some(Torn { seq: bad.seq, file: bad.file, byte: bad.byte });
        }
        Some(bad) => {
            report.entries = bad.seq;
            report.head = report.head.filter(|head| head.seq < bad.seq);
            report.first_bad = Some(bad);
        }
        None => {}
    }
    if let (Some(end), None) = (end, &report.first_bad) {
        let what = match report.head {
            Some(head) if head.seq == end.seq && head.hash != end.hash => "not the entry that was last",
            Some(head) if head.seq >= end.seq => return report,
            _ => MISSING,
        };
        let seq = if report.entries > end.seq { end.seq } else { report.entries };
        report.first_bad = Some(Damage { seq, file, byte, what: what.to_owned() });
    }
    report
}

/// Only in good entries: what a bad one names means nothing.
fn find_missing_blobs(whole: &Whole, report: &mut Report) -> Result<(), Error> {
    let folder = &whole.folder;
    let there: BTreeSet<Blake3> = blobs::list(&folder.blobs)?.into_iter().collect();
    let (good, mut missing) = (report.entries, BTreeMap::new());
    let durable = whole.end.as_ref().map(|end| end.seq);
    let looked = Offline::of(Arc::clone(&whole.store), folder.clone(), durable).and_then(|offline| {
        offline.lines(None, &mut |line| {
            if line.seq >= good {
                return ControlFlow::Break(());
            }
            for digest in line.blobs().into_iter().filter(|digest| !there.contains(digest)) {
                missing.entry(digest).or_insert(line.seq);
            }
            ControlFlow::Continue(())
        })
    });
    report.missing_blobs = missing;
    // What cannot be read was named before: it is the first thing that is wrong.
    if report.first_bad.is_some() { Ok(()) } else { looked }
}

fn check_blobs(folder: &Folder, report: &mut Report) -> Result<(), Error> {
    for digest in blobs::list(&folder.blobs)? {
        report.blobs += 1;
        match blobs::read(&folder.blobs, &digest) {
            Err(Error::BlobDamaged(digest)) => report.bad_blobs.push(digest),
            other => {
                other?;
            }
        }
    }
    Ok(())
}
