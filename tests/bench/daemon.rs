//! The real daemon as a child process: started, asked, killed.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::home::{Home, PROGRAM};
use crate::http::Client;
use crate::sample::eventually;
use crate::{Done, Run};

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    address: String,
    token: String,
    /// Seconds from its start until it said that it is ready.
    pub ready_after: f64,
}

impl Daemon {
    /// Starts it and waits until it is ready.
    pub fn start(run: &Run, home: &Home) -> Done<Self> {
        let mut daemon = Self::spawn(run, home)?;
        daemon.wait_ready(Duration::from_secs(300))?;
        Ok(daemon)
    }

    fn spawn(run: &Run, home: &Home) -> Done<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let log = File::options().create(true).append(true).open(home.root.join("daemon.log"))?;
        let locks = run.folder.path().join("locks");
        std::fs::create_dir_all(&locks)?;
        let token = home.token()?;
        let child = Command::new(PROGRAM)
            .args(["serve", "--listen", &address])
            .env("REMEDIATOR_HOME", &home.root)
            // On the same disk as the rest, where a sync costs what it costs.
            .env("REMEDIATOR_LOCK_DIR", locks)
            .env("REMEDIATOR_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Self { child, address, token, ready_after: f64::NAN })
    }

    fn wait_ready(&mut self, patience: Duration) -> Done {
        let began = Instant::now();
        let ready = eventually(patience, Duration::from_millis(2), || {
            let mut client = Client::connect(&self.address, &self.token).ok()?;
            client.get("/readyz").ok().filter(|(status, _)| *status == 200)
        });
        self.ready_after = began.elapsed().as_secs_f64();
        ready.map(|_| ()).ok_or_else(|| "the daemon did not become ready".into())
    }

    /// A new connection.
    pub fn client(&self) -> Done<Client> {
        Client::connect(&self.address, &self.token)
    }
    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
    /// kill -9.
    pub fn kill(mut self) -> Done {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
    /// Ends it in order.
    pub fn stop(mut self) -> Done {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).ok_or("no pid")?;
        kill_process(pid, Signal::TERM)?;
        let ended =
            eventually(Duration::from_secs(60), Duration::from_millis(20), || self.child.try_wait().ok()?);
        ended.map(|_| ()).ok_or_else(|| "the daemon did not stop".into())
    }
    /// CPU seconds that it has used.
    pub fn cpu_seconds(&self) -> f64 {
        let ticks = procfs::ticks_per_second() as f64;
        let stat = i32::try_from(self.pid())
            .ok()
            .and_then(|pid| procfs::process::Process::new(pid).ok()?.stat().ok());
        stat.map_or(f64::NAN, |stat| (stat.utime + stat.stime) as f64 / ticks)
    }
    /// MiB resident, and MiB of it that are its own share.
    pub fn memory_mib(&self) -> Done<(f64, f64)> {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid()))?;
        let of = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        };
        let (rss, pss) = (of("Rss:").ok_or("no Rss")?, of("Pss:").ok_or("no Pss")?);
        Ok((rss / 1024.0, pss / 1024.0))
    }
    /// Kills a process.
    pub fn kill_other(pid: u64) -> Done {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("no pid")?;
        Ok(kill_process(pid, Signal::KILL)?)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
