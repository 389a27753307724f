//! Bringing the daemon up and down (RM-34): lock, keys, journal, fold, trust, runbooks, leftovers, reconcile,
//! accept. HTTP answers from the first moment, 503 until the last step is done.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use super::bodies::{self, Bodies};
use super::channels::channels;
use super::config::{self, Config};
use super::content::{self, ContentWatch, TrustNews};
use super::dispatch::Dispatcher;
use super::error::Error;
use super::face::{Face, Served};
use super::handle::{Handle, Running, Transparency};
use super::inbox::Message;
use super::looks::Looks;
use super::observers::PausedFile;
use super::readiness::{Progress, ReadyState};
use super::snapshots;
use super::systemd::Systemd;
use super::turn::{End, Turn, TurnState};
use super::{erasure, keys, recover, shutdown, spool, starts, transparency, witnesses};
use crate::audit::Audit;
use crate::base::ids::{BootId, NodeId};
use crate::base::limits::TURN_QUEUE_MAX;
use crate::base::sign::JournalKey;
use crate::context::SentinelState;
use crate::coordination::MachineLock;
use crate::event::content::TrustRestored;
use crate::event::process::ProcessStarted;
use crate::journal::{self, Clock, IntentJournal, SystemClock};
use crate::policy::CatalogRunbooks;
use crate::policy::Input;
use crate::runbook::{Trust, loader};
use crate::sentinel::{LastEdge, Watch};
use crate::subject::Subjects;
use crate::tlog::{Keeper, Log};

/// How the daemon is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The home.
    pub home: PathBuf,
    /// Address that wins over the configuration's.
    pub listen: Option<String>,
    /// Run nothing, plan only.
    pub observe_only: bool,
}

pub(super) fn system(doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::System { doing, source }
}

/// Everything that the running parts share while they are put together.
pub(super) struct Parts {
    pub options: Options,
    pub config: Config,
    pub state: PathBuf,
    pub address: SocketAddr,
    pub boot: BootId,
    pub clock: Arc<dyn Clock>,
    pub progress: Progress,
    pub handle: Handle,
    pub stop: Arc<AtomicBool>,
    pub runtime: tokio::runtime::Handle,
    pub log_policy: Arc<witnesses::Named>,
}

