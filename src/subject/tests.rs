//! Keys in real files: made once, used together, destroyed for good, also when a crash comes in between.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn none() -> BTreeSet<SubjectId> {
    BTreeSet::new()
}

#[test]
fn what_is_sealed_is_opened_with_the_key_and_never_without() {
    let state = tempfile::tempdir().expect("a folder");
    let subjects = Subjects::of_state(state.path());
    let ann = subjects.id_of("customer:ann").expect("a key");
    assert_eq!(subjects.id_of("customer:ann").expect("the same"), ann);
    let bob = subjects.id_of("bob").expect("a key");
    let text = "her \"order\"\nfailed";
    let of_ann = subjects.seal(&BTreeSet::from([ann]), text).expect("sealed");
    let of_both = subjects.seal(&BTreeSet::from([ann, bob]), text).expect("sealed");
    assert!(
        !of_ann.contains("order") && of_ann != subjects.seal(&BTreeSet::from([ann]), text).expect("sealed")
    );
    let said = format!("again: {of_ann}");
    assert_eq!(subjects.open(&said, &none()), format!("again: {text}"));
    let json = serde_json::json!({ "said": said }).to_string();
    let opened: serde_json::Value = serde_json::from_str(&subjects.open_json(&json, &none())).expect("JSON");
    assert_eq!(opened["said"], format!("again: {text}"));
    // Whose it is belongs to it.
    let moved = of_ann.replace(&ann.to_string(), &bob.to_string());
    assert_eq!(subjects.open(&moved, &none()), DAMAGED);
    assert_eq!(subjects.open(&of_both, &none()), text);
    assert_eq!(subjects.open(&of_both, &BTreeSet::from([bob])), ERASED);
    // Somebody else's folder, also of this home later.
    let elsewhere = tempfile::tempdir().expect("a folder");
    assert_eq!(Subjects::of_state(elsewhere.path()).open(&of_ann, &none()), NO_KEY);
    assert_eq!(Subjects::of_state(state.path()).open(&of_both, &none()), text);
}

#[test]
fn an_erased_subject_is_gone_in_memory_and_on_disk_and_gets_another_key() {
    let state = tempfile::tempdir().expect("a folder");
    let (ours, theirs) = (Subjects::of_state(state.path()), Subjects::of_state(state.path()));
    let (ann, bob) = (ours.id_of("ann").expect("a key"), ours.id_of("bob").expect("a key"));
    let of_ann = ours.seal(&BTreeSet::from([ann]), "secret").expect("sealed");
    let of_both = ours.seal(&BTreeSet::from([ann, bob]), "secret").expect("sealed");
    assert_eq!(theirs.open(&of_both, &none()), "secret");
    assert!(matches!(theirs.erase("carl", "person:eve", "asked"), Err(SubjectError::Unknown)));
    let erasing = theirs.erase("ann", "person:eve", "asked").expect("erased");
    assert_eq!((erasing[0].id, ours.erasing().expect("read")), (ann, erasing));
    for subjects in [&ours, &theirs, &Subjects::of_state(state.path())] {
        assert_eq!(subjects.open(&of_ann, &none()), NO_KEY);
        assert_eq!(subjects.open(&of_both, &none()), NO_KEY, "one of the two is enough");
        assert!(
            matches!(subjects.seal(&BTreeSet::from([ann]), "x"), Err(SubjectError::Gone(id)) if id == ann)
        );
        assert_eq!(subjects.seal_or_drop(&BTreeSet::from([ann]), "secret"), NOT_KEPT);
    }
    theirs.erased(ann).expect("recorded");
    assert_eq!(ours.erasing().expect("read"), []);
    assert_ne!(ours.id_of("ann").expect("another"), ann);
    assert_eq!(ours.open(&of_ann, &none()), NO_KEY);
}

#[test]
fn files_are_the_owners_and_a_key_that_was_cut_off_while_it_was_destroyed_is_none() {
    let state = tempfile::tempdir().expect("a folder");
    let subjects = Subjects::of_state(state.path());
    let ann = subjects.id_of("ann").expect("a key");
    let folder = state.path().join("subjects");
    let file = folder.join(format!("{ann}.key"));
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    let length = std::fs::metadata(&file).expect("there").len() as usize;
    std::fs::write(&file, vec![0u8; length]).expect("overwritten");
    let after = Subjects::of_state(state.path());
    assert_eq!(after.list().expect("listed"), []);
    assert!(matches!(after.seal(&BTreeSet::from([ann]), "x"), Err(SubjectError::Gone(_))));
    assert!(after.destroy(ann).expect("destroyed") && !after.destroy(ann).expect("gone"));
    std::fs::write(&file, "{}").expect("written");
    assert!(matches!(after.id_of("bob"), Err(SubjectError::Unreadable { .. })), "nothing is guessed");
}

