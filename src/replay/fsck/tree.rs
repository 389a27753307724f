//! The Merkle tree beside the lines: its tiles and its checkpoint, made again from the lines alone and compared. Written
//! from RFC 6962 and docs/transparency.md; shares no code with the log itself.

use std::collections::BTreeMap;
use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::base::Base;
use super::report::{Check, Findings};
use crate::base::ids::Seq;
use crate::base::sign::PublicKey;
use crate::event::Event;
use crate::event::log::LogNamed;

type Hash = [u8; 32];

/// Hashes of a whole tile.
const WIDTH: usize = 256;
/// Levels that a tree of 2^53 leaves can have.
const LEVELS_MAX: usize = 7;

/// What is beside the lines. Read before them: what is appended meanwhile is then beyond it, not missing.
#[derive(Default)]
struct Stored {
    levels: Vec<Vec<u8>>,
    checkpoint: Option<String>,
}

/// See the module.
pub(super) struct Tree {
    stored: Stored,
    /// Per level, the hashes of the tile that is not whole yet, and how many came before it.
    open: Vec<(Vec<Hash>, u64)>,
    /// Roots of the whole subtrees of what was taken so far, the largest first.
    stack: Vec<Hash>,
    leaves: u64,
    /// What the checkpoint says, and the root that comes out at its size.
    said: Option<Said>,
    root: Option<Hash>,
    named: Vec<LogNamed>,
    wrong: BTreeMap<(usize, u64), u64>,
    /// Hashes of what was pruned are missing.
    unknown: bool,
    findings: Findings,
}

struct Said {
    origin: String,
    size: u64,
    root: Hash,
}

