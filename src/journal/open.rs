//! Making and opening a journal: lock, recovery, the new segment and what it has to say first, sled.
//! The rules of recovery are in `recovery`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::base::digest::{Blake3, FileDigest};
use crate::base::formats;
use crate::base::ids::{NodeId, Seq};
use crate::event::journal::{Continues, Genesis, SnapshotTaken};
use crate::event::{Draft, Event};

use super::appender::Appender;
use super::base::Base;
use super::blobs::Blobs;
use super::durable::{Durable, Head};
use super::encode::Prepared;
use super::error::Error;
use super::files::{Files, FolderLock, make_folder};
use super::handle::{IndexMode, Inner, IntentJournal, Opened, Options};
use super::index::{Ground, Index, newest_folder, remove_indexes};
use super::latency::Latencies;
use super::memory::Memory;
use super::offline::{Offline, read_offline, state_of};
use super::recovery::{Known, Recovered, read_genesis, recover};
use super::repair::Source;
use super::rows::{Rows, Trouble};
use super::segment::{Catalog, Cursor, list, list_all, name_of};
use super::snapshot::Snapshots;
use super::store::Store;
use super::verify::{Depth, verify};
use super::writer::{Active, AppendClass, Failed, Start, UNFINISHED, Writer};

/// Where a journal is.
struct Place {
    store: Arc<dyn Store>,
    blobs: Blobs,
    snapshots: Option<Snapshots>,
    lock: Option<FolderLock>,
}

impl Place {
    fn on_disk(options: &Options) -> Result<Self, Error> {
        let folder = options.state.join("journal");
        make_folder(&folder.join("aside"))?;
        let lock = FolderLock::take(&folder)?;
        Ok(Self {
            store: Arc::new(Files::new(folder)),
            blobs: Blobs::Folder(options.state.join("blobs")),
            snapshots: Some(Snapshots::new(&options.state)),
            lock: Some(lock),
        })
    }

    fn in_memory(memory: &Memory) -> Self {
        Self {
            store: Arc::new(memory.clone()),
            blobs: Blobs::Memory(Arc::default()),
            snapshots: None,
            lock: None,
        }
    }
}

impl IntentJournal {
    /// Makes a journal in a state folder that has none. `trust`: name under `proposals/trust/` → bytes.
    pub fn create(options: Options, node: NodeId, trust: BTreeMap<String, Vec<u8>>) -> Result<Self, Error> {
        Self::create_continuing(options, node, trust, None)
    }

    /// The same for a journal that continues another (`journal fork`).
    pub fn create_continuing(
        options: Options,
        node: NodeId,
        trust: BTreeMap<String, Vec<u8>>,
        continues: Option<Continues>,
    ) -> Result<Self, Error> {
        let ground = Place::on_disk(&options)?;
        create_on(ground, &options, node, &trust, continues)
    }

    /// Makes a journal in memory, without sled: for tests that need real proofs or scripted faults.
    pub fn create_in_memory(memory: &Memory, options: Options, node: NodeId) -> Result<Self, Error> {
        let options = Options { index: IndexMode::Off, ..options };
        create_on(Place::in_memory(memory), &options, node, &BTreeMap::new(), None)
    }

    /// Opens the journal in memory that `memory` holds, as after a crash.
    pub fn open_in_memory(memory: &Memory, options: Options) -> Result<(Self, Opened), Error> {
        let options = Options { index: IndexMode::Off, ..options };
        open_on(Place::in_memory(memory), &options, None)
    }

    /// Opens the journal of a state folder: mends what can be mended, sets a torn tail aside, begins a segment.
    pub fn open(options: Options) -> Result<(Self, Opened), Error> {
        let folder = options.state.join("journal");
        if !folder.is_dir() || list(&Files::new(&folder))?.is_empty() {
            return Err(Error::Missing { path: folder });
        }
        open_on(Place::on_disk(&options)?, &options, None)
    }

    /// Opens a damaged journal and mends it from an export (`journal restore --from EXPORT`).
    pub fn restore(options: Options, export: &Path) -> Result<(Self, Opened), Error> {
        let export = read_offline(export)?;
        open_on(Place::on_disk(&options)?, &options, Some(&export))
    }

