//! `LockProof`: the locks of an attempt are held *and* their grant is durable. Needed for every action.

use std::collections::BTreeMap;

use super::{Held, LockError};
use crate::base::ids::{AttemptId, Seq};
use crate::event::lock::LockGranted;
use crate::journal::proof::Committed;

/// Held locks and the entry that says so. Shared as an `Arc`; the last one dropped gives the locks back, so
/// a step that still runs keeps them.
#[derive(Debug)]
pub struct LockProof {
    held: Vec<Held>,
    attempt: AttemptId,
    granted: Seq,
}

impl LockProof {
    /// Joins the held locks with their durable grant; each token must be the one in the entry.
    pub fn new(held: Vec<Held>, granted: &Committed<LockGranted>) -> Result<Self, LockError> {
        let tokens: BTreeMap<String, u64> =
            held.iter().map(|held| (held.resource().to_owned(), held.token())).collect();
        if tokens != granted.event().tokens {
            return Err(LockError::NotThisGrant { granted: granted.event().tokens.clone(), held: tokens });
        }
        Ok(Self { held, attempt: granted.event().attempt, granted: granted.seq() })
    }

    /// The attempt they were granted to.
    pub fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// The entry that granted them.
    pub fn granted(&self) -> Seq {
        self.granted
    }

    /// The largest of the tokens (0 without locks).
    pub fn token(&self) -> u64 {
        self.held.iter().map(Held::token).max().unwrap_or(0)
    }

    /// Looks again at every one of them.
    pub fn still_held(&self) -> Result<(), LockError> {
        self.held.iter().try_for_each(Held::still_held)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::{Holder, MachineLock};
    use super::*;
    use crate::base::ids::NodeId;

    #[test]
    fn the_proof_needs_the_grant_of_these_very_tokens() {
        let dir = tempfile::tempdir().unwrap();
        let locks = MachineLock::at(dir.path()).unwrap();
        let attempt = AttemptId(Uuid::from_u128(2));
        let holder = Holder { pid: 1, node: NodeId(Uuid::from_u128(1)), attempt, since: 0 };
        let wanted = BTreeMap::from([("a".to_owned(), 0), ("b".to_owned(), 6)]);
        let grant = |b| {
            let tokens = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), b)]);
            Committed::for_tests(5, LockGranted { attempt, tokens })
        };
        let held = locks.try_acquire_all(&wanted, &holder).unwrap();
        assert!(matches!(LockProof::new(held, &grant(8)), Err(LockError::NotThisGrant { .. })));

        let held = locks.try_acquire_all(&BTreeMap::from([("a".to_owned(), 0)]), &holder).unwrap();
        assert!(LockProof::new(held, &grant(8)).is_err(), "a lock is missing");

        let held = locks.try_acquire_all(&BTreeMap::from([("b".to_owned(), 9)]), &holder).unwrap();
        let tokens = BTreeMap::from([("b".to_owned(), 10)]);
        let proof = LockProof::new(held, &Committed::for_tests(5, LockGranted { attempt, tokens })).unwrap();
        assert_eq!((proof.token(), proof.granted()), (10, 5));
        proof.still_held().unwrap();
    }
}
