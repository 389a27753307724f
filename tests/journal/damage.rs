//! Bytes that are not as they were written: found, named, mended where another store has them, never guessed.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use remediator::event::Event;
use remediator::journal::{Depth, Error, IntentJournal, Memory, Options, Report, verify};

use crate::common::{Home, copy, draft, draft_saying, indexed, lines, node, options, until};

/// A small generator, so that a failing run can be repeated.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).expect("small")
    }
}

fn check(state: &Path, depth: Depth) -> Report {
    verify(state, depth, &mut |_| ()).expect("verifiable")
}

/// Seqs of all `degradation.seen`, as a reader of the index sees them, once there is an index.
fn indexed_seqs(journal: &IntentJournal) -> Vec<u64> {
    until("the index answers", || journal.index_is_ready());
    journal.by_kind("degradation.seen", None, 10_000).expect("answered")
}

#[test]
fn a_tail_cut_at_any_byte_loses_nothing_that_was_durable() {
    let memory = Memory::new();
    let journal = IntentJournal::create_in_memory(&memory, options(Path::new("")), node()).expect("made");
    for n in 0..5 {
        journal.append(vec![draft(n)]).expect("appended");
    }
    let all = lines(&journal);
    drop(journal);
    let name = "00000000000000000000.ndjson";
    let bytes = memory.bytes(name).expect("there");
    let content = all.iter().map(|line| line.len() + 1).sum::<usize>();
    let three = all[3..].iter().map(|line| line.len() + 1).sum::<usize>();
    for cut in content - three..content {
        let cut_off = Memory::new();
        // Power loss may leave the padding, zeros, or nothing behind the cut.
        let tail = match cut % 3 {
            0 => Vec::new(),
            1 => vec![b'\n'; 300],
            _ => vec![0; 300],
        };
        cut_off.put(name, &[&bytes[..cut], &tail].concat());
        let (journal, opened) =
            IntentJournal::open_in_memory(&cut_off, options(Path::new(""))).expect("opened");
        assert_eq!(opened.damage, None, "cut at {cut}");
        let left = lines(&journal);
        let whole = bytes[..cut].iter().filter(|b| **b == b'\n').count();
        // A line that lacks nothing but its LF is whole.
        let whole = whole + usize::from(cut % 3 != 2 && bytes[cut] == b'\n');
        assert_eq!(left[..whole], all[..whole], "cut at {cut}");
        assert!(left[whole].contains("journal.segment_opened"), "cut at {cut}");
        assert_eq!(journal.append(vec![draft(9)]).map(|done| done.committed.len()).ok(), Some(1));
    }
}

#[test]
fn every_changed_bit_is_found_and_its_entry_named() {
    let home = Home::new();
    let small = Options { segment_bytes_max: 6_000, ..options(&home.state) };
    let journal = IntentJournal::create(small, node(), BTreeMap::new()).expect("made");
    for n in 0..40 {
        journal.append(vec![draft(n)]).expect("appended");
    }
    let end = journal.head().seq;
    drop(journal);
    assert!(check(&home.state, Depth::Full).is_good());
    let segments: Vec<_> = fs::read_dir(home.state.join("journal"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "ndjson"))
        .collect();
    let mut random = Random(7);
    for round in 0..400 {
        let path = &segments[random.below(segments.len())];
        let good = fs::read(path).expect("read");
        // Padding is not part of the journal.
        let at = random.below(good.iter().rposition(|b| *b != b'\n').expect("content") + 2);
        let mut bad = good.clone();
        bad[at] ^= 1 << random.below(8);
        fs::write(path, &bad).expect("changed");
        let depth = if round % 2 == 0 { Depth::Quick } else { Depth::Full };
        let report = check(&home.state, depth);
        let name: u64 = path.file_stem().and_then(|s| s.to_str()).expect("a name").parse().expect("a seq");
        let seq = name + good[..at].iter().filter(|b| **b == b'\n').count() as u64;
        let found = report.first_bad.as_ref().map(|bad| bad.seq);
        assert!(seq <= end);
        assert_eq!(found, Some(seq), "round {round} byte {at} of {}: {report:?}", path.display());
        fs::write(path, good).expect("restored");
    }
}