fn leaf(line: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(line).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root over a whole tile.
fn over(mut hashes: Vec<Hash>) -> Hash {
    while hashes.len() > 1 {
        hashes = hashes.chunks(2).map(|pair| node(&pair[0], pair.last().unwrap_or(&pair[0]))).collect();
    }
    hashes.pop().unwrap_or_default()
}

impl Tree {
    /// Reads what is stored: in a home's state folder, or beside the lines of an export.
    pub fn beside(state: Option<&Path>, segments: &Path) -> std::io::Result<Self> {
        let read = |path: &Path| match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        };
        let folder = state.map_or_else(|| segments.to_owned(), |state| state.join("tlog"));
        let mut stored = Stored::default();
        // The checkpoint is never ahead of the tiles that are read behind it.
        if let Some(bytes) = read(&folder.join("checkpoint"))? {
            stored.checkpoint = Some(String::from_utf8_lossy(&bytes).into_owned());
        }
        for level in 0..LEVELS_MAX {
            let Some(bytes) = read(&folder.join(format!("level-{level}")))? else { break };
            stored.levels.push(bytes);
        }
        let what = "tiles and checkpoint are what the lines give, and the log's key signed";
        let said = stored.checkpoint.as_deref().and_then(said);
        let of_nothing = || Sha256::new().finalize().into();
        Ok(Self {
            root: said.as_ref().filter(|said| said.size == 0).map(|_| of_nothing()),
            said,
            stored,
            open: Vec::new(),
            stack: Vec::new(),
            leaves: 0,
            named: Vec::new(),
            wrong: BTreeMap::new(),
            unknown: false,
            findings: Findings::new("tree", what),
        })
    }

    /// One good line.
    pub fn take(&mut self, line: &[u8], event: Option<&Event>) {
        if let Some(Event::LogNamed(named)) = event {
            self.named.push(named.clone());
        }
        self.take_leaf(leaf(line));
    }

    /// Everything below the minimum was pruned: the leaves are those stored here, which the checkpoint then proves, and the
    /// log was named in a line that was kept.
    pub fn above(mut self, base: &Base) -> Self {
        self.named = base.logs();
        for at in 0..base.minimum {
            let Some(hash) = self.stored(0, at) else {
                self.stored = Stored::default();
                self.unknown = true;
                self.findings.note("not checked: entries were pruned, and their hashes are not here");
                return self;
            };
            self.take_leaf(hash);
        }
        self
    }

    fn take_leaf(&mut self, hash: Hash) {
        self.grow(0, hash);
        let (mut merged, mut rest) = (hash, self.leaves);
        while rest & 1 == 1 {
            merged = self.stack.pop().map_or(merged, |left| node(&left, &merged));
            rest >>= 1;
        }
        self.stack.push(merged);
        self.leaves += 1;
        if self.said.as_ref().is_some_and(|said| said.size == self.leaves) {
            let largest_last = self.stack.iter().rev();
            self.root = largest_last.copied().reduce(|right, left| node(&left, &right));
        }
    }

    /// A hash of a level, compared with the stored one.
    fn grow(&mut self, level: usize, hash: Hash) {
        if self.open.len() == level {
            self.open.push((Vec::new(), 0));
        }
        let (open, before) = &mut self.open[level];
        let at = *before + open.len() as u64;
        open.push(hash);
        let whole = (open.len() == WIDTH).then(|| std::mem::take(open));
        if whole.is_some() {
            *before += WIDTH as u64;
        }
        if let Some(stored) = self.stored(level, at) {
            self.findings.looked();
            if stored != hash {
                self.wrong.entry((level, at / WIDTH as u64)).or_insert(at);
            }
        }
        if let Some(whole) = whole {
            self.grow(level + 1, over(whole));
        }
    }

    fn stored(&self, level: usize, at: u64) -> Option<Hash> {
        let from = usize::try_from(at).ok()?.checked_mul(32)?;
        self.stored.levels.get(level)?.get(from..from + 32)?.try_into().ok()
    }

    /// What was found; `broken` says that the lines end where they are damaged.
    pub fn check(mut self, broken: bool) -> Check {
        if self.stored.levels.is_empty() && self.stored.checkpoint.is_none() {
            if !self.unknown {
                self.findings.note("there is none: it is made at the next start");
            }
            return self.findings.check();
        }
        for ((level, tile), at) in std::mem::take(&mut self.wrong) {
            let first = at.saturating_mul((WIDTH as u64).saturating_pow(level as u32));
            let what = format!("{}: hash {} is not what the lines give", self.path(level, tile), at % 256);
            self.findings.problem(Some(first), what);
        }
        if broken {
            self.findings.note("not checked from the damage on");
        } else {
            self.beyond();
            self.checkpoint();
        }
        self.findings.check()
    }

    /// Hashes that no line gives.
    fn beyond(&mut self) {
        for level in 0..self.stored.levels.len() {
            let there = (self.stored.levels[level].len() / 32) as u64;
            let given = self.open.get(level).map_or(0, |(open, before)| before + open.len() as u64);
            if there > given {
                let path = self.path(level, given / WIDTH as u64);
                self.findings
                    .problem(None, format!("{path}: {there} hashes are there, the lines give {given}"));
            }
        }
    }

    fn checkpoint(&mut self) {
        let Some(text) = self.stored.checkpoint.take() else { return };
        self.findings.looked();
        let Some(said) = self.said.take() else {
            return self.findings.problem(None, "checkpoint: it is no checkpoint".into());
        };
        if said.size > self.leaves {
            let what = format!("checkpoint: it is of {} entries, there are {}", said.size, self.leaves);
            return self.findings.problem(None, what);
        }
        if self.root != Some(said.root) {
            let what = format!("checkpoint: the root over {} entries is another", said.size);
            self.findings.problem(said.size.checked_sub(1) as Option<Seq>, what);
        }
        let of_origin = self.named.iter().filter(|named| named.origin == said.origin);
        if !of_origin.into_iter().any(|named| is_signed(&text, &said.origin, &named.public_key)) {
            let what = "checkpoint: it is not signed with the key that the journal names for its log";
            self.findings.problem(None, what.into());
        }
    }

    /// The path of a tile, as it is served.
    fn path(&self, level: usize, tile: u64) -> String {
        let there = self.stored.levels.get(level).map_or(0, |bytes| bytes.len() / 32);
        let width = there.saturating_sub(usize::try_from(tile).unwrap_or(usize::MAX).saturating_mul(WIDTH));
        let (mut name, mut rest) = (format!("{:03}", tile % 1_000), tile / 1_000);
        while rest > 0 {
            name = format!("x{:03}/{name}", rest % 1_000);
            rest /= 1_000;
        }
        match width {
            1..WIDTH => format!("tile/{level}/{name}.p/{width}"),
            _ => format!("tile/{level}/{name}"),
        }
    }
}

