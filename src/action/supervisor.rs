//! The services that remediator supervises: which process each is, that its end is noticed at once, that a
//! new daemon takes over what the one before had started. Not for: when to start or stop (service).

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags};

use super::group::{self, Ended};
use super::sandbox::Spawned;
use super::table::{self, Seen};
use super::{HandReport, Options, Tell};
use crate::base::ids::NodeId;
use crate::base::limits::EXIT_CONFIRM_MS_MAX;
use crate::event::service::{ServiceExited, ServiceStarted};

/// A service that runs, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Its process id, which is also its group.
    pub pid: u32,
    /// Start time that tells it from a later process of that number.
    pub start_ticks: u64,
}

/// What came of taking over a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// It runs and is watched again.
    Adopted,
    /// It has ended.
    Gone,
    /// That pid is another process now, or cannot be read.
    NotOurs,
}

/// The table of services. Cheap to clone; all clones are the same table.
#[derive(Clone)]
pub struct Supervisor {
    shared: Arc<Shared>,
}

struct Shared {
    node: NodeId,
    logs: PathBuf,
    tell: Tell,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    running: BTreeMap<String, Entry>,
    /// Groups of services whose leader ended and left others behind.
    remnants: BTreeMap<String, Pid>,
    /// One verb at a time per service.
    turns: BTreeMap<String, Arc<Mutex<()>>>,
}

#[derive(Clone)]
struct Entry {
    running: Running,
    pid: Pid,
    pidfd: Arc<OwnedFd>,
    wanted: Arc<Wanted>,
}

/// Whether a step asked for the end, and whether the end has been told.
#[derive(Default)]
struct Wanted {
    state: Mutex<EndState>,
    changed: Condvar,
}

#[derive(Default)]
struct EndState {
    asked: bool,
    told: bool,
}

impl Supervisor {
    pub(super) fn new(options: &Options, tell: Tell) -> Self {
        let logs = options.services_dir.clone();
        let table = Mutex::new(Table::default());
        Self { shared: Arc::new(Shared { node: options.node, logs, tell, table }) }
    }

    /// What runs, by service.
    pub fn running(&self) -> BTreeMap<String, Running> {
        self.table().running.iter().map(|(name, entry)| (name.clone(), entry.running)).collect()
    }

    /// The process of a service; none when it does not run (which is then proven: its end is noticed at once).
    pub fn look_up(&self, service: &str) -> Option<Running> {
        self.table().running.get(service).map(|entry| entry.running)
    }