#[test]
fn a_durable_line_that_lacks_its_line_feed_is_given_it_back() {
    let home = Home::new();
    let journal = IntentJournal::create(options(&home.state), node(), BTreeMap::new()).expect("made");
    for n in 0..5 {
        journal.append(vec![draft(n)]).expect("appended");
    }
    journal.clean_stop().expect("stopped");
    let all = lines(&journal);
    drop(journal);
    let file = fs::OpenOptions::new().write(true).open(home.segment(0)).expect("opened");
    file.set_len(file.metadata().expect("size").len() - 1).expect("cut");
    let (journal, opened) = IntentJournal::open(options(&home.state)).expect("opened");
    assert_eq!(opened.damage, None);
    assert_eq!(lines(&journal)[..all.len()], all[..]);
    drop(journal);
    assert!(check(&home.state, Depth::Full).is_good());
}

#[test]
fn a_signature_of_another_line_is_found_by_full_verification() {
    let home = Home::new();
    let journal = IntentJournal::create(options(&home.state), node(), BTreeMap::new()).expect("made");
    for n in 0..200 {
        journal.append(vec![draft(n)]).expect("appended");
    }
    journal.clean_stop().expect("stopped");
    drop(journal);
    // The chain does not cover signatures; without the head file nothing but the signature itself can tell.
    fs::remove_file(home.state.join("journal/head")).expect("removed");
    let text = fs::read_to_string(home.segment(0)).expect("text");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let end = |line: &str| line.rfind(",\"sig\":").expect("a signature");
    let other = lines[60][end(&lines[60])..].to_owned();
    let cut = end(&lines[50]);
    lines[50].replace_range(cut.., &other);
    fs::write(home.segment(0), lines.join("\n") + "\n").expect("changed");
    assert_eq!(check(&home.state, Depth::Full).first_bad.map(|bad| bad.seq), Some(50));
}

#[test]
fn missing_entries_at_the_end_are_damage_not_a_torn_tail() {
    let home = Home::new();
    let journal = IntentJournal::create(options(&home.state), node(), BTreeMap::new()).expect("made");
    for n in 0..5 {
        journal.append(vec![draft(n)]).expect("appended");
    }
    drop(journal);
    let text = fs::read_to_string(home.segment(0)).expect("text");
    let four: String = text.lines().take(4).map(|line| format!("{line}\n")).collect();
    fs::write(home.segment(0), four).expect("cut");
    let report = check(&home.state, Depth::Quick);
    assert_eq!(report.first_bad.map(|bad| bad.seq), Some(4));
    let (journal, opened) = IntentJournal::open(options(&home.state)).expect("opened for reading");
    assert_eq!(opened.damage.map(|damage| damage.seq), Some(4));
    assert!(matches!(journal.append(vec![draft(9)]), Err(Error::ReadOnly(_))));
    assert_eq!(lines(&journal).len(), 4);
}

/// A journal of several segments with everything in sled too, and its lines.
fn stored_twice() -> (Home, Vec<String>) {
    let home = Home::new();
    let small = Options { segment_bytes_max: 6_000, ..indexed(&home.state) };
    let journal = IntentJournal::create(small, node(), BTreeMap::new()).expect("made");
    for n in 0..40 {
        journal.append(vec![draft(n)]).expect("appended");
    }
    indexed_seqs(&journal);
    let all = lines(&journal);
    drop(journal);
    (home, all)
}

fn reopen(home: &Home) -> (IntentJournal, Vec<u64>) {
    let (journal, opened) = IntentJournal::open(indexed(&home.state)).expect("opened");
    assert_eq!(opened.damage, None);
    (journal, opened.repaired.iter().map(|repair| repair.seq).collect())
}

