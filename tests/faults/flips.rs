//! Flipped bits: each one in a segment is found by both verifications, named, and never a panic; those in sled's
//! files never change an answer (`sled` has the children that look).

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use remediator::base::ids::{BootId, Seq};
use remediator::base::sign::JournalKey;
use remediator::journal::{Depth, IndexMode, IntentJournal, Options, verify};

use crate::journal::{draft, node, options, segments};
use crate::run::{Run, Tally, ensure, scratch};
use crate::sled::Way;

/// Flips on one journal before another one is made.
const FLIPS_PER_JOURNAL: u64 = 500;
/// One flip in so many is also opened.
const OPENED_SHARE: u64 = 10;

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    let mut left = run.count;
    while left > 0 && !run.hopeless() {
        let flips = left.min(FLIPS_PER_JOURNAL);
        left -= flips;
        let done = in_segments(run, flips);
        run.hold(done);
    }
    let in_sled = run.count / 5;
    let done = crate::sled::batches(run, in_sled, &[Way::Flip]);
    run.hold(done);
    run.done()
}

/// A journal of several segments, with a change of key; the last one stopped in order or not.
fn make(run: &mut Run, state: &Path) -> Result<(), String> {
    std::fs::create_dir_all(state).map_err(|e| e.to_string())?;
    let small = Options { segment_bytes_max: 6_000, ..options(state, IndexMode::Off) };
    let journal = IntentJournal::create(small, node(), BTreeMap::new()).map_err(|e| e.to_string())?;
    for n in 0..30 {
        let words = format!("number {n} \"é\" {}", "z".repeat(run.random.index(120)));
        journal.append(vec![draft(&words)]).map_err(|e| e.to_string())?;
        if n == 12 {
            journal.rotate_key(key()).map_err(|e| e.to_string())?;
        }
    }
    if run.random.percent(60) {
        journal.clean_stop().map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn key() -> JournalKey {
    JournalKey::from_seed(&[43; 32])
}

fn in_segments(run: &mut Run, flips: u64) -> Result<(), String> {
    let folder = scratch()?;
    let state = folder.path().join("state");
    make(run, &state)?;
    let files: Vec<(PathBuf, Vec<u8>)> = segments(&state)
        .into_iter()
        .chain([state.join("journal/head")])
        .map(|path| std::fs::read(&path).map(|bytes| (path, bytes)))
        .collect::<Result<_, _>>()
        .map_err(|e| e.to_string())?;
    for n in 0..flips {
        let (path, good) = &files[run.random.index(files.len() - 1)];
        let content = good.iter().rposition(|b| *b != b'\n').map_or(0, |at| at + 2);
        let mut bad = good.clone();
        // Padding behind the content is a small part of what matters.
        let within = if run.random.percent(95) { content.min(good.len()) } else { good.len() };
        let at = run.random.flip(&mut bad[..within]);
        std::fs::write(path, &bad).map_err(|e| e.to_string())?;
        let place = format!("byte {at} of {} ({:#04x} for {:#04x})", path.display(), bad[at], good[at]);
        let first: Seq =
            path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok()).ok_or("a name")?;
        let seq = first + good[..at].iter().take(content).filter(|b| **b == b'\n').count() as u64;
        run.add(if at < content { "flips in content" } else { "flips in padding" }, 1);
        let found = [Depth::Quick, Depth::Full].into_iter().try_for_each(|depth| {
            found(&state, depth, at < content, seq).map_err(|e| format!("{place}, {depth:?}: {e}"))
        });
        run.hold(found);
        if n % OPENED_SHARE == 0 {
            let opened = opened(&state, at < content).map_err(|e| format!("{place}: {e}"));
            run.add("opened", 1);
            run.hold(opened);
            make_as_before(&state, &files)?;
        }
        std::fs::write(path, good).map_err(|e| e.to_string())?;
        if run.hopeless() {
            break;
        }
    }
    Ok(())
}

fn found(state: &Path, depth: Depth, in_content: bool, seq: Seq) -> Result<(), String> {
    let report = catch_unwind(AssertUnwindSafe(|| verify(state, depth, &mut |_| ())));
    let report = report.map_err(|_| "a panic".to_owned())?;
    let report = match report {
        Ok(report) => report,
        // A genesis that cannot be read is told as an error.
        Err(e) => return ensure(seq == 0, || format!("not verifiable: {e}")),
    };
    let named = report.first_bad.as_ref().map(|bad| bad.seq);
    match in_content {
        true => ensure(named == Some(seq), || format!("entry {seq} was changed, named was {named:?}")),
        false => ensure(report.torn.is_some() || named.is_some(), || "not found".to_owned()),
    }
}

/// Opening must not take it for good either.
fn opened(state: &Path, in_content: bool) -> Result<(), String> {
    let options = Options { key: key(), boot: BootId::fresh(), ..options(state, IndexMode::Off) };
    let opened = catch_unwind(AssertUnwindSafe(|| IntentJournal::open(options)));
    match opened.map_err(|_| "a panic at open".to_owned())? {
        Err(_) => Ok(()),
        Ok((journal, opened)) => {
            drop(journal);
            let told = opened.damage.is_some() || (!in_content && opened.cut.is_some());
            // The last LF alone is no loss: the line is whole and its signature holds.
            ensure(told || opened.cut.is_some() || !opened.repaired.is_empty(), || {
                "opened as if nothing were wrong".into()
            })
        }
    }
}

/// An open may have written: a new segment, the head file.
fn make_as_before(state: &Path, files: &[(PathBuf, Vec<u8>)]) -> Result<(), String> {
    for path in segments(state) {
        if !files.iter().any(|(known, _)| *known == path) {
            std::fs::remove_file(path).map_err(|e| e.to_string())?;
        }
    }
    files.iter().try_for_each(|(path, bytes)| std::fs::write(path, bytes)).map_err(|e| e.to_string())
}
