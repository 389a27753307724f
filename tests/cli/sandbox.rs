//! A folder in which the binary runs as if on a machine of its own: own HOME, own keys, no agent, own ports.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The binary under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_remediator");

/// See the module. Everything that was started in it ends with it.
pub struct Sandbox {
    folder: tempfile::TempDir,
    port: u16,
    sample_port: u16,
    own_port: u16,
    daemon: Option<Child>,
}

/// What a command gave.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
    /// Asserts how it ended.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listeners = [0; 3].map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
        let [port, sample_port, own_port] = listeners.map(|l| l.local_addr().expect("bound").port());
        Self { folder, port, sample_port, own_port, daemon: None }
    }

    /// A sandbox with a home for `ada`, the sample service in it.
    pub fn with_home() -> Self {
        let sandbox = Self::new();
        sandbox.run(&["init", "--name", "ada", "--approve-shipped", "--sample-service"]).ends(0);
        sandbox
    }

    /// A sandbox with a home for `ada` as `init` makes it for work: nothing of it is live that nobody has rehearsed.
    pub fn with_plain_home() -> Self {
        let sandbox = Self::new();
        sandbox.run(&["init", "--name", "ada", "--approve-shipped"]).ends(0);
        sandbox
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
    pub fn home(&self) -> PathBuf {
        self.path().join("home")
    }
    /// A port for a service that a test brings along.
    pub fn own_port(&self) -> u16 {
        self.own_port
    }
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A program in this sandbox.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        let ours = Path::new(PROGRAM).parent().expect("a program lies in a folder").display().to_string();
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", format!("{ours}:{path}"))
            .env("HOME", self.path())
            .env("USER", "ada")
            .env("NO_COLOR", "1")
            .env("REMEDIATOR_HOME", self.home())
            .env("REMEDIATOR_LISTEN", self.address())
            .env("REMEDIATOR_SAMPLE_PORT", self.sample_port.to_string())
            .env("REMEDIATOR_LOCK_DIR", self.path().join("locks"))
            .stdin(Stdio::null());
        command
    }

    /// Runs `remediator` to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(PROGRAM).args(args).output().expect("the program starts"))
    }

    /// Runs a shell script to its end; one that waits for what does not come ends with 124 after ten minutes.
    pub fn shell(&self, script: &str) -> Ran {
        Ran::of(&self.command("timeout").args(["600", "bash", "-c", script]).output().expect("bash starts"))
    }

    /// Starts the daemon and waits until it is ready.
    pub fn serve(&mut self) {
        self.start();
        self.wait_ready();
    }

    /// Starts the daemon.
    pub fn start(&mut self) {
        let log = std::fs::File::create(self.path().join("daemon.log")).expect("a log");
        let child = self.command(PROGRAM).arg("serve").stderr(log).spawn().expect("the daemon starts");
        self.daemon = Some(child);
    }

    /// The daemon's process.
    pub fn daemon(&self) -> u32 {
        self.daemon.as_ref().expect("a daemon was started").id()
    }

    /// Sends the daemon a signal that it outlives.
    pub fn signal(&self, signal: &str) {
        let daemon = self.daemon.as_ref().expect("a daemon was started");
        let status = Command::new("kill").args([signal, &daemon.id().to_string()]).status();
        assert!(status.expect("kill starts").success());
    }

    /// Ends the daemon with a signal and waits for it.
    pub fn stop(&mut self, signal: &str) {
        let mut daemon = self.daemon.take().expect("a daemon was started");
        let status = Command::new("kill").args([signal, &daemon.id().to_string()]).status();
        assert!(status.expect("kill starts").success());
        daemon.wait().expect("it was a child");
    }

    pub fn wait_ready(&self) {
        let ready = eventually(Duration::from_secs(120), || self.get("/readyz").starts_with("HTTP/1.1 200"));
        let log = std::fs::read_to_string(self.path().join("daemon.log")).unwrap_or_default();
        assert!(ready, "the daemon is not ready: {log}");
    }

    /// A plain GET without a token: head and body, empty when nobody answers.
    pub fn get(&self, path: &str) -> String {
        let attempt = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        attempt().unwrap_or_default()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        // The supervised service outlives its daemon by design; here it goes with the sandbox.
        for process in processes_under(self.path()) {
            let _ = Command::new("kill").args(["-KILL", &process]).stderr(Stdio::null()).status();
        }
    }
}

/// Processes whose command line names this folder.
pub fn processes_under(folder: &Path) -> Vec<String> {
    let needle = folder.display().to_string();
    let own = std::process::id().to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned());
    pids.filter(|pid| pid.bytes().all(|b| b.is_ascii_digit()) && *pid != own)
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&needle)
        })
        .collect()
}

/// Polls a condition until it holds or the time is over.
pub fn eventually(at_most: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + at_most;
    while Instant::now() < deadline {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}