#[test]
fn a_key_that_was_read_before_it_was_destroyed_is_not_remembered_after() {
    let state = tempfile::tempdir().expect("a folder");
    let subjects = Subjects::of_state(state.path());
    let ann = subjects.id_of("ann").expect("a key");
    let read = subjects.key(ann).expect("read").expect("there");
    assert!(subjects.destroy(ann).expect("destroyed"));
    subjects.hold(read, Some(Blake3::of(b"ann")));
    assert!(subjects.held().keys.is_empty() && subjects.held().names.is_empty());
}

#[test]
fn every_key_of_a_name_is_destroyed_and_a_key_under_another_ones_name_is_none() {
    let state = tempfile::tempdir().expect("a folder");
    let (folder, subjects) = (state.path().join("subjects"), Subjects::of_state(state.path()));
    let old = subjects.id_of("ann").expect("a key");
    let text = subjects.seal(&BTreeSet::from([old]), "secret").expect("sealed");
    let file = folder.join(format!("{old}.key"));
    let copy = std::fs::read(&file).expect("a key");
    // The folder was lost, ann was reported again, and then an old copy of it was put back.
    std::fs::remove_file(&file).expect("lost");
    let new = subjects.id_of("ann").expect("another");
    std::fs::write(&file, &copy).expect("put back");
    assert_eq!(subjects.open(&text, &none()), "secret");
    let ids: BTreeSet<_> =
        subjects.erase("ann", "person:eve", "asked").expect("erased").iter().map(|one| one.id).collect();
    assert_eq!((ids, subjects.list().expect("listed")), (BTreeSet::from([old, new]), vec![]));
    assert_eq!(subjects.open(&text, &none()), NO_KEY);
    // Destroying goes by the file's name, so what the file holds has to be the same key.
    std::fs::write(folder.join("00000000000000aa.key"), &copy).expect("written");
    for refused in [subjects.list().map(drop), subjects.erase("ann", "person:eve", "asked").map(drop)] {
        assert!(matches!(refused, Err(SubjectError::Unreadable { .. })), "{refused:?}");
    }
}

#[test]
fn an_erasure_that_cannot_be_read_keeps_no_other_back_and_half_written_files_go() {
    let state = tempfile::tempdir().expect("a folder");
    let (folder, subjects) = (state.path().join("subjects"), Subjects::of_state(state.path()));
    let ann = subjects.id_of("ann").expect("a key");
    std::fs::write(folder.join("0000000000000001.erasing"), "{").expect("written");
    std::fs::write(folder.join(".tmpAbCd"), "ann").expect("written");
    let erasing = subjects.erase("ann", "person:eve", "asked").expect("erased");
    assert_eq!((erasing[0].id, subjects.erasing().expect("read")), (ann, erasing));
    let one = "0000000000000001".parse().expect("an id");
    assert_eq!(subjects.doomed().expect("listed"), BTreeSet::from([ann, one]));
    assert!(!folder.join(".tmpAbCd").exists(), "a name may stand in it");
}

#[test]
fn a_key_whose_erasure_was_begun_is_nobodys_any_more_and_its_subject_gets_another() {
    let state = tempfile::tempdir().expect("a folder");
    let subjects = Subjects::of_state(state.path());
    let ann = subjects.id_of("ann").expect("a key");
    let text = subjects.seal(&BTreeSet::from([ann]), "secret").expect("sealed");
    // A crash between the two halves of an erasure.
    subjects.inner.folder.begin_erasing("ann", "person:eve", "asked").expect("begun");
    assert_eq!(subjects.open(&text, &none()), NO_KEY);
    assert!(subjects.seal(&BTreeSet::from([ann]), "more").is_err());
    let next = subjects.id_of("ann").expect("a key");
    assert!(next != ann && subjects.ids().expect("listed") == BTreeSet::from([ann, next]));
    // What was sealed meanwhile outlives the end of what was begun.
    let later = subjects.seal(&BTreeSet::from([next]), "later").expect("sealed");
    assert!(subjects.destroy(ann).expect("destroyed"));
    assert_eq!(subjects.open(&later, &none()), "later");
}
