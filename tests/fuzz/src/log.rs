//! Target `log`: the texts of the transparency log: notes, checkpoints, proofs, policies, names of tiles, bundles of
//! entries, requests to a witness. What is read writes back as itself, and a witness goes along one history only.

use std::sync::LazyLock;

use remediator::base::sign::JournalKey;
use remediator::tlog::checkpoint::{Checkpoint, LogKey, is_origin};
use remediator::tlog::merkle::Hash;
use remediator::tlog::note::{Note, Verdict};
use remediator::tlog::policy::Policy;
use remediator::tlog::proof::Proof;
use remediator::tlog::tiles::{TileName, bundle, unbundle};
use remediator::tlog::witness_request::{AddCheckpoint, Refusal, Seen};

use super::said;

static KEY: LazyLock<JournalKey> = LazyLock::new(|| JournalKey::from_seed(&[1; 32]));

/// See the module.
pub fn check(bytes: &[u8]) {
    if let Some(entries) = unbundle(bytes) {
        assert_eq!(bundle(entries.into_iter()).as_deref(), Some(bytes), "a bundle has one spelling");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(name) = TileName::parse(text.trim_end()) {
        assert_eq!(name.to_string(), text.trim_end(), "a tile has one spelling");
        let _ = name.needs();
    }
    match Checkpoint::parse(text) {
        Ok(head) => signed(&head),
        Err(why) => said::is_line(why),
    }
    match Note::parse(text) {
        Ok(note) => assert_eq!(Note::parse(&note.to_string()).as_ref(), Ok(&note)),
        Err(why) => said::is_line(why),
    }
    match Proof::parse(text) {
        Ok(proof) => {
            assert_eq!(Proof::parse(&proof.to_string()).as_ref(), Ok(&proof));
            let shown = proof.extra.as_deref().is_some_and(|entry| proof.shows(entry));
            let inside = proof.checkpoint().is_ok_and(|head| proof.index < head.size);
            assert!(!shown || inside, "an entry that is not in the tree was shown to be");
        }
        Err(why) => said::is_line(why),
    }
    match Policy::parse(text) {
        Ok(policy) => {
            let head = Checkpoint { origin: "log".into(), size: 1, root: Hash::of_leaf(b"x") };
            let judged = policy.judge(&head.signed(&KEY, 7));
            assert!(judged.cosigned.is_empty(), "the log's own key is no witness of it");
        }
        Err(why) => said::is_fit(why),
    }
    match AddCheckpoint::parse(text) {
        Ok(request) => asked(&request),
        Err(why) => said::is_line(why),
    }
}

/// A head is signed as it is written, and by nobody else.
fn signed(head: &Checkpoint) {
    assert_eq!(Checkpoint::parse(&head.to_string()).as_ref(), Ok(head));
    // Others may name a log as no signature line can.
    if !is_origin(&head.origin) {
        return;
    }
    let log = LogKey { origin: head.origin.clone(), key: KEY.public() };
    let note = head.signed(&KEY, 7);
    assert_eq!(Note::parse(&note.to_string()).as_ref(), Ok(&note));
    assert_eq!(log.judge(&note), (Verdict::Holds(None), Some(7)));
    let other = LogKey { key: JournalKey::from_seed(&[2; 32]).public(), ..log };
    assert!(!matches!(other.judge(&note).0, Verdict::Holds(_)));
}

/// As it came, and with the log's own signature on it, so that what counts is what it says.
fn asked(request: &AddCheckpoint) {
    assert_eq!(AddCheckpoint::parse(&request.body()).as_ref(), Ok(request));
    let logs = [LogKey { origin: request.head.origin.clone(), key: KEY.public() }];
    let note = request.head.signed(&KEY, 7);
    let request = AddCheckpoint { note, ..request.clone() };
    let (head, old) = (&request.head, request.old);
    let first = request.judge(&logs, None);
    if let Ok(seen) = first {
        assert_eq!(
            (old, seen),
            (0, Seen { size: head.size, root: head.root }),
            "the first begins at nothing"
        );
    }
    let last = Seen { size: old, root: Hash::of_leaf(b"another tree") };
    match request.judge(&logs, Some(last)) {
        Ok(seen) => assert!(seen.size > old || seen == last, "no way back and no second history"),
        Err(why) => said::is_line(why),
    }
    let larger = Seen { size: old.wrapping_add(1), root: head.root };
    assert!(matches!(request.judge(&logs, Some(larger)), Err(Refusal::OtherSize(_))));
    assert!(matches!(request.judge(&[], None), Err(Refusal::UnknownLog)));
}
