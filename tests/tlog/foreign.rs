//! What others make of our log: each function panics when they disagree.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof, RootHash};
use remediator::tlog::merkle::Hash;
use remediator::tlog::tiles::TileName;
use sha2::Sha256;
use tlog_tiles::tile::{Tile, TileHashReader, TileReader};
use tlog_tiles::tlog;

/// A tree of `ct-merkle`.
pub type Tree = MemoryBackedTree<Sha256, Vec<u8>>;

/// Its root as ours.
pub fn root_of(tree: &Tree) -> Hash {
    Hash((*tree.root().as_bytes()).into())
}

fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// `ct-merkle` makes the same proof, and believes ours.
pub fn same_inclusion(tree: &Tree, index: u64, path: &[Hash]) {
    let at = usize::try_from(index).expect("small");
    assert_eq!(tree.prove_inclusion(at).as_bytes(), concat(path), "the path of {index} of {}", tree.len());
    let proof = InclusionProof::<Sha256>::from_bytes(concat(path));
    let leaf = tree.get(at).expect("a leaf").clone();
    tree.root().verify_inclusion(&leaf, index, &proof).expect("ct-merkle believes the path");
}

/// The same for the proof that the tree of `old` entries with this root is the beginning of this one.
pub fn same_consistency(tree: &Tree, old: u64, old_root: &Hash, proof: &[Hash]) {
    if old == 0 {
        return;
    }
    let more = usize::try_from(tree.len() - old).expect("small");
    assert_eq!(tree.prove_consistency(more).as_bytes(), concat(proof), "from {old} to {}", tree.len());
    let proof = ConsistencyProof::<Sha256>::try_from_bytes(concat(proof)).expect("whole hashes");
    let old_root = RootHash::<Sha256>::new(old_root.0.into(), old);
    tree.root().verify_consistency(&old_root, &proof).expect("ct-merkle believes the proof");
}

/// Our tiles as `tlog_tiles` asks for them, by its own names.
pub struct Tiles<F>(pub F);

impl<F: Fn(&str) -> Vec<u8>> TileReader for Tiles<F> {
    fn height(&self) -> u8 {
        8
    }
    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        Ok(tiles.iter().map(|tile| (self.0)(&name(tile))).collect())
    }
    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// The name that it gives a tile, without what is before the level; ours reads it back.
pub fn name(tile: &Tile) -> String {
    // It says the height as well, which is always 8 here.
    let path = tile.path();
    let name = path.strip_prefix("tile/8/").expect("a tile").to_owned();
    assert_eq!(TileName::parse(&name).map(|ours| ours.to_string()).as_ref(), Some(&name));
    name
}

/// Every tile that `tlog_tiles` has a log publish that grew from `old` to `new`.
pub fn published(old: u64, new: u64) -> Vec<String> {
    Tile::new_tiles(8, old, new).iter().map(name).collect()
}

/// `tlog_tiles` proves entries from our tiles alone, and believes our paths.
pub fn proves_from_tiles<F: Fn(&str) -> Vec<u8>>(
    tiles: &Tiles<F>,
    (size, root): (u64, &Hash),
    entries: &[(u64, &[u8], Vec<Hash>)],
) {
    let root = tlog::Hash(root.0);
    let reader = TileHashReader::new(size, root, tiles);
    assert_eq!(tlog::tree_hash(size, &reader).expect("readable"), root);
    for (index, entry, path) in entries {
        let proof = tlog::prove_record(size, *index, &reader).expect("a proof from tiles");
        let ours: Vec<tlog::Hash> = path.iter().map(|hash| tlog::Hash(hash.0)).collect();
        assert_eq!(proof, ours, "the path of {index} of {size}");
        tlog::check_record(&ours, size, root, *index, tlog::record_hash(entry)).expect("believed");
    }
}

/// `signed_note` believes a note under a vkey, and not under another text.
pub fn believes_note(note: &str, vkey: &str) {
    use signed_note::{Note, StandardVerifier, VerifierList};
    let list = || VerifierList::new(vec![Box::new(StandardVerifier::new(vkey).expect("a vkey"))]);
    let parsed = Note::from_bytes(note.as_bytes()).expect("a note");
    let (good, unknown) = parsed.verify(&list()).expect("believed");
    // The timestamped line is of a kind that it does not know, which it must pass over.
    assert_eq!((good.len(), unknown.len()), (1, 1));
    let other = note.replacen('\n', "x\n", 1);
    assert!(Note::from_bytes(other.as_bytes()).expect("a note").verify(&list()).is_err());
}

/// `tlog_tiles` reads the same checkpoint out of it.
pub fn reads_checkpoint(text: &str, origin: &str, size: u64, root: &Hash) {
    let read = tlog_tiles::checkpoint::Checkpoint::from_bytes(text.as_bytes()).expect("a checkpoint");
    assert_eq!((read.origin(), read.size(), read.hash().0, read.extension()), (origin, size, root.0, ""));
}
