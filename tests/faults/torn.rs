//! The last three lines cut at every byte, on real files: whatever was durable stays, a torn line is kept aside and
//! recorded, and a cut below what is known to have been durable is told as damage unless sled has the lines.

use std::path::Path;

use remediator::journal::{IndexMode, IntentJournal};

use crate::journal::{copy, create, draft, lines, options, segments};
use crate::run::{Run, Tally, ensure, scratch, until};

/// What is left beside the segments when the cut is found.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Beside {
    /// Nothing that knows how far the journal was durable: as after a power cut.
    Nothing,
    /// The head file.
    Head,
    /// The head file and sled.
    HeadAndSled,
}

/// See the module.
pub fn run(run: &mut Run) -> Tally {
    for _ in 0..run.count {
        let done = one(run);
        run.hold(done);
    }
    run.done()
}

fn one(run: &mut Run) -> Result<(), String> {
    let folder = scratch()?;
    let whole = folder.path().join("whole");
    create(&whole)?;
    let (journal, _) = IntentJournal::open(options(&whole, IndexMode::On)).map_err(|e| e.to_string())?;
    let entries = 4 + run.random.below(6);
    for n in 0..entries {
        let words = format!("number {n} {}", "y".repeat(run.random.index(150)));
        journal.append(vec![draft(&words)]).map_err(|e| e.to_string())?;
    }
    until("sled has everything", std::time::Duration::from_secs(20), || {
        journal.by_kind("degradation.seen", None, 100).ok().filter(|seqs| seqs.len() as u64 == entries)
    })?;
    let all = lines(&journal)?;
    drop(journal);
    let last = segments(&whole).pop().ok_or("no segment")?;
    let bytes = std::fs::read(&last).map_err(|e| e.to_string())?;
    let content = bytes.iter().rposition(|b| *b != b'\n').ok_or("an empty segment")? + 2;
    let three: usize = all[all.len() - 3..].iter().map(|line| line.len() + 1).sum();
    for cut in content - three..content {
        let beside = [Beside::Nothing, Beside::Head, Beside::HeadAndSled];
        for beside in beside.into_iter().take(if cut % 8 == 0 { 3 } else { 2 }) {
            let state = folder.path().join("cut");
            copy(&whole, &state).map_err(|e| e.to_string())?;
            let tail = [Vec::new(), vec![b'\n'; 300], vec![0; 300]][cut % 3].clone();
            let name = last.file_name().ok_or("no name")?;
            std::fs::write(state.join("journal").join(name), [&bytes[..cut], &tail].concat())
                .map_err(|e| e.to_string())?;
            let done = opens(&state, (&bytes[..cut], bytes[cut] == b'\n'), &all, content - cut, beside);
            run.add("cuts", 1);
            let _ = std::fs::remove_dir_all(&state);
            run.hold(done.map_err(|e| format!("cut at byte {cut} of {content}, {beside:?} beside: {e}")));
        }
    }
    Ok(())
}

fn opens(
    state: &Path,
    (left, whole_line): (&[u8], bool),
    all: &[String],
    missing: usize,
    beside: Beside,
) -> Result<(), String> {
    if beside == Beside::Nothing {
        std::fs::remove_file(state.join("journal/head")).map_err(|e| e.to_string())?;
    }
    let index = if beside == Beside::HeadAndSled { IndexMode::On } else { IndexMode::Off };
    let (journal, opened) =
        IntentJournal::open(options(state, index)).map_err(|e| format!("does not open: {e}"))?;
    let now = lines(&journal)?;
    // Lines of this segment that are whole without the LF that a cut may have taken.
    let torn = left.iter().rev().take_while(|b| **b != b'\n').count();
    let before: usize = all.iter().position(|line| left.starts_with(line.as_bytes())).unwrap_or(0);
    let whole = before + left.iter().filter(|b| **b == b'\n').count();
    ensure(now.len() >= whole && now[..whole] == all[..whole], || "a durable line is lost".to_owned())?;
    match beside {
        Beside::HeadAndSled => {
            ensure(opened.damage.is_none() && now[..all.len()] == all[..], || {
                format!("sled did not restore it: {:?}", opened.damage)
            })?;
            ensure(missing <= 1 || !opened.repaired.is_empty(), || "the repair was not recorded".to_owned())
        }
        // One LF less is no loss; zeros in its place may be told as damage.
        Beside::Head if missing == 1 => Ok(()),
        Beside::Head => ensure(opened.damage.is_some(), || {
            "entries that were durable are gone and nobody says so".to_owned()
        }),
        // What lacks nothing but its LF is whole.
        _ if torn > 0 && !whole_line => {
            let cut = opened.cut.ok_or("the torn tail was not recorded")?;
            let aside =
                std::fs::read(state.join("journal/aside").join(&cut.kept_as)).map_err(|e| e.to_string())?;
            let kept = &left[left.len() - torn..];
            ensure(aside.starts_with(kept), || "the torn tail was not kept aside".to_owned())?;
            ensure(now.iter().any(|line| line.contains("journal.tail_cut")), || {
                "no entry tells of it".to_owned()
            })
        }
        _ => ensure(opened.damage.is_none(), || format!("{:?}", opened.damage)),
    }
}
