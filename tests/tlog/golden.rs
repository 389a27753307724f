//! Golden logs of 0, 1, 255, 256, 257, 65,536 and 70,000 entries: a real journal made from fixed keys and clocks, its log kept
//! up by the real keeper. The same roots and the same signed notes for ever. `REMEDIATOR_BLESS=1` writes them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use remediator::base::sign::JournalKey;
use remediator::base::time::Stamp;
use remediator::journal::{Clock, FixedClock, IntentJournal};
use remediator::tlog::checkpoint::{Checkpoint, LogKey};
use remediator::tlog::merkle::{Hash, InMemory, consistency, inclusion, root};
use remediator::tlog::note::{Kind, Note, Verifier};
use remediator::tlog::tiles::{TileName, unbundle};
use remediator::tlog::{self, Log};

use crate::common::{AT, Home, draft, node, options};
use crate::foreign::{self, Tiles, Tree};

const SIZES: [u64; 6] = [1, 255, 256, 257, 65_536, 70_000];
const ORIGIN: &str = "golden.example/log";

fn key() -> JournalKey {
    JournalKey::from_seed(&[77; 32])
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tlog-v1.txt")
}

/// Waits until something holds, leaving the processor to the thread that has to bring it about.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(180);
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A log that is kept up until it is dropped.
struct Kept {
    log: Log,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Kept {
    fn up(journal: &IntentJournal, home: &Home) -> Self {
        Self::with(journal, home, Arc::new(FixedClock(AT)), tlog::HEARTBEAT)
    }
    fn with(journal: &IntentJournal, home: &Home, clock: Arc<dyn Clock>, heartbeat: Duration) -> Self {
        let (log, keeper) = Log::open(tlog::Options {
            folder: home.state.join("tlog"),
            journal: journal.clone(),
            origin: ORIGIN.into(),
            key: key(),
            clock,
            heartbeat,
        })
        .expect("opened");
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || keeper.run(&stop)
        });
        Self { log, stop, thread: Some(thread) }
    }
    /// The note, once it is of this size.
    fn at(&self, size: u64) -> Note {
        let mut found = None;
        eventually("a checkpoint of everything", || {
            let note = self.log.checkpoint().ok().and_then(|text| Note::parse(&text).ok());
            found = note.filter(|note| Checkpoint::parse(&note.text).is_ok_and(|head| head.size == size));
            found.is_some()
        });
        found.expect("just found")
    }
    fn tile(&self, name: &str) -> Vec<u8> {
        self.log.tile(&TileName::parse(name).expect("a name")).expect("a tile")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            thread.join().expect("it does not panic");
        }
    }
}

/// Appends until there are so many entries, and gives the new lines.
fn grow(journal: &IntentJournal, size: u64) -> Vec<Vec<u8>> {
    let before = journal.head().seq;
    while journal.head().seq + 1 < size {
        let next = journal.head().seq + 1;
        journal.append((next..size.min(next + 256)).map(draft).collect()).expect("appended");
    }
    let mut lines = Vec::new();
    let mut after = before;
    while after < journal.head().seq {
        let page = journal.lines(Some(after), 1_000).expect("lines");
        after = page.last().expect("a line").seq();
        lines.extend(page.iter().map(|line| line.as_str().as_bytes().to_vec()));
    }
    lines
}

/// Everything that others can say about a log of this size.
fn checked_by_others(
    kept: &Kept,
    note: &Note,
    lines: &[Vec<u8>],
    ours: &InMemory,
    theirs: &Tree,
    before: u64,
) {
    let head = Checkpoint::parse(&note.text).expect("a checkpoint");
    let (size, root_now) = (head.size, head.root);
    assert_eq!(foreign::root_of(theirs), root_now);
    foreign::reads_checkpoint(&note.text, ORIGIN, size, &root_now);
    let vkey = Verifier::new(ORIGIN, Kind::Plain, key().public()).to_string();
    foreign::believes_note(&note.to_string(), &vkey);
    let old = root(ours, before).expect("a root");
    foreign::same_consistency(theirs, before, &old, &consistency(ours, before, size).expect("a proof"));
    let indexes = [0, before.saturating_sub(1), before.min(size - 1), size / 2, size - 1];
    let mut entries = Vec::new();
    for index in indexes {
        let proof = kept.log.proof(index, true).expect("a proof");
        let line = &lines[index as usize];
        assert_eq!(proof.extra.as_ref(), Some(line));
        assert!(proof.shows(line));
        assert_eq!(proof.path, inclusion(ours, index, size).expect("a path"));
        foreign::same_inclusion(theirs, index, &proof.path);
        entries.push((index, line.as_slice(), proof.path));
    }
    foreign::proves_from_tiles(&Tiles(|name: &str| kept.tile(name)), (size, &root_now), &entries);
    for name in foreign::published(before, size) {
        let bytes = kept.tile(&name);
        let tile = TileName::parse(&name).expect("a name");
        assert_eq!(bytes.len(), tile.width * 32);
        if let Some(of_entries) = name.strip_prefix("0/") {
            let bundle = kept.tile(&format!("entries/{of_entries}"));
            let bundled = unbundle(&bundle).expect("a bundle");
            let from = (tile.index * 256) as usize;
            assert_eq!(bundled, &lines[from..from + tile.width]);
            let hashes: Vec<u8> = bundled.iter().flat_map(|entry| Hash::of_leaf(entry).0).collect();
            assert_eq!(hashes, bytes);
        }
    }
    // What is not signed for yet is not there.
    for beyond in
        [format!("0/{:03}.p/{}", size / 256, size % 256 + 1), "3/000".to_owned(), "63/000.p/1".to_owned()]
    {
        if let Some(tile) = TileName::parse(&beyond) {
            assert!(kept.log.tile(&tile).is_err(), "{beyond}");
        }
    }
}

