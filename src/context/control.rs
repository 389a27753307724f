//! People's word in force: a pause, a drain, the journal's key, and which signed statements were used.
//! Not for: who may say it (the daemon's edge checks signatures), what follows from it (policy).

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::base::ids::{Seq, SubjectId};
use crate::base::limits::SUBJECTS_ERASED_MAX;
use crate::base::sign::{KeyId, PublicKey};
use crate::event::Event;

/// People's word in force.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Who paused it and why.
    pub paused: Option<(String, String)>,
    /// The entry that paused it.
    pub seq: Option<Seq>,
    /// A drain in force.
    #[serde(default)]
    pub drain: Option<Drain>,
    /// The journal's key, and how often it changed.
    #[serde(default)]
    pub key: SigningKey,
    /// The transparency log: its name and the key that signs its checkpoints.
    #[serde(default)]
    pub log: Option<(String, PublicKey)>,
    /// Subjects whose key was destroyed, the latest last: one that comes back with a copy of old files is destroyed again.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub erased: VecDeque<SubjectId>,
    /// Nonces of signed statements that were used, and when; far longer than a statement is good for.
    pub nonces: BTreeMap<String, u64>,
}

/// The journal's key as the journal tells it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SigningKey {
    /// The key that signs.
    pub id: Option<KeyId>,
    /// The entry that brought it into force.
    pub since: Seq,
    /// When it changed within the last day of the journal's clock.
    pub rotated_elapsed_ms: Vec<u64>,
    /// The last order for another one that came to nothing: its entry, and why.
    pub refused: Option<(Seq, String)>,
}

impl SigningKey {
    fn rotated(&mut self, id: KeyId, seq: Seq, now: u64) {
        self.rotated_elapsed_ms.retain(|at| at + DAY_MS > now);
        self.rotated_elapsed_ms.push(now);
        (self.id, self.since, self.refused) = (Some(id), seq, None);
    }
    /// Changes within the day before now.
    pub fn rotations(&self, now: u64) -> usize {
        self.rotated_elapsed_ms.iter().filter(|at| **at + DAY_MS > now).count()
    }
}

/// A drain in force: who started it and why, and whether it has come to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drain {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The entry that started it.
    pub seq: Seq,
    /// The entry that says that nothing runs any more.
    pub drained: Option<Seq>,
}

/// Statements are good for an hour; their nonces are remembered for two days of the journal's clock.
const NONCES_MS: u64 = 48 * 3_600_000;
const DAY_MS: u64 = 24 * 3_600_000;

impl Control {
    /// Folds what people said.
    pub(super) fn apply(&mut self, event: &Event, seq: Seq, now: u64) {
        match event {
            Event::Genesis(genesis) => self.key.id = Some(genesis.public_key.id()),
            Event::Paused(paused) => {
                self.paused = Some((paused.by.clone(), paused.reason.clone()));
                self.seq = Some(seq);
            }
            Event::DrainStarted(drain) => {
                let (by, reason) = (drain.by.clone(), drain.reason.clone());
                self.drain = Some(Drain { by, reason, seq, drained: None });
            }
            Event::Drained(_) => {
                if let Some(drain) = &mut self.drain {
                    drain.drained = Some(seq);
                }
            }
            Event::Resumed(resumed) => {
                (self.paused, self.drain, self.seq) = (None, None, Some(seq));
                self.use_up(&resumed.statement.nonce, now);
            }
            Event::KeyRotated(rotated) => self.key.rotated(rotated.public_key.id(), seq, now),
            Event::LogNamed(named) => self.log = Some((named.origin.clone(), named.public_key.clone())),
            Event::KeyRotationOrdered(ordered) => self.use_up(&ordered.statement.nonce, now),
            Event::KeyRotationRefused(refused) => self.key.refused = Some((seq, refused.reason.clone())),
            Event::LockBreakOrdered(ordered) => self.use_up(&ordered.statement.nonce, now),
            Event::RerunOrdered(ordered) => self.use_up(&ordered.statement.nonce, now),
            Event::ElevationGranted(granted) => {
                if let Some(statement) = &granted.statement {
                    self.use_up(&statement.nonce, now);
                }
            }
            Event::SentinelGranted(granted) => self.use_up(&granted.statement.nonce, now),
            Event::SubjectErased(erased) => {
                self.erased.push_back(erased.subject);
                self.erased.drain(..self.erased.len().saturating_sub(SUBJECTS_ERASED_MAX));
            }
            Event::TargetCleared(cleared) => self.use_up(&cleared.statement.nonce, now),
            Event::AttemptThawed(thawed) => {
                if let Some(statement) = &thawed.statement {
                    self.use_up(&statement.nonce, now);
                }
            }
            _ => {}
        }
    }

    fn use_up(&mut self, nonce: &str, now: u64) {
        self.nonces.retain(|_, at| *at + NONCES_MS > now);
        self.nonces.insert(nonce.to_owned(), now);
    }
}
