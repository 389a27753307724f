//! Archives, pruning to them, and putting back from them: byte for byte, verified at each step, and whole wherever a crash
//! comes in between.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use remediator::base::digest::Blake3;
use remediator::base::ids::{AttemptId, IncidentId, Seq};
use remediator::base::sign::JournalKey;
use remediator::base::text::OutsideText;
use remediator::event::Draft;
use remediator::event::step::{StepFinished, StepOutcome};
use remediator::journal::{
    Below, Depth, Error, IntentJournal, KeptTree, Options, PrunePlan, PruneStep, PrunedHistory, Pruning,
    RefoldStep, Report, archive, read_offline, verify, verify_archive,
};
use uuid::Uuid;

use crate::common::{AT, Home, copy, draft, indexed, node, options};
use crate::stranger::stranger;

fn new_key() -> JournalKey {
    JournalKey::from_seed(&[43; 32])
}

fn small(home: &Home) -> Options {
    Options { segment_bytes_max: 4_000, key: new_key(), ..options(&home.state) }
}

fn output(blob: Blake3) -> Draft {
    let attempt = AttemptId(Uuid::from_u128(0xa77e));
    let output = OutsideText::Blob(blob);
    let (outcome, took_ms) = (StepOutcome::Exited(0), 1);
    let finished = StepFinished { attempt, step: 0, intent: 1, outcome, took_ms, output, output_dropped: 0 };
    Draft { at: AT, incident: Some(IncidentId(Uuid::from_u128(7))), cause: None, event: finished.into() }
}

/// Several segments, a change of key among the first, a blob that only an old entry names and one that a new one does.
fn made() -> (Home, [Blake3; 2]) {
    let home = Home::new();
    let first = Options { key: crate::common::key(), ..small(&home) };
    let journal = IntentJournal::create(first, node(), BTreeMap::new()).expect("made");
    let old = journal.put_blob(b"old output").expect("kept");
    let new = journal.put_blob(b"new output").expect("kept");
    journal.append(vec![draft(1), output(old), output(new)]).expect("appended");
    journal.rotate_key(new_key()).expect("rotated");
    for n in 0..30 {
        journal.append(vec![draft(n)]).expect("appended");
    }
    journal.append(vec![output(new)]).expect("appended");
    journal.clean_stop().expect("stopped");
    (home, [old, new])
}

/// Another journal of several segments.
fn made_anew() -> (Home, [Blake3; 2]) {
    let home = Home::new();
    let journal = IntentJournal::create(small(&home), node(), BTreeMap::new()).expect("made");
    let blobs = [journal.put_blob(b"one").expect("kept"), journal.put_blob(b"two").expect("kept")];
    (0..30).for_each(|n| drop(journal.append(vec![draft(n)]).expect("appended")));
    journal.clean_stop().expect("stopped");
    (home, blobs)
}

fn segments(home: &Home) -> BTreeMap<Seq, Vec<u8>> {
    let files = fs::read_dir(home.state.join("journal")).expect("a folder");
    let files = files.map(|file| file.expect("a file").path());
    files
        .filter_map(|path| {
            let first = path.file_name()?.to_str()?.strip_suffix(".ndjson")?.parse().ok()?;
            Some((first, fs::read(&path).expect("read")))
        })
        .collect()
}

fn plan() -> PrunePlan {
    PrunePlan { state: b"the world".to_vec(), fold_version: 3, tree: KeptTree::default() }
}

fn prune(home: &Home, archive: &Path) -> Result<Pruning, Error> {
    IntentJournal::prune(small(home), archive, &plan(), &mut |_| ControlFlow::Continue(()))
}

fn is_good(folder: &Path) -> Report {
    let report = verify(folder, Depth::Full, &mut |_| ()).expect("verifiable");
    assert!(report.is_good(), "{report:?}");
    report
}

fn archived(home: &Home, name: &str, below: Below) -> PathBuf {
    let to = home.state.join(name);
    archive(&home.state, &to, below, &new_key()).expect("archived");
    to
}