    /// Sets a journal that cannot be mended aside, and begins one that continues it from its last good entry
    /// (`journal fork`). `trust` are the trust files in force. Gives what it continues.
    pub fn fork(
        options: Options,
        trust: BTreeMap<String, Vec<u8>>,
        reason: &str,
    ) -> Result<(Self, Continues), Error> {
        let folder = options.state.join("journal");
        let report = verify(&folder, Depth::Quick, &mut |_| ())?;
        let (Some(node), Some(head)) = (report.node, last_good(&folder, report.entries)?) else {
            return Err(Error::Missing { path: folder });
        };
        let continues = Continues { seq: head.seq, hash: head.hash, reason: reason.to_owned() };
        let aside = options.state.join(format!("journal-until-{}", head.seq));
        let lock = FolderLock::take(&folder)?;
        if aside.exists() {
            return Err(Error::Exists { path: aside });
        }
        std::fs::rename(&folder, &aside).map_err(Error::io("set aside", &folder))?;
        drop(lock);
        remove_indexes(&options.state);
        let journal = Self::create_continuing(options, node, trust, Some(continues.clone()))?;
        Ok((journal, continues))
    }
}

/// The last entry before the first bad one.
fn last_good(folder: &Path, entries: u64) -> Result<Option<Head>, Error> {
    let Some(last) = entries.checked_sub(1) else { return Ok(None) };
    let mut head = None;
    read_offline(folder)?.lines(last.checked_sub(1), &mut |line| {
        head = Some(Head { seq: line.seq, hash: line.chain_hash() });
        ControlFlow::Break(())
    })?;
    Ok(head)
}

fn create_on(
    ground: Place,
    options: &Options,
    node: NodeId,
    trust: &BTreeMap<String, Vec<u8>>,
    continues: Option<Continues>,
) -> Result<IntentJournal, Error> {
    if !list(&*ground.store)?.is_empty() {
        return Err(Error::Exists { path: ground.store.place() });
    }
    let mut trust_blobs = BTreeMap::new();
    for (name, bytes) in trust {
        trust_blobs.insert(name.clone(), ground.blobs.put(bytes)?);
    }
    let genesis = Genesis {
        format: formats::JOURNAL,
        node,
        public_key: options.key.public(),
        trust: trust.iter().map(|(name, bytes)| (name.clone(), FileDigest::of(bytes))).collect(),
        trust_blobs,
        continues,
    };
    let draft = Draft { at: options.clock.now(), incident: None, cause: None, event: genesis.into() };
    let entry = Prepared::from_draft(&draft)?;
    let place = ground.store.place();
    // The segment gets its name when the genesis is durable: there is never a journal without one.
    let file = ground.store.create(UNFINISHED).map_err(Error::io("make a segment in", &place))?;
    let catalog = Arc::new(Catalog::new(&[0]));
    let active = Active::new(file, 0, 0, b"");
    let start = Start {
        store: Arc::clone(&ground.store),
        catalog: Arc::clone(&catalog),
        clock: Arc::clone(&options.clock),
        boot: options.boot,
        node,
        key: options.key.clone(),
        segment_bytes_max: options.segment_bytes_max,
        active,
        next: 0,
        prev: Blake3::ZERO,
    };
    let mut writer = Writer::new(start);
    writer.commit(std::iter::once(&entry), AppendClass::Normal)?;
    let named = ground.store.rename(UNFINISHED, &name_of(0)).and_then(|()| ground.store.sync_folder());
    named.map_err(Error::io("name the first segment in", place))?;
    writer.ask_for_space();
    let head = writer.head();
    let opened = open_rows(options, Some(head.hash));
    assemble((ground, None), options, catalog, writer, (node, head.hash), opened)
}

fn open_rows(options: &Options, genesis: Option<Blake3>) -> Option<Result<Rows, Trouble>> {
    (options.index == IndexMode::On).then(|| Rows::open(&newest_folder(&options.state).1, genesis))
}

