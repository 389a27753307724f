//! Formats outlive code: what older versions wrote is read, and what newer ones wrote is told, kept and never guessed at.
//! The table is docs/formats.md; what commands and the daemon make of it is in tests/cli.

use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use remediator::api::{Bearer, Sessions, Tokens};
use remediator::base::digest::FileDigest;
use remediator::base::formats;
use remediator::base::sign::{JournalKey, signature_text};
use remediator::context::World;
use remediator::event::control::{Resumed, SignedStatement};
use remediator::event::{self, Event, Record};
use remediator::journal::{
    Depth, Error, FixedClock, IntentJournal, LineRef, Manifest, Options, export, read_offline, verify,
};
use remediator::replay::fsck::fsck;
use remediator::subject::Subjects;
use remediator::tlog::checkpoint::{Checkpoint, LogKey};
use remediator::tlog::merkle::{Hash, InMemory, root};
use remediator::tlog::witness_request::AddCheckpoint;
use remediator::tlog::{Witness, WitnessError};

use crate::common::{AT, Home, draft, indexed, key, lines, node, options};
use crate::golden;
use crate::stranger::stranger;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// Writes one more line behind a journal that nobody has open, chained and signed as any, of whatever kind.
fn append(state: &Path, key: &JournalKey, (kind, kv, data): (&str, u32, &str)) -> String {
    let home = state.join("journal");
    let mut names: Vec<PathBuf> =
        fs::read_dir(home).expect("a folder").map(|e| e.expect("one").path()).collect();
    names.retain(|path| path.extension().is_some_and(|e| e == "ndjson"));
    names.sort();
    let segment = names.pop().expect("a segment");
    let text = fs::read_to_string(&segment).expect("lines");
    let text = text.trim_end_matches('\n');
    let last = LineRef::parse(text.lines().last().expect("a line").as_bytes()).expect("a line");
    let signed = format!(
        r#"{{"v":1,"seq":{},"time":{},"mono":{},"boot":"{}","node":"{}","kind":"{kind}","kv":{kv},"incident":null,"cause":null,"data":{data},"synced":null,"prev":"{}","key":"{}""#,
        last.seq + 1,
        last.at.time_us,
        last.at.mono_ms,
        last.boot,
        last.node,
        last.chain_hash(),
        key.public().id(),
    );
    let sig = signature_text(&key.sign(format!("{signed}}}").as_bytes()));
    let line = format!(r#"{signed},"sig":"{sig}"}}"#);
    fs::write(segment, format!("{text}\n{line}\n")).expect("appended");
    line
}

/// A journal of seven entries that was stopped in order.
fn stopped() -> Home {
    let home = Home::new();
    let journal = IntentJournal::create(indexed(&home.state), node(), [].into()).expect("made");
    (0..6).for_each(|n| drop(journal.append(vec![draft(n)]).expect("appended")));
    journal.clean_stop().expect("stopped");
    home
}

fn records(state: &Path) -> Result<Vec<Record>, Error> {
    let mut all = Vec::new();
    read_offline(state)?.records(None, &mut |record| {
        all.push(record);
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

/// What a newer version may have written into a journal of this format.
const NEWER: [(&str, u32, &str); 3] = [
    ("review.filed", 1, r#"{"what":"a kind that nobody knows yet"}"#),
    ("control.paused", 2, r#"{"by":"ada","reason":"a version of it","until":7}"#),
    ("control.paused", 1, r#"{"by":"ada","reason":"a member of it","until":7}"#),
];

#[test]
fn entries_of_a_newer_version_are_kept_checked_exported_and_found_and_never_folded() {
    for newer in NEWER {
        let home = stopped();
        let line = append(&home.state, &key(), newer);
        // Whoever checks bytes needs not know what they mean.
        for depth in [Depth::Quick, Depth::Full] {
            let report = verify(&home.state, depth, &mut |_| ()).expect("verifiable");
            assert!(report.is_good() && report.entries == 8, "{newer:?}: {report:?}");
        }
        if let Some((code, said)) = stranger(&home.state.join("journal")) {
            assert_eq!(code, 0, "{said}");
        }
        let to = home.state.join("evidence");
        export(&home.state, &to, None).expect("exported");
        let exported = fs::read_to_string(to.join(format!("{:020}.ndjson", 0))).expect("lines");
        assert_eq!(exported.lines().last(), Some(line.as_str()), "byte for byte");
        // Whoever folds stops there, and says which entry and why.
        let refused = records(&home.state).expect_err("it cannot be decoded");
        assert!(matches!(&refused, Error::Unreadable { seq: 7, .. }), "{refused}");
        let why = refused.to_string();
        assert!(why.contains(newer.0) && (why.contains("newer") || why.contains("unknown field")), "{why}");
        let checked = fsck(&home.state, &mut |_| ()).expect("checked");
        assert!(checked.good, "{checked:?}");
        let legality = checked.checks.iter().find(|check| check.name == "legality").expect("a check");
        assert!(legality.note.as_deref().is_some_and(|note| note.contains("entry 7")), "{legality:?}");
        // Opened all the same: nothing is lost, cut or changed, and it is found by its kind.
        let (journal, opened) = IntentJournal::open(indexed(&home.state)).expect("opened");
        assert!(opened.cut.is_none() && opened.repaired.is_empty() && opened.damage.is_none());
        assert_eq!(journal.line(7).expect("read").expect("there").as_str(), line);
        journal.append(vec![draft(9)]).expect("appended");
        assert_eq!(journal.by_kind(newer.0, None, 10).expect("answered"), [7]);
        let fold = journal.replay(None, &mut |_| ControlFlow::Continue(()));
        assert!(matches!(fold, Err(Error::Unreadable { seq: 7, .. })));
        assert_eq!(lines(&journal)[7], line);
        journal.clean_stop().expect("stopped");
        assert!(verify(&home.state, Depth::Full, &mut |_| ()).expect("verifiable").is_good());
    }
}

#[test]
fn an_older_version_of_a_kind_is_read_as_what_is_written_now_and_its_bytes_stay() {
    let home = stopped();
    let digest = FileDigest::of(b"a statement");
    let older = [
        format!(r#"{{"by":"ada","reason":"well","statement":"{digest}","nonce":"n"}}"#),
        format!(r#"{{"by":"ada","reason":"well","statement":{{"digest":"{digest}","nonce":"n"}}}}"#),
    ];
    let written: Vec<String> =
        older.iter().map(|data| append(&home.state, &key(), ("control.resumed", 1, data))).collect();
    let statement = SignedStatement { digest, nonce: "n".into() };
    let now = Event::Resumed(Resumed { by: "ada".into(), reason: "well".into(), statement });
    let read = records(&home.state).expect("decoded");
    assert_eq!((&read[7].event, &read[8].event), (&now, &now));
    let (journal, _) = IntentJournal::open(options(&home.state)).expect("opened");
    let mut folded = Vec::new();
    journal
        .replay(Some(6), &mut |record| {
            folded.push(record.event);
            ControlFlow::Continue(())
        })
        .expect("folded");
    assert_eq!(folded[..2], [now.clone(), now.clone()]);
    assert_eq!(lines(&journal)[7..9], written[..]);
    // What is written from here on is of the newest version.
    let draft = event::Draft { event: now, ..draft(1) };
    let seq = journal.append(vec![draft]).expect("appended").committed[0].seq();
    assert!(lines(&journal)[seq as usize].contains(r#""kind":"control.resumed","kv":2,"#));
}

#[test]
fn a_journal_of_another_format_is_refused_by_everybody_and_left_as_it_is() {
    let home = stopped();
    let path = home.segment(0);
    let text = fs::read_to_string(&path).expect("lines");
    let (first, rest) = text.split_once('\n').expect("a genesis");
    let (signed, _) = first.rsplit_once(r#","sig":""#).expect("a signature");
    let sign = |signed: &str| {
        let sig = signature_text(&key().sign(format!("{signed}}}").as_bytes()));
        format!("{signed},\"sig\":\"{sig}\"}}\n{rest}")
    };
    let format = signed.replacen("\"format\":1", "\"format\":2", 1);
    let line = format.replacen("{\"v\":1", "{\"v\":2", 1);
    for other in [sign(&format), sign(&line)] {
        fs::write(&path, &other).expect("written");
        let refused = |result: Result<(), Error>| {
            let error = result.expect_err("refused");
            assert!(matches!(error, Error::OtherFormat { .. }), "{error}");
            assert!(error.to_string().contains("newer") && error.exit_code() == 69, "{error}");
        };
        refused(IntentJournal::open(options(&home.state)).map(drop));
        refused(read_offline(&home.state).map(drop));
        refused(verify(&home.state, Depth::Quick, &mut |_| ()).map(drop));
        refused(export(&home.state, &home.state.join("evidence"), None).map(drop));
        let _ = fs::remove_dir_all(home.state.join("evidence"));
        assert_eq!(fs::read_to_string(&path).expect("lines"), other, "nothing was changed");
    }
    // A changed byte in one of ours is damage, not another format.
    fs::write(&path, text.replacen("\"format\":1", "\"format\":3", 1)).expect("written");
    let report = verify(&home.state, Depth::Quick, &mut |_| ()).expect("verifiable");
    assert_eq!(report.first_bad.map(|bad| bad.seq), Some(0));
}

#[test]
fn what_stands_beside_the_lines_is_believed_only_in_its_own_version() {
    // An export whose manifest is of another version is not taken for a folder without one.
    let home = stopped();
    let to = home.state.join("evidence");
    export(&home.state, &to, None).expect("exported");
    let manifest = fs::read_to_string(to.join("MANIFEST.json")).expect("a manifest");
    fs::write(to.join("MANIFEST.json"), manifest.replacen("\"v\": 1", "\"v\": 2", 1)).expect("written");
    assert!(matches!(verify(&to, Depth::Full, &mut |_| ()), Err(Error::OtherFormat { .. })));
    assert!(Manifest::read(&to).is_none());
    // A head note of another version is no note; the lines are all there.
    let head = home.state.join("journal/head");
    let note = fs::read_to_string(&head).expect("a note").replacen("{\"v\":1", "{\"v\":2", 1);
    let part = note.split_once(",\"check\"").expect("a check").0;
    let check = &blake3::hash(part.as_bytes()).to_hex()[..16];
    fs::write(&head, format!("{:511}\n", format!("{part},\"check\":\"{check}\"}}"))).expect("written");
    assert!(verify(&home.state, Depth::Full, &mut |_| ()).expect("verifiable").is_good());
    let (journal, opened) = IntentJournal::open(options(&home.state)).expect("opened");
    assert!(opened.cut.is_none() && lines(&journal).len() >= 7);
    // A snapshot of another fold is left alone.
    journal.take_snapshot(3, formats::FOLD + 1, b"another").expect("taken");
    drop(journal);
    let opened = |fold_version| {
        let opened = IntentJournal::open(Options { fold_version, ..options(&home.state) }).expect("opened").1;
        opened.snapshot
    };
    assert_eq!(opened(formats::FOLD), None);
    assert_eq!(opened(formats::FOLD + 1), Some((3, b"another".to_vec())));
}

/// A home's export, as a build of format 1 wrote it whose `control.resumed` was version 1.
#[test]
fn what_a_daemon_once_recorded_is_read_and_folds_to_the_state_that_it_recorded() {
    let recorded = data().join("recorded-v1");
    let report = verify(&recorded, Depth::Full, &mut |_| ()).expect("verifiable");
    assert!(report.is_good() && report.entries > 50, "{report:?}");
    let read = records(&recorded).expect("every kind is known");
    let text = fs::read_to_string(recorded.join(format!("{:020}.ndjson", 0))).expect("lines");
    assert!(text.contains(r#""kind":"control.resumed","kv":1,"#), "written by the older version");
    let mut world = World::new(read_offline(&recorded).expect("readable").genesis_hash());
    for record in &read {
        world.check(record).unwrap_or_else(|illegal| panic!("entry {}: {illegal}", record.seq));
        world.apply(record);
    }
    assert!(world.control.paused.is_none(), "the older `control.resumed` was folded");
    // The state hashes in it are those of the fold's version of that time: folded anew the same state must come out,
    // byte for byte, as long as the number stands.
    let checked = fsck(&recorded, &mut |_| ()).expect("checked");
    assert!(checked.good, "{checked:?}");
    let snapshots = checked.checks.iter().find(|check| check.name == "snapshots").expect("a check");
    assert!(snapshots.looked == 2 || formats::FOLD != 9, "{snapshots:?}");
    // The manifest is what an export of these lines is today.
    let home = Home::new();
    let to = home.state.join("again");
    export(&recorded, &to, None).expect("exported");
    assert_eq!(fs::read(to.join("MANIFEST.json")).ok(), fs::read(recorded.join("MANIFEST.json")).ok());
}

#[test]
fn small_files_of_the_state_folder_are_read_in_their_version_and_refused_in_another() {
    let home = Home::new();
    let formats = data().join("formats");
    let place = |name: &str, newer: bool| {
        let text = fs::read_to_string(formats.join(name)).expect("a golden file");
        let to = home.state.join(name);
        let text = if newer { text.replacen("\"v\": 2", "\"v\": 3", 1) } else { text };
        let text = if newer { text.replacen("\"v\": 1", "\"v\": 2", 1) } else { text };
        fs::write(&to, text).expect("written");
        to
    };
    let tokens = Tokens::load(&place("tokens-1.json", false)).expect("the tokens of version 1");
    assert_eq!(tokens.bearers().count(), 2);
    let person = |name: &str| {
        let tokens = Tokens::load(&place(name, false)).expect("tokens");
        let roles = tokens.bearers().filter_map(|stored| match &stored.bearer {
            Bearer::Person { name, role } => Some((name.clone(), role.word())),
            Bearer::Sentinel { .. } => None,
        });
        roles.collect::<Vec<_>>()
    };
    assert_eq!(person("tokens-1.json"), [("ada".into(), "lead")], "from before there were roles");
    assert_eq!(person("tokens-2.json"), [("ada".into(), "lead"), ("bob".into(), "audit")]);
    // What is written is the newest form, which a program that knows no roles refuses.
    let again = home.state.join("tokens-again.json");
    tokens.save(&again).expect("saved");
    let text = fs::read_to_string(&again).expect("written");
    assert!(text.contains("\"v\": 2") && text.contains("\"role\": \"lead\""), "{text}");
    let refused = Tokens::load(&place("tokens-2.json", true)).expect_err("another version").to_string();
    assert!(refused.contains("newer"), "{refused}");
    // Sessions: worth a login, no more. In another version there are none.
    let person =
        |path: &Path| Sessions::kept_in(path.to_owned()).person("golden", &tokens, 1_000_100).is_some();
    assert!(person(&place("sessions-1.json", false)));
    assert!(!person(&place("sessions-1.json", true)));
    // A witness that cannot read what it cosigned last cosigns nothing.
    let folder = home.state.join("witness");
    fs::create_dir(&folder).expect("a folder");
    let witness = || {
        let witness = Witness::new(
            folder.clone(),
            "w.example".into(),
            JournalKey::from_seed(&[2; 32]),
            Arc::new(FixedClock(AT)),
        );
        let key = JournalKey::from_seed(&[1; 32]).public();
        witness.know(vec![LogKey { origin: "log".into(), key }]);
        witness
    };
    let mut tree = InMemory::default();
    (0..9_u64).for_each(|n| tree.push(Hash::of_leaf(&n.to_be_bytes())));
    let head = Checkpoint { origin: "log".into(), size: 9, root: root(&tree, 9).expect("a root") };
    let note = head.signed(&JournalKey::from_seed(&[1; 32]), 3);
    let body = AddCheckpoint { old: 0, proof: Vec::new(), note, head }.body();
    let name = format!("{}.json", FileDigest::of(b"log").to_string().trim_start_matches("sha256:"));
    let record = fs::read_to_string(formats.join("witness-1.json")).expect("a golden record");
    fs::write(folder.join(&name), record.replacen("\"v\": 1", "\"v\": 2", 1)).expect("written");
    assert!(matches!(witness().add_checkpoint(&body), Err(WitnessError::Record(_))));
    fs::write(folder.join(&name), record).expect("written");
    let from_another_size = witness().add_checkpoint(&body).expect_err("it has seen seven").to_string();
    assert!(from_another_size.contains('7'), "{from_another_size}");
}

/// The golden text was sealed by another implementation, in Python, from docs/journal-format.md.
#[test]
fn what_was_sealed_in_version_1_is_opened_and_a_key_of_another_version_is_not_guessed_at() {
    let (formats, state) = (data().join("formats"), tempfile::tempdir().expect("a folder"));
    let folder = state.path().join("subjects");
    fs::create_dir(&folder).expect("a folder");
    let read = |name: &str| fs::read_to_string(formats.join(name)).expect("a golden file");
    let place = |name: &str, id: &str| fs::write(folder.join(id), read(name)).expect("written");
    let texts = read("sealed-1.txt");
    let texts: Vec<&str> = texts.lines().collect();
    let open = |text: &str| Subjects::of_state(state.path()).open(text, &BTreeSet::new()).into_owned();
    assert_eq!(open(texts[0]), "(sealed; no key here)");
    place("subject-1.json", "0000000000000a01.key");
    place("subject-1-other.json", "0000000000000b02.key");
    assert_eq!((open(texts[0]), open(texts[1])), ("her order hangs".to_owned(), "of both".to_owned()));
    place("subject-1-erasing.json", "0000000000000b02.erasing");
    let erasing = Subjects::of_state(state.path()).erasing().expect("read");
    assert_eq!((erasing.len(), erasing[0].id.to_string().as_str()), (1, "0000000000000b02"));
    let newer = read("subject-1.json").replacen("\"v\":1", "\"v\":2", 1);
    fs::write(folder.join("0000000000000a01.key"), newer).expect("written");
    assert_eq!(open(texts[0]), "(sealed; no key here)");
    let refused = Subjects::of_state(state.path()).id_of("anybody").expect_err("another version").to_string();
    assert!(refused.contains("newer"), "{refused}");
}

#[test]
fn the_table_of_formats_is_the_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md");
    let page = fs::read_to_string(page).expect("docs/formats.md");
    let rows = |begin: &str| -> BTreeSet<(String, u32)> {
        let table = page.split_once(begin).expect("the table's heading").1;
        let lines = table
            .lines()
            .skip_while(|line| !line.starts_with("| `"))
            .take_while(|line| line.starts_with('|'));
        lines
            .map(|line| {
                let mut cells = line.trim_matches('|').split('|').map(str::trim);
                let name = cells.next().expect("a name").trim_matches('`').to_owned();
                (name, cells.next().expect("a version").parse().expect("a number"))
            })
            .collect()
    };
    let known = |all: &[(&str, u32)]| all.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect::<BTreeSet<_>>();
    assert_eq!(rows("## Forms"), known(formats::ALL));
    let newest: Vec<(&str, u32)> = Event::KINDS.iter().copied().filter(|(_, kv)| *kv > 1).collect();
    assert_eq!(rows("## Kinds of entries"), known(&newest));
    // Every form that is a file has a golden one.
    for golden in [
        "tokens-1.json",
        "tokens-2.json",
        "sessions-1.json",
        "witness-1.json",
        "last-seen-1.json",
        "spool-1.json",
        "subject-1.json",
    ] {
        assert!(data().join("formats").join(golden).is_file(), "{golden}");
    }
    assert!(golden::folder().join("journal").is_dir());
}
