//! A lock proof needs locks that are held and a grant that is durable.
use remediator::base::ids::AttemptId;
use remediator::coordination::{Held, LockProof};
use remediator::event::lock::LockGranted;

fn without_locks(attempt: AttemptId) -> LockProof {
    LockProof { held: vec![], attempt, granted: 1 }
}

fn with_a_grant_that_is_not_durable(held: Vec<Held>, granted: &LockGranted) {
    let _ = LockProof::new(held, granted);
}

fn a_lock_that_nobody_took() -> Held {
    Held { resource: "x".into(), token: 1 }
}

fn main() {}
