//! Runbooks and trust on disk becoming entries before they are used: read, judged, recorded, swapped whole.
//! A thread watches the folder; a slow poll sees what the watcher misses (network and overlay file systems).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender};
use notify::Watcher as _;

use super::inbox::Message;
use crate::base::digest::{Blake3, FileDigest};
use crate::base::ids::Seq;
use crate::context;
use crate::event::content::{CatalogLoaded, TrustChanged, TrustRefused, TrustRestored};
use crate::journal::{Clock as _, IntentJournal, SystemClock};
use crate::policy::CatalogRunbooks;
use crate::policy::Input;
use crate::runbook::trust::TRUST_FILES;
use crate::runbook::{Catalog, ContentFolder, LoadContext, Platform, Trust, loader};

/// What went wrong with the content folder.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The folder cannot be read.
    #[error(transparent)]
    Folder(#[from] loader::LoadError),
    /// The trust in force cannot be read back.
    #[error("the trust in force cannot be read from the journal: {0}")]
    Trust(String),
    /// The journal did not take it.
    #[error(transparent)]
    Journal(#[from] crate::journal::Error),
    /// The manifest could not be written.
    #[error(transparent)]
    Manifest(#[from] crate::runbook::manifest::ManifestError),
}

/// Changes come in bursts: an editor writes, renames, writes. This long without a further one ends a burst.
const BURST_PAUSE: Duration = Duration::from_millis(150);
/// The slow poll.
const POLL_PAUSE: Duration = Duration::from_secs(5);

/// What the journal says of content that was live: of bytes, and of names whatever their bytes.
#[derive(Debug, Clone, Default)]
pub struct Adopted {
    /// Digest → the entry at which it was live for the first time.
    pub digests: BTreeMap<FileDigest, Seq>,
    /// `kind/id` → the entry at which it was live for the first time.
    pub names: BTreeMap<String, Seq>,
}

/// Judges the content folder with the given trust, as commands do without a daemon.
pub fn load_from_disk(folder: &Path, trust: &Trust, adopted: Adopted) -> Result<Catalog, ContentError> {
    let files = loader::read_folder(folder)?;
    Ok(judge(Arc::new(files), folder, trust, adopted))
}

/// The trust files on disk, read as trust. For commands without a journal.
pub fn read_trust_folder(folder: &Path) -> Result<Trust, ContentError> {
    let files = loader::read_folder(folder)?.trust_files();
    Trust::load(&files).map_err(|error| ContentError::Trust(error.to_string()))
}

fn judge(files: Arc<ContentFolder>, folder: &Path, trust: &Trust, adopted: Adopted) -> Catalog {
    let context = LoadContext {
        now_us: SystemClock.now().time_us,
        adopted: adopted.digests,
        first_live: adopted.names,
        home: folder.display().to_string(),
        platform: Platform::Linux,
        credentials: Default::default(),
    };
    Catalog::load(files, trust, &context)
}

/// The trust in force: the bytes that the journal names, from its blobs.
pub(super) fn trust_in_force(journal: &IntentJournal, trust: &context::Trust) -> Result<Trust, ContentError> {
    let mut files = BTreeMap::new();
    for (name, blob) in &trust.blobs {
        match journal.get_blob(blob)? {
            Some(bytes) => files.insert(name.clone(), bytes),
            None => {
                let what = format!(
                    "blob {blob} of `{name}` is missing: put state/blobs back from a backup or an export"
                );
                return Err(ContentError::Trust(what));
            }
        };
    }
    let former = trust.former.clone();
    let trust = Trust::load(&files).map_err(|error| ContentError::Trust(error.to_string()))?;
    Ok(trust.with_former(former))
}

/// A catalog and the input that puts it in force.
pub(super) struct Loaded {
    pub catalog: Arc<CatalogRunbooks>,
    pub input: Input,
}

/// Reads and judges the folder, and makes the manifest durable.
pub(super) fn load(
    journal: &IntentJournal,
    folder: &Path,
    files: Arc<ContentFolder>,
    trust: &Trust,
    adopted: Adopted,
) -> Result<Loaded, ContentError> {
    let catalog = judge(files, folder, trust, adopted);
    let manifest = journal.put_blob(&catalog.manifest_bytes()?)?;
    let loaded = CatalogLoaded::new(manifest, catalog.contents(), catalog.unreadable_contents());
    let live = catalog.live_digests().into_iter().collect();
    let input = Input::CatalogLoaded { loaded, live };
    Ok(Loaded { catalog: Arc::new(CatalogRunbooks(catalog)), input })
}

/// What the trust files on disk mean against the trust in force.
pub(super) enum TrustNews {
    Same,
    Changed(Box<(Trust, TrustChanged)>),
    Refused(TrustRefused),
}

pub(super) fn trust_news(
    journal: &IntentJournal,
    in_force: &Trust,
    files: &ContentFolder,
) -> Result<TrustNews, ContentError> {
    let on_disk = files.trust_files();
    if TRUST_FILES.iter().all(|name| in_force.files().get(*name) == on_disk.get(*name)) {
        return Ok(TrustNews::Same);
    }
    let digests = |files: &BTreeMap<String, Vec<u8>>| -> BTreeMap<String, FileDigest> {
        let known = files.iter().filter(|(name, _)| TRUST_FILES.contains(&name.as_str()));
        known.map(|(name, bytes)| (name.clone(), FileDigest::of(bytes))).collect()
    };
    match in_force.changed_in_part(&on_disk, SystemClock.now().time_us) {
        (Some((trust, signer)), _) => {
            let mut blobs: BTreeMap<String, Blake3> = BTreeMap::new();
            for (name, bytes) in trust.files() {
                blobs.insert(name.clone(), journal.put_blob(bytes)?);
            }
            let changed = TrustChanged { files: trust.digests(), blobs, signer };
            Ok(TrustNews::Changed(Box::new((trust, changed))))
        }
        (None, error) => {
            let reason = error.map(|error| error.to_string()).unwrap_or_default();
            let reason = super::intake::clean_line(&reason);
            Ok(TrustNews::Refused(TrustRefused { files: digests(&on_disk), reason }))
        }
    }
}

/// Who is told of a catalog that was loaded.
pub(super) type OnCatalog = Box<dyn Fn(&Arc<CatalogRunbooks>) + Send>;

/// The thread that keeps the catalog in force the one on disk.
pub(super) struct ContentWatch {
    pub folder: PathBuf,
    pub journal: IntentJournal,
    pub turn: Sender<Message>,
    pub trust: Trust,
    pub seen: Arc<ContentFolder>,
    pub catalog: Arc<CatalogRunbooks>,
    pub on_catalog: OnCatalog,
    pub stop: Arc<AtomicBool>,
    pub refused: Option<BTreeMap<String, FileDigest>>,
}

impl ContentWatch {
    /// Runs until told to stop.
    pub fn run(mut self) {
        let (changed, changes) = crossbeam_channel::bounded::<()>(1);
        let _watcher = self.watch(changed);
        while !self.stop.load(Ordering::Relaxed) {
            match changes.recv_timeout(POLL_PAUSE) {
                Ok(()) => while changes.recv_timeout(BURST_PAUSE).is_ok() {},
                Err(RecvTimeoutError::Timeout) => {}
                // Without a watcher the poll alone sees changes.
                Err(RecvTimeoutError::Disconnected) => std::thread::park_timeout(POLL_PAUSE),
            }
            if let Err(error) = self.look() {
                tracing::error!(%error, "the content folder could not be loaded; the catalog before stays in force");
            }
        }
    }

    fn watch(&self, changed: Sender<()>) -> Option<notify::RecommendedWatcher> {
        let tell = move |_: notify::Result<notify::Event>| {
            // One waiting hint is enough: the folder is read as it is then.
            let _ = changed.try_send(());
        };
        let started = notify::recommended_watcher(tell).and_then(|mut watcher| {
            for folder in ["runbooks", "proposals"] {
                watcher.watch(&self.folder.join(folder), notify::RecursiveMode::Recursive)?;
            }
            Ok(watcher)
        });
        started
            .inspect_err(|error| tracing::warn!(%error, "changes of content are seen by a slow poll only"))
            .ok()
    }

    fn look(&mut self) -> Result<(), ContentError> {
        let files = Arc::new(loader::read_folder(&self.folder)?);
        if files == self.seen {
            return Ok(());
        }
        // What came into force may leave another file behind that did not: that is said, too.
        while let TrustNews::Changed(change) = trust_news(&self.journal, &self.trust, &files)? {
            let (trust, changed) = *change;
            self.send(Message::plain(Input::TrustChanged(changed)));
            self.trust = trust;
            self.refused = None;
        }
        match trust_news(&self.journal, &self.trust, &files)? {
            TrustNews::Same if self.refused.take().is_some() => {
                let files = self.trust.digests();
                self.send(Message::plain(Input::TrustRestored(TrustRestored { files })));
            }
            TrustNews::Same | TrustNews::Changed(_) => {}
            TrustNews::Refused(refused) if self.refused.as_ref() == Some(&refused.files) => {}
            TrustNews::Refused(refused) => {
                self.refused = Some(refused.files.clone());
                self.send(Message::plain(Input::TrustRefused(refused)));
            }
        }
        let adopted = self.adopted();
        let loaded = load(&self.journal, &self.folder, Arc::clone(&files), &self.trust, adopted)?;
        self.seen = files;
        if loaded.catalog.0.is_same_as(&self.catalog.0) {
            return Ok(());
        }
        let (before, now) = (self.catalog.0.live_digests().len(), loaded.catalog.0.live_digests().len());
        match now < before {
            true => tracing::warn!(
                before,
                now,
                "fewer content files are live; `remediator runbook list` says why"
            ),
            false => tracing::info!(live = now, "content was loaded anew"),
        }
        self.catalog = Arc::clone(&loaded.catalog);
        self.send(Message::catalog(loaded.input, loaded.catalog));
        (self.on_catalog)(&self.catalog);
        Ok(())
    }

    /// What the catalog in force was told, and what it holds as live itself.
    fn adopted(&self) -> Adopted {
        let context = self.catalog.0.context();
        let mut adopted = Adopted { digests: context.adopted.clone(), names: context.first_live.clone() };
        if self.catalog.0.unreadable().is_empty() {
            let names: BTreeSet<String> = self.catalog.0.entries().map(|e| e.name()).collect();
            adopted.names.retain(|name, _| names.contains(name));
        }
        let next = self.journal.next_seq();
        for digest in self.catalog.0.live_digests() {
            adopted.digests.entry(digest).or_insert(next);
        }
        for name in self.catalog.0.live_names() {
            adopted.names.entry(name).or_insert(next);
        }
        adopted
    }

    fn send(&self, message: Message) {
        // The turn is gone only when the daemon stops, and then nothing is loaded any more.
        let _ = self.turn.send(message);
    }
}