#[test]
fn what_is_pruned_is_in_the_archive_and_comes_back_byte_for_byte() {
    let (home, [old, new]) = made();
    let before = segments(&home);
    let minimum = *before.keys().nth(3).expect("several segments");
    let to = archived(&home, "archive", Below::Seq(minimum + 1));
    let report = verify_archive(&to).expect("good").report;
    assert_eq!((report.entries, report.keys.len(), report.signatures), (minimum, 2, minimum));
    let pruned = prune(&home, &to).expect("pruned");
    assert_eq!((pruned.minimum, pruned.segments, pruned.blobs), (minimum, 3, 1));
    let kept = segments(&home);
    assert_eq!(kept.keys().next(), Some(&minimum));
    assert!(kept.iter().take(2).all(|(first, bytes)| before[first] == *bytes));
    let report = is_good(&home.state);
    assert_eq!((report.minimum, report.keys.len()), (minimum, 2));
    for folder in [home.state.join("journal"), {
        let export = home.state.join("export");
        remediator::journal::export(&home.state, &export, None).expect("exported");
        is_good(&export);
        export
    }] {
        if let Some((code, text)) = stranger(&folder) {
            assert_eq!(code, 0, "{text}");
            assert!(text.trim_end().ends_with(&format!("from {minimum} on")), "{text}");
        }
    }
    let offline = read_offline(&home.state).expect("readable");
    assert_eq!(offline.first_state(3).expect("usable"), Some(b"the world".to_vec()));
    assert!(matches!(offline.first_state(4), Err(Error::NoState { .. })));
    let (journal, opened) = IntentJournal::open(Options { fold_version: 3, ..small(&home) }).expect("opened");
    assert_eq!(
        opened.first_state.map(|(seq, bytes)| (seq, bytes.ok())),
        Some((minimum - 1, Some(b"the world".to_vec())))
    );
    assert!(matches!(journal.line(minimum - 1), Err(Error::Pruned { .. })));
    assert!(matches!(journal.lines(Some(0), 5), Err(Error::Pruned { .. })));
    assert_eq!(journal.lines(None, 1).expect("the first there is")[0].seq(), minimum);
    assert_eq!(journal.subscribe(None).ready().expect("lines")[0].seq(), minimum);
    assert_eq!(journal.get_blob(&old).expect("read"), None);
    assert!(journal.get_blob(&new).expect("read").is_some(), "an entry that was kept names it");
    journal.append(vec![draft(99)]).expect("it goes on");
    drop(journal);
    let restored = IntentJournal::restore_archive(small(&home), &to).expect("restored");
    assert_eq!((restored.minimum, restored.segments), (0, 3));
    let after = segments(&home);
    assert!(before.iter().all(|(first, bytes)| after[first] == *bytes), "byte for byte");
    assert_eq!(is_good(&home.state).minimum, 0);
    assert!(!home.state.join("journal/base").exists());
}

#[test]
fn a_journal_is_pruned_again_and_its_archives_come_back_the_newest_first() {
    let (home, _) = made();
    let before = segments(&home);
    let firsts: Vec<Seq> = before.keys().copied().collect();
    let one = archived(&home, "one", Below::Seq(firsts[2]));
    prune(&home, &one).expect("pruned");
    let two = archived(&home, "two", Below::Seq(firsts[4]));
    // Good by itself, although it does not begin with the genesis entry.
    assert_eq!(verify_archive(&two).expect("good").manifest.first, firsts[2]);
    prune(&home, &two).expect("pruned again");
    assert_eq!(is_good(&home.state).minimum, firsts[4]);
    let early = IntentJournal::restore_archive(small(&home), &one);
    let Err(error @ Error::UnfitArchive { .. }) = early else { panic!("{early:?}") };
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains(&two.display().to_string()), "it says which comes first: {error}");
    let again = prune(&home, &one);
    let Err(error @ Error::UnfitArchive { .. }) = again else { panic!("{again:?}") };
    assert!(error.to_string().contains("was pruned already"), "{error}");
    IntentJournal::restore_archive(small(&home), &two).expect("the newest first");
    assert_eq!(is_good(&home.state).minimum, firsts[2]);
    IntentJournal::restore_archive(small(&home), &one).expect("then the one before");
    assert_eq!(is_good(&home.state).minimum, 0);
    let after = segments(&home);
    assert!(before.iter().all(|(first, bytes)| after[first] == *bytes));
}

