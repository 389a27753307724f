//! Versions of files before the ones on disk, from the journal of the home: what an approver compares with. Only what
//! was live or has an approval that counts is one: what lay there in between nobody stood for.

use std::collections::BTreeMap;

use super::desk::{Desk, path_of};
use crate::base::digest::Blake3;
use crate::base::ids::Seq;
use crate::runbook::{Catalog, Entry, Kind, difference};

/// See the module. Each catalog is read once.
pub struct Past<'a> {
    desk: &'a Desk,
    read: BTreeMap<Blake3, Option<Catalog>>,
}

/// One version.
pub struct Version {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What was with it: `adopted` or `approved`.
    how: &'static str,
    /// The entry whose catalog held it.
    seq: Seq,
}

impl<'a> Past<'a> {
    /// Nothing read yet.
    pub fn of(desk: &'a Desk) -> Self {
        Self { desk, read: BTreeMap::new() }
    }

    /// The version of a file that was live last; of one that never was, the one that was approved.
    pub fn version(&mut self, entry: &Entry, id: &str) -> Option<Version> {
        if let Some(seen) = self.desk.recorded.live.get(&entry.name()).copied() {
            let catalog = self.catalog(seen.manifest)?;
            let path = &catalog.get(entry.kind, &entry.id)?.path;
            let bytes = catalog.folder().get(path)?.to_vec();
            return Some(Version { bytes, how: "adopted", seq: seen.seq });
        }
        let approvals = self.desk.catalog.proposals().get(id)?.approvals.values();
        let approvals = approvals.filter_map(|approved| approved.as_ref().ok()).map(|a| &a.approval);
        let digests = approvals.filter_map(|approval| match entry.kind {
            Kind::Runbook => approval.resolves.get(&entry.path).copied().or(approval.runbook),
            _ => approval.resolves.get(&entry.path).copied(),
        });
        let held = digests.filter_map(|digest| Some((digest, *self.desk.recorded.held.get(&digest)?)));
        let (digest, seen) = held.max_by_key(|(_, seen)| seen.seq)?;
        let catalog = self.catalog(seen.manifest)?;
        let path = &catalog.entries().find(|e| e.name() == entry.name() && e.digest == digest)?.path;
        Some(Version { bytes: catalog.folder().get(path)?.to_vec(), how: "approved", seq: seen.seq })
    }

    /// The argument as it was when one of its files was live last.
    pub fn argument(&mut self, id: &str) -> Option<Version> {
        let names = self.desk.files_of(id).into_iter().map(Entry::name);
        let seen =
            names.filter_map(|name| self.desk.recorded.live.get(&name).copied()).max_by_key(|s| s.seq)?;
        let bytes = self.catalog(seen.manifest)?.folder().get(&path_of(id))?.to_vec();
        Some(Version { bytes, how: "adopted", seq: seen.seq })
    }

    fn catalog(&mut self, manifest: Blake3) -> Option<&Catalog> {
        let recorded = &self.desk.recorded;
        self.read.entry(manifest).or_insert_with(|| recorded.catalog(&manifest)).as_ref()
    }
}

/// What has changed since a version, a line each; the first says since when.
pub fn changes(version: Option<&Version>, now: &[u8]) -> Vec<String> {
    let Some(Version { bytes, how, seq }) = version else { return vec!["first version".to_owned()] };
    if bytes == now {
        return vec![format!("unchanged since the version {how} last (entry {seq})")];
    }
    let since = format!("changed since the version {how} last (entry {seq}):");
    std::iter::once(since).chain(difference::say(bytes, now)).collect()
}
