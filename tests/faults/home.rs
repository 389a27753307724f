//! A real home and the real daemon on it: made with `remediator init`, talked to over HTTP, killed as one likes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::http::{Answer, ask};
use crate::run::until;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_remediator");
const READY: Duration = Duration::from_secs(30);

/// A home with a person, their key and token, and locks of its own.
pub struct Home {
    folder: TempDir,
    root: PathBuf,
    token: String,
    address: SocketAddr,
    /// Words before the daemon's own: what puts it into another namespace.
    enter: Vec<String>,
}

impl Home {
    pub fn new() -> Result<Self, String> {
        Self::with(&[])
    }

    /// With further content: path → text. Signed and approved by the home's person.
    pub fn with(content: &[(&str, &str)]) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        std::fs::create_dir(folder.path().join("person")).map_err(|e| e.to_string())?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|l| l.local_addr())
            .map_err(|e| e.to_string())?;
        let root = folder.path().join("home");
        let (token, enter) = Default::default();
        let mut home = Self { folder, root, token, address: port, enter };
        // What is broken here are steps made for it, which nobody has rehearsed.
        home.command(&["init", "--name", "tester", "--approve-shipped", "--live-evidence", "none"])?;
        let token = std::fs::read_to_string(home.path().join("state/token")).map_err(|e| e.to_string())?;
        home.token = token.trim().to_owned();
        for (path, text) in content {
            let place = home.path().join(path);
            let parent = place.parent().ok_or("no folder")?;
            std::fs::create_dir_all(parent)
                .and_then(|()| std::fs::write(&place, text))
                .map_err(|e| e.to_string())?;
            home.command(&["runbook", "sign", &place.to_string_lossy()])?;
        }
        let proposals = content.iter().filter_map(|(path, _)| {
            path.strip_prefix("proposals/").and_then(|rest| rest.strip_suffix("/proposal.yaml"))
        });
        for proposal in proposals {
            home.command(&["runbook", "approve", proposal, "--yes"])?;
        }
        Ok(home)
    }

    pub fn path(&self) -> &Path {
        &self.root
    }
    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }
    pub fn locks(&self) -> PathBuf {
        self.folder.path().join("locks")
    }
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("daemon.log")
    }
    pub fn address(&self) -> SocketAddr {
        self.address
    }
    /// Leaves it there to be looked at.
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    /// From now on the daemon is started by these words.
    pub fn enter(&mut self, words: Vec<String>) {
        self.enter = words;
    }

    fn base(&self, words: &[String]) -> Command {
        let mut words = words.iter().map(String::as_str).chain([PROGRAM]);
        let mut command = Command::new(words.next().unwrap_or(PROGRAM));
        command.args(words);
        for name in [
            "REMEDIATOR_LISTEN",
            "REMEDIATOR_LOG_FORMAT",
            "SSH_AUTH_SOCK",
            "XDG_CONFIG_HOME",
            "STATE_DIRECTORY",
        ] {
            command.env_remove(name);
        }
        let (person, locks) = (self.folder.path().join("person"), self.locks());
        command.env("HOME", person).env("REMEDIATOR_HOME", self.path()).env("REMEDIATOR_LOCK_DIR", locks);
        command.env("REMEDIATOR_LOG", "warn").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end; what it printed.
    pub fn command(&self, args: &[&str]) -> Result<String, String> {
        let output = self.base(&[]).args(args).output().map_err(|e| e.to_string())?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match output.status.success() {
            true => Ok(out.into_owned()),
            false => Err(format!("`remediator {}` ended with {}: {out}{err}", args.join(" "), output.status)),
        }
    }

    /// Starts a command and leaves it running.
    pub fn spawn(&self, args: &[&str]) -> Result<Child, String> {
        let mut command = self.base(&[]);
        command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map_err(|e| e.to_string())
    }

    /// Starts the daemon.
    pub fn start(&self) -> Result<Daemon, String> {
        self.start_with(self.address, &[])
    }

    /// The same on another address or with more in its environment.
    pub fn start_with(&self, address: SocketAddr, env: &[(&str, &str)]) -> Result<Daemon, String> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log());
        let mut command = self.base(&self.enter);
        command.args(["serve", "--listen", &address.to_string()]).envs(env.iter().copied());
        command.stdout(Stdio::null()).stderr(log.map_err(|e| e.to_string())?);
        let child = command.spawn().map_err(|e| e.to_string())?;
        Ok(Daemon { child: Some(child), address, token: self.token.clone(), log: self.log() })
    }

    pub fn post(&self, path: &str, body: &str) -> Option<Answer> {
        ask(self.address, &self.token, "POST", path, Some(body))
    }

    /// `POST /v1/degradations`.
    pub fn report(&self, subsystem: &str, code: &str, target: &str, words: &str) -> Option<Answer> {
        let body = serde_json::json!({
            "subsystem": subsystem, "code": code, "target": target, "severity": "error", "summary": words,
        });
        self.post("/v1/degradations", &body.to_string())
    }
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Option<Child>,
    address: SocketAddr,
    token: String,
    log: PathBuf,
}

impl Daemon {
    pub fn pid(&self) -> Option<Pid> {
        self.child.as_ref().and_then(|child| Pid::from_raw(i32::try_from(child.id()).ok()?))
    }

    /// Waits until it takes work.
    pub fn ready(&self) -> Result<(), String> {
        until("the daemon is ready", READY, || {
            ask(self.address, &self.token, "GET", "/readyz", None).filter(|a| a.status == 200).map(|_| ())
        })
        .map_err(|e| format!("{e}; its last words: {}", self.last_words()))
    }

    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(4)..].join(" | ")
    }

    pub fn signal(&self, signal: Signal) -> Result<(), String> {
        kill_process(self.pid().ok_or("the daemon has ended")?, signal).map_err(|e| e.to_string())
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(mut self) -> Result<(), String> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        child.kill().and_then(|()| child.wait()).map(|_| ()).map_err(|e| e.to_string())
    }

    /// SIGTERM, and waits for an orderly end.
    pub fn stop(mut self) -> Result<(), String> {
        self.signal(Signal::TERM)?;
        let status = self.ended(Duration::from_secs(20))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the daemon ended with {status}: {}", self.last_words()))
        }
    }

    /// Waits for it to end by itself.
    pub fn ended(&mut self, at_most: Duration) -> Result<ExitStatus, String> {
        let child = self.child.as_mut().ok_or("the daemon has ended")?;
        until("the daemon ends", at_most, || child.try_wait().ok().flatten())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
