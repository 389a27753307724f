//! What stands in sled: the lines (`line_rows`) and rows of the indexes.
//! Nothing here is believed without its check; whoever sees trouble throws the folder away (`index`).

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::digest::Blake3;
use crate::base::ids::{Fingerprint, IncidentId, Seq};

use super::durable::Head;
use super::line::LineRef;
use super::line_rows::{LineRows, LinesBatch};
use super::select::Postings;
use super::words::{Theirs, Word};

/// sled's cache: the default takes 700 MB at a million entries.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// sled opens in seconds or not at all.
const OPEN_DEADLINE: Duration = Duration::from_secs(20);
/// Bytes of a row's check.
const CHECK: usize = 8;
const MINUTE_US: i64 = 60_000_000;

/// sled did not do what it should; its folder is not to be believed any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Trouble(pub String);

impl From<sled::Error> for Trouble {
    fn from(e: sled::Error) -> Self {
        Self(e.to_string())
    }
}

/// One index. The order is that of [`HeadRow::rows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Incident,
    Kind,
    Time,
    Fingerprint,
    Word,
}

const INDEXES: [(By, &str); 5] = [
    (By::Incident, "incident"),
    (By::Kind, "kind"),
    (By::Time, "time"),
    (By::Fingerprint, "fingerprint"),
    (By::Word, "word"),
];

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct HeadRow {
    seq: Seq,
    hash: Blake3,
    genesis: Blake3,
    /// Rows of each index up to `seq`.
    rows: [u64; 5],
}

/// An open sled folder.
pub(super) struct Rows {
    db: sled::Db,
    lines: LineRows,
    indexes: [sled::Tree; 5],
    meta: sled::Tree,
    head: std::sync::Mutex<Option<HeadRow>>,
    genesis: Blake3,
}

/// Runs something in sled; a panic inside it is trouble like any other.
fn guarded<T>(f: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Trouble(format!("sled panicked: {text}")))
    })
}

impl Rows {
    /// Opens or makes the folder, on a thread of its own: sled may panic or never come back.
    /// `genesis` says which journal it must be of; without it, whichever it is of.
    pub fn open(folder: &Path, genesis: Option<Blake3>) -> Result<Self, Trouble> {
        remove_unfinished_snapshots(folder);
        let (send, receive) = mpsc::channel();
        let path = folder.to_owned();
        let spawned = thread::Builder::new().name("sled-open".into()).spawn(move || {
            let _ = send.send(guarded(|| Self::open_here(&path, genesis)));
        });
        spawned.map_err(|e| Trouble(format!("no thread to open sled: {e}")))?;
        receive
            .recv_timeout(OPEN_DEADLINE)
            .unwrap_or_else(|_| Err(Trouble("sled did not open in time".into())))
    }

    fn open_here(folder: &Path, genesis: Option<Blake3>) -> Result<Self, Trouble> {
        let db = sled::Config::new()
            .path(folder)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .mode(sled::Mode::HighThroughput)
            .open()?;
        let tree = |name: &str| db.open_tree(name);
        let [a, b, c, d, e] = INDEXES.map(|(_, name)| tree(name));
        let indexes = [a?, b?, c?, d?, e?];
        let (lines, meta) = (LineRows::new(tree("lines")?), tree("meta")?);
        let head = match meta.get("head")? {
            Some(bytes) => Some(decode_head(&bytes).ok_or(Trouble("its head row does not check".into()))?),
            None if lines.is_empty() => None,
            None => return Err(Trouble("its head row is gone".into())),
        };
        let genesis = match (genesis, head.as_ref().map(|head| head.genesis)) {
            (Some(wanted), Some(found)) if wanted != found => {
                return Err(Trouble("it belongs to another journal".into()));
            }
            (wanted, found) => wanted.or(found).unwrap_or(Blake3::ZERO),
        };
        Ok(Self { db, lines, indexes, meta, head: std::sync::Mutex::new(head), genesis })
    }