/// The three lines of a checkpoint.
fn said(text: &str) -> Option<Said> {
    let mut lines = text.lines();
    let (origin, size, root) = (lines.next()?.to_owned(), lines.next()?.parse().ok()?, lines.next()?);
    Some(Said { origin, size, root: STANDARD.decode(root).ok()?.try_into().ok()? })
}

/// Whether a signed note has a plain signature of this key that holds.
fn is_signed(note: &str, name: &str, key: &PublicKey) -> bool {
    let Some((text, signatures)) = note.split_once("\n\n") else { return false };
    let text = format!("{text}\n");
    let key_bytes = key.as_dalek().to_bytes();
    let id = Sha256::new().chain_update(name).chain_update([b'\n', 1]).chain_update(key_bytes).finalize();
    signatures.lines().any(|line| {
        let bytes = line
            .strip_prefix("\u{2014} ")
            .and_then(|line| line.strip_prefix(name)?.strip_prefix(' '))
            .and_then(|bytes| STANDARD.decode(bytes).ok());
        let Some((found, signature)) = bytes.as_deref().and_then(|bytes| bytes.split_at_checked(4)) else {
            return false;
        };
        found == &id[..4] && signature.try_into().is_ok_and(|sig: &[u8; 64]| key.verify(text.as_bytes(), sig))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, 2.1: the same by its definition.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::new().finalize().into(),
            [one] => *one,
            more => {
                let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
                node(&defined(left), &defined(right))
            }
        }
    }

    fn tree(lines: u64, checkpoint: u64, stored: Vec<Vec<u8>>) -> Tree {
        let folder = tempfile::tempdir().expect("a folder");
        let mut tree = Tree::beside(None, folder.path()).expect("nothing there");
        tree.stored.levels = stored;
        tree.said = Some(Said { origin: "x".into(), size: checkpoint, root: [0; 32] });
        (0..lines).for_each(|n| tree.take(&n.to_be_bytes(), None));
        tree
    }

    #[test]
    fn roots_and_tiles_are_those_of_the_definition() {
        let leaves: Vec<Hash> = (0..600_u64).map(|n| leaf(&n.to_be_bytes())).collect();
        for size in [1, 2, 3, 5, 255, 256, 257, 511, 600] {
            assert_eq!(tree(600, size, Vec::new()).root, Some(defined(&leaves[..size as usize])), "{size}");
        }
        let level0: Vec<u8> = leaves.iter().flatten().copied().collect();
        let level1: Vec<u8> = leaves.chunks_exact(256).flat_map(defined).collect();
        let good = tree(600, 0, vec![level0.clone(), level1.clone()]);
        assert!(good.wrong.is_empty());
        for (level, at, path) in
            [(0, 300 * 32, "tile/0/001:"), (0, 599 * 32, "tile/0/002.p/88:"), (1, 33, "tile/1/000.p/2:")]
        {
            let mut stored = vec![level0.clone(), level1.clone()];
            stored[level][at] ^= 1;
            let check = tree(600, 0, stored).check(true);
            assert_eq!(check.wrong, 1);
            assert!(check.problems[0].what.starts_with(path), "{check:?}");
        }
    }
}
