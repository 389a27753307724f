//! Ctrl-C, TERM and a terminal that goes away end a rehearsal in order: its daemon and its services have process groups of
//! their own, so they would stay behind. Not for how they are ended (`mod`).

use std::sync::{Arc, OnceLock};

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::exit::{Exit, Failure};

/// Whether somebody wants it to end.
pub struct Ending(Arc<OnceLock<Exit>>);

impl Ending {
    /// From now on a signal is only taken down, for [`Ending::asked`].
    pub fn watched() -> Result<Self, Failure> {
        let asked = Arc::new(OnceLock::new());
        watch(asked.clone())
            .map_err(|e| Failure::new(Exit::Unavailable, "cannot start the rehearsal").because(e))?;
        Ok(Self(asked))
    }

    /// An error once it was asked for.
    pub fn asked(&self) -> Result<(), Failure> {
        let what = "the rehearsal was ended from outside, and says nothing about the runbook";
        self.0.get().map_or(Ok(()), |exit| Err(Failure::new(*exit, what)))
    }
}

fn watch(asked: Arc<OnceLock<Exit>>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let within = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    drop(within);
    // It waits until the program ends, as long as nobody asks.
    std::thread::spawn(move || {
        let exit = runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => Exit::Interrupted,
                _ = terminate.recv() => Exit::Terminated,
                _ = hangup.recv() => Exit::Terminated,
            }
        });
        let _ = asked.set(exit);
    });
    Ok(())
}