#[test]
fn a_damaged_line_is_restored_from_sled_and_recorded() {
    let (home, all) = stored_twice();
    let mut random = Random(11);
    let last: u64 =
        home.last_segment().file_stem().and_then(|s| s.to_str()).expect("a name").parse().expect("a seq");
    for first in [0, last] {
        let path = home.segment(first);
        let mut bytes = fs::read(&path).expect("read");
        let length = bytes.iter().rposition(|b| *b != b'\n').expect("content");
        let at = random.below(length);
        bytes[at] ^= 4;
        let seq = first + bytes[..at].iter().filter(|b| **b == b'\n').count() as u64;
        fs::write(&path, bytes).expect("changed");
        let (journal, repaired) = reopen(&home);
        assert_eq!(repaired, [seq]);
        let mut recorded = Vec::new();
        journal
            .replay(None, &mut |record| {
                if let Event::LineRepaired(repair) = record.event {
                    recorded.push((repair.seq, repair.segment, repair.from));
                }
                ControlFlow::Continue(())
            })
            .expect("replayed");
        assert_eq!(recorded.last(), Some(&(seq, first, "sled".to_owned())));
        assert_eq!(lines(&journal)[..all.len()], all[..]);
        indexed_seqs(&journal);
        drop(journal);
        assert!(check(&home.state, Depth::Full).is_good());
    }
}

#[test]
fn whole_segments_come_back_from_sled() {
    for victim in [0, 1, 2] {
        let (home, all) = stored_twice();
        let path = match victim {
            0 => home.last_segment(),
            1 => home.segment(0),
            _ => {
                fs::remove_file(home.last_segment()).expect("removed");
                home.last_segment()
            }
        };
        fs::remove_file(path).expect("removed");
        let (journal, opened) = IntentJournal::open(indexed(&home.state)).expect("opened");
        assert_eq!(opened.damage, None, "{victim}");
        assert_eq!(lines(&journal)[..all.len()], all[..], "{victim}");
        indexed_seqs(&journal);
        drop(journal);
        let report = check(&home.state, Depth::Full);
        assert!(report.is_good(), "{victim}: {report:?}");
    }
}

#[test]
fn damage_found_while_reading_is_mended_too() {
    let (home, all) = stored_twice();
    let (journal, _) = reopen(&home);
    let seqs = indexed_seqs(&journal);
    let mut bytes = fs::read(home.segment(0)).expect("read");
    bytes[700] ^= 1;
    fs::write(home.segment(0), bytes).expect("changed");
    let mut replayed = 0;
    journal
        .replay(None, &mut |_| {
            replayed += 1;
            ControlFlow::Continue(())
        })
        .expect("replayed");
    assert_eq!(replayed, journal.next_seq());
    // The repair is recorded behind the next batch, and given to whoever appends that.
    let done = journal.append(vec![draft(50)]).expect("appended");
    // An index that was behind when the journal was opened may be told with it.
    let own = done.own.iter().map(|r| r.event.kind()).filter(|kind| *kind != "journal.index_rebuilt");
    assert_eq!(own.collect::<Vec<_>>(), ["journal.repaired"]);
    assert_eq!(indexed_seqs(&journal).len(), seqs.len() + 1);
    assert_eq!(lines(&journal)[..all.len()], all[..]);
    drop(journal);
    assert!(check(&home.state, Depth::Full).is_good());
}

