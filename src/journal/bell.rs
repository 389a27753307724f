//! What the threads of one batch wait on: rung once, it wakes all of them in one system call. Who rings sets the
//! answers first; whoever is woken looks for his own and waits on when it is not there.
//! Not for: saying what the answer is.

use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::futex;

/// Wakes everybody who waits.
const ALL: u32 = i32::MAX.cast_unsigned();

/// Shared by those whose requests are likely to be answered together.
#[derive(Default)]
pub(super) struct Bell {
    rung: AtomicU32,
    waiting: AtomicU32,
}

impl Bell {
    /// How often it has rung: to be asked before looking for the answer.
    pub fn heard(&self) -> u32 {
        self.rung.load(Ordering::SeqCst)
    }

    /// Waits until it has rung more often than `heard`. May return early.
    pub fn wait(&self, heard: u32) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        // The kernel compares once more before it sleeps, so no ring is missed. An interruption or a ring in between
        // are returns like any other.
        let _ = futex::wait(&self.rung, futex::Flags::PRIVATE, heard, None);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Wakes everybody; no system call when nobody waits.
    pub fn ring(&self) {
        self.rung.fetch_add(1, Ordering::SeqCst);
        // Whoever counts himself later than this is seen to finds the number changed.
        if self.waiting.load(Ordering::SeqCst) > 0 {
            let _ = futex::wake(&self.rung, futex::Flags::PRIVATE, ALL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn nobody_misses_a_ring() {
        const ROUNDS: usize = 2_000;
        let bells: Vec<Bell> = (0..ROUNDS).map(|_| Bell::default()).collect();
        let answers: Vec<AtomicBool> = (0..ROUNDS).map(|_| AtomicBool::new(false)).collect();
        let wait_for_each = || {
            for (bell, answer) in bells.iter().zip(&answers) {
                loop {
                    let heard = bell.heard();
                    if answer.load(Ordering::SeqCst) {
                        break;
                    }
                    bell.wait(heard);
                }
            }
        };
        std::thread::scope(|scope| {
            let waiters: Vec<_> = (0..3).map(|_| scope.spawn(wait_for_each)).collect();
            for (bell, answer) in bells.iter().zip(&answers) {
                answer.store(true, Ordering::SeqCst);
                bell.ring();
            }
            for waiter in waiters {
                waiter.join().unwrap();
            }
        });
    }
}
