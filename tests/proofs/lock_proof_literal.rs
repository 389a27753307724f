//! A lock proof needs locks that are held.
use remediator::base::ids::AttemptId;
use remediator::coordination::LockProof;

fn without_locks(attempt: AttemptId) -> LockProof {
    LockProof { held: vec![], attempt, granted: 1 }
}

fn main() {}
