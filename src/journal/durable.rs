//! How far the journal is durable, and waiting for it to get further: threads by condvar, async tasks by watch.
//! Only the appender moves it, after a sync has returned.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::base::digest::Blake3;
use crate::base::ids::Seq;

/// The last entry of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its seq.
    pub seq: Seq,
    /// Its chain hash.
    pub hash: Blake3,
}

pub(super) struct Durable {
    head: Mutex<Head>,
    seq: AtomicU64,
    moved: Condvar,
    waiting: AtomicUsize,
    watch: watch::Sender<Seq>,
}

impl Durable {
    pub fn new(head: Head) -> Self {
        Self {
            head: Mutex::new(head),
            seq: AtomicU64::new(head.seq),
            moved: Condvar::new(),
            waiting: AtomicUsize::new(0),
            watch: watch::Sender::new(head.seq),
        }
    }
    pub fn head(&self) -> Head {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub fn seq(&self) -> Seq {
        self.seq.load(Ordering::Acquire)
    }
    pub fn watch(&self) -> watch::Receiver<Seq> {
        self.watch.subscribe()
    }

    /// Everything up to `head` is durable.
    pub fn set(&self, head: Head) {
        {
            // Both under the lock: whoever has seen this head finds its seq durable.
            let mut now = self.head.lock().unwrap_or_else(PoisonError::into_inner);
            *now = head;
            self.seq.store(head.seq, Ordering::Release);
        }
        self.watch.send_replace(head.seq);
        // A futex wake is a system call: only when somebody waits. A waiter counts itself under the
        // lock before it looks at the head, so it is either seen here or sees the head just set.
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.moved.notify_all();
        }
    }

    /// Waits until `seq` is durable or the time is over; says whether it is.
    pub fn wait_for(&self, seq: Seq, timeout: Duration) -> bool {
        if self.seq() >= seq {
            return true;
        }
        let until = Instant::now() + timeout;
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while head.seq < seq {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            head = self.moved.wait_timeout(head, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        head.seq >= seq
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_was_seen_is_durable() {
        let durable = Durable::new(Head { seq: 0, hash: Blake3::ZERO });
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=200_000).for_each(|seq| durable.set(Head { seq, hash: Blake3::ZERO })));
            while durable.seq() < 200_000 {
                let seen = durable.head().seq;
                assert!(durable.seq() >= seen);
            }
        });
    }
}
