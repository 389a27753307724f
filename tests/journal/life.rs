//! An ordinary life: made, appended to, read, closed, opened, followed, exported.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use remediator::base::digest::Blake3;
use remediator::base::ids::Fingerprint;
use remediator::base::sign::JournalKey;
use remediator::event::degradation::DegradationSeen;
use remediator::event::journal::{KeyRotated, SegmentOpened};
use remediator::event::lock::LockReleased;
use remediator::event::{Cause, Event};
use remediator::journal::{Depth, Error, IntentJournal, Options, read_offline, verify};

use crate::common::{Home, draft, draft_saying, indexed, key, lines, node, options, until};

fn good(state: &std::path::Path) -> u64 {
    let report = verify(state, Depth::Full, &mut |_| ()).expect("verifiable");
    assert_eq!((&report.first_bad, &report.torn), (&None, &None));
    assert_eq!(report.head.map(|head| head.seq + 1), Some(report.entries));
    report.entries
}

#[test]
fn what_is_appended_is_read_back_after_a_clean_stop() {
    let home = Home::new();
    let trust = BTreeMap::from([("allowed_signers".to_owned(), b"alice ssh-ed25519 AAAA\n".to_vec())]);
    let journal = IntentJournal::create(options(&home.state), node(), trust).expect("made");
    assert_eq!(journal.next_seq(), 1);
    let done = journal.append(vec![draft(1), draft(2)]).expect("appended");
    assert_eq!(done.committed.iter().map(|c| c.seq()).collect::<Vec<_>>(), [1, 2]);
    assert!(done.own.is_empty());
    let proof = done.committed[0].narrow::<DegradationSeen>().expect("of that kind");
    assert_eq!(proof.event().summary, "number 1");
    assert!(done.committed[0].narrow::<LockReleased>().is_none());
    let before = lines(&journal);
    journal.clean_stop().expect("stopped");
    assert!(matches!(journal.append(vec![draft(3)]), Err(Error::Sealed { .. })));
    drop(journal);

    let (journal, opened) = IntentJournal::open(options(&home.state)).expect("opened");
    assert!(opened.clean && opened.damage.is_none() && opened.repaired.is_empty());
    // The new segment begins with an entry that seals the old one.
    assert_eq!((opened.head.seq, journal.next_seq()), (3, 4));
    let after = lines(&journal);
    assert_eq!(after[..3], before[..]);
    let mut kinds = Vec::new();
    journal
        .replay(None, &mut |record| {
            kinds.push((record.seq, record.event.kind()));
            ControlFlow::Continue(())
        })
        .expect("replayed");
    assert_eq!(
        kinds,
        [
            (0, "journal.genesis"),
            (1, "degradation.seen"),
            (2, "degradation.seen"),
            (3, "journal.segment_opened")
        ]
    );
    let offline = read_offline(&home.state).expect("readable");
    let blob = offline.genesis().trust_blobs["allowed_signers"];
    assert_eq!(offline.blob(&blob).expect("read"), Some(b"alice ssh-ed25519 AAAA\n".to_vec()));
    let mut read = Vec::new();
    offline
        .lines(None, &mut |line| {
            read.push(line.as_str().to_owned());
            ControlFlow::Continue(())
        })
        .expect("read");
    assert_eq!(read, after);
    assert_eq!(good(&home.state), 4);
}

#[test]
fn illegal_drafts_are_refused_whole_and_leave_no_trace() {
    let home = Home::new();
    let journal = IntentJournal::create(options(&home.state), node(), BTreeMap::new()).expect("made");
    let mut late = draft(1);
    late.cause = Some(Cause::Seq(2));
    let mut own = draft(1);
    own.event = Event::SegmentOpened(SegmentOpened {
        previous_first: 0,
        previous_last: 0,
        previous_bytes: 0,
        previous_blake3: Blake3::ZERO,
    });
    for bad in [late, own, draft_saying(1, &"x".repeat(70_000))] {
        assert!(matches!(journal.append(vec![draft(0), bad]), Err(Error::Illegal(_))));
    }
    assert_eq!(journal.next_seq(), 1);
    let mut follows = draft(2);
    follows.cause = Some(Cause::Seq(1));
    assert_eq!(journal.append(vec![draft(1), follows]).map(|done| done.committed.len()).ok(), Some(2));
    assert!(journal.append(Vec::new()).expect("nothing to do").committed.is_empty());
    drop(journal);
    assert_eq!(good(&home.state), 3);
}