    fn head_row(&self) -> std::sync::MutexGuard<'_, Option<HeadRow>> {
        self.head.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The last entry that is wholly in here.
    pub fn head(&self) -> Option<Head> {
        self.head_row().as_ref().map(|head| Head { seq: head.seq, hash: head.hash })
    }

    /// A line, when it is there and is what was put in.
    pub fn line(&self, seq: Seq) -> Result<Option<Vec<u8>>, Trouble> {
        guarded(|| self.lines.line(seq))
    }

    /// Lines from `from` on, at most `limit`.
    pub fn lines(&self, from: Seq, limit: usize) -> Result<Vec<Vec<u8>>, Trouble> {
        guarded(|| self.lines.lines(from, limit))
    }

    /// Puts one batch in: lines, rows, and last the head, whose chain hash is `hash`.
    pub fn apply(&self, batch: Applied, hash: Blake3) -> Result<(), Trouble> {
        guarded(|| {
            self.lines.apply(batch.lines)?;
            let mut counts = self.head_row().as_ref().map_or([0; 5], |head| head.rows);
            for (i, terms) in batch.terms.into_iter().enumerate() {
                let mut rows = sled::Batch::default();
                counts[i] += terms.len() as u64;
                for (term, row) in terms {
                    let key = row_key(&term, row.first);
                    let value = row_value(&key, &row.payload);
                    rows.insert(key, value);
                }
                self.indexes[i].apply_batch(rows)?;
            }
            let row = HeadRow { seq: batch.last, hash, genesis: self.genesis, rows: counts };
            self.meta.insert("head", encode_head(&row))?;
            *self.head_row() = Some(row);
            Ok(())
        })
    }

    /// Makes sled write out what it holds back.
    pub fn flush(&self) -> Result<(), Trouble> {
        guarded(|| Ok(self.db.flush().map(|_| ())?))
    }

    /// Looks at every index row: each must check, and none may be missing. Rows above the head are taken out.
    pub fn check(&self, stop: &dyn Fn() -> bool) -> Result<(), Trouble> {
        guarded(|| {
            let (seq, counts) = match &*self.head_row() {
                Some(head) => (Some(head.seq), head.rows),
                None => (None, [0; 5]),
            };
            self.lines.remove_above(seq)?;
            for (i, (_, name)) in INDEXES.iter().enumerate() {
                let mut found = 0;
                let mut above = sled::Batch::default();
                for row in &self.indexes[i] {
                    let (key, value) = row?;
                    checked_row(&key, &value)?;
                    if seq.is_some_and(|seq| first_of_key(&key) <= seq) {
                        found += 1;
                    } else {
                        above.remove(key);
                    }
                    if stop() {
                        return Ok(());
                    }
                }
                if found != counts[i] {
                    return Err(Trouble(format!("index {name} has {found} rows, not {}", counts[i])));
                }
                self.indexes[i].apply_batch(above)?;
            }
            Ok(())
        })
    }

    /// Seqs after `after` that have this term, in order, at most `limit`.
    pub fn seqs(&self, by: By, term: &[u8], after: Option<Seq>, limit: usize) -> Result<Vec<Seq>, Trouble> {
        guarded(|| {
            let tree = &self.indexes[by as usize];
            let mut seqs = Vec::new();
            // The row before `after` may hold later seqs as well.
            let start = match after {
                Some(after) => tree
                    .range(term.to_vec()..=row_key(term, after))
                    .next_back()
                    .transpose()?
                    .map_or(row_key(term, 0), |(key, _)| key.to_vec()),
                None => row_key(term, 0),
            };
            for row in tree.range(start..=row_key(term, Seq::MAX)) {
                let (key, value) = row?;
                for seq in payload_seqs(checked_row(&key, &value)?) {
                    if after.is_none_or(|after| seq > after) {
                        seqs.push(seq);
                    }
                }
                if seqs.len() >= limit {
                    seqs.truncate(limit);
                    break;
                }
            }
            Ok(seqs)
        })
    }

