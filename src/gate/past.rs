//! What a loader knows from its journal, told from the base as far as that can tell: which files were adopted before this
//! change, and whose place is taken. Not for judging by it (`judge`).

use std::collections::BTreeMap;

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
    /// only lay there, past the gate or without its approval, has not.
    pub fn of(change: &Change<'_>, unrevoked: &Catalog) -> Result<Self, GitError> {
        let mut past = Self::quick(change)?;
        for entry in unrevoked.entries() {
            if entry.standing == Standing::Live {
                past.first_live.insert(entry.name(), 0);
            } else if !change.touched.contains(&entry.path) {
                past.adopted.remove(&entry.digest);
            }
        }
        Ok(past)
    }
}

/// Whether the quick answer does not do: two runbooks want one place, or a file that lay there gets its approval only now.
pub fn asks_more(change: &Change<'_>, after: &Catalog) -> bool {
    let argued = change.touched.iter().any(|path| path.starts_with("proposals/"));
    let as_it_was = |entry: &Entry| entry.standing == Standing::Live && !change.touched.contains(&entry.path);
    after.is_contested() || (argued && after.entries().any(as_it_was))
}