#[test]
fn two_processes_cannot_have_one_journal_and_a_home_has_one_journal() {
    let home = Home::new();
    let missing = IntentJournal::open(options(&home.state)).err();
    assert!(matches!(missing, Some(Error::Missing { .. })), "{missing:?}");
    let journal = IntentJournal::create(options(&home.state), node(), BTreeMap::new()).expect("made");
    assert!(matches!(IntentJournal::open(options(&home.state)).err(), Some(Error::Locked { .. })));
    drop(journal);
    let again = IntentJournal::create(options(&home.state), node(), BTreeMap::new()).err();
    assert!(matches!(again, Some(Error::Exists { .. })), "{again:?}");
    let other = Options { key: JournalKey::from_seed(&[9; 32]), ..options(&home.state) };
    match IntentJournal::open(other).err() {
        Some(Error::WrongKey { expected, .. }) => assert_eq!(expected, key().id()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn segments_rotate_and_seal_each_other() {
    let home = Home::new();
    let small = || Options { segment_bytes_max: 4_000, ..options(&home.state) };
    let journal = IntentJournal::create(small(), node(), BTreeMap::new()).expect("made");
    let mut expected = 1;
    for n in 0..60 {
        let done = journal.append(vec![draft(n)]).expect("appended");
        assert_eq!(done.committed[0].seq(), expected);
        // Whoever folds always knows the next seq: entries of the journal's own come with the batch.
        expected += 1 + done.own.len() as u64;
        assert_eq!(journal.next_seq(), expected);
        assert!(done.own.iter().all(|record| record.event.kind() == "journal.segment_opened"));
    }
    assert!(expected > 64, "it rotated several times");
    assert_eq!(lines(&journal).len() as u64, expected);
    drop(journal);
    assert_eq!(good(&home.state), expected);
    let (journal, opened) = IntentJournal::open(small()).expect("opened");
    assert!(opened.clean);
    drop(journal);
    assert_eq!(good(&home.state), expected + 1);
}

#[test]
fn a_new_key_takes_over_and_old_entries_stay_verifiable() {
    let home = Home::new();
    let journal = IntentJournal::create(options(&home.state), node(), BTreeMap::new()).expect("made");
    journal.append(vec![draft(1)]).expect("appended");
    let new = JournalKey::from_seed(&[43; 32]);
    let records = journal.rotate_key(new.clone()).expect("rotated");
    assert!(
        matches!(&records[0].event, Event::KeyRotated(KeyRotated { retires, .. }) if *retires == key().id())
    );
    journal.append(vec![draft(2)]).expect("appended");
    drop(journal);
    let report = verify(&home.state, Depth::Full, &mut |_| ()).expect("verifiable");
    assert_eq!(report.first_bad, None);
    assert_eq!(
        report.keys.iter().map(|k| (k.id, k.from)).collect::<Vec<_>>(),
        [(key().id(), 0), (new.id(), 3)]
    );
    let old = IntentJournal::open(options(&home.state)).err();
    assert!(matches!(old, Some(Error::WrongKey { expected, .. }) if expected == new.id()), "{old:?}");
    let (journal, _) = IntentJournal::open(Options { key: new, ..options(&home.state) }).expect("opened");
    assert_eq!(journal.append(vec![draft(3)]).map(|done| done.committed.len()).ok(), Some(1));
}

#[test]
fn questions_are_answered_from_the_index() {
    let home = Home::new();
    let journal = IntentJournal::create(indexed(&home.state), node(), BTreeMap::new()).expect("made");
    let mut incident = draft(100);
    let id = remediator::base::ids::IncidentId(uuid::Uuid::from_u128(5));
    incident.incident = Some(id);
    for n in 0..20 {
        journal.append(vec![draft(n)]).expect("appended");
    }
    journal.append(vec![incident]).expect("appended");
    until("the index follows", || journal.index_is_ready());
    assert_eq!(journal.by_incident(&id, None, 10).expect("answered"), [21]);
    assert_eq!(journal.by_kind("journal.genesis", None, 10).expect("answered"), [0]);
    assert_eq!(journal.by_kind("degradation.seen", Some(18), 2).expect("answered"), [19, 20]);
    assert_eq!(journal.by_kind("degradation", None, 2).expect("answered"), [] as [u64; 0]);
    let third = Fingerprint::of("service", "PROCESS_DEAD", "web-3");
    assert_eq!(journal.by_fingerprint(&third, None, 10).expect("answered"), [4, 11, 18]);
    let from = crate::common::AT.time_us + 5_000_000;
    assert_eq!(journal.by_time(from, from + 3_000_000, 10).expect("answered"), [6, 7, 8]);
    assert_eq!(journal.line(6).expect("read").map(|line| line.seq()), Some(6));
    assert_eq!(journal.line(22).expect("read"), None);
    let by_sled = lines(&journal);
    drop(journal);
    let (journal, _) = IntentJournal::open(options(&home.state)).expect("opened");
    assert_eq!(lines(&journal)[..22], by_sled[..]);
}

#[test]
fn a_reader_misses_nothing_and_sees_nothing_twice_while_many_append() {
    let home = Home::new();
    let options = Options { segment_bytes_max: 200_000, ..indexed(&home.state) };
    let journal = IntentJournal::create(options, node(), BTreeMap::new()).expect("made");
    let (writers, each) = (8, 60);
    let acknowledged = AtomicU64::new(0);
    thread::scope(|scope| {
        for w in 0..writers {
            let (journal, acknowledged) = (&journal, &acknowledged);
            scope.spawn(move || {
                for n in 0..each {
                    let done = journal.append(vec![draft(w * 1000 + n)]).expect("appended");
                    acknowledged.fetch_max(done.committed[0].seq(), Ordering::SeqCst);
                }
            });
        }
        for start in [None, Some(100)] {
            let journal = &journal;
            scope.spawn(move || {
                let mut reader = journal.subscribe(start);
                let mut next = start.map_or(0, |after| after + 1);
                let mut seen = 0;
                while seen < writers * each - 101 {
                    for line in reader.next(Duration::from_secs(30)).expect("readable") {
                        assert_eq!(line.seq(), next);
                        next += 1;
                        seen += u64::from(line.parsed().expect("a line").kind == "degradation.seen");
                    }
                }
            });
        }
    });
    assert!(journal.head().seq >= acknowledged.load(Ordering::SeqCst));
    assert_eq!(journal.subscribe(None).watch().borrow().to_owned(), journal.head().seq);
    drop(journal);
    assert!(good(&home.state) > writers * each);
}

#[test]
fn a_snapshot_is_used_only_when_an_entry_and_the_fold_agree() {
    let home = Home::new();
    let versioned = |fold_version| Options { fold_version, ..options(&home.state) };
    let journal = IntentJournal::create(versioned(3), node(), BTreeMap::new()).expect("made");
    journal.append(vec![draft(1), draft(2)]).expect("appended");
    let records = journal.take_snapshot(2, 3, b"the world").expect("taken");
    assert_eq!((records[0].seq, records.len()), (3, 1));
    assert!(journal.take_snapshot(99, 3, b"x").is_err());
    drop(journal);
    let (journal, opened) = IntentJournal::open(versioned(3)).expect("opened");
    assert_eq!(opened.snapshot, Some((2, b"the world".to_vec())));
    drop(journal);
    let (journal, opened) = IntentJournal::open(versioned(4)).expect("opened");
    assert_eq!(opened.snapshot, None);
    drop(journal);
    for file in std::fs::read_dir(home.state.join("snapshots")).expect("a folder") {
        std::fs::write(file.expect("a file").path(), b"the w0rld").expect("changed");
    }
    let (_journal, opened) = IntentJournal::open(versioned(3)).expect("opened");
    assert_eq!(opened.snapshot, None);
}

#[test]
fn an_export_is_a_journal_that_verifies() {
    let home = Home::new();
    let small = Options { segment_bytes_max: 4_000, ..options(&home.state) };
    let journal = IntentJournal::create(small, node(), BTreeMap::new()).expect("made");
    for n in 0..30 {
        journal.append(vec![draft(n)]).expect("appended");
    }
    let blob = journal.put_blob(b"much output").expect("kept");
    assert_eq!(journal.get_blob(&blob).expect("read"), Some(b"much output".to_vec()));
    let to = home.state.join("export");
    let manifest = journal.export(&to).expect("exported");
    assert_eq!((manifest.head, &manifest.blobs[..]), (journal.head(), &[blob][..]));
    assert!(journal.export(&to).is_err(), "not over another export");
    assert_eq!(good(&to), journal.next_seq());
    let file = to.join(&manifest.file);
    let text = std::fs::read_to_string(&file).expect("text");
    assert_eq!(text.lines().map(str::to_owned).collect::<Vec<_>>(), lines(&journal));
    // An export that ends too early says so.
    let cut = text.trim_end().rfind('\n').expect("several lines");
    std::fs::write(&file, &text[..=cut]).expect("cut");
    let report = verify(&to, Depth::Quick, &mut |_| ()).expect("verifiable");
    assert_eq!(report.first_bad.map(|bad| bad.seq), Some(journal.head().seq));
}
