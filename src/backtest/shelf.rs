//! The catalog in force at each point of history, with the candidate over it. Read when a decision first needs it: most
//! restarts load a catalog that nothing is decided by.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Candidate, Manifests};
use crate::base::digest::{Blake3, FileDigest};
use crate::event::Event;
use crate::event::content::CatalogLoaded;
use crate::event::degradation::DegradationSeen;
use crate::policy::{Authority, CatalogRunbooks, Offer, OfferStanding, Planned, Runbooks};
use crate::runbook::{Catalog, ContentFolder, Kind, Policy, checks};

/// See the module.
pub(super) struct Shelf<'a> {
    pub candidate: Option<Candidate>,
    /// A catalog that stands in place of all recorded ones.
    pub swapped: Option<(CatalogLoaded, CatalogRunbooks)>,
    policy: Option<Policy>,
    manifests: Manifests<'a>,
    wanted: Option<Blake3>,
    read: Option<(Blake3, CatalogRunbooks)>,
    /// Manifests that are not there.
    pub absent: BTreeMap<Blake3, ()>,
    /// Catalogs that were read.
    pub catalogs: u64,
}

impl<'a> Shelf<'a> {
    pub fn new(
        candidate: Option<Candidate>,
        swapped: Option<(CatalogLoaded, Catalog)>,
        policy: Option<Policy>,
        manifests: Manifests<'a>,
    ) -> Self {
        let swapped = swapped.map(|(loaded, catalog)| {
            let catalog = match &policy {
                Some(policy) => under(&catalog, policy),
                None => catalog,
            };
            (loaded, CatalogRunbooks(catalog))
        });
        let (wanted, read, absent) = (None, None, BTreeMap::new());
        Self { candidate, swapped, policy, manifests, wanted, read, absent, catalogs: 0 }
    }

    /// Whether it is another than what was recorded.
    pub fn differs(&self) -> bool {
        self.candidate.is_some() || self.swapped.is_some() || self.policy.is_some()
    }

    /// A catalog came into force.
    pub fn note(&mut self, event: &Event) {
        if let Event::CatalogLoaded(loaded) = event {
            self.wanted = Some(loaded.manifest);
        }
    }

    /// Reads what is in force, if it was not read yet.
    pub fn ensure(&mut self) {
        let Some(wanted) = self.wanted else { return };
        if self.swapped.is_some() || self.read.as_ref().is_some_and(|(read, _)| *read == wanted) {
            return;
        }
        let bytes = (self.manifests)(&wanted);
        let Some(catalog) = bytes.and_then(|bytes| Catalog::from_manifest(&bytes).ok()) else {
            self.absent.insert(wanted, ());
            self.read = None;
            return;
        };
        self.catalogs += 1;
        let catalog = match &self.policy {
            Some(policy) => under(&catalog, policy),
            None => catalog,
        };
        let catalog = match &self.candidate {
            Some(candidate) => overlaid(&catalog, candidate),
            None => catalog,
        };
        self.read = Some((wanted, CatalogRunbooks(catalog)));
    }

    /// What decisions are made with now.
    pub fn in_force(&self) -> Option<&CatalogRunbooks> {
        match (&self.swapped, &self.read) {
            (Some((_, catalog)), _) => Some(catalog),
            (None, Some((read, catalog))) if Some(*read) == self.wanted => Some(catalog),
            _ => None,
        }
    }

    fn is_candidate(&self, digest: &FileDigest) -> bool {
        self.candidate.as_ref().is_some_and(|candidate| candidate.digest == *digest)
    }
}

/// The same files of the same people, judged at the same time under another policy.
fn under(catalog: &Catalog, policy: &Policy) -> Catalog {
    let trust = catalog.trust().with_policy(policy.clone());
    Catalog::load(Arc::new(ContentFolder::clone(catalog.folder())), &trust, catalog.context())
}

/// The catalog with the candidate in it, judged by the trust of then. What else comes with it is taken only where that
/// catalog has nothing of its name: other runbooks keep what they relied on.
fn overlaid(catalog: &Catalog, candidate: &Candidate) -> Catalog {
    let mut folder: ContentFolder = ContentFolder::clone(catalog.folder());
    for (path, bytes) in &candidate.files {
        let Ok(content) = checks::read(path, bytes) else { continue };
        let before = catalog.get(content.kind(), content.id());
        let tried = content.kind() == Kind::Runbook && content.id() == candidate.id;
        match before {
            Some(before) if tried => drop(folder.files.insert(before.path.clone(), bytes.clone())),
            Some(_) => {}
            None => drop(folder.files.insert(path.clone(), bytes.clone())),
        }
    }
    Catalog::load(Arc::new(folder), catalog.trust(), catalog.context())
}

impl Runbooks for Shelf<'_> {
    fn offers(&self, seen: &DegradationSeen, count: u64) -> (Vec<Offer>, u32) {
        let Some(catalog) = self.in_force() else { return (Vec::new(), 0) };
        let (mut offers, others) = catalog.offers(seen, count);
        for offer in offers.iter_mut().filter(|offer| self.is_candidate(&offer.digest)) {
            offer.standing = OfferStanding::Live;
        }
        (offers, others)
    }

    fn plan(&self, runbook: &str, seen: &DegradationSeen, dry_run: bool) -> Result<Planned, String> {
        let catalog = self.in_force().ok_or("its catalog is absent")?;
        let entry = catalog.0.get(Kind::Runbook, runbook);
        // What it relies on may not be approved yet, like itself.
        let tried = entry.is_some_and(|entry| self.is_candidate(&entry.digest));
        catalog.plan(runbook, seen, dry_run || tried)
    }

    fn authority(&self) -> Authority {
        self.in_force().map(CatalogRunbooks::authority).unwrap_or_default()
    }

    fn evaluate(&self, questions: &[(&str, serde_json::Value)]) -> Vec<Result<bool, String>> {
        match self.in_force() {
            Some(catalog) => catalog.evaluate(questions),
            None => CatalogRunbooks::nothing().evaluate(questions),
        }
    }
}
