//! Looks that may block (/proc, files on a hung file system) away from the runtime's own threads, within a time. So
//! many at once and no more; what hangs is not looked at again before it comes back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::saw;
use crate::base::limits::BLOCKING_LOOKS_MAX;
use crate::event::verification::{Observation, Verdict};

/// What looks at processes look at.
pub(super) const PROC: &str = "/proc";

/// Where such looks go on. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Blocking {
    places: Arc<Semaphore>,
    /// Paths that were given up while somebody still looks.
    hung: Arc<Mutex<BTreeSet<String>>>,
}

impl Default for Blocking {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(BLOCKING_LOOKS_MAX)), hung: Arc::default() }
    }
}

impl Blocking {
    /// Looks on a thread that may block. `what` is the path that is looked at.
    pub(super) async fn look(
        &self,
        what: &str,
        timeout: Duration,
        look: impl FnOnce() -> Observation + Send + 'static,
    ) -> Observation {
        let unknown = |words: String| saw(Verdict::Unknown, words);
        if self.hung().contains(what) {
            return unknown(format!("{what}: an earlier look at it still hangs"));
        }
        let began = tokio::time::Instant::now();
        let place = tokio::time::timeout(timeout, Arc::clone(&self.places).acquire_owned()).await;
        let Ok(Ok(place)) = place else {
            return unknown(format!("{what}: {BLOCKING_LOOKS_MAX} other looks take their time"));
        };
        let given_up = Arc::new(Mutex::new(Fate::Looking));
        let (fate, hung, name) = (Arc::clone(&given_up), Arc::clone(&self.hung), what.to_owned());
        let looking = tokio::task::spawn_blocking(move || {
            let observation = look();
            drop(place);
            let mut fate = fate.lock().unwrap_or_else(PoisonError::into_inner);
            if *fate == Fate::GivenUp {
                hung.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            }
            *fate = Fate::Done;
            observation
        });
        match tokio::time::timeout(timeout.saturating_sub(began.elapsed()), looking).await {
            Ok(Ok(observation)) => observation,
            Ok(Err(error)) => unknown(format!("the look broke off: {error}")),
            Err(_) => {
                let mut fate = given_up.lock().unwrap_or_else(PoisonError::into_inner);
                // /proc is many files: one that hangs says nothing of the others.
                if *fate == Fate::Looking && what != PROC {
                    *fate = Fate::GivenUp;
                    self.hung().insert(what.to_owned());
                }
                unknown(format!("no answer of {what} within {} ms", timeout.as_millis()))
            }
        }
    }

    fn hung(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.hung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Looking,
    Done,
    /// Nobody waits for it any more.
    GivenUp,
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    #[test]
    fn what_hangs_is_looked_at_by_one_thread_only_until_it_comes_back() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let blocking = Blocking::default();
        let (free, held) = channel::<()>();
        let look = |name: &str, look: Box<dyn FnOnce() -> Observation + Send>| {
            runtime.block_on(blocking.look(name, SHORT, look)).evidence
        };
        let fine = || Box::new(|| saw(Verdict::Healthy, "fine"));
        let hang = Box::new(move || {
            let _ = held.recv();
            saw(Verdict::Healthy, "late")
        });
        assert!(look("/mnt/x", hang).contains("no answer of /mnt/x within 50 ms"));
        assert!(look("/mnt/x", fine()).contains("still hangs"));
        assert_eq!(look("/mnt/y", fine()), "fine", "others go on");
        free.send(()).unwrap();
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while look("/mnt/x", fine()) != "fine" {
            assert!(std::time::Instant::now() < end);
        }
    }

    #[test]
    fn so_many_at_once_and_no_more() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let blocking = Blocking::default();
        let (free, held) = channel::<()>();
        let held = Arc::new(Mutex::new(held));
        for _ in 0..BLOCKING_LOOKS_MAX {
            let held = Arc::clone(&held);
            let hang = move || {
                let _ = held.lock().unwrap().recv();
                saw(Verdict::Healthy, "late")
            };
            assert!(runtime.block_on(blocking.look(PROC, SHORT, hang)).evidence.contains("no answer"));
        }
        let fine = || saw(Verdict::Healthy, "fine");
        let seen = runtime.block_on(blocking.look("/x", SHORT, fine));
        assert!(seen.verdict == Verdict::Unknown && seen.evidence.contains("32 other looks"), "{seen:?}");
        drop(free);
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while runtime.block_on(blocking.look("/x", SHORT, fine)).verdict != Verdict::Healthy {
            assert!(std::time::Instant::now() < end);
        }
    }
}
