//! An independent check of a journal: its lines read, chained and verified by code of its own, written from
//! docs/journal-format.md, and compared with blobs, index, Merkle tree and folds. What `audit verify` proves is proved here a second
//! way; what only the meaning of entries shows is checked here alone. Mends nothing, writes nothing.

mod base;
mod chain;
mod fold;
mod index;
mod lines;
mod report;
mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use report::{Check, Problem, Report};

use crate::journal::Error;
use report::Findings;

/// Where the files of a journal are.
struct Place {
    segments: PathBuf,
    blobs: PathBuf,
    /// The state folder of a home; an export has none.
    state: Option<PathBuf>,
}

impl Place {
    fn of(given: &Path) -> Result<Self, Error> {
        let holds = |folder: &Path| lines::segments(folder).is_ok_and(|all| !all.is_empty());
        for state in [given.join("state"), given.to_owned()] {
            let segments = state.join("journal");
            if holds(&segments) {
                return Ok(Self { segments, blobs: state.join("blobs"), state: Some(state) });
            }
        }
        if holds(given) {
            let beside = given.parent().map(|parent| parent.join("blobs"));
            let own = given.join("blobs");
            let blobs = if own.is_dir() { own } else { beside.unwrap_or(own) };
            return Ok(Self { segments: given.to_owned(), blobs, state: None });
        }
        let what = "there are no segments in it".to_owned();
        Err(Error::NotAJournal { path: given.to_owned(), what })
    }
}

/// Checks a home, a state folder, a journal folder or an export. `progress` hears how many entries were looked at.
pub fn fsck(folder: &Path, progress: &mut dyn FnMut(u64)) -> Result<Report, Error> {
    let place = Place::of(folder)?;
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { doing, path, source }
    };
    // Read first: what is appended while we look is then beyond it, not missing.
    let end = chain::End::read(&place.segments);
    let mut named: BTreeSet<String> = BTreeSet::new();
    let mut segments = lines::segments(&place.segments).map_err(io("list", &place.segments))?;
    let mut chain = chain::Chain::default();
    let mut fold = fold::Fold::default();
    let mut index = index::Index::default();
    let mut tree = tree::Tree::beside(place.state.as_deref(), &place.segments)
        .map_err(io("read the tree beside", &place.segments))?;
    if let Some(base) = base::Base::read(&place.segments) {
        segments.retain(|segment| segment.0 >= base.minimum);
        fold = fold::Fold::above(&base, &place.blobs);
        index = index::Index::above(base.minimum);
        tree = tree.above(&base);
        named.insert(base.state.clone());
        chain = chain::Chain::above(base);
    }
    for segment in &segments {
        let path = place.segments.join(&segment.1);
        let bytes = std::fs::read(&path).map_err(io("read", &path))?;
        lines::each(&bytes, &mut |line, _| {
            std::str::from_utf8(line)
                .ok()
                .and_then(fold::snapshot_of)
                .into_iter()
                .for_each(|s| fold.foresee(s));
            true
        });
    }
    let mut broken = false;
    for (n, segment) in segments.iter().enumerate() {
        let path = place.segments.join(&segment.1);
        let bytes = std::fs::read(&path).map_err(io("read", &path))?;
        let last = n + 1 == segments.len();
        let went_on = lines::each(&bytes, &mut |line, byte| {
            if chain.take(segment, line, byte, last) {
                let text = String::from_utf8_lossy(line);
                let (blobs, event) = fold.take(&text);
                named.extend(blobs);
                tree.take(line, event.as_ref());
                index.take(&text, line);
                if chain.entries % 4_096 == 0 {
                    progress(chain.entries);
                }
                return true;
            }
            false
        });
        if !went_on {
            broken = true;
            break;
        }
    }
    chain.finish(end.as_ref());
    let (entries, head) = (chain.entries, chain.head());
    let mut checks = chain.checks();
    checks.push(blobs(&place.blobs, &named).map_err(io("read", &place.blobs))?);
    checks.push(index.check(place.state.as_deref(), entries)?);
    checks.push(tree.check(broken));
    checks.extend(fold.checks());
    Ok(Report::of(entries, head, checks))
}

/// Every blob holds what its name promises, and every one that an entry names is there.
fn blobs(folder: &Path, named: &BTreeSet<String>) -> std::io::Result<Check> {
    let mut findings =
        Findings::new("blobs", "each holds what its name promises, and each that is named is there");
    let mut there = BTreeSet::new();
    let parts = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        other => Some(other?),
    };
    for part in parts.into_iter().flatten() {
        let part = part?;
        if !part.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(part.path())? {
            let file = file?;
            let name =
                format!("{}{}", part.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            if name.len() != 64 {
                // What a crash left of a write is none yet.
                continue;
            }
            findings.looked();
            let digest = blake3::hash(&std::fs::read(file.path())?).to_hex().to_string();
            if digest != name {
                findings.problem(None, format!("blob {name} holds other bytes"));
            }
            there.insert(name);
        }
    }
    for missing in named.difference(&there) {
        findings.problem(None, format!("blob {missing} is named by an entry and is not there"));
    }
    Ok(findings.check())
}
