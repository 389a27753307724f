//! The daemon as the demo's child: started as `remediator serve`, killed with SIGKILL, ended in order at the end.
//! Whatever it started is ended too, unless it is to stay up.

use std::fs::File;
use std::ops::ControlFlow;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::event::Event;
use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// How long the daemon may take to end in order.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A running daemon. Dropped without [`Daemon::leave`], it is killed.
pub struct Daemon {
    program: PathBuf,
    home: PathBuf,
    listen: String,
    locks: Option<PathBuf>,
    child: Option<Child>,
}

impl Daemon {
    /// Starts it; its log goes to `state/demo-daemon.log`.
    pub fn start(program: &Path, home: &Path, listen: &str) -> anyhow::Result<Self> {
        Self::start_with(program, home, listen, None)
    }

    /// The same, with locks of its own, so that what is acted on there keeps nobody on this machine waiting.
    pub fn start_with(
        program: &Path,
        home: &Path,
        listen: &str,
        locks: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        let mut daemon = Self {
            program: program.to_owned(),
            home: home.to_owned(),
            listen: listen.to_owned(),
            locks,
            child: None,
        };
        daemon.start_again()?;
        Ok(daemon)
    }

    /// Starts it after it was killed.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        let log = log_path(&self.home);
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let child = Command::new(&self.program)
            .args(["serve", "--listen", &self.listen, "--home"])
            .arg(&self.home)
            .env_remove("REMEDIATOR_HOME")
            .env_remove("REMEDIATOR_LISTEN")
            .envs(self.locks.iter().map(|folder| ("REMEDIATOR_LOCK_DIR", folder)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            // A group of its own: Ctrl-C in the terminal is for the demo, which then ends the daemon in order.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {} serve", self.program.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Why it ended, if it did.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.as_mut()?.try_wait().ok()??;
        let log = std::fs::read_to_string(log_path(&self.home)).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        Some(format!("the daemon ended ({status}); its last words:\n{}", last.join("\n")))
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let Some(child) = self.child.as_mut() else { return Ok(()) };
        child.kill().context("cannot kill the daemon")?;
        child.wait().context("cannot wait for the daemon's end")?;
        self.child = None;
        Ok(())
    }

    /// SIGTERM, then SIGKILL when it takes too long. True when it ended in order.
    pub fn stop(&mut self) -> bool {
        let Some(mut child) = self.child.take() else { return true };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // An error means that it is gone already, which the wait below finds out.
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < deadline {
            match child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Ok(Some(status)) => return status.success(),
                Err(_) => break,
            }
        }
        let _ = child.kill();
        let _ = child.wait();
        false
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Leaves it running.
    pub fn leave(mut self) -> Option<u32> {
        self.child.take().map(|child| child.id())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where the daemon's log goes.
pub fn log_path(home: &Path) -> PathBuf {
    home.join("state").join("demo-daemon.log")
}

/// A supervised process, as the journal named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supervised {
    /// Its id, which is also its group.
    pub pid: u32,
    /// Its start time, which tells it from a later process with the same id.
    pub start_ticks: u64,
}

impl Supervised {
    /// Sends a signal to the process, if it is still the same one.
    pub fn signal(self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.same().context("the service's process is not there")?;
        kill_process(pid, signal).context("cannot signal the service")
    }

    /// Ends its whole group, and waits until it is gone.
    pub fn end(self) {
        let deadline = Instant::now() + STOP_TIMEOUT;
        while let Some(pid) = self.same()
            && Instant::now() < deadline
        {
            // An error means that it went between the two calls.
            let _ = kill_process_group(pid, Signal::KILL);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn same(self) -> Option<Pid> {
        let pid = i32::try_from(self.pid).ok()?;
        let stat = procfs::process::Process::new(pid).ok()?.stat().ok()?;
        // A zombie runs no more: it only waits to be asked how it ended.
        let runs = stat.starttime == self.start_ticks && !matches!(stat.state, 'Z' | 'X');
        if runs { Pid::from_raw(pid) } else { None }
    }
}

/// Every process that the journal of a home says was started as a service; read from the files, without a daemon.
pub fn started_services(home: &Path) -> Vec<Supervised> {
    let mut started = Vec::new();
    let journal = crate::journal::read_offline(&home.join("state"));
    let read = journal.and_then(|journal| {
        journal.records(None, &mut |record| {
            if let Event::ServiceStarted(service) = &record.event {
                started.push(Supervised { pid: service.pid, start_ticks: service.start_ticks });
            }
            ControlFlow::Continue(())
        })
    });
    if let Err(error) = read {
        anstream::eprintln!(
            "note: cannot read which services ran ({error}); look for `__demo-service` processes"
        );
    }
    started
}
