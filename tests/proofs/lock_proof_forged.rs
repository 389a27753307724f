//! A lock proof needs a grant that is durable, and a lock is held only by taking it.
use remediator::coordination::{Held, LockProof};
use remediator::event::lock::LockGranted;

fn with_a_grant_that_is_not_durable(held: Vec<Held>, granted: &LockGranted) {
    let _ = LockProof::new(held, granted);
}

fn a_lock_that_nobody_took() -> Held {
    Held { resource: "x".into(), token: 1 }
}

fn main() {}
