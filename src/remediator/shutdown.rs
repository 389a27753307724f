//! Ending in order: no new edges, running steps drained, `process.stopped` durable, a snapshot, threads joined.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::bootstrap::Parts;
use super::config;
use super::error::Error;
use super::inbox::Message;
use super::systemd::Systemd;
use super::turn::End;
use crate::action::Hands;
use crate::event::content::ConfigLoaded;
use crate::event::process::ProcessStopped;
use crate::policy::Input;
use crate::sentinel::Watch;

/// Running steps may finish for this long after the signal; then they get TERM.
const DRAIN: Duration = Duration::from_secs(10);
/// And this long until KILL.
const GRACE: Duration = Duration::from_secs(2);
/// How often the end of the turn is looked for.
const LOOK: Duration = Duration::from_millis(200);

/// Threads that run until told to stop.
pub(super) struct Threads {
    stop: Arc<AtomicBool>,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    pub fn new(stop: Arc<AtomicBool>) -> Self {
        Self { stop, handles: Vec::new() }
    }
    pub fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        self.handles.push(std::thread::Builder::new().name(name.into()).spawn(body)?);
        Ok(())
    }
    /// Tells them to stop. Threads that wait for files wake at their next poll; the process does not wait for it.
    pub fn join(self) {
        self.stop.store(true, Ordering::Relaxed);
        for handle in &self.handles {
            handle.thread().unpark();
        }
    }
}

/// Waits for a signal, or for the turn to end by itself, and stops in order.
pub(super) fn wait(
    parts: &Parts,
    turn: JoinHandle<End>,
    inbox: &crossbeam_channel::Sender<Message>,
    hands: &Hands,
    watch: &Watch,
    systemd: &Systemd,
) -> Result<End, Error> {
    let mut decisions = parts.config.decisions.clone();
    let mut reload = || reload(parts, inbox, systemd, &mut decisions);
    let signal = parts.runtime.block_on(async { signal_or_end(&turn, &mut reload).await })?;
    if let Some(signal) = signal {
        tracing::info!(signal, "stopping");
        systemd.stopping();
        watch.set(Vec::new(), &Default::default());
        if !hands.wait_quiet(DRAIN) {
            hands.cancel_all(GRACE);
            hands.wait_quiet(GRACE * 2);
        }
        let stopping = Input::Stopping(ProcessStopped { reason: signal.to_owned() });
        // Behind everything that hands and eyes have already said.
        let _ = inbox.send(Message::plain(stopping));
    }
    Ok(turn.join().unwrap_or_else(|_| End::Sealed("the turn panicked; this is a defect".into())))
}

/// SIGHUP: the configuration is read again. What decisions may read becomes an entry and is in force from there on; one
/// that is not right changes nothing. Content and trust are watched and need no signal.
fn reload(
    parts: &Parts,
    inbox: &crossbeam_channel::Sender<Message>,
    systemd: &Systemd,
    decisions: &mut ConfigLoaded,
) {
    systemd.reloading();
    let listens = format!("listens on {}", parts.address);
    match config::read(&parts.options.home, parts.options.listen.as_deref()) {
        Ok(config) => {
            if config.listen != parts.config.listen || config.content != parts.config.content {
                tracing::warn!("`listen` and `content` are read at a start only: restart for them");
            }
            // Before a decision can queue anything for a channel that is new.
            parts.handle.reconfigure(config.channels, config.ingest, config.witnessed);
            parts.log_policy.set(config.log_policy);
            if config.decisions != *decisions {
                *decisions = config.decisions.clone();
                let _ = inbox.send(Message::plain(Input::ConfigLoaded(config.decisions)));
            }
            tracing::info!("the configuration was read again");
            systemd.ready(&listens);
        }
        Err(error) => {
            tracing::error!(%error, "the configuration is not right; the one before stays in force");
            systemd.ready(&format!("{listens}; remediator.yaml is not right, the one before is in force"));
        }
    }
}

async fn signal_or_end(
    turn: &JoinHandle<End>,
    reload: &mut impl FnMut(),
) -> Result<Option<&'static str>, Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).map_err(|source| Error::System { doing: "listen for signals", source });
    let (mut term, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let mut hangup = listen(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = hangup.recv() => reload(),
            _ = term.recv() => return Ok(Some("SIGTERM")),
            _ = interrupt.recv() => return Ok(Some("SIGINT")),
            () = tokio::time::sleep(LOOK) => if turn.is_finished() { return Ok(None) },
        }
    }
}
