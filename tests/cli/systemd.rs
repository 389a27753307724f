//! The daemon under a service manager: what it says on `NOTIFY_SOCKET`, and SIGHUP.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::sandbox::{PROGRAM, Sandbox};

/// Ends with the test.
struct Daemon(Child);

impl Daemon {
    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status();
        assert!(sent.expect("kill starts").success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads until a message begins with this, at most half a minute.
#[track_caller]
fn hear(socket: &UnixDatagram, beginning: &str) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    let mut bytes = [0; 4096];
    while Instant::now() < until {
        if let Ok(length) = socket.recv(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if text.starts_with(beginning) {
                return text;
            }
        }
    }
    panic!("`{beginning}` was not said")
}

#[test]
fn the_service_manager_hears_ready_life_reload_and_stop() {
    let sandbox = Sandbox::with_home();
    let path = sandbox.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).expect("bound");
    socket.set_read_timeout(Some(Duration::from_millis(200))).expect("set");
    let log = std::fs::File::create(sandbox.path().join("daemon.log")).expect("a log");
    let mut command = sandbox.command(PROGRAM);
    command.arg("serve").env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000").stderr(log);
    let mut daemon = Daemon(command.spawn().expect("the daemon starts"));
    let ready = hear(&socket, "READY=1");
    assert!(ready.contains(&format!("STATUS=listens on {}", sandbox.address())), "{ready}");
    hear(&socket, "WATCHDOG=1");
    let file = sandbox.home().join("remediator.yaml");
    let written = std::fs::read_to_string(&file).expect("the configuration");
    let changed = written.replace("attempts_at_once: 2", "attempts_at_once: 7");
    assert_ne!(written, changed);
    std::fs::write(&file, changed).expect("written");
    daemon.signal("-HUP");
    let reloading = hear(&socket, "RELOADING=1");
    let us = reloading.lines().find_map(|l| l.strip_prefix("MONOTONIC_USEC=")).expect("the moment");
    assert!(us.parse::<u64>().is_ok_and(|us| us > 0), "{reloading}");
    hear(&socket, "READY=1");
    let loaded = || {
        let lines = sandbox.shell("cat home/state/journal/*.ndjson").stdout;
        lines.matches("\"attempts_at_once\":7").count()
    };
    assert!(crate::sandbox::eventually(Duration::from_secs(10), || loaded() == 1));
    std::fs::write(&file, "limits: nonsense\n").expect("written");
    daemon.signal("-HUP");
    hear(&socket, "RELOADING=1");
    assert!(hear(&socket, "READY=1").contains("not right"));
    assert_eq!(loaded(), 1, "one that is not right changes nothing");
    daemon.signal("-TERM");
    hear(&socket, "STOPPING=1");
    assert_eq!(daemon.0.wait().expect("it was a child").code(), Some(0));
}
