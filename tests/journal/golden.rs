//! The golden journal of format version 1: made here from fixed keys and clocks, byte for byte the same for ever.
//! `REMEDIATOR_BLESS=1` writes it anew, which is right only together with a new format version.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use remediator::base::ids::{AttemptId, BootId, IncidentId};
use remediator::base::sign::JournalKey;
use remediator::base::text::OutsideText;
use remediator::event::lock::LockReleased;
use remediator::event::process::{ProcessStarted, ProcessStopped};
use remediator::event::step::{StepFinished, StepOutcome};
use remediator::event::{Cause, Draft, Event};
use remediator::journal::{Depth, IntentJournal, Options, read_offline, verify};
use uuid::Uuid;

use crate::common::{AT, Home, copy, draft, draft_saying, node, options};

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journal-v1")
}

fn event(event: impl Into<Event>, cause: Option<Cause>) -> Draft {
    let incident = Some(IncidentId(Uuid::from_u128(0x1ac1de27)));
    Draft { at: AT, incident, cause, event: event.into() }
}

fn small(home: &Home, boot: u128) -> Options {
    Options { segment_bytes_max: 4_000, boot: BootId(Uuid::from_u128(boot)), ..options(&home.state) }
}

/// Two starts of a process, several segments, a change of key, a blob, text of every awkward kind.
fn make(home: &Home) {
    let trust = BTreeMap::from([("allowed_signers".to_owned(), b"nobody\n".to_vec())]);
    let journal = IntentJournal::create(small(home, 1), node(), trust).expect("made");
    let started = ProcessStarted {
        version: "0.1.0".into(),
        pid: 1,
        system_boot: "b".into(),
        clean: true,
        observe_only: None,
    };
    let attempt = AttemptId(Uuid::from_u128(0xa77e));
    journal.append(vec![event(started, None)]).expect("appended");
    let blob = journal.put_blob(b"long output\n").expect("kept");
    let finished = StepFinished {
        attempt,
        step: 0,
        intent: 1,
        outcome: StepOutcome::Exited(-1),
        took_ms: 12,
        output: OutsideText::Blob(blob),
        output_dropped: 0,
    };
    let far = Cause::Remote { node: node(), seq: 7, hash: journal.genesis() };
    journal.append(vec![event(finished, Some(Cause::Seq(1))), draft(2)]).expect("appended");
    let released =
        LockReleased { attempt, reason: "\u{0}\u{8}\t\n\u{c}\r\u{1f}\u{7f}\"\\/é\u{1F600}".into() };
    journal.append(vec![event(released, Some(far))]).expect("appended");
    for n in 3..8 {
        journal.append(vec![draft(n)]).expect("appended");
    }
    journal.rotate_key(JournalKey::from_seed(&[43; 32])).expect("rotated");
    journal.append(vec![draft_saying(8, "with the new key")]).expect("appended");
    journal.clean_stop().expect("stopped");
    drop(journal);
    let options = Options { key: JournalKey::from_seed(&[43; 32]), ..small(home, 2) };
    let (journal, _) = IntentJournal::open(options).expect("opened");
    journal.take_snapshot(3, 1, b"state").expect("taken");
    journal.append(vec![event(ProcessStopped { reason: "SIGTERM".into() }, None)]).expect("appended");
    journal.clean_stop().expect("stopped");
}

/// What is kept of a state folder: segments, head note, blobs.
fn files(state: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![PathBuf::from("journal"), PathBuf::from("blobs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(state.join(&folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = folder.join(entry.file_name());
            let kept = folder.starts_with("blobs") || path.ends_with("head") || path.extension().is_some();
            if entry.file_type().expect("a type").is_dir() {
                folders.push(path);
            } else if kept {
                files.insert(path, fs::read(entry.path()).expect("read"));
            }
        }
    }
    files
}

#[test]
fn this_version_writes_the_golden_journal() {
    let home = Home::new();
    make(&home);
    let made = files(&home.state);
    if std::env::var_os("REMEDIATOR_BLESS").is_some() {
        let _ = fs::remove_dir_all(folder());
        for (path, bytes) in &made {
            let to = folder().join(path);
            fs::create_dir_all(to.parent().expect("a folder")).expect("made");
            fs::write(to, bytes).expect("written");
        }
    }
    let golden = files(&folder());
    assert_eq!(golden.keys().collect::<Vec<_>>(), made.keys().collect::<Vec<_>>());
    for (path, bytes) in &golden {
        let (golden, made) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(&made[path]));
        assert_eq!(golden, made, "{}", path.display());
    }
}

#[test]
fn this_version_reads_the_golden_journal() {
    let report = verify(&folder(), Depth::Full, &mut |_| ()).expect("verifiable");
    assert!(report.is_good(), "{report:?}");
    assert_eq!((report.keys.len(), report.blobs, report.signatures), (2, 2, report.entries));
    let mut read = 0;
    read_offline(&folder())
        .expect("readable")
        .records(None, &mut |record| {
            assert_eq!(record.seq, read);
            read += 1;
            ControlFlow::Continue(())
        })
        .expect("every kind is known");
    assert_eq!(read, report.entries);
    let home = Home::new();
    copy(&folder(), &home.state);
    let options = Options { key: JournalKey::from_seed(&[43; 32]), ..options(&home.state) };
    let (journal, opened) = IntentJournal::open(options).expect("opened");
    assert!(opened.clean);
    assert_eq!(journal.append(vec![draft(1)]).map(|done| done.committed.len()).ok(), Some(1));
}