    /// At boot, within one boot of the operating system: takes over what an earlier daemon had started.
    pub fn adopt(&self, service: &str, pid: u32, start_ticks: u64) -> Adoption {
        let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Adoption::NotOurs };
        let raw = number.as_raw_nonzero().get();
        let pidfd = rustix::process::pidfd_open(number, PidfdFlags::empty());
        // Looked at after the descriptor was had: from then on the number means this process.
        match (table::see(raw), pidfd) {
            (Seen::Dead, _) => Adoption::Gone,
            (Seen::Alive(stat), Ok(pidfd))
                if stat.start_ticks == start_ticks && self.is_marked(raw, service) =>
            {
                let running = Running { pid, start_ticks };
                let entry = self.enter(service, running, number, pidfd);
                self.watch_on_thread(service, entry, None);
                Adoption::Adopted
            }
            _ => Adoption::NotOurs,
        }
    }

    /// Its own mark must not speak against it; an environment that cannot be read says nothing.
    fn is_marked(&self, pid: i32, service: &str) -> bool {
        table::marks(pid).is_none_or(|marks| marks.service == Some(self.mark(service)))
    }

    /// How processes of a service are marked.
    pub(super) fn mark(&self, service: &str) -> String {
        format!("{}/{service}", self.shared.node)
    }

    pub(super) fn logs(&self) -> &std::path::Path {
        &self.shared.logs
    }

    pub(super) fn tell(&self, report: HandReport) {
        (self.shared.tell)(report);
    }

    /// Verbs on one service wait for each other; those on others do not.
    pub(super) fn turn(&self, service: &str) -> Arc<Mutex<()>> {
        Arc::clone(self.table().turns.entry(service.to_owned()).or_default())
    }

    /// The process of a service if it has not ended; when it has, waits until that was told.
    pub(super) fn alive(&self, service: &str) -> Option<Running> {
        let entry = self.table().running.get(service).cloned()?;
        if group::has_ended(entry.pidfd.as_fd()) {
            entry.wanted.wait_told(Duration::from_millis(EXIT_CONFIRM_MS_MAX));
            return None;
        }
        Some(entry.running)
    }

    /// A service was started: into the table, told, then watched, so that it is known when its start is told
    /// and its end is never told before.
    pub(super) fn started(&self, report: ServiceStarted, spawned: Spawned) {
        let Spawned { child, pid, pidfd, start_ticks } = spawned;
        let (service, running) = (report.service.clone(), Running { pid: child.id(), start_ticks });
        let entry = self.enter(&service, running, pid, pidfd);
        self.tell(HandReport::ServiceStarted(report));
        self.watch_on_thread(&service, entry, Some(child));
    }

    fn enter(&self, service: &str, running: Running, pid: Pid, pidfd: OwnedFd) -> Entry {
        let entry = Entry { running, pid, pidfd: Arc::new(pidfd), wanted: Arc::default() };
        self.table().running.insert(service.to_owned(), entry.clone());
        entry
    }

    fn watch_on_thread(&self, service: &str, entry: Entry, child: Option<Child>) {
        let (supervisor, name) = (self.clone(), service.to_owned());
        let (for_thread, for_here) = (Arc::new(Mutex::new(child)), entry.clone());
        let child = Arc::clone(&for_thread);
        let thread = std::thread::Builder::new()
            .name(format!("service {service}"))
            .stack_size(128 * 1024)
            .spawn(move || supervisor.watch(&name, &entry, &for_thread));
        if thread.is_err() {
            // Without a thread its end would not be noticed; better not to have it than not to see it.
            group::kill(for_here.pid);
            self.watch(service, &for_here, &child);
        }
    }

    /// Waits for the end of one process of a service and tells it.
    fn watch(&self, service: &str, entry: &Entry, child: &Mutex<Option<Child>>) {
        while group::wait_readable([Some(entry.pidfd.as_fd())], None) == [false] {}
        let child = child.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (wanted, status) = {
            let mut table = self.table();
            // Waited for under the table's lock: nobody signals a number that may be another's by then.
            let status = child.and_then(|mut child| child.wait().ok());
            if table.running.get(service).is_some_and(|now| now.running == entry.running) {
                table.running.remove(service);
            }
            if !group::is_empty(entry.pid) {
                table.remnants.insert(service.to_owned(), entry.pid);
            }
            (entry.wanted.asked(), status)
        };
        self.tell(HandReport::ServiceExited(ServiceExited {
            service: service.to_owned(),
            pid: entry.running.pid,
            code: status.and_then(|status| status.code()),
            signal: status.and_then(|status| status.signal()),
            wanted,
        }));
        entry.wanted.tell();
    }

    /// TERM to the group, KILL after `grace`, the end confirmed and told.
    pub(super) fn stop(&self, service: &str, grace: Duration) -> Stopped {
        let entry = {
            let table = self.table();
            let Some(entry) = table.running.get(service).cloned() else {
                drop(table);
                return self.end_remnants(service).map_or(Stopped::WouldNotDie, |()| Stopped::WasNotRunning);
            };
            entry.wanted.ask();
            group::terminate(entry.pid);
            entry
        };
        let by = |time| Some(Instant::now() + time);
        if group::wait_readable([Some(entry.pidfd.as_fd())], by(grace)) == [false] {
            let table = self.table();
            if table.running.contains_key(service) {
                group::kill(entry.pid);
            }
        }
        let confirm = Duration::from_millis(EXIT_CONFIRM_MS_MAX);
        if !entry.wanted.wait_told(confirm) {
            return Stopped::WouldNotDie;
        }
        self.end_remnants(service).map_or(Stopped::WouldNotDie, |()| Stopped::Ended(entry.running))
    }

    /// Ends whoever a service left behind: they would hold its port and its files.
    pub(super) fn end_remnants(&self, service: &str) -> Option<()> {
        let remnants = self.table().remnants.remove(service);
        let Some(group) = remnants else { return Some(()) };
        let ours = self.mark(service);
        // The number may have become another's since the last of them ended: only marked ones are ended.
        let members = table::members(group.as_raw_nonzero().get()).unwrap_or_default();
        let marked = |pid| table::marks(pid).is_some_and(|marks| marks.service.as_ref() == Some(&ours));
        if !members.iter().any(|member| marked(member.pid)) {
            return Some(());
        }
        let ended = group::kill_until_empty(group, Duration::from_millis(EXIT_CONFIRM_MS_MAX));
        if ended == Ended::WouldNotDie {
            self.table().remnants.insert(service.to_owned(), group);
        }
        (ended == Ended::Confirmed).then_some(())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It has ended.
    Ended(Running),
    /// There was nothing to stop.
    WasNotRunning,
    /// Somebody of it lives even after KILL.
    WouldNotDie,
}

impl Wanted {
    fn state(&self) -> MutexGuard<'_, EndState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn ask(&self) {
        self.state().asked = true;
    }
    fn asked(&self) -> bool {
        self.state().asked
    }
    fn tell(&self) {
        self.state().told = true;
        self.changed.notify_all();
    }
    fn wait_told(&self, bound: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), bound, |state| !state.told);
        waited.unwrap_or_else(PoisonError::into_inner).0.told
    }
}