#[test]
fn nothing_is_removed_unless_the_archive_is_whole_and_of_this_journal() {
    let (home, _) = made();
    let firsts: Vec<Seq> = segments(&home).keys().copied().collect();
    let to = archived(&home, "archive", Below::Seq(firsts[3]));
    let before = segments(&home);
    let mut files: Vec<PathBuf> =
        fs::read_dir(&to).expect("a folder").map(|f| f.expect("a file").path()).collect();
    files.retain(|path| path.is_file());
    let blob = fs::read_dir(to.join("blobs")).expect("blobs").next().expect("one").expect("one").path();
    files.push(fs::read_dir(blob).expect("a folder").next().expect("one").expect("one").path());
    for file in files {
        let bytes = fs::read(&file).expect("read");
        for change in [Some(0), Some(bytes.len() / 2), Some(bytes.len() - 2), None] {
            match change {
                Some(at) => {
                    let mut changed = bytes.clone();
                    changed[at] ^= 1;
                    fs::write(&file, changed).expect("changed");
                }
                None => fs::remove_file(&file).expect("removed"),
            }
            let refused = prune(&home, &to);
            assert!(
                matches!(refused, Err(Error::Archive { .. })),
                "{} {change:?}: {refused:?}",
                file.display()
            );
            fs::write(&file, &bytes).expect("put back");
        }
    }
    let now = segments(&home);
    assert!(before.iter().all(|(first, bytes)| now[first] == *bytes), "nothing was removed");
    let (other, _) = made();
    fs::remove_dir_all(other.state.join("journal")).expect("removed");
    fs::create_dir(other.state.join("journal")).expect("made");
    let journal = IntentJournal::create(small(&other), node(), BTreeMap::new()).expect("made");
    assert!(matches!(prune(&other, &to), Err(Error::Locked { .. })), "somebody has it open");
    drop(journal);
    assert!(matches!(prune(&other, &to), Err(Error::ForeignArchive { .. })), "another journal's");
    let restored = IntentJournal::restore_archive(small(&other), &to);
    assert!(matches!(restored, Err(Error::ForeignArchive { .. })), "that is said first: {restored:?}");
}

#[test]
fn a_journal_that_only_claims_to_be_pruned_is_damaged() {
    let (home, _) = made();
    let firsts: Vec<Seq> = segments(&home).keys().copied().collect();
    let to = archived(&home, "archive", Below::Seq(firsts[3]));
    let honest = Home::new();
    copy(&home.state, &honest.state);
    prune(&honest, &to).expect("pruned");
    let forged = |change: &dyn Fn(&mut String)| {
        let forged = Home::new();
        copy(&honest.state, &forged.state);
        let path = forged.state.join("journal/base");
        let mut text = fs::read_to_string(&path).expect("read");
        change(&mut text);
        fs::write(&path, text).expect("written");
        let report = verify(&forged.state, Depth::Quick, &mut |_| ()).expect("verifiable");
        assert!(!report.is_good(), "{report:?}");
        if let Some((code, text)) = stranger(&forged.state.join("journal")) {
            assert_eq!(code, 5, "{text}");
        }
        if let Ok((journal, _)) = IntentJournal::open(small(&forged)) {
            assert!(journal.damage().is_some());
        }
    };
    let honest_base = fs::read_to_string(honest.state.join("journal/base")).expect("read");
    let base: serde_json::Value = serde_json::from_str(&honest_base).expect("JSON");
    // The next segment, too, is said to be below the minimum, and everything fits but that no entry says so.
    let next = String::from_utf8(segments(&honest)[&firsts[4]].clone()).expect("text");
    let next: serde_json::Value = serde_json::from_str(next.lines().next().expect("a line")).expect("JSON");
    forged(&|text| {
        let mut base = base.clone();
        (base["minimum"], base["hash"]) = (firsts[4].into(), next["prev"].clone());
        *text = base.to_string();
    });
    forged(&|text| *text = text.replacen(base["hash"].as_str().expect("text"), &"0".repeat(64), 1));
    forged(&|text| {
        let mut base = base.clone();
        base["lines"].as_array_mut().expect("lines").pop();
        *text = base.to_string();
    });
    forged(&|text| text.clear());
    // Without any such file the first entries are missing.
    fs::remove_file(honest.state.join("journal/base")).expect("removed");
    assert!(!verify(&honest.state, Depth::Quick, &mut |_| ()).expect("verifiable").is_good());
}

