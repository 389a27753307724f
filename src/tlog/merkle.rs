//! The Merkle tree of RFC 6962 with SHA-256: hashes, roots, proofs and their verification, as plain mathematics.
//! Not for where hashes are kept (`levels`) nor for who signs a root (`checkpoint`).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// Hashes of one tile: a tile has this many hashes of one level (c2sp.org/tlog-tiles).
pub const TILE: usize = 256;
/// Binary levels between two tile levels.
pub const TILE_HEIGHT: u32 = 8;

/// A hash of the tree. Written as padded standard base64 of 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Bytes of a hash.
    pub const BYTES: usize = 32;
    /// The root of the tree without leaves.
    pub fn of_nothing() -> Self {
        Self(Sha256::digest([]).into())
    }
    /// A leaf: SHA-256 of a zero byte and the entry.
    pub fn of_leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
    }
    /// A node: SHA-256 of a one byte and its two children.
    pub fn of_node(left: &Self, right: &Self) -> Self {
        Self(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
    }
    /// Reads what is written: 44 characters of padded standard base64, in the one spelling there is.
    pub fn parse(text: &str) -> Option<Self> {
        let hash = Self(STANDARD.decode(text).ok()?.try_into().ok()?);
        (hash.to_string() == text).then_some(hash)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}
impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where hashes of tiles come from. At tile level `level`, hash `n` covers the 256^level leaves from n·256^level on.
pub trait Levels {
    /// What can go wrong.
    type Error;
    /// `count` hashes from `from` on, at most a tile's; all of them are there.
    fn hashes(&self, level: u32, from: u64, count: usize) -> Result<Vec<Hash>, Self::Error>;
}

/// The root of a perfect tree: as many hashes as a power of two.
pub fn perfect(hashes: &[Hash]) -> Hash {
    let mut level: Vec<Hash> = hashes.to_vec();
    while level.len() > 1 {
        level =
            level.chunks(2).map(|pair| Hash::of_node(&pair[0], pair.last().unwrap_or(&pair[0]))).collect();
    }
    level.first().copied().unwrap_or_else(Hash::of_nothing)
}

/// The largest power of two below `n`, which is at least 2: where RFC 6962 splits a tree.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The hash over the leaves from `start` to `end` (not included). A start is always one that a split gives.
fn range<L: Levels>(levels: &L, start: u64, end: u64) -> Result<Hash, L::Error> {
    let n = end - start;
    if n == 0 {
        return Ok(Hash::of_nothing());
    }
    if n.is_power_of_two() {
        let height = n.trailing_zeros();
        let (level, rest) = (height / TILE_HEIGHT, height % TILE_HEIGHT);
        let from = start >> (level * TILE_HEIGHT);
        return Ok(perfect(&levels.hashes(level, from, 1 << rest)?));
    }
    let middle = start + split(n);
    Ok(Hash::of_node(&range(levels, start, middle)?, &range(levels, middle, end)?))
}

/// The root of the tree's first `size` leaves.
pub fn root<L: Levels>(levels: &L, size: u64) -> Result<Hash, L::Error> {
    range(levels, 0, size)
}

/// The audit path of leaf `index` in the tree of `size` leaves, `index` < `size`: from the leaf's sibling upwards.
pub fn inclusion<L: Levels>(levels: &L, index: u64, size: u64) -> Result<Vec<Hash>, L::Error> {
    let (mut start, mut end, mut path) = (0, size, Vec::new());
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range(levels, middle, end)?);
            end = middle;
        } else {
            path.push(range(levels, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `old` leaves is the beginning of the one of `new` leaves, `old` ≤ `new`.
pub fn consistency<L: Levels>(levels: &L, old: u64, new: u64) -> Result<Vec<Hash>, L::Error> {
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(proof);
    }
    let (mut start, mut end, mut whole) = (0, new, true);
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(range(levels, middle, end)?);
            end = middle;
        } else {
            proof.push(range(levels, start, middle)?);
            (start, whole) = (middle, false);
        }
    }
    if !whole {
        proof.push(range(levels, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether `path` shows that `leaf` stands at `index` of the tree with this size and root.
pub fn is_included(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            hash = Hash::of_node(sibling, &hash);
            while at.is_multiple_of(2) && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = Hash::of_node(&hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// Whether `proof` shows that the tree (`old`, `old_root`) is the beginning of the tree (`new`, `new_root`).
pub fn is_consistent(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old > new {
        return false;
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == Hash::of_nothing();
    }
    let (mut at, mut last) = (old - 1, new - 1);
    while at % 2 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    // A whole left subtree is its own first hash; it is not sent.
    let mut rest = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { rest.next() };
    let Some(first) = first else { return false };
    let (mut of_old, mut of_new) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            of_old = Hash::of_node(sibling, &of_old);
            of_new = Hash::of_node(sibling, &of_new);
            while at.is_multiple_of(2) && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            of_new = Hash::of_node(&of_new, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && of_old == *old_root && of_new == *new_root
}

/// Grows the tile levels of a tree leaf by leaf. It keeps the open tile of each level and hands out every hash.
#[derive(Debug, Clone, Default)]
pub struct Grower {
    open: Vec<Vec<Hash>>,
}

impl Grower {
    /// Goes on from open tiles, those of level 0 first; each has fewer hashes than a tile.
    pub fn from(open: Vec<Vec<Hash>>) -> Self {
        Self { open }
    }

    /// Adds a leaf; `new` is given each hash that there is now, with its tile level.
    pub fn push(&mut self, leaf: Hash, new: &mut dyn FnMut(usize, Hash)) {
        let (mut level, mut hash) = (0, leaf);
        loop {
            new(level, hash);
            if self.open.len() == level {
                self.open.push(Vec::with_capacity(TILE));
            }
            let tile = &mut self.open[level];
            tile.push(hash);
            if tile.len() < TILE {
                return;
            }
            hash = perfect(tile);
            tile.clear();
            level += 1;
        }
    }
}

/// All hashes of a tree in memory: 33 bytes a leaf. For proofs of a journal that no daemon serves, and for tests.
#[derive(Debug, Clone, Default)]
pub struct InMemory {
    grower: Grower,
    levels: Vec<Vec<Hash>>,
}

impl InMemory {
    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let levels = &mut self.levels;
        self.grower.push(leaf, &mut |level, hash| {
            if levels.len() == level {
                levels.push(Vec::new());
            }
            levels[level].push(hash);
        });
    }
    /// Leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }
}

/// A hash that a tree does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tree has no hash {from} at tile level {level}")]
pub struct NoHash {
    /// Which level.
    pub level: u32,
    /// From which hash on.
    pub from: u64,
}

impl Levels for InMemory {
    type Error = NoHash;
    fn hashes(&self, level: u32, from: u64, count: usize) -> Result<Vec<Hash>, NoHash> {
        let of_level = self.levels.get(level as usize).map(Vec::as_slice).unwrap_or_default();
        let begin = usize::try_from(from).unwrap_or(usize::MAX);
        let found = of_level.get(begin..begin.saturating_add(count));
        found.map(<[Hash]>::to_vec).ok_or(NoHash { level, from })
    }
}

/// The roots of a growing tree, in as much memory as it has levels: for whoever reads a journal once.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    size: u64,
    /// Roots of the perfect subtrees, the largest first.
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// Goes on from the roots of the perfect subtrees of a tree, the largest first; none when they are not as many as a
    /// tree of that size has.
    pub fn of(size: u64, subtrees: Vec<Hash>) -> Option<Self> {
        (size.count_ones() as usize == subtrees.len()).then_some(Self { size, subtrees })
    }
    /// Roots of the perfect subtrees, the largest first.
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }
    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut size = self.size;
        while size % 2 == 1 {
            if let Some(left) = self.subtrees.pop() {
                hash = Hash::of_node(&left, &hash);
            }
            size >>= 1;
        }
        self.subtrees.push(hash);
        self.size += 1;
    }
    /// Leaves.
    pub fn size(&self) -> u64 {
        self.size
    }
    /// The root.
    pub fn root(&self) -> Hash {
        let mut subtrees = self.subtrees.iter().rev();
        let Some(last) = subtrees.next() else { return Hash::of_nothing() };
        subtrees.fold(*last, |right, left| Hash::of_node(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn leaf(n: u64) -> Hash {
        Hash::of_leaf(&n.to_be_bytes())
    }

    fn tree(size: u64) -> InMemory {
        let mut tree = InMemory::default();
        (0..size).for_each(|n| tree.push(leaf(n)));
        tree
    }

    /// RFC 6962, section 2.1, word for word.
    fn as_defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of_nothing(),
            [one] => *one,
            more => {
                let mut k = 1;
                while k * 2 < more.len() {
                    k *= 2;
                }
                Hash::of_node(&as_defined(&more[..k]), &as_defined(&more[k..]))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_definition() {
        let (mut frontier, mut leaves) = (Frontier::default(), Vec::new());
        let tree = tree(600);
        for n in 0..600 {
            assert_eq!(frontier.root(), as_defined(&leaves), "{n}");
            assert_eq!(root(&tree, n), Ok(as_defined(&leaves)), "{n}");
            frontier.push(leaf(n));
            leaves.push(leaf(n));
        }
        // The value that RFC 6962 and its test vectors give for no leaves.
        let none = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(Hash::of_nothing().to_string(), none);
        assert_eq!(Hash::parse(none), Some(Hash::of_nothing()));
        assert_eq!(Hash::parse("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV="), None, "stray bits");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_path_proves_its_leaf_at_its_place_and_nothing_else(size in 1_u64..700, at in any::<u64>()) {
            let (tree, index) = (tree(size), at % size);
            let whole = root(&tree, size).expect("a root");
            let path = inclusion(&tree, index, size).expect("a path");
            prop_assert!(is_included(&leaf(index), index, size, &path, &whole));
            prop_assert!(!is_included(&leaf(index + 1), index, size, &path, &whole));
            prop_assert!(!is_included(&leaf(index), index, size, &path, &leaf(0)) || size == 1);
            prop_assert!(!is_included(&leaf(index), size, size, &path, &whole));
            let longer = [&path[..], &[whole]].concat();
            prop_assert!(!is_included(&leaf(index), index, size, &longer, &whole));
            if let Some((_, shorter)) = path.split_last() {
                prop_assert!(!is_included(&leaf(index), index, size, shorter, &whole));
                let mut other = path.clone();
                other[0].0[7] ^= 1;
                prop_assert!(!is_included(&leaf(index), index, size, &other, &whole));
            }
        }

        #[test]
        fn a_tree_is_consistent_with_its_beginnings_and_with_nothing_else(new in 1_u64..700, at in any::<u64>()) {
            let (tree, old) = (tree(new), at % (new + 1));
            let roots = |size| root(&tree, size).expect("a root");
            let proof = consistency(&tree, old, new).expect("a proof");
            prop_assert!(is_consistent(old, &roots(old), new, &roots(new), &proof));
            prop_assert!(!is_consistent(old, &leaf(999), new, &roots(new), &proof));
            prop_assert!(!is_consistent(old, &roots(old), new, &leaf(999), &proof) || old == 0);
            let longer = [&proof[..], &[leaf(1)]].concat();
            prop_assert!(!is_consistent(old, &roots(old), new, &roots(new), &longer));
            prop_assert!(!is_consistent(new + 1, &roots(old), new, &roots(new), &proof));
            for n in 0..proof.len() {
                let mut other = proof.clone();
                other[n].0[0] ^= 128;
                prop_assert!(!is_consistent(old, &roots(old), new, &roots(new), &other));
            }
        }
    }
}