    /// Seqs of entries with `from_us` ≤ wall time < `until_us`, in order.
    pub fn seqs_by_time(&self, from_us: i64, until_us: i64, limit: usize) -> Result<Vec<Seq>, Trouble> {
        guarded(|| {
            let mut seqs = Vec::new();
            let end = row_key(&minute_term(until_us), Seq::MAX);
            for row in self.indexes[By::Time as usize].range(row_key(&minute_term(from_us), 0)..=end) {
                let (key, value) = row?;
                for (seq, time) in payload_times(checked_row(&key, &value)?) {
                    if (from_us..until_us).contains(&time) {
                        seqs.push(seq);
                    }
                }
            }
            seqs.sort_unstable();
            seqs.truncate(limit);
            Ok(seqs)
        })
    }
}

/// Seqs that are read of a list at once.
const CHUNK: usize = 512;

/// The seqs that have a term, read as far as they are walked.
pub(super) struct RowList<'a> {
    rows: &'a Rows,
    by: By,
    term: Vec<u8>,
    ahead: VecDeque<Seq>,
    over: bool,
}

impl Rows {
    /// See [`RowList`].
    pub fn list(&self, by: By, term: Vec<u8>) -> RowList<'_> {
        RowList { rows: self, by, term, ahead: VecDeque::new(), over: false }
    }

    /// What an incident is about, by its entries.
    pub fn theirs(&self, id: IncidentId) -> Result<Theirs, Trouble> {
        let (mut theirs, seqs) =
            (Theirs::default(), self.seqs(By::Incident, &incident_term(&id), None, usize::MAX)?);
        for seq in &seqs {
            if theirs.knows_target() {
                break;
            }
            self.learn(&mut theirs, *seq)?;
        }
        for seq in seqs.iter().rev() {
            if theirs.knows_runbook() {
                break;
            }
            let mut last = Theirs::default();
            self.learn(&mut last, *seq)?;
            if last.knows_runbook() {
                self.learn(&mut theirs, *seq)?;
            }
        }
        Ok(theirs)
    }

    fn learn(&self, theirs: &mut Theirs, seq: Seq) -> Result<(), Trouble> {
        let line = self.line(seq)?.ok_or_else(|| Trouble(format!("line {seq} is missing")))?;
        let line = LineRef::parse(&line).map_err(|_| Trouble(format!("line {seq} is no line")))?;
        if line.seq != seq {
            return Err(Trouble(format!("line {seq} is another one")));
        }
        theirs.learn(&line);
        Ok(())
    }
}

impl Postings for RowList<'_> {
    type Error = Trouble;
    fn seek(&mut self, from: Seq) -> Result<Option<Seq>, Trouble> {
        while self.ahead.front().is_some_and(|seq| *seq < from) {
            self.ahead.pop_front();
        }
        if self.ahead.is_empty() && !self.over {
            let more = self.rows.seqs(self.by, &self.term, from.checked_sub(1), CHUNK)?;
            self.over = more.len() < CHUNK;
            self.ahead = more.into();
        }
        Ok(self.ahead.front().copied())
    }
}

/// A batch on its way into sled.
#[derive(Default)]
pub(super) struct Applied {
    lines: LinesBatch,
    terms: [BTreeMap<Vec<u8>, Row>; 5],
    last: Seq,
    /// How many lines are in it.
    pub count: u64,
}

struct Row {
    first: Seq,
    payload: Vec<u8>,
}

impl Applied {
    /// Adds a line that follows the ones before, with the words that it is found by.
    pub fn add(&mut self, line: &LineRef<'_>, words: &[Word]) {
        self.lines.add(line.seq, line.as_str().as_bytes());
        let seq = line.seq.to_le_bytes();
        if let Some(id) = line.incident {
            self.row(By::Incident, incident_term(&id), line.seq).extend_from_slice(&seq);
        }
        self.row(By::Kind, kind_term(line.kind), line.seq).extend_from_slice(&seq);
        let times = self.row(By::Time, minute_term(line.at.time_us).to_vec(), line.seq);
        times.extend_from_slice(&seq);
        times.extend_from_slice(&line.at.time_us.to_le_bytes());
        if let Some(fingerprint) = fingerprint_of(line) {
            self.row(By::Fingerprint, fingerprint.as_bytes().to_vec(), line.seq).extend_from_slice(&seq);
        }
        for word in words {
            self.row(By::Word, word.term(), line.seq).extend_from_slice(&seq);
        }
        self.last = line.seq;
        self.count += 1;
    }

