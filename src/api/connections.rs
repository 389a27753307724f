//! Connections within bounds: so many at once and none that is idle for long, so that whoever only holds them open
//! takes no file descriptors from the journal. Not for: what is said on them (hyper, the routes).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use crate::base::limits::{CONNECTIONS_MAX, FILES_WANTED, SEND_BUFFER_BYTES};

/// A connection on which nothing moves for this long is closed; longer than any answer takes.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Accepts as many as may be open at once; further ones wait in the kernel's queue.
pub(super) struct Bounded {
    listener: TcpListener,
    room: Arc<Semaphore>,
    idle_max: Duration,
}

impl Bounded {
    /// With the bounds of the product.
    pub fn new(listener: TcpListener) -> Self {
        Self::with(listener, room(), IDLE_MAX)
    }
    fn with(listener: TcpListener, at_once: usize, idle_max: Duration) -> Self {
        Self { listener, room: Arc::new(Semaphore::new(at_once)), idle_max }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // Nobody closes the semaphore; if somebody did, connections would be accepted without bound.
        let room = Arc::clone(&self.room).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Without either the answers are the same, later or in more memory.
        let _ = stream.set_nodelay(true);
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES);
        let idle = Box::pin(sleep(self.idle_max));
        (Connection { stream, idle, idle_max: self.idle_max, _room: room }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// How many connections there is room for, once the system was asked for more file descriptors.
fn room() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(FILES_WANTED).min(FILES_WANTED);
    if limit.current.is_some_and(|current| current < wanted) {
        let more = Rlimit { current: Some(wanted), maximum: limit.maximum };
        if setrlimit(Resource::Nofile, more).is_ok() {
            limit.current = Some(wanted);
        }
    }
    let half = limit.current.map_or(CONNECTIONS_MAX as u64, |current| current / 2);
    usize::try_from(half).unwrap_or(CONNECTIONS_MAX).clamp(1, CONNECTIONS_MAX)
}

/// One connection and its place among those that may be open.
pub(super) struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    idle_max: Duration,
    _room: Option<OwnedSemaphorePermit>,
}

impl Connection {
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
        self.moved(context, gave)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let gave = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.moved(context, gave)
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
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    fn ask(stream: &mut TcpStream) -> String {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    }

    #[test]
    fn those_who_only_hold_connections_open_are_cut_and_others_get_their_turn() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("bound");
        let address = listener.local_addr().expect("an address");
        let bounded = Bounded::with(listener, 3, Duration::from_millis(200));
        let router = axum::Router::new().route("/", axum::routing::get(|| async { "here" }));
        runtime.spawn(async move { axum::serve(bounded, router).await });
        let mut idle: Vec<TcpStream> =
            (0..6).map(|_| TcpStream::connect(address).expect("connected")).collect();
        idle.iter_mut().for_each(|s| s.write_all(b"GET / HTTP/1.1\r\n").expect("written"));
        let mut last = TcpStream::connect(address).expect("connected");
        last.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        assert!(ask(&mut last).ends_with("here"));
    }
}