/// Runs the daemon until a signal stops it. `face` serves it over HTTP; this module knows of no face.
pub fn serve<F>(options: Options, face: impl FnOnce(Face) -> F) -> Result<(), Error>
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let config = config::read(&options.home, options.listen.as_deref())?;
    let state = options.home.join("state");
    if !state.join("journal").is_dir() {
        let key = keys::journal_key_path(&state);
        let lost = if key.exists() { Error::JournalLost } else { Error::NoHome };
        return Err(lost(options.home));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("io")
        .build()
        .map_err(system("start the I/O runtime"))?;
    let progress = Progress::new();
    let handle = Handle::new(progress.clone(), super::place::folder_id(&state));
    let served = Served::start(config.listen, handle.clone(), face)?;
    let address = served.address();
    let parts = Parts {
        options,
        config,
        state,
        address,
        boot: BootId::fresh(),
        clock: Arc::new(SystemClock),
        progress,
        handle,
        stop: Arc::default(),
        runtime: runtime.handle().clone(),
        log_policy: Arc::default(),
    };
    let ended = run(&parts);
    if let Err(error) = &ended {
        tracing::error!(%error, "the daemon ends");
    }
    served.end();
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

/// Takes one step of the bootstrap and tells how it went.
fn step<T>(parts: &Parts, name: &'static str, take: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    parts.progress.set(name, ReadyState::Running);
    let began = std::time::Instant::now();
    let taken = take();
    match &taken {
        Ok(_) => {
            tracing::debug!(step = name, ms = began.elapsed().as_millis() as u64, "bootstrap");
            parts.progress.set(name, ReadyState::Done);
        }
        Err(error) => parts.progress.set(name, ReadyState::Failed(error.to_string())),
    }
    taken
}

fn run(parts: &Parts) -> Result<(), Error> {
    let now_us = parts.clock.now().time_us;
    let observe_only = starts::begin(&parts.state, now_us);
    let observe_only =
        observe_only.or_else(|| parts.options.observe_only.then(|| "asked for at start".to_owned()));
    if let Some(why) = &observe_only {
        tracing::warn!(why, "this run observes only: it plans and records, and starts nothing");
    }
    if !parts.address.ip().is_loopback() && parts.config.tls.is_none() {
        tracing::warn!(listen = %parts.address, "listens beyond this machine without encryption: tokens can be read on the way");
    }
    let locks = step(parts, "lock", || Ok(MachineLock::open()?))?;
    let key = step(parts, "keys", || Ok(keys::read_journal_key(&parts.state)?))?;
    let (journal, opened) = step(parts, "journal", || {
        let opened = open_journal(parts, key);
        if let Err(Error::Journal(journal::Error::Locked { .. })) = &opened {
            starts::not_ours(&parts.state, now_us);
        }
        opened
    })?;
    let node = opened.node;
    let served = step(parts, "lock", || Ok(locks.serve_node(node, &parts.options.home)?));
    let _served = served.inspect_err(|_| starts::not_ours(&parts.state, now_us))?;
    // Behind the journal's lock: a second daemon on this home has been refused by now.
    let _address = AddressFile::write(parts)?;
    let (world, snapshots) = step(parts, "fold", || snapshots::fold(&journal, &opened))?;
    let audit = Audit::of(journal.clone(), world.clone()).map_err(system("start the read model"))?;
    let subjects = Subjects::of_state(&parts.state);
    audit.open_with(subjects.clone());
    let unfinished = erasure::destroyed(&subjects, &world.control.erased);
    let (turn_in, inbox) = crossbeam_channel::bounded(TURN_QUEUE_MAX);
    let turn_state = Arc::new(TurnState::default());
    let Bodies { hands, eyes, watch, attempts, programs } =
        bodies::grow(parts, &journal, node, &turn_in, &subjects)?;
    // Before ours can start: the first decisions may already tell people.
    let left = programs.end_left_over();
    if left > 0 {
        tracing::info!(left, "programs that an earlier daemon looked or told people with were ended");
    }
    let beats = eyes.beats();
    let looks = Looks::new(eyes, turn_in.clone(), parts.runtime.clone(), subjects.clone());
    let channels = channels(parts.config.channels.clone(), &parts.state, programs.clone())?;
    let dispatcher = Dispatcher::new(
        node,
        turn_in.clone(),
        hands.clone(),
        locks,
        looks,
        parts.runtime.clone(),
        attempts,
        Arc::clone(&watch),
        channels.clone(),
        programs.clone(),
    );
    let nothing = Arc::new(CatalogRunbooks::nothing());
    let mut turn = Turn::new(
        world,
        journal.clone(),
        Arc::clone(&parts.clock),
        (parts.boot, node),
        nothing,
        dispatcher,
        snapshots,
        Arc::clone(&turn_state),
        parts.state.clone(),
    );
    let before = recover::Before::of(&turn.world);
    let named = transparency::name(parts, node, &opened.genesis, turn.world.control.log.as_ref());
    let first = [started(&opened, observe_only), Input::ConfigLoaded(parts.config.decisions.clone())];
    let entry = named.as_ref().ok().and_then(|named| named.entry.clone()).map(Input::LogNamed);
    let erased = unfinished.iter().map(|erasing| Input::SubjectErased(erasure::event(erasing)));
    turn.decide_now(first.into_iter().chain(entry).chain(erased).collect())?;
    erasure::recorded(&subjects, &unfinished);
    let (log, keeper) = open_log(parts, &journal, node, named);
    let cosigned = log.log.as_ref().ok().cloned();
    let running = Running {
        node,
        journal: journal.clone(),
        audit: audit.clone(),
        turn: turn_in.clone(),
        state: turn_state,
        channels,
        runtime: parts.runtime.clone(),
        ingest: RwLock::new(Arc::new(parts.config.ingest.clone())),
        watch: Arc::clone(&watch),
        beats,
        log,
        subjects,
    };
    parts.handle.set_running(running);
    let content = step(parts, "trust", || trust(parts, &mut turn))?;
    let content = step(parts, "runbooks", || runbooks(parts, &mut turn, content))?;
    // Before anything may act: a pause that was asked for while no daemon ran.
    let mut paused = PausedFile::of(&parts.state);
    turn.decide_now(paused.look().into_iter().collect())?;
    step(parts, "leftovers", || recover::leftovers(&mut turn, &hands, node, &before))?;
    step(parts, "reconcile", || Ok(turn.decide_now(vec![Input::Booted])?))?;
    let mut threads = shutdown::Threads::new(Arc::clone(&parts.stop));
    watch.set(content.catalog.0.sentinels(), &edges(&turn.world.machine.sentinels));
    let turn_thread = std::thread::Builder::new()
        .name("turn".into())
        .spawn(move || turn.run(&inbox))
        .map_err(system("start the turn"))?;
    start_watching(parts, &mut threads, content, journal.clone(), paused, (&watch, audit), &turn_in)?;
    keep_log(parts, &mut threads, keeper)?;
    have_cosigned(parts, &mut threads, cosigned)?;
    step(parts, "accept", || {
        let spooled = parts.runtime.block_on(spool::drain(&parts.state, &parts.handle));
        let spooled = spooled.unwrap_or_else(|error| {
            tracing::error!(%error, "spooled reports cannot be taken in: look at state/spool");
            0
        });
        starts::ready(&parts.state);
        tracing::info!(listen = %parts.address, %node, spooled, "ready");
        Ok(())
    })?;
    let systemd = Arc::new(Systemd::of_environment());
    systemd.ready(&format!("listens on {}", parts.address));
    watch_spool(parts, &mut threads)?;
    show_life(parts, &mut threads, &systemd)?;
    let end = shutdown::wait(parts, turn_thread, &turn_in, &hands, &watch, &systemd);
    programs.stop();
    let end = end?;
    threads.join();
    match end {
        End::Stopped => Ok(journal.clean_stop()?),
        End::Sealed(reason) => Err(Error::Sealed(reason)),
    }
}

/// Opens with the key at hand; with the one that a rotation staged, where a crash came between the two.
fn open_journal(parts: &Parts, key: JournalKey) -> Result<(IntentJournal, journal::Opened), Error> {
    let open = |key| {
        IntentJournal::open(journal::Options {
            clock: Arc::clone(&parts.clock),
            fold_version: crate::context::FOLD_VERSION,
            ..journal::Options::new(&parts.state, parts.boot, key)
        })
    };
    if let Some(next) = keys::read_next(&parts.state)? {
        match open(next) {
            Ok(opened) => {
                keys::promote_next(&parts.state)?;
                tracing::warn!("a rotation of the journal's key was interrupted: it is complete now");
                return Ok(opened);
            }
            // The rotation never became durable: the old key goes on.
            Err(journal::Error::WrongKey { .. }) => keys::forget_next(&parts.state)?,
            Err(other) => return Err(other.into()),
        }
    }
    Ok(open(key)?)
}

/// `state/address` tells commands where the daemon of this home listens; gone when it stops in order.
struct AddressFile(PathBuf);

impl AddressFile {
    fn write(parts: &Parts) -> Result<Self, Error> {
        let path = parts.state.join("address");
        std::fs::write(&path, format!("{}\n", parts.address)).map_err(system("write state/address"))?;
        Ok(Self(path))
    }
}

impl Drop for AddressFile {
    fn drop(&mut self) {
        // Left behind it only costs a command one refused connection.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn started(opened: &journal::Opened, observe_only: Option<String>) -> Input {
    Input::Started(ProcessStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        system_boot: recover::system_boot(),
        clean: opened.clean,
        observe_only,
    })
}

/// What the journal knows each sentinel to have published last.
fn edges(sentinels: &BTreeMap<String, SentinelState>) -> BTreeMap<String, LastEdge> {
    let edge = |degraded: bool| if degraded { LastEdge::Bad } else { LastEdge::Good };
    sentinels.iter().map(|(id, s)| (id.clone(), edge(s.degraded.is_some()))).collect()
}

/// Content on its way from disk into force.
struct Content {
    folder: PathBuf,
    files: Arc<crate::runbook::ContentFolder>,
    trust: Trust,
    refused: Option<BTreeMap<String, crate::base::digest::FileDigest>>,
    catalog: Arc<CatalogRunbooks>,
}

fn trust(parts: &Parts, turn: &mut Turn) -> Result<Content, Error> {
    let folder = absolute(&parts.config.content)?;
    let files = Arc::new(loader::read_folder(&folder).map_err(content::ContentError::from)?);
    let mut trust = content::trust_in_force(&turn.journal, &turn.world.trust)?;
    let mut refused = None;
    while let TrustNews::Changed(change) = content::trust_news(&turn.journal, &trust, &files)? {
        let (changed_trust, changed) = *change;
        turn.decide_now(vec![Input::TrustChanged(changed)])?;
        trust = changed_trust;
    }
    match content::trust_news(&turn.journal, &trust, &files)? {
        TrustNews::Same if turn.world.trust.refused.is_some() => {
            let files = trust.digests();
            turn.decide_now(vec![Input::TrustRestored(TrustRestored { files })])?;
        }
        TrustNews::Same | TrustNews::Changed(_) => {}
        TrustNews::Refused(news) => {
            refused = Some(news.files.clone());
            let known = turn.world.trust.refused.as_ref().is_some_and(|(files, _)| *files == news.files);
            if !known {
                turn.decide_now(vec![Input::TrustRefused(news)])?;
            }
        }
    }
    turn.state.set_trust(trust.clone());
    Ok(Content { folder, files, trust, refused, catalog: Arc::clone(&turn.catalog) })
}

fn absolute(folder: &Path) -> Result<PathBuf, Error> {
    std::fs::canonicalize(folder).map_err(system("find the content folder"))
}

fn runbooks(parts: &Parts, turn: &mut Turn, mut content: Content) -> Result<Content, Error> {
    let adopted =
        content::Adopted { digests: turn.world.adopted.clone(), names: turn.world.first_live.clone() };
    let files = Arc::clone(&content.files);
    let loaded = content::load(&turn.journal, &content.folder, files, &content.trust, adopted)?;
    content.catalog = Arc::clone(&loaded.catalog);
    turn.adopt(loaded.input, loaded.catalog)?;
    parts.handle.set_catalog(Arc::clone(&content.catalog));
    Ok(content)
}

/// The log and the witness, where they can be had: what is wrong with either stops nothing else.
fn open_log(
    parts: &Parts,
    journal: &IntentJournal,
    node: NodeId,
    named: Result<transparency::Named, transparency::LogError>,
) -> (Transparency, Option<Keeper>) {
    let opened = named.map_err(|e| e.to_string());
    let opened =
        opened.and_then(|named| transparency::open(parts, journal, named).map_err(|e| e.to_string()));
    let (log, keeper) = match opened {
        Ok((log, keeper)) => (Ok(log), Some(keeper)),
        Err(error) => {
            tracing::error!(error, "the transparency log publishes nothing");
            (Err(error), None)
        }
    };
    let witness = transparency::witness(parts, node).unwrap_or_else(|error| {
        tracing::error!(%error, "this daemon is a witness of nobody");
        None
    });
    (Transparency { log, witness }, keeper)
}

fn keep_log(parts: &Parts, threads: &mut shutdown::Threads, keeper: Option<Keeper>) -> Result<(), Error> {
    let Some(keeper) = keeper else { return Ok(()) };
    let stop = Arc::clone(&parts.stop);
    threads.spawn("log", move || keeper.run(&stop)).map_err(system("keep the transparency log up"))
}

/// The log's checkpoints are cosigned by the witnesses of a policy, where there is one, now or after a reload.
fn have_cosigned(parts: &Parts, threads: &mut shutdown::Threads, log: Option<Log>) -> Result<(), Error> {
    let Some(log) = log else { return Ok(()) };
    parts.log_policy.set(parts.config.log_policy.clone());
    let (named, runtime, stop) =
        (Arc::clone(&parts.log_policy), parts.runtime.clone(), Arc::clone(&parts.stop));
    threads
        .spawn("witnesses", move || witnesses::run(&named, &log, &runtime, &stop))
        .map_err(system("have the log cosigned"))
}

/// Only behind the first taking in, so that nobody takes in the same file twice.
fn watch_spool(parts: &Parts, threads: &mut shutdown::Threads) -> Result<(), Error> {
    let (state, handle, runtime) = (parts.state.clone(), parts.handle.clone(), parts.runtime.clone());
    let stop = Arc::clone(&parts.stop);
    threads
        .spawn("spool", move || spool::watch(&state, &handle, &runtime, &stop))
        .map_err(system("watch for spooled reports"))
}

/// Signs of life for a service manager that asks for them.
fn show_life(parts: &Parts, threads: &mut shutdown::Threads, systemd: &Arc<Systemd>) -> Result<(), Error> {
    if !systemd.wants_life() {
        return Ok(());
    }
    let (systemd, handle, stop) = (Arc::clone(systemd), parts.handle.clone(), Arc::clone(&parts.stop));
    threads
        .spawn("life", move || systemd.show_life(|| handle.live(), &stop))
        .map_err(system("show signs of life"))
}

fn start_watching(
    parts: &Parts,
    threads: &mut shutdown::Threads,
    content: Content,
    journal: IntentJournal,
    paused: PausedFile,
    (watch, audit): (&Arc<Watch>, Audit),
    turn: &crossbeam_channel::Sender<Message>,
) -> Result<(), Error> {
    let (sentinels, handle) = (Arc::clone(watch), parts.handle.clone());
    let content_watch = ContentWatch {
        folder: content.folder,
        journal,
        turn: turn.clone(),
        trust: content.trust,
        seen: content.files,
        catalog: content.catalog,
        // What the journal knows of their edges: a sentinel that comes back goes on from its own.
        on_catalog: Box::new(move |catalog| {
            let edges = edges(&audit.sentinels());
            sentinels.set(catalog.0.sentinels(), &edges);
            handle.set_catalog(Arc::clone(catalog));
        }),
        stop: Arc::clone(&parts.stop),
        refused: content.refused,
    };
    threads.spawn("content", move || content_watch.run()).map_err(system("start the content watcher"))?;
    let (turn, stop) = (turn.clone(), Arc::clone(&parts.stop));
    threads.spawn("paused", move || paused.watch(&turn, &stop)).map_err(system("watch for state/PAUSED"))
}
