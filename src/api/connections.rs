//! Connections within bounds: so many at once and none that is idle for long, so that whoever only holds them open
//! takes no file descriptors from the journal. Not for: what is said on them (hyper, the routes).

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use super::settings::Bounds;
use crate::base::limits::{FILES_WANTED, SEND_BUFFER_BYTES};

/// Accepts as many as may be open at once; further ones wait in the kernel's queue. Of one address only so many: a
/// further one is closed.
pub(super) struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
    peers: Arc<Peers>,
    bounds: Bounds,
}

impl Bounded {
    /// With these bounds, as far as the system gives file descriptors.
    pub fn new(listener: TcpListener, bounds: Bounds) -> Self {
        let room = Arc::new(Semaphore::new(room(bounds.connections)));
        Self { listener, room, peers: Arc::default(), bounds }
    }

    /// The next connection that may stay.
    pub async fn accept(&mut self) -> Connection {
        loop {
            // Nobody closes the semaphore; if somebody did, connections would be accepted without bound.
            let room = Arc::clone(&self.room).acquire_owned().await.ok();
            let (stream, address) = Listener::accept(&mut self.listener).await;
            let Some(place) = self.peers.enter(address, &self.bounds) else { continue };
            // Without either the answers are the same, later or in more memory.
            let _ = stream.set_nodelay(true);
            let _ = rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES);
            let (idle, idle_max) = (Box::pin(sleep(self.bounds.idle)), self.bounds.idle);
            return Connection {
                stream,
                idle,
                idle_max,
                pulse: Arc::new(Pulse::new()),
                _places: (room, place),
            };
        }
    }
}

/// How many connections each address has.
#[derive(Default)]
struct Peers(Mutex<BTreeMap<IpAddr, usize>>);

impl Peers {
    /// A place for one more of this address; none when it has as many as it may.
    fn enter(self: &Arc<Self>, address: SocketAddr, bounds: &Bounds) -> Option<PeerPlace> {
        let (peer, max) = match counted(address.ip()) {
            peer if peer.is_loopback() => (peer, bounds.of_this_machine),
            peer => (peer, bounds.of_one_address),
        };
        let mut open = self.lock();
        let count = open.entry(peer).or_default();
        if *count >= max {
            tracing::debug!(%peer, max, "a connection was closed: its address has as many as it may");
            return None;
        }
        *count += 1;
        Some(PeerPlace { peers: Arc::clone(self), peer })
    }
    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts as one: an IPv4 address also when it is written as IPv6, and the /64 of an IPv6 address, which is what a
/// machine is given.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into())
        }
        address => address,
    }
}

/// One connection of an address; given back when it is over.
struct PeerPlace {
    peers: Arc<Peers>,
    peer: IpAddr,
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut open = self.peers.lock();
        match open.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.peer)),
        }
    }
}

/// How what is written to a connection flows: since when the other side takes nothing, and for how long it ever did.
pub(super) struct Pulse {
    began: Instant,
    /// Milliseconds from `began`, plus one; 0 while it flows.
    stuck_at: AtomicU64,
    longest: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self { began: Instant::now(), stuck_at: AtomicU64::new(0), longest: AtomicU64::new(0) }
    }
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }
    fn stuck(&self, now: u64) {
        let _ = self.stuck_at.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }
    fn flows(&self, now: u64) {
        match self.stuck_at.swap(0, Ordering::Relaxed) {
            0 => {}
            at => drop(self.longest.fetch_max(now.saturating_sub(at), Ordering::Relaxed)),
        }
    }
    fn stalled_at(&self, now: u64) -> Duration {
        let since = match self.stuck_at.load(Ordering::Relaxed) {
            0 => 0,
            at => now.saturating_sub(at),
        };
        Duration::from_millis(since.max(self.longest.load(Ordering::Relaxed)))
    }
    /// The longest time for which the other side took nothing though there was something, now included.
    pub fn stalled(&self) -> Duration {
        self.stalled_at(self.now())
    }
}

/// How many connections there is room for, once the system was asked for more file descriptors.
fn room(at_most: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(FILES_WANTED).min(FILES_WANTED);
    if limit.current.is_some_and(|current| current < wanted) {
        let more = Rlimit { current: Some(wanted), maximum: limit.maximum };
        if setrlimit(Resource::Nofile, more).is_ok() {
            limit.current = Some(wanted);
        }
    }
    let half = limit.current.map_or(u64::MAX, |current| current / 2);
    usize::try_from(half).unwrap_or(at_most).clamp(1, at_most)
}

/// One connection and its place among those that may be open.
pub(super) struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    idle_max: Duration,
    pulse: Arc<Pulse>,
    _places: (Option<OwnedSemaphorePermit>, PeerPlace),
}

impl Connection {
    /// How it flows.
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }
    /// Whether what comes first is a letter, as every HTTP method begins.
    pub async fn begins_with_a_letter(&self) -> bool {
        let mut first = [0];
        matches!(self.stream.peek(&mut first).await, Ok(1)) && first[0].is_ascii_alphabetic()
    }
    /// The same for what was written.
    fn wrote<T>(&mut self, context: &mut Context<'_>, gave: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let now = self.pulse.now();
        if gave.is_ready() {
            self.pulse.flows(now);
        } else {
            self.pulse.stuck(now);
        }
        self.moved(context, gave)
    }
    /// What an operation gave; one that waits for longer than is allowed has failed.
    fn moved<T>(&mut self, context: &mut Context<'_>, gave: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if gave.is_ready() {
            let end = Instant::now() + self.idle_max;
            self.idle.as_mut().reset(end);
            return gave;
        }
        ready!(self.idle.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing moved on the connection")))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gave = Pin::new(&mut self.stream).poll_read(context, into);
        self.moved(context, gave)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let gave = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, gave)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let gave = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(context, gave)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_so_many_places_and_gives_them_back() {
        let bounds = Bounds { of_one_address: 2, of_this_machine: 3, ..Bounds::default() };
        let peers = Arc::new(Peers::default());
        let enter = |address: &str| peers.enter(format!("{address}:1").parse().expect("an address"), &bounds);
        let first = [enter("192.0.2.1"), enter("192.0.2.1")];
        assert!(first.iter().all(Option::is_some) && enter("192.0.2.1").is_none());
        assert!(enter("[::ffff:192.0.2.1]").is_none(), "the same one, written another way");
        assert!(enter("192.0.2.2").is_some(), "others have their own");
        let six = [enter("[2001:db8::1]"), enter("[2001:db8::2]")];
        assert!(six.iter().all(Option::is_some) && enter("[2001:db8::3]").is_none(), "one /64 is one");
        assert!(enter("[2001:db8:0:1::1]").is_some());
        let own = [enter("127.0.0.1"), enter("127.0.0.1"), enter("127.0.0.1")];
        assert!(own.iter().all(Option::is_some) && enter("127.0.0.1").is_none());
        drop((first, six, own));
        assert!(enter("192.0.2.1").is_some());
        assert!(peers.lock().is_empty(), "nothing is kept of those who left");
    }

    #[test]
    fn a_pulse_knows_the_longest_time_that_nothing_was_taken() {
        let pulse = Pulse::new();
        let seconds = |now| pulse.stalled_at(now).as_secs();
        assert_eq!(seconds(1), 0);
        pulse.stuck(1_000);
        pulse.stuck(5_000);
        assert_eq!(seconds(8_000), 7, "it still is");
        pulse.flows(8_000);
        assert_eq!(seconds(99_000), 7, "and was");
        pulse.stuck(99_000);
        pulse.flows(99_500);
        assert_eq!(seconds(100_000), 7, "a shorter time is none");
    }
}
