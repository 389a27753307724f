//! A disk that fails, loses power or is full: nothing acknowledged is lost, nothing is acknowledged in vain.

use std::path::Path;

use remediator::event::Draft;
use remediator::journal::{Error, Fault, IntentJournal, Memory, Options, Space};

use crate::common::{draft, draft_saying, lines, node, options, until};

fn made(memory: &Memory) -> IntentJournal {
    IntentJournal::create_in_memory(memory, options(Path::new("")), node()).expect("made")
}

fn opened(memory: &Memory) -> IntentJournal {
    let (journal, opened) = IntentJournal::open_in_memory(memory, options(Path::new(""))).expect("opened");
    assert_eq!(opened.damage, None);
    journal
}

#[test]
fn a_failed_sync_seals_and_is_not_retried() {
    for (fault, persisted) in [(Fault::SyncNotPersisted, 0), (Fault::SyncPersisted, 1), (Fault::Write, 0)] {
        for power_lost in [true, false] {
            let memory = Memory::new();
            let journal = made(&memory);
            journal.append(vec![draft(1)]).expect("appended");
            let before = lines(&journal);
            memory.fail(fault, 0);
            assert!(matches!(journal.append(vec![draft(2)]), Err(Error::Sealed { .. })), "{fault:?}");
            assert!(journal.sealed().is_some());
            assert!(matches!(journal.append(vec![draft(3)]), Err(Error::Sealed { .. })));
            assert_eq!(lines(&journal), before, "what was not durable is not seen");
            drop(journal);
            if power_lost {
                memory.lose_power();
            }
            let journal = opened(&memory);
            let after = lines(&journal);
            assert_eq!(after[..before.len()], before[..]);
            // What was written but never acknowledged may be there or not; if it is, it is durable now.
            let extra = after.iter().filter(|line| line.contains("number 2")).count();
            if power_lost {
                assert_eq!(extra, persisted, "{fault:?}");
            }
            journal.append(vec![draft(4)]).expect("well again");
            memory.lose_power();
            assert_eq!(lines(&opened(&memory))[..after.len()], after[..]);
        }
    }
}

#[test]
fn power_lost_at_any_moment_of_a_rotation_loses_nothing() {
    for after in 0..40 {
        let memory = Memory::new();
        let small = || Options { segment_bytes_max: 2_000, ..options(Path::new("")) };
        let journal = IntentJournal::create_in_memory(&memory, small(), node()).expect("made");
        memory.fail(Fault::SyncNotPersisted, after);
        let mut acknowledged = 0;
        for n in 0..20 {
            match journal.append(vec![draft(n)]) {
                Ok(done) => acknowledged = done.committed[0].seq() + done.own.len() as u64,
                Err(Error::Sealed { .. }) => break,
                Err(other) => panic!("{other}"),
            }
        }
        let before = lines(&journal);
        drop(journal);
        memory.lose_power();
        let (journal, opened) = IntentJournal::open_in_memory(&memory, small()).expect("opened");
        assert_eq!(opened.damage, None);
        let left = lines(&journal);
        let known = usize::try_from(acknowledged + 1).expect("small");
        assert!(left.len() > known && left[..known] == before[..known], "fault after {after} syncs");
    }
}

#[test]
fn on_a_full_disk_only_the_last_words_go_through() {
    let memory = Memory::new();
    let journal = made(&memory);
    memory.set_full(true);
    let refused = (0..2000).find_map(|n| journal.append(vec![draft(n)]).err());
    assert!(matches!(refused, Some(Error::DiskFull)), "{refused:?}");
    assert_eq!(journal.space(), Space::ReserveOnly);
    assert!(matches!(journal.append(vec![draft(1)]), Err(Error::DiskFull)));
    let outcome = || -> Vec<Draft> { vec![draft_saying(7, "an outcome")] };
    for _ in 0..500 {
        let next = journal.next_seq();
        let done = journal.append_essential(outcome()).expect("last words");
        assert_eq!(done.committed[0].seq(), next, "places are as they were foreseen");
    }
    assert_eq!(journal.sealed(), None);
    let before = lines(&journal);
    drop(journal);
    let again = IntentJournal::open_in_memory(&memory, options(Path::new(""))).err();
    assert!(matches!(again, Some(Error::DiskFull)), "the reserve is used up: {again:?}");
    memory.set_full(false);
    let journal = opened(&memory);
    assert_eq!(lines(&journal)[..before.len()], before[..]);
    memory.set_full(true);
    while journal.append(vec![draft(3)]).is_ok() {}
    assert_eq!(journal.space(), Space::ReserveOnly);
    memory.set_full(false);
    until("space is noticed by whoever asks, though nobody appends", || journal.space() == Space::Ample);
    journal.append(vec![draft(3)]).expect("appended");
}

#[test]
fn a_journal_opens_on_a_full_disk() {
    let memory = Memory::new();
    let journal = made(&memory);
    journal.append(vec![draft(1)]).expect("appended");
    journal.clean_stop().expect("stopped");
    drop(journal);
    memory.set_full(true);
    let journal = opened(&memory);
    assert_eq!(journal.space(), Space::ReserveOnly);
    journal.append_essential(vec![draft(2)]).expect("last words");
}
