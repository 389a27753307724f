//! Random logs: entries of any bytes and lengths, any sizes, any index, any earlier size.

use std::collections::BTreeMap;

use proptest::prelude::*;
use remediator::tlog::merkle::{
    Hash, InMemory, Levels as _, consistency, inclusion, is_consistent, is_included, root,
};
use remediator::tlog::tiles::{Content, TileName};

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