fn open_on(
    ground: Place,
    options: &Options,
    export: Option<&Offline>,
) -> Result<(IntentJournal, Opened), Error> {
    // Where the genesis cannot be read sled may have it: it is signed by its own key, and sealed in segments.
    let genesis = read_genesis(&*ground.store, None).ok().map(|(_, hash)| hash);
    let rows = open_rows(options, genesis);
    let indexed = match &rows {
        Some(Ok(rows)) => Some(rows),
        _ => None,
    };
    let known = Known {
        key: options.key.public(),
        supplied: options.supplied_head,
        source: export.map(|e| e as &dyn Source).or(indexed.map(|rows| rows as &dyn Source)),
        indexed: indexed.and_then(Rows::head),
    };
    let recovered = recover(&ground.store, &known)?;
    let snapshot = find_snapshot(&ground, &recovered, options.fold_version);
    if let (Some(base), None) = (&recovered.base, &recovered.damage) {
        remove_pruned(&*ground.store, base)?;
    }
    if recovered.damage.is_some() {
        return Ok(read_only(ground, options, recovered, snapshot));
    }
    begin(ground, options, recovered, snapshot, rows)
}

/// Opens the new segment, says what was mended and cut, and starts everything.
fn begin(
    ground: Place,
    options: &Options,
    recovered: Recovered,
    snapshot: Option<(Seq, Vec<u8>)>,
    rows: Option<Result<Rows, Trouble>>,
) -> Result<(IntentJournal, Opened), Error> {
    let Recovered { genesis, genesis_hash, firsts, base, head, active, repaired, cut, .. } = recovered;
    let catalog = Arc::new(Catalog::above(base.as_ref().map(Base::head), &firsts));
    let first_state = match first_state(&ground, base.as_ref(), options.fold_version) {
        // Whoever folds could not go on. What was mended or cut has to be said all the same.
        Some((_, Err(error)))
            if options.folds() && snapshot.is_none() && repaired.is_empty() && cut.is_none() =>
        {
            return Err(error);
        }
        other => other,
    };
    let mut writer = Writer::new(Start {
        store: Arc::clone(&ground.store),
        catalog: Arc::clone(&catalog),
        clock: Arc::clone(&options.clock),
        boot: options.boot,
        node: genesis.node,
        key: options.key.clone(),
        segment_bytes_max: options.segment_bytes_max,
        active,
        next: head.seq + 1,
        prev: head.hash,
    });
    let begun = match writer.rotate() {
        Err(Failed::NoSpace) => writer.rotate_into_spare(),
        other => other,
    };
    if let Err(Failed::NoSpace) = begun {
        // The padding of the old segment may be what is missing.
        writer.close()?;
        writer.rotate()?;
    } else {
        begun?;
    }
    let own = repaired.iter().cloned().map(Event::from).chain(cut.iter().cloned().map(Event::from));
    let entries = own
        .map(|event| Prepared::from_draft(&Draft { at: writer.now(), incident: None, cause: None, event }))
        .collect::<Result<Vec<_>, _>>()?;
    if !entries.is_empty() {
        writer.commit(entries.iter(), AppendClass::Essential)?;
    }
    writer.ask_for_space();
    let opened = Opened {
        node: genesis.node,
        genesis: genesis_hash,
        head: writer.head(),
        clean: repaired.is_empty() && cut.is_none(),
        repaired,
        cut,
        snapshot,
        first_state,
        damage: None,
    };
    let journal = assemble((ground, base), options, catalog, writer, (genesis.node, genesis_hash), rows)?;
    Ok((journal, opened))
}

fn assemble(
    (ground, base): (Place, Option<Base>),
    options: &Options,
    catalog: Arc<Catalog>,
    writer: Writer,
    (node, genesis): (NodeId, Blake3),
    rows: Option<Result<Rows, Trouble>>,
) -> Result<IntentJournal, Error> {
    let Place { store, blobs, snapshots, lock } = ground;
    let durable = Arc::new(Durable::new(writer.head()));
    let appender = Arc::new(Appender::new(writer, Arc::clone(&durable), options.boot));
    let index = match rows {
        None => None,
        Some(rows) => {
            let (speaker, clock) = (Arc::clone(&appender), Arc::clone(&options.clock));
            let say = move |rebuilt: crate::event::journal::IndexRebuilt| {
                speaker.say(Draft { at: clock.now(), incident: None, cause: None, event: rebuilt.into() });
            };
            let ground = Ground {
                store: Arc::clone(&store),
                catalog: Arc::clone(&catalog),
                durable: Arc::clone(&durable),
                state_folder: options.state.clone(),
                genesis,
                say: Box::new(say),
            };
            Some(Index::start(ground, rows)?)
        }
    };
    let inner = Inner {
        store,
        catalog,
        base,
        durable,
        node,
        genesis,
        appender: Some(appender),
        damage: None,
        index,
        blobs,
        snapshots,
        clock: Arc::clone(&options.clock),
        mending: Mutex::new(()),
        latencies: Latencies::default(),
        lock,
    };
    Ok(IntentJournal { inner: Arc::new(inner) })
}

