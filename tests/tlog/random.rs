//! Random logs: entries of any bytes and lengths, any sizes, any index, any earlier size.

use std::collections::BTreeMap;

use proptest::prelude::*;
use remediator::base::sign::JournalKey;
use remediator::tlog::checkpoint::Checkpoint;
use remediator::tlog::merkle::{
    Hash, InMemory, Levels as _, consistency, inclusion, is_consistent, is_included, root,
};
use remediator::tlog::note::{Kind, Note, Verifier};
use remediator::tlog::policy::Policy;
use remediator::tlog::proof::Proof;
use remediator::tlog::tiles::{Content, TileName};
use remediator::tlog::witness_request::AddCheckpoint;

use crate::foreign::{self, Tiles, Tree};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn others_agree_on_random_logs(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..600),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 4),
        old in any::<prop::sample::Index>(),
    ) {
        let (mut ours, mut theirs, mut roots) = (InMemory::default(), Tree::new(), BTreeMap::new());
        roots.insert(0, Hash::of_nothing());
        for entry in &entries {
            ours.push(Hash::of_leaf(entry));
            theirs.push(entry.clone());
            roots.insert(ours.size(), root(&ours, ours.size()).expect("a root"));
        }
        let size = ours.size();
        let whole = roots[&size];
        prop_assert_eq!(foreign::root_of(&theirs), whole);

        let old = old.index(entries.len() + 1) as u64;
        let proof = consistency(&ours, old, size).expect("a proof");
        foreign::same_consistency(&theirs, old, &roots[&old], &proof);
        prop_assert!(is_consistent(old, &roots[&old], size, &whole, &proof));

        let picked: Vec<(u64, &[u8], Vec<Hash>)> = picks
            .iter()
            .map(|pick| {
                let index = pick.index(entries.len()) as u64;
                let path = inclusion(&ours, index, size).expect("a path");
                foreign::same_inclusion(&theirs, index, &path);
                assert!(is_included(&Hash::of_leaf(&entries[index as usize]), index, size, &path, &whole));
                (index, entries[index as usize].as_slice(), path)
            })
            .collect();
        let tiles = Tiles(|name: &str| {
            let TileName { content: Content::Hashes(level), index, width } = TileName::parse(name).expect("a name") else {
                panic!("entries were not asked for");
            };
            let hashes = ours.hashes(level, index * 256, width).expect("a tile");
            hashes.iter().flat_map(|hash| hash.0).collect()
        });
        foreign::proves_from_tiles(&tiles, (size, &whole), &picked);
    }
}

/// Reads a text, and writes what it read.
type Reads = fn(&str) -> Option<String>;

/// A good one of each text, and what reads it.
fn texts() -> Vec<(String, Reads)> {
    let key = JournalKey::from_seed(&[1; 32]);
    let mut tree = InMemory::default();
    (0..20_u64).for_each(|n| tree.push(Hash::of_leaf(&n.to_be_bytes())));
    let root = root(&tree, 20).expect("a root");
    let head = Checkpoint { origin: "log".into(), size: 20, root };
    let note = head.signed(&key, 9);
    let path = inclusion(&tree, 3, 20).expect("a path");
    let proof = Proof { extra: Some(b"entry".to_vec()), index: 3, path, note: note.clone() };
    let asks = AddCheckpoint {
        old: 7,
        proof: consistency(&tree, 7, 20).expect("a proof"),
        note: note.clone(),
        head: head.clone(),
    };
    let vkey = Verifier::new("log", Kind::Plain, key.public());
    let witness = Verifier::new("w", Kind::Timestamped, key.public());
    let policy = format!("log {vkey}\nwitness w {witness} http://w.example\ngroup g any w\nquorum g\n");
    vec![
        (note.to_string(), |text| Note::parse(text).ok().map(|note| note.to_string())),
        (head.to_string(), |text| Checkpoint::parse(text).ok().map(|head| head.to_string())),
        (proof.to_string(), |text| Proof::parse(text).ok().map(|proof| proof.to_string())),
        (asks.body(), |text| AddCheckpoint::parse(text).ok().map(|asks| asks.body())),
        (vkey.to_string(), |text| Verifier::parse(text).ok().map(|vkey| vkey.to_string())),
        ("12/x001/234.p/7".into(), |text| TileName::parse(text).map(|tile| tile.to_string())),
        (policy, |text| Policy::parse(text).ok().map(|_| text.to_owned())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is sent is read or refused, and what was read is what was sent: there is one spelling of each.
    #[test]
    fn texts_from_outside_are_read_as_they_are_or_refused(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        length in 0_usize..4,
        with in "[\\x00-\\x7f\u{2014}é]{0,4}",
    ) {
        let all = texts();
        let (text, reads) = &all[which.index(all.len())];
        let there = reads(text);
        prop_assert_eq!(there.as_ref(), Some(text));
        let mut letters: Vec<char> = text.chars().collect();
        let from = at.index(letters.len());
        letters.splice(from..(from + length).min(letters.len()), with.chars());
        let changed: String = letters.into_iter().collect();
        if let Some(read) = reads(&changed) {
            // Extension lines of a checkpoint are passed over.
            prop_assert!(read == changed || changed.starts_with(read.trim_end()), "{changed:?} was read as {read:?}");
        }
    }
}