#[test]
fn golden_logs_are_the_same_for_ever_and_others_agree_with_them() {
    let home = Home::new();
    let journal = IntentJournal::create(options(&home.state), node(), BTreeMap::new()).expect("made");
    let (mut ours, mut theirs) = (InMemory::default(), Tree::new());
    let mut said = format!("0 {}\n", root(&ours, 0).expect("the root of nothing"));
    assert_eq!(foreign::root_of(&theirs), Hash::of_nothing());
    let mut lines = vec![journal.line(0).expect("read").expect("genesis").as_str().as_bytes().to_vec()];
    let mut before = 0;
    let mut kept = Kept::up(&journal, &home);
    for size in SIZES {
        lines.extend(grow(&journal, size));
        for line in &lines[before as usize..] {
            ours.push(Hash::of_leaf(line));
            theirs.push(line.clone());
        }
        let note = kept.at(size);
        checked_by_others(&kept, &note, &lines, &ours, &theirs, before);
        said += &format!("{size} {}\n", root(&ours, size).expect("a root"));
        before = size;
        // A restart goes on with the tree on disk; one of them finds it gone.
        drop(kept);
        if size == 257 {
            std::fs::remove_dir_all(home.state.join("tlog")).expect("a cache");
        }
        kept = Kept::up(&journal, &home);
        assert_eq!(kept.at(size), note, "the same head, signed at the same time, is the same note");
    }
    said += &format!("\n{}", kept.at(70_000));
    if std::env::var_os("REMEDIATOR_BLESS").is_some() {
        std::fs::write(file(), &said).expect("written");
    }
    assert_eq!(std::fs::read_to_string(file()).expect("golden"), said);
}

#[test]
fn what_is_appended_while_the_log_is_kept_up_is_signed_for_and_damage_of_the_cache_is_not() {
    let home = Home::new();
    let journal = IntentJournal::create(options(&home.state), node(), BTreeMap::new()).expect("made");
    let kept = Kept::up(&journal, &home);
    let mut ours = InMemory::default();
    ours.push(Hash::of_leaf(journal.line(0).expect("read").expect("genesis").as_str().as_bytes()));
    for size in [2, 300, 301, 900] {
        grow(&journal, size).iter().for_each(|line| ours.push(Hash::of_leaf(line)));
        let head = Checkpoint::parse(&kept.at(size).text).expect("a checkpoint");
        assert_eq!(head.root, root(&ours, size).expect("a root"));
    }
    // A hash is changed under the running log: its proofs do not hold, so none is given, and the tree is made anew.
    let level = home.state.join("tlog/level-0");
    let mut bytes = std::fs::read(&level).expect("the hashes");
    bytes[32 * 40] ^= 1;
    std::fs::write(&level, bytes).expect("damaged");
    assert!(kept.log.proof(41, false).is_err());
    eventually("the tree is made anew", || kept.log.proof(41, false).is_ok());
    let path = inclusion(&ours, 41, 900).expect("a path");
    assert_eq!(kept.log.proof(41, false).expect("a proof").path, path);
}

/// A clock that is a minute on each time somebody looks.
struct Minutes(AtomicI64);

impl Clock for Minutes {
    fn now(&self) -> Stamp {
        Stamp { time_us: self.0.fetch_add(60_000_000, Ordering::Relaxed), mono_ms: 0 }
    }
}

#[test]
fn a_heartbeat_says_a_later_time_of_the_same_head() {
    let home = Home::new();
    let journal = IntentJournal::create(options(&home.state), node(), BTreeMap::new()).expect("made");
    let clock = Arc::new(Minutes(AtomicI64::new(60_000_000)));
    let kept = Kept::with(&journal, &home, clock, Duration::ZERO);
    let log = LogKey { origin: ORIGIN.into(), key: key().public() };
    let first = kept.at(1);
    let said = log.judge(&first).1.expect("a time");
    eventually("a later time of the same text", || {
        let note = kept.at(1);
        assert_eq!((&note.text, &note.signatures[0]), (&first.text, &first.signatures[0]));
        log.judge(&note).1.is_some_and(|time| time > said)
    });
}