#[test]
fn a_crash_anywhere_in_a_prune_leaves_a_journal_that_opens_and_verifies_and_is_pruned_by_the_next_one() {
    let (home, _) = made();
    let firsts: Vec<Seq> = segments(&home).keys().copied().collect();
    let mut steps = Vec::new();
    for n in 0.. {
        let crashed = Home::new();
        copy(&home.state, &crashed.state);
        // sled is there, as in a daemon's home.
        drop(IntentJournal::open(Options { key: new_key(), ..indexed(&crashed.state) }).expect("opened"));
        let to = archived(&crashed, "archive", Below::Seq(firsts[3]));
        let mut told = 0;
        let ended = IntentJournal::prune(small(&crashed), &to, &plan(), &mut |step| {
            told += 1;
            if told > n {
                steps.push(step);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        let is_over = ended.is_ok();
        let report = is_good(&crashed.state);
        let based = steps.contains(&PruneStep::Based);
        assert_eq!(report.minimum, if based || is_over { firsts[3] } else { 0 }, "{steps:?}");
        let (journal, opened) =
            IntentJournal::open(Options { key: new_key(), ..indexed(&crashed.state) }).expect("opened");
        assert!(opened.clean && opened.damage.is_none(), "{steps:?}");
        assert_eq!(journal.minimum(), report.minimum);
        journal.append(vec![draft(1)]).expect("it goes on");
        crate::common::until("the index follows", || journal.index_is_ready());
        assert!(journal.by_kind("degradation.seen", None, 1).expect("seqs")[0] >= report.minimum);
        drop(journal);
        assert!(
            !based || segments(&crashed).keys().all(|first| *first >= firsts[3]),
            "removed at the next start"
        );
        prune(&crashed, &to).expect("the next one goes on");
        assert_eq!(is_good(&crashed.state).minimum, firsts[3]);
        if is_over {
            break;
        }
    }
    assert_eq!(steps.len(), 6 + 3 + 1 - 1, "every step was the last one once: {steps:?}");
}

/// What a later version would fold, and its number.
const ANEW: (&[u8], u32) = (b"the world, folded otherwise", 4);

#[test]
fn what_was_pruned_is_folded_anew_from_its_archives_and_a_crash_anywhere_leaves_a_whole_journal() {
    let (home, _) = made();
    let before = segments(&home);
    let firsts: Vec<Seq> = before.keys().copied().collect();
    let one = archived(&home, "one", Below::Seq(firsts[2]));
    prune(&home, &one).expect("pruned");
    let two = archived(&home, "two", Below::Seq(firsts[4]));
    prune(&home, &two).expect("pruned again");
    let offline = read_offline(&home.state).expect("readable");
    let old = offline.first_state(ANEW.1).expect_err("of another fold").to_string();
    assert!(old.contains("journal refold") && old.contains(&two.display().to_string()), "{old}");
    let gather = |folders: &[&PathBuf]| {
        let folders: Vec<PathBuf> = folders.iter().map(|folder| (*folder).clone()).collect();
        PrunedHistory::gather(&offline, &folders)
    };
    // The newest names the one before it, and where it was.
    let Err(missing @ Error::UnfitArchive { .. }) = gather(&[&two]) else { panic!("one is missing") };
    assert!(missing.to_string().contains(&one.display().to_string()), "{missing}");
    let (other, _) = made_anew();
    let foreign = archived(&other, "foreign", Below::Head);
    assert!(matches!(gather(&[&one, &foreign, &two]), Err(Error::ForeignArchive { .. })));
    let history = gather(&[&two, &one]).expect("all of it");
    let mut seqs = Vec::new();
    history.records(&mut |record| seqs.push(record.seq)).expect("readable");
    assert_eq!(seqs, (0..firsts[4]).collect::<Vec<_>>());

    for last in [Some(RefoldStep::StateKept), Some(RefoldStep::Said), Some(RefoldStep::Based), None] {
        let crashed = Home::new();
        copy(&home.state, &crashed.state);
        let refold = |last: Option<RefoldStep>| {
            let (state, fold_version) = ANEW;
            IntentJournal::refold(small(&crashed), &history, state, fold_version, &mut |step| {
                if Some(step) == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        };
        assert_eq!(refold(last).is_ok(), last.is_none());
        assert_eq!(is_good(&crashed.state).minimum, firsts[4], "{last:?}");
        let based = !matches!(last, Some(RefoldStep::StateKept | RefoldStep::Said));
        let now = read_offline(&crashed.state).expect("readable");
        assert_eq!(now.first_state(3).is_ok(), !based, "{last:?}");
        assert_eq!(now.first_state(ANEW.1).is_ok(), based, "{last:?}");
        assert_eq!(refold(None).expect("the next one goes on").changed, !based);
        if let Some((code, text)) = stranger(&crashed.state.join("journal")) {
            assert_eq!(code, 0, "{text}");
        }
        let (journal, opened) =
            IntentJournal::open(Options { fold_version: ANEW.1, ..small(&crashed) }).expect("opened");
        let begins = opened.first_state.map(|(seq, bytes)| (seq, bytes.ok()));
        assert_eq!(begins, Some((firsts[4] - 1, Some(ANEW.0.to_vec()))));
        drop(journal);
        IntentJournal::restore_archive(small(&crashed), &two).expect("the archives fit as before");
        IntentJournal::restore_archive(small(&crashed), &one).expect("the archives fit as before");
        let after = segments(&crashed);
        assert!(before.iter().all(|(first, bytes)| after[first] == *bytes), "byte for byte");
    }
}
