//! What the HTTP face is served with: its bounds and how it may be called. Not for what is bounded (`connections`,
//! `server`, `guard`, `stream`).

use std::path::PathBuf;
use std::time::Duration;

use super::Tls;
use crate::base::limits;

/// Bounds in time and number. Those of the product unless a test needs smaller ones.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at once, as far as the system gives that many file descriptors.
    pub connections: usize,
    /// Of them from one address of another machine.
    pub of_one_address: usize,
    /// Of them from this machine.
    pub of_this_machine: usize,
    /// A connection on which nothing moves for so long is closed.
    pub idle: Duration,
    /// A request's head comes within so long, and so does a TLS handshake.
    pub head: Duration,
    /// A request is answered within so long; its body counts.
    pub request: Duration,
    /// A stream's reader that takes nothing for so long, though there is something, is dropped.
    pub stalled: Duration,
    /// A stream's reader that had caught up and is so many entries behind is dropped.
    pub behind: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: limits::CONNECTIONS_MAX,
            of_one_address: limits::CONNECTIONS_OF_ONE_MAX,
            of_this_machine: limits::CONNECTIONS_MAX,
            idle: Duration::from_secs(limits::CONNECTION_IDLE_S_MAX),
            head: Duration::from_secs(limits::HEAD_S_MAX),
            request: Duration::from_secs(limits::REQUEST_S_MAX),
            stalled: Duration::from_secs(limits::STREAM_STALLED_S_MAX),
            behind: limits::STREAM_BEHIND_MAX,
        }
    }
}

/// Under which addresses a browser may have the page.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Host names besides addresses and `localhost`, in lower case, without a port.
    pub hosts: Vec<String>,
    /// This very port speaks TLS: nothing else is an origin of the page. Said with [`Settings::tls`].
    pub https: bool,
}

/// See the module.
#[derive(Default)]
pub struct Settings {
    /// Bounds.
    pub bounds: Bounds,
    /// What the page is called.
    pub place: Place,
    /// Encryption; none for plain HTTP.
    pub tls: Option<Tls>,
    /// The folder of state whose journal post-mortems are told from.
    pub journal: Option<PathBuf>,
}