#[test]
fn whatever_happens_to_sled_answers_stay_the_same() {
    let (home, all) = stored_twice();
    let (journal, _) = reopen(&home);
    let seqs = indexed_seqs(&journal);
    drop(journal);
    let mut random = Random(5);
    let older = home.state.join("older");
    copy(&home.state.join("sled-0"), &older);
    let more = 5;
    let (journal, _) = reopen(&home);
    for n in 0..more {
        journal.append(vec![draft(n)]).expect("appended");
    }
    indexed_seqs(&journal);
    drop(journal);
    for round in 0..16 {
        let spoilt = Home::new();
        copy(&home.state, &spoilt.state);
        let sled = spoilt.state.join("sled-0");
        match round {
            0 => fs::remove_dir_all(&sled).expect("deleted"),
            1 => {
                fs::remove_dir_all(&sled).expect("deleted");
                fs::rename(spoilt.state.join("older"), &sled).expect("rolled back");
            }
            2 => {
                let file = fs::OpenOptions::new().write(true).open(sled.join("db")).expect("opened");
                file.set_len(file.metadata().expect("size").len() / 2).expect("cut");
            }
            3 => fs::write(sled.join("snap.0000000000000001.generating"), b"x").expect("left over"),
            _ => {
                let mut bytes = fs::read(sled.join("db")).expect("read");
                let used = bytes.iter().rposition(|b| *b != 0).expect("content");
                let at = random.below(used);
                bytes[at] ^= 1 << random.below(8);
                fs::write(sled.join("db"), bytes).expect("flipped");
            }
        }
        let (journal, _) = reopen(&spoilt);
        assert_eq!(lines(&journal)[..all.len()], all[..], "round {round}");
        let answer = indexed_seqs(&journal);
        assert_eq!(answer[..seqs.len()], seqs[..], "round {round}");
        assert_eq!(answer.len(), seqs.len() + more as usize, "round {round}");
    }
}

#[test]
fn a_rebuilt_index_is_recorded() {
    let (home, _) = stored_twice();
    fs::remove_dir_all(home.state.join("sled-0")).expect("deleted");
    let (journal, _) = reopen(&home);
    indexed_seqs(&journal);
    let done = journal.append(vec![draft_saying(1, "after")]).expect("appended");
    assert_eq!(done.own.iter().map(|r| r.event.kind()).collect::<Vec<_>>(), ["journal.index_rebuilt"]);
}

#[test]
fn an_export_mends_what_nothing_else_can_and_a_fork_goes_on_without_it() {
    let (home, all) = stored_twice();
    let export = home.state.join("export");
    let (journal, _) = reopen(&home);
    journal.export(&export).expect("exported");
    drop(journal);
    fs::remove_dir_all(home.state.join("sled-0")).expect("deleted");
    let mut bytes = fs::read(home.segment(0)).expect("read");
    let length = bytes.iter().position(|b| *b == b'\n').expect("a line");
    bytes[length + 100] ^= 1;
    fs::write(home.segment(0), &bytes).expect("changed");
    let (journal, opened) = IntentJournal::open(options(&home.state)).expect("opened for reading");
    let damage = opened.damage.expect("found");
    assert_eq!((damage.seq, damage.byte), (1, length as u64 + 1));
    assert!(matches!(journal.append(vec![draft(1)]), Err(Error::ReadOnly(found)) if found == damage));
    drop(journal);

    let forked = Home::new();
    copy(&home.state, &forked.state);
    let (journal, continues) =
        IntentJournal::fork(options(&forked.state), BTreeMap::new(), "a flipped bit").expect("forked");
    assert_eq!((continues.seq, journal.next_seq()), (0, 1));
    journal.append(vec![draft(1)]).expect("appended");
    drop(journal);
    assert!(check(&forked.state, Depth::Full).is_good());
    assert_eq!(
        fs::read(forked.state.join("journal-until-0/00000000000000000000.ndjson")).expect("kept"),
        bytes
    );

    let (journal, opened) = IntentJournal::restore(options(&home.state), &export).expect("restored");
    assert_eq!(opened.repaired.iter().map(|r| (r.seq, r.from.as_str())).collect::<Vec<_>>(), [(1, "export")]);
    assert_eq!(lines(&journal)[..all.len()], all[..]);
    drop(journal);
    assert!(check(&home.state, Depth::Full).is_good());
}
