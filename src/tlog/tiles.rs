//! Names and bytes of tiles as c2sp.org/tlog-tiles has them: `0/x001/067.p/12`, bundles of entries. Text and bytes only;
//! not for where they come from (`log`).

use std::fmt;

use super::merkle::TILE;
use crate::base::limits::INTEGER_MAX;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Hashes of a tile level, from 0.
    Hashes(u32),
    /// The entries under the hashes of level 0.
    Entries,
}

/// A tile, or the beginning of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileName {
    /// What is in it.
    pub content: Content,
    /// Its index within the level.
    pub index: u64,
    /// How many hashes or entries: 1 to 256, which is all of it.
    pub width: usize,
}

/// The highest tile level that there can be.
const LEVEL_MAX: u32 = 63;

impl TileName {
    /// Reads what stands behind `/tile/`. There is one spelling of each tile.
    pub fn parse(text: &str) -> Option<Self> {
        let (level, rest) = text.split_once('/')?;
        let content = match level {
            "entries" => Content::Entries,
            digits => Content::Hashes(digits.parse().ok().filter(|level| *level <= LEVEL_MAX)?),
        };
        let (path, width) = match rest.split_once(".p/") {
            Some((path, width)) => (path, width.parse().ok().filter(|w| (1..TILE).contains(w))?),
            None => (rest, TILE),
        };
        let mut index: u64 = 0;
        for part in path.split('/') {
            let digits = part.strip_prefix('x').unwrap_or(part);
            if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            index = index.checked_mul(1_000)?.checked_add(digits.parse().ok()?)?;
        }
        let name = Self { content, index, width };
        (index <= INTEGER_MAX && name.to_string() == text).then_some(name)
    }

    /// How many leaves a tree has at least when it has this tile; none when no tree has so many.
    pub fn needs(&self) -> Option<u64> {
        let end = self.index.checked_mul(TILE as u64)?.checked_add(self.width as u64)?;
        let level = match self.content {
            Content::Hashes(level) => level,
            Content::Entries => 0,
        };
        end.checked_mul((TILE as u64).checked_pow(level)?)
    }
}

impl fmt::Display for TileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Hashes(level) => write!(f, "{level}/")?,
            Content::Entries => f.write_str("entries/")?,
        }
        let mut parts = vec![self.index % 1_000];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            parts.push(rest % 1_000);
            rest /= 1_000;
        }
        for part in parts[1..].iter().rev() {
            write!(f, "x{part:03}/")?;
        }
        write!(f, "{:03}", parts[0])?;
        if self.width < TILE { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// Entries as a bundle has them: each behind its length, a big-endian uint16. None when one is longer than that can say.
pub fn bundle<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Some(bytes)
}

/// The entries of a bundle; none when its bytes do not end with one.
pub fn unbundle(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bytes = rest;
    }
    bytes.is_empty().then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_has_one_name() {
        let hashes = |level, index, width| TileName { content: Content::Hashes(level), index, width };
        let entries = |index, width| TileName { content: Content::Entries, index, width };
        for (text, tile) in [
            ("0/000", hashes(0, 0, 256)),
            ("0/x001/x234/067", hashes(0, 1_234_067, 256)),
            ("1/x001/000.p/17", hashes(1, 1_000, 17)),
            ("63/999.p/255", hashes(63, 999, 255)),
            ("entries/273.p/112", entries(273, 112)),
            ("entries/x070/001", entries(70_001, 256)),
        ] {
            assert_eq!(TileName::parse(text), Some(tile), "{text}");
            assert_eq!(tile.to_string(), text);
        }
        for bad in [
            "",
            "0",
            "0/",
            "0/0",
            "0/00",
            "0/0000",
            "00/000",
            "+0/000",
            "64/000",
            "-1/000",
            "0/x000/001",
            "0/001/002",
            "0/x001",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/01",
            "0/000.p/",
            "0/000.p/1/2",
            "0/000/",
            "data/000",
            "0/ 00",
            "0/x1000/000",
            "entries/000.P/3",
            "0/x999/x999/x999/x999/x999/x999/x999/999",
        ] {
            assert_eq!(TileName::parse(bad), None, "{bad}");
        }
        assert_eq!(hashes(0, 1, 17).needs(), Some(273));
        assert_eq!(hashes(2, 0, 1).needs(), Some(65_536));
        assert_eq!(hashes(63, 0, 1).needs(), None);
    }

    #[test]
    fn a_bundle_gives_back_its_entries() {
        let long = vec![b'x'; 65_535];
        let entries: [&[u8]; 3] = [b"{}", b"", &long];
        let bytes = bundle(entries.into_iter()).expect("they fit");
        assert_eq!(unbundle(&bytes).expect("whole"), entries);
        assert_eq!(unbundle(&bytes[..bytes.len() - 1]), None);
        assert_eq!(unbundle(&[0]), None);
        assert_eq!(bundle([&vec![0; 65_536][..]].into_iter()), None);
    }
}