    fn row(&mut self, by: By, term: Vec<u8>, seq: Seq) -> &mut Vec<u8> {
        let new = || Row { first: seq, payload: Vec::new() };
        &mut self.terms[by as usize].entry(term).or_insert_with(new).payload
    }
}

pub(super) fn incident_term(id: &IncidentId) -> Vec<u8> {
    id.0.as_bytes().to_vec()
}

pub(super) fn kind_term(kind: &str) -> Vec<u8> {
    let mut term = kind.as_bytes().to_vec();
    term.push(0);
    term
}

/// Minutes in an order that bytes have too: the sign bit is turned.
fn minute_term(time_us: i64) -> [u8; 8] {
    (time_us.div_euclid(MINUTE_US) ^ i64::MIN).to_be_bytes()
}

/// The fingerprint that an entry speaks of. It is the last member of that name in all kinds that have one.
fn fingerprint_of(line: &LineRef<'_>) -> Option<Fingerprint> {
    const NAME: &[u8] = b"\"fingerprint\":\"";
    if !matches!(line.kind, "degradation.seen" | "degradation.recovered" | "incident.opened") {
        return None;
    }
    let at = memchr::memmem::rfind(line.data.as_bytes(), NAME)? + NAME.len();
    line.data.get(at..at + 32)?.parse().ok()
}

fn row_key(term: &[u8], first: Seq) -> Vec<u8> {
    let mut key = term.to_vec();
    key.extend_from_slice(&first.to_be_bytes());
    key
}

fn first_of_key(key: &[u8]) -> Seq {
    key.last_chunk::<8>().map_or(Seq::MAX, |bytes| Seq::from_be_bytes(*bytes))
}

fn row_check(key: &[u8], payload: &[u8]) -> [u8; CHECK] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes()).update(key).update(payload);
    let mut check = [0; CHECK];
    hasher.finalize_xof().fill(&mut check);
    check
}

fn row_value(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut value = row_check(key, payload).to_vec();
    value.extend_from_slice(payload);
    value
}

fn checked_row<'a>(key: &[u8], value: &'a [u8]) -> Result<&'a [u8], Trouble> {
    match value.split_first_chunk::<CHECK>() {
        Some((check, payload)) if *check == row_check(key, payload) => Ok(payload),
        _ => Err(Trouble("an index row does not check".into())),
    }
}

fn payload_seqs(payload: &[u8]) -> impl Iterator<Item = Seq> + '_ {
    payload.as_chunks::<8>().0.iter().map(|bytes| Seq::from_le_bytes(*bytes))
}

fn payload_times(payload: &[u8]) -> impl Iterator<Item = (Seq, i64)> + '_ {
    payload.as_chunks::<16>().0.iter().map(|pair| {
        let (seq, time) = pair.split_at(8);
        let part = |bytes: &[u8]| bytes.first_chunk::<8>().copied().unwrap_or_default();
        (Seq::from_le_bytes(part(seq)), i64::from_le_bytes(part(time)))
    })
}

fn encode_head(row: &HeadRow) -> Vec<u8> {
    let json = serde_json::to_vec(row).unwrap_or_default();
    row_value(b"head", &json)
}

fn decode_head(value: &[u8]) -> Option<HeadRow> {
    serde_json::from_slice(checked_row(b"head", value).ok()?).ok()
}

/// kill -9 at the wrong moment leaves `snap.*.generating`, which keeps sled from ever opening again.
fn remove_unfinished_snapshots(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            let _ = fs::remove_file(entry.path());
        }
    }
}