/// Damage that nothing mends: what is before it can be read, nothing is written, sled is left as it is.
fn read_only(
    ground: Place,
    options: &Options,
    recovered: Recovered,
    snapshot: Option<(Seq, Vec<u8>)>,
) -> (IntentJournal, Opened) {
    let first_state = first_state(&ground, recovered.base.as_ref(), options.fold_version);
    let Recovered { genesis, genesis_hash, firsts, base, head, repaired, cut, damage, .. } = recovered;
    let Place { store, blobs, snapshots, lock } = ground;
    let opened = Opened {
        node: genesis.node,
        genesis: genesis_hash,
        head,
        repaired,
        cut,
        clean: false,
        snapshot,
        first_state,
        damage: damage.clone(),
    };
    let inner = Inner {
        store,
        catalog: Arc::new(Catalog::above(base.as_ref().map(Base::head), &firsts)),
        base,
        durable: Arc::new(Durable::new(head)),
        node: genesis.node,
        genesis: genesis_hash,
        appender: None,
        damage,
        index: None,
        blobs,
        snapshots,
        clock: Arc::clone(&options.clock),
        mending: Mutex::new(()),
        latencies: Latencies::default(),
        lock,
    };
    (IntentJournal { inner: Arc::new(inner) }, opened)
}

/// Segments that a prune had not removed yet when it ended: everything that came before their removal is durable.
fn remove_pruned(store: &dyn Store, base: &Base) -> Result<(), Error> {
    let place = store.place();
    let left: Vec<Seq> = list_all(store)?.into_iter().filter(|first| *first < base.minimum).collect();
    for first in &left {
        store.remove(&name_of(*first)).map_err(Error::io("remove a pruned segment in", &place))?;
    }
    if left.is_empty() { Ok(()) } else { store.sync_folder().map_err(Error::io("sync", place)) }
}

/// The state that folding begins with in a pruned journal; none in any other.
fn first_state(
    ground: &Place,
    base: Option<&Base>,
    fold_version: u32,
) -> Option<(Seq, Result<Vec<u8>, Error>)> {
    let base = base?;
    let bytes = ground.blobs.get(&base.state).and_then(|bytes| state_of(base, fold_version, bytes));
    Some((base.minimum - 1, bytes))
}

/// The newest snapshot that an entry vouches for and that our fold can read.
fn find_snapshot(ground: &Place, recovered: &Recovered, fold_version: u32) -> Option<(Seq, Vec<u8>)> {
    let below = recovered.base.as_ref().map(Base::head);
    let catalog = Arc::new(Catalog::above(below, &recovered.firsts));
    ground.snapshots.as_ref()?.candidates().iter().find_map(|candidate| {
        if candidate.entry > recovered.head.seq {
            return None;
        }
        let mut cursor = Cursor::at(Arc::clone(&ground.store), Arc::clone(&catalog), candidate.entry);
        let mut taken: Option<SnapshotTaken> = None;
        let read = cursor.read(candidate.entry, &mut |line| {
            if let Ok(record) = line.record()
                && let Event::SnapshotTaken(found) = record.event
            {
                taken = Some(found);
            }
            ControlFlow::Continue(())
        });
        read.ok()?;
        let taken = taken.filter(|taken| taken.fold_version == fold_version)?;
        if taken.seq + 1 < catalog.minimum() {
            return None;
        }
        candidate.read(&taken).map(|bytes| (taken.seq, bytes))
    })
}

impl Source for Offline {
    fn line(&self, seq: Seq) -> Option<Vec<u8>> {
        let mut found = None;
        let read = self.lines(seq.checked_sub(1), &mut |line| {
            found = Some(line.as_str().as_bytes().to_vec());
            ControlFlow::Break(())
        });
        read.ok().and(found)
    }
    fn name(&self) -> &'static str {
        "export"
    }
}

impl Source for Rows {
    fn line(&self, seq: Seq) -> Option<Vec<u8>> {
        Rows::line(self, seq).ok().flatten()
    }
    fn name(&self) -> &'static str {
        "sled"
    }
}
