//! Drafts, options and folders for the journal's tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use remediator::base::ids::{BootId, Fingerprint, NodeId, Receipt};
use remediator::base::sign::JournalKey;
use remediator::base::time::Stamp;
use remediator::event::Draft;
use remediator::event::degradation::{DegradationSeen, Severity, Source};
use remediator::journal::{FixedClock, IndexMode, IntentJournal, Options};
use uuid::Uuid;

pub const AT: Stamp = Stamp { time_us: 1_700_000_000_000_000, mono_ms: 1_000 };

pub fn node() -> NodeId {
    NodeId(Uuid::from_u128(0x1111_2222_3333_4444_8888_9999_aaaa_bbbb))
}

pub fn key() -> JournalKey {
    JournalKey::from_seed(&[42; 32])
}

pub fn options(state: &Path) -> Options {
    Options {
        clock: Arc::new(FixedClock(AT)),
        index: IndexMode::Off,
        ..Options::new(state, BootId(Uuid::from_u128(0xb007)), key())
    }
}

pub fn indexed(state: &Path) -> Options {
    Options { index: IndexMode::On, ..options(state) }
}

pub fn draft(n: u64) -> Draft {
    draft_saying(n, &format!("number {n}"))
}

pub fn draft_saying(n: u64, summary: &str) -> Draft {
    let target = format!("web-{}", n % 7);
    let seen = DegradationSeen {
        subject: None,
        receipt: Receipt(Uuid::from_u128(u128::from(n))),
        subsystem: "service".into(),
        code: "PROCESS_DEAD".into(),
        severity: Severity::Error,
        summary: summary.into(),
        detail: None,
        attributes: [("unit".to_owned(), "a \"b\"\n\u{1}é".to_owned())].into(),
        observed_at: None,
        source: Source::Sentinel("eye".into()),
        sender_id: None,
        fingerprint: Fingerprint::of("service", "PROCESS_DEAD", &target),
        actionable: true,
        target,
    };
    let at = Stamp { time_us: AT.time_us + i64::try_from(n).unwrap_or(0) * 1_000_000, ..AT };
    Draft { at, incident: None, cause: None, event: seen.into() }
}

/// A state folder that goes away with the test.
pub struct Home {
    _folder: tempfile::TempDir,
    pub state: PathBuf,
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state");
        std::fs::create_dir(&state).expect("a state folder");
        Self { _folder: folder, state }
    }
    pub fn segment(&self, first: u64) -> PathBuf {
        self.state.join(format!("journal/{first:020}.ndjson"))
    }
    /// The newest segment file.
    pub fn last_segment(&self) -> PathBuf {
        let mut names: Vec<PathBuf> = std::fs::read_dir(self.state.join("journal"))
            .expect("the journal folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|e| e == "ndjson"))
            .collect();
        names.sort();
        names.pop().expect("a segment")
    }
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// Waits until something holds; fails loudly when it does not within half a minute.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        std::thread::yield_now();
    }
}

pub fn lines(journal: &IntentJournal) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let after = (lines.len() as u64).checked_sub(1);
        let page = journal.lines(after, 100).expect("lines");
        if page.is_empty() {
            return lines;
        }
        lines.extend(page.iter().map(|line| line.as_str().to_owned()));
    }
}
