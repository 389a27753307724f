//! What systemd is told (sd_notify(3)): ready, reloading, stopping, and a sign of life while the turn makes progress.
//! A datagram each to `NOTIFY_SOCKET`; without one nothing is sent. Not for: when to stop or reload (`shutdown`).

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A service manager that listens, if there is one.
pub(super) struct Systemd {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// How often a sign of life is sent: half of what was asked for, as systemd advises.
    every: Option<Duration>,
}

impl Systemd {
    /// As the environment says.
    pub fn of_environment() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let to = variable("NOTIFY_SOCKET").and_then(|socket| {
            let found = address(socket.as_bytes()).and_then(|to| Ok((UnixDatagram::unbound()?, to)));
            found.inspect_err(|error| tracing::warn!(%error, "NOTIFY_SOCKET cannot be used")).ok()
        });
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        // A variable that was inherited from a parent is not meant for this process.
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let every = number("WATCHDOG_USEC").filter(|_| ours).map(|us| Duration::from_micros(us / 2));
        Self { to, every: every.filter(|every| !every.is_zero()) }
    }

    fn send(&self, message: &str) {
        let Some((socket, to)) = &self.to else { return };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), to) {
            tracing::warn!(%error, "the service manager could not be told");
        }
    }

    /// All steps of the start, or a reload, are done.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// The configuration is being read again. systemd needs the moment, to tell it from an earlier reload.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let us = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={us}"));
    }

    /// The daemon is stopping in order.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=stopping");
    }

    /// Whether signs of life are asked for.
    pub fn wants_life(&self) -> bool {
        self.to.is_some() && self.every.is_some()
    }

    /// Sends signs of life as long as there is life, until told to stop.
    pub fn show_life(&self, live: impl Fn() -> bool, stop: &AtomicBool) {
        let Some(every) = self.every else { return };
        while !stop.load(Ordering::Relaxed) {
            if live() {
                self.send("WATCHDOG=1");
            } else {
                tracing::error!(
                    "the turn makes no progress: the service manager is not told that all is well"
                );
            }
            std::thread::park_timeout(every);
        }
    }
}

/// A path, or with an `@` before it a name in the abstract namespace.
fn address(socket: &[u8]) -> std::io::Result<SocketAddr> {
    match socket.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(socket)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_sign_of_life_when_the_turn_hangs() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let listens = UnixDatagram::bind(&path).expect("bound");
        listens.set_nonblocking(true).expect("set");
        let to = address(path.as_os_str().as_bytes()).expect("a path");
        let every = Some(Duration::from_millis(1));
        let systemd = Systemd { to: Some((UnixDatagram::unbound().expect("a socket"), to)), every };
        let (stop, looks) = (AtomicBool::new(false), std::cell::Cell::new(0));
        let look = |live: bool| {
            looks.set(0);
            stop.store(false, Ordering::Relaxed);
            systemd.show_life(
                || {
                    looks.set(looks.get() + 1);
                    stop.store(looks.get() == 3, Ordering::Relaxed);
                    live
                },
                &stop,
            );
        };
        let mut heard = [0; 64];
        look(false);
        assert!(listens.recv(&mut heard).is_err(), "nothing was sent");
        look(true);
        let length = listens.recv(&mut heard).expect("sent");
        assert_eq!(&heard[..length], b"WATCHDOG=1");
        assert!(address(b"@abstract").is_ok_and(|a| a.as_abstract_name() == Some(b"abstract")));
    }
}
