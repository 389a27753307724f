//! What a loader knows from its journal, told from the base as far as that can tell: which files were adopted before this
//! change, and whose place is taken. Not for judging by it (`judge`).

use std::collections::{BTreeMap, BTreeSet};

use crate::base::digest::FileDigest;
use crate::event::content::Standing;
use crate::runbook::{Catalog, Entry};

use super::change::Change;
use super::git::GitError;

/// See the module. What is in it is older than the change; how old does not matter.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Content files whose first adoption lies behind.
    pub adopted: BTreeMap<FileDigest, u64>,
    /// `kind/id` that was live, also where it is not now.
    pub first_live: BTreeMap<String, u64>,
}

impl Past {
    /// Every file that stood at its path before counts as adopted, and no place is held: enough for a change that
    /// [`asks_more`] nothing of it.
    pub fn quick(change: &Change<'_>) -> Result<Self, GitError> {
        Ok(Self { adopted: change.stood()?, first_live: BTreeMap::new() })
    }

    /// By the base as it would be had nothing been revoked: what was live there has been adopted and keeps its place. What
    /// only lay there, past the gate or without its approval, has not, wherever the change moves it; unless it was live
    /// `earlier`, before the trust became another. That is asked for only where it matters.
    pub fn of(
        change: &Change<'_>,
        unrevoked: &Catalog,
        after: &Catalog,
        earlier: impl FnOnce() -> Result<Vec<Catalog>, GitError>,
    ) -> Result<Self, GitError> {
        let (mut live, mut names) = (unrevoked.live_digests(), BTreeSet::from_iter(unrevoked.live_names()));
        let (contested, after) = (after.is_contested(), after.live_digests());
        let lay = || unrevoked.entries().filter(|entry| entry.standing != Standing::Live);
        if lay().any(|entry| contested || after.contains(&entry.digest)) {
            for catalog in earlier()? {
                live.extend(catalog.live_digests());
                names.extend(catalog.live_names());
            }
            // Who goes loses the place.
            let there: BTreeSet<String> = unrevoked.entries().map(Entry::name).collect();
            names.retain(|name| there.contains(name));
        }
        let mut past = Self::quick(change)?;
        let with_id = unrevoked.entries().map(|entry| entry.path.as_str());
        let all = with_id.chain(unrevoked.unreadable().keys().map(String::as_str));
        for digest in all.filter_map(|path| change.before.get(path)).map(FileDigest::of) {
            if !live.contains(&digest) {
                past.adopted.remove(&digest);
            }
        }
        past.adopted.extend(change.returned()?);
        past.first_live.extend(names.into_iter().map(|name| (name, 0)));
        Ok(past)
    }
}

/// Whether the quick answer does not do: two runbooks want one place, or a file that lay there gets what it lacked only now.
pub fn asks_more(change: &Change<'_>, after: &Catalog) -> bool {
    let lay: BTreeSet<FileDigest> =
        change.before.content_files().map(|(_, bytes)| FileDigest::of(bytes)).collect();
    let lay_there = |entry: &Entry| entry.standing == Standing::Live && lay.contains(&entry.digest);
    let argues = |path: &String| path.starts_with("proposals/") || path.ends_with(".sig");
    let argued = change.touched.iter().any(argues);
    after.is_contested() || (argued && after.entries().any(lay_there))
}
