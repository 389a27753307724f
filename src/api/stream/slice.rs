//! How long a thread writes to one reader after another before it lets others have the processor. A scheduler lets a
//! running thread finish its slice, also one of lower priority: a few milliseconds, for which the appender would wait.
//! Not for how often readers are told (`hub`).

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Writing for longer than this is interrupted; a thread that did not write for as long has had its rest.
const WORK: Duration = Duration::from_micros(400);
/// For how long. A sleep, and not a yield: a thread that yields may be the one that is chosen again.
const REST: Duration = Duration::from_micros(50);

/// What a thread has written without a rest.
#[derive(Clone, Copy)]
struct Slice {
    began: Instant,
    last: Instant,
}

impl Slice {
    fn new(now: Instant) -> Self {
        Self { began: now, last: now }
    }

    /// Another write begins; whether a rest is due before it.
    fn is_over(&mut self, now: Instant) -> bool {
        if now - self.last > WORK {
            self.began = now;
        }
        self.last = now;
        now - self.began > WORK
    }
}

thread_local! {
    static SLICE: Cell<Slice> = Cell::new(Slice::new(Instant::now()));
}

/// Called by a thread before it hands on what is to be written. It may block for [`REST`], so that everything else that
/// this thread serves waits as long.
pub(super) fn rest_when_due() {
    let mut slice = SLICE.get();
    if slice.is_over(Instant::now()) {
        std::thread::sleep(REST);
        slice = Slice::new(Instant::now());
    }
    SLICE.set(slice);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_on_and_on_rests_and_who_was_idle_does_not() {
        let start = Instant::now();
        let mut slice = Slice::new(start);
        let step = WORK / 4;
        let due: Vec<bool> = (1..=5).map(|n| slice.is_over(start + step * n)).collect();
        assert_eq!(due, [false, false, false, false, true]);
        let idle = start + step * 5 + WORK + step;
        assert!(!slice.is_over(idle) && !slice.is_over(idle + WORK));
        assert!(slice.is_over(idle + WORK + step));
    }
}
