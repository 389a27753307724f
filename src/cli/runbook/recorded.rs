//! What the journal of the home says about content: which files were adopted, and whose signatures count. So a
//! command judges a file as the daemon does. Not for judging (`folder`, the catalog).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::folder;
use crate::audit::first_world;
use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::Seq;
use crate::cli::{Global, Home, out};
use crate::event::Event;
use crate::event::content::{CatalogLoaded, Standing};
use crate::journal;
use crate::runbook::trust::TRUST_FILES;
use crate::runbook::{Catalog, ContentFolder, Trust, difference};

/// See the module.
#[derive(Default)]
pub struct Recorded {
    /// Digest → seq at which it was live for the first time.
    pub adopted: BTreeMap<FileDigest, u64>,
    /// `kind/id` → seq at which it was live for the first time.
    pub first_live: BTreeMap<String, u64>,
    /// `kind/id` → where it was live last.
    pub live: BTreeMap<String, Seen>,
    /// Digest → the last catalog that held these bytes under some name, live or not.
    pub held: BTreeMap<FileDigest, Seen>,
    in_force: Option<Trust>,
    state: PathBuf,
}

/// A catalog in the journal that held a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The entry that brought it.
    pub seq: Seq,
    /// The blob with every byte of it.
    pub manifest: Blake3,
}

impl Recorded {
    /// The catalog of a manifest, if its blob is there and can be read.
    pub fn catalog(&self, manifest: &Blake3) -> Option<Catalog> {
        let bytes = journal::read_offline(&self.state).ok()?.blob(manifest).ok()??;
        Catalog::from_manifest(&bytes).ok()
    }

    /// A trust file as it is in force; none when there is no journal that says so.
    pub fn in_force(&self, name: &str) -> Option<&[u8]> {
        self.in_force.as_ref().map(|trust| trust.files().get(name).map(Vec::as_slice).unwrap_or_default())
    }

    fn remember(&mut self, seq: Seq, loaded: &CatalogLoaded) {
        let seen = Seen { seq, manifest: loaded.manifest };
        for (name, content) in &loaded.contents {
            self.held.insert(content.digest, seen);
            if content.standing == Standing::Live {
                self.live.insert(name.clone(), seen);
            }
        }
    }

    /// For the content folder of the home; nothing for any other folder, or when there is no journal to read.
    pub fn of(global: &Global, root: &Path) -> Self {
        let Ok(home) = Home::existing(global) else { return Self::default() };
        let same = |a: &Path, b: &Path| match (a.canonicalize(), b.canonicalize()) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        };
        if !folder::root(global).is_ok_and(|own| same(&own, root)) {
            return Self::default();
        }
        read(&home.state()).unwrap_or_else(|error| {
            anstream::eprintln!("note: the journal cannot be read, so only the files on disk count: {error}");
            Self::default()
        })
    }

    /// What the trust files on disk change in the trust in force, one line each: for whoever is about to sign them.
    pub fn changes(&self, folder: &ContentFolder) -> Vec<String> {
        let next = Trust::load(&folder.trust_files());
        let (Some(before), Ok(after)) = (&self.in_force, next) else { return Vec::new() };
        let (had, has) = (grants(before), grants(&after));
        let lost = had.difference(&has).map(|line| format!("takes away: {line}"));
        let gained = has.difference(&had).map(|line| format!("gives:      {line}"));
        let text = |trust: &Trust| trust.files().get("policy.yaml").cloned().unwrap_or_default();
        let policy = match before.policy() == after.policy() {
            true => Vec::new(),
            false => difference::say(&text(before), &text(&after)),
        };
        let policy = policy.into_iter().map(|line| format!("policy:     {line}"));
        lost.chain(gained).chain(policy).map(|line| out::line(&line)).collect()
    }

    /// Whose signatures count: the trust in force, or the newer one on disk once a signature puts it in force.
    pub fn trust(&self, folder: &ContentFolder) -> Trust {
        let on_disk = folder.trust_files();
        let Some(in_force) = &self.in_force else {
            return Trust::load(&on_disk).unwrap_or_else(|error| {
                anstream::eprintln!("note: {error}; nobody is trusted until that is mended");
                Trust::none()
            });
        };
        if TRUST_FILES.iter().all(|name| in_force.files().get(*name) == on_disk.get(*name)) {
            return in_force.clone();
        }
        let (next, refused) = in_force.changed_in_part(&on_disk, out::now_us());
        if let Some(error) = refused {
            anstream::eprintln!("note: {error}");
        }
        next.map_or_else(|| in_force.clone(), |(trust, _)| trust)
    }
}

/// Who holds which role with which key.
fn grants(trust: &Trust) -> BTreeSet<String> {
    let grants = trust.signers().grants().iter();
    grants
        .flat_map(|g| {
            g.namespaces.iter().map(|role| format!("{} {role} ({})", g.principal, g.key.fingerprint()))
        })
        .collect()
}

fn read(state: &Path) -> Result<Recorded, journal::Error> {
    let journal = journal::read_offline(state)?;
    let mut found = Recorded { state: state.to_owned(), ..Recorded::default() };
    let mut trust: BTreeMap<String, Blake3> = journal.genesis().trust_blobs.clone();
    let (mut digests, mut former) = (journal.genesis().trust.clone(), BTreeSet::new());
    if journal.minimum() > 0 {
        // What the pruned entries led to.
        let world = first_world(&journal)?;
        (trust, digests, former) = (world.trust.blobs, world.trust.files, world.trust.former);
        (found.adopted, found.first_live) = (world.adopted, world.first_live);
        if let Some((seq, loaded)) = &world.catalog {
            found.remember(*seq, loaded);
        }
    }
    journal.records(None, &mut |record| {
        match record.event {
            Event::ContentAdopted(news) => {
                for digest in news.digests {
                    found.adopted.entry(digest).or_insert(record.seq);
                }
            }
            Event::CatalogLoaded(news) => {
                news.remember_live(record.seq, &mut found.first_live);
                found.remember(record.seq, &news);
            }
            Event::TrustChanged(news) => {
                former.extend(
                    digests.iter().filter(|(name, d)| news.files.get(*name) != Some(d)).map(|(_, d)| *d),
                );
                (trust, digests) = (news.blobs, news.files);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    })?;
    let mut files = BTreeMap::new();
    for (name, blob) in trust {
        if let Some(bytes) = journal.blob(&blob)? {
            files.insert(name, bytes);
        }
    }
    // Blobs that are missing make a trust that does not load; then the files on disk are all there is.
    found.in_force = Trust::load(&files).ok().map(|trust| trust.with_former(former));
    Ok(found)
}
