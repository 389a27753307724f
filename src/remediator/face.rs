//! Serving the daemon to those who look at it and speak to it: a runtime of its own, whose threads give way to those that
//! decide, append and act. Not for what is served: this module knows of no face.

use std::net::SocketAddr;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::bootstrap::system;
use super::error::Error;
use super::handle::Handle;

/// How far below the others' the priority of threads that serve is. A thousand readers of a stream want the processor for
/// longer than the appender does; in between, it does not wait for them.
const NICE: i32 = 5;
/// How long requests that are open may take to end when the daemon stops.
const DRAIN: Duration = Duration::from_secs(3);

/// What a face is given: where it listens, the daemon behind it, and what resolves when it is to end.
pub struct Face {
    /// Bound already, so that a busy port is told before anything is opened.
    pub listener: TcpListener,
    /// The daemon.
    pub handle: Handle,
    /// Resolves when nobody is to be served any more.
    pub stopped: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// A face while it serves.
pub(super) struct Served {
    runtime: Runtime,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Served {
    /// Binds the address and lets `face` serve there.
    pub fn start<F>(address: SocketAddr, handle: Handle, face: impl FnOnce(Face) -> F) -> Result<Self, Error>
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers(available_parallelism().map_or(1, NonZero::get)))
            .enable_all()
            .thread_name("serve")
            .on_thread_start(give_way)
            .build()
            .map_err(system("start the runtime that serves"))?;
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .map_err(|source| Error::Listen { address, source })?;
        let address = listener.local_addr().map_err(system("read the address that is listened on"))?;
        let (stop, mut told) = watch::channel(false);
        let stopped = async move {
            // Whether told or dropped: either way nobody serves any more.
            let _ = told.wait_for(|stop| *stop).await;
        };
        let serving = runtime.spawn(face(Face { listener, handle, stopped: Box::pin(stopped) }));
        Ok(Self { runtime, address, stop, serving })
    }

    /// Where it listens: with its port, also when any would do.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets what is open end, but not for ever.
    pub fn end(self) {
        let _ = self.stop.send(true);
        let serving = self.serving;
        let drained = self.runtime.block_on(async { tokio::time::timeout(DRAIN, serving).await });
        if drained.is_err() {
            tracing::warn!("requests were still open after {} s; they were cut", DRAIN.as_secs());
        }
        self.runtime.shutdown_timeout(Duration::from_secs(1));
    }
}

/// How many threads serve on so many cores. One core is left to those who append: what a thousand readers are sent would
/// else have all of them at once, and a low priority gives a core back only after a slice of time.
fn workers(cores: usize) -> usize {
    cores.saturating_sub(1).max(1)
}

/// Each thread for itself: on Linux a priority is a thread's. Nothing that acts is started from here, so no program inherits it.
fn give_way() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a thread that serves keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_core_is_left_to_the_journal_where_there_are_two() {
        assert_eq!([0, 1, 2, 3, 64].map(super::workers), [1, 1, 1, 2, 63]);
    }
}
