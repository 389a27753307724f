//! Journals of the library for harnesses: options, drafts, and reading everything back.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use remediator::base::ids::{BootId, Fingerprint, NodeId, Receipt, Seq};
use remediator::base::sign::JournalKey;
use remediator::event::Draft;
use remediator::event::degradation::{DegradationSeen, Severity, Source};
use remediator::journal::{
    Clock as _, Depth, IndexMode, IntentJournal, Options, Report, SystemClock, read_offline, verify,
};
use uuid::Uuid;

/// Small, so that a run sees many rotations.
pub const SEGMENT_BYTES: u64 = 24_000;

pub fn node() -> NodeId {
    NodeId(Uuid::from_u128(0x1111_2222_3333_4444_8888_9999_aaaa_bbbb))
}

pub fn options(state: &Path, index: IndexMode) -> Options {
    let key = JournalKey::from_seed(&[42; 32]);
    Options { index, segment_bytes_max: SEGMENT_BYTES, ..Options::new(state, BootId::fresh(), key) }
}

/// A report that can be told from every other by its words.
pub fn draft(words: &str) -> Draft {
    let target = format!("web-{}", words.len() % 5);
    let seen = DegradationSeen {
        subject: None,
        receipt: Receipt::fresh(),
        subsystem: "service".into(),
        code: "PROCESS_DEAD".into(),
        severity: Severity::Error,
        summary: words.into(),
        detail: None,
        attributes: BTreeMap::new(),
        observed_at: None,
        source: Source::Sentinel("eye".into()),
        sender_id: None,
        fingerprint: Fingerprint::of("service", "PROCESS_DEAD", &target),
        actionable: true,
        target,
    };
    Draft { at: SystemClock.now(), incident: None, cause: None, event: seen.into() }
}

/// A state folder with a new journal in it.
pub fn create(state: &Path) -> Result<(), String> {
    std::fs::create_dir_all(state).map_err(|e| e.to_string())?;
    let journal = IntentJournal::create(options(state, IndexMode::Off), node(), BTreeMap::new())
        .map_err(|e| e.to_string())?;
    journal.clean_stop().map_err(|e| e.to_string())
}

/// Every line of an open journal.
pub fn lines(journal: &IntentJournal) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    loop {
        let after = (lines.len() as u64).checked_sub(1);
        let page = journal.lines(after, 500).map_err(|e| format!("reading lines: {e}"))?;
        if page.is_empty() {
            return Ok(lines);
        }
        lines.extend(page.iter().map(|line| line.as_str().to_owned()));
    }
}

/// Every line of a folder, without opening the journal.
pub fn offline_lines(folder: &Path) -> Result<BTreeMap<Seq, String>, String> {
    let mut lines = BTreeMap::new();
    let offline = read_offline(folder).map_err(|e| format!("reading offline: {e}"))?;
    let read = offline.lines(None, &mut |line| {
        lines.insert(line.seq, line.as_str().to_owned());
        ControlFlow::Continue(())
    });
    read.map_err(|e| format!("reading offline: {e}"))?;
    Ok(lines)
}

/// Full verification of a folder; an error when anything is wrong with it.
pub fn check(folder: &Path) -> Result<Report, String> {
    let report = verify(folder, Depth::Full, &mut |_| ()).map_err(|e| format!("verify: {e}"))?;
    if report.is_good() {
        Ok(report)
    } else {
        Err(format!("verify: {:?} {:?}", report.first_bad, report.bad_blobs))
    }
}

/// Everything acknowledged is there, word for word.
pub fn all_there<'a>(
    acknowledged: &BTreeMap<Seq, String>,
    line: impl Fn(Seq) -> Option<&'a String>,
) -> Result<(), String> {
    let lost: Vec<String> = acknowledged
        .iter()
        .filter(|(seq, words)| !line(**seq).is_some_and(|line| line.contains(words.as_str())))
        .map(|(seq, words)| format!("{seq} ({words})"))
        .collect();
    match lost.first() {
        None => Ok(()),
        Some(first) => Err(format!("{} acknowledged entries lost, the first is {first}", lost.len())),
    }
}

/// Segment files of a state folder, oldest first.
pub fn segments(state: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(state.join("journal")).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "ndjson")).collect();
    paths.sort();
    paths
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
