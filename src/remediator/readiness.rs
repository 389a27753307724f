//! How far the bootstrap has come, told truthfully step by step (RM-34).

use std::sync::{Arc, RwLock};

use serde::Serialize;

/// State of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadyState {
    /// Not begun.
    Waiting,
    /// Under way.
    Running,
    /// Done.
    Done,
    /// It failed, and why.
    Failed(String),
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadyStep {
    /// Its name.
    pub name: &'static str,
    /// How far it has come.
    pub state: ReadyState,
}

/// All steps, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Every step is done.
    pub ready: bool,
    /// The steps.
    pub steps: Vec<ReadyStep>,
}

/// Names of the steps, in the order in which they are taken.
pub const STEPS: [&str; 9] =
    ["lock", "keys", "journal", "fold", "trust", "runbooks", "leftovers", "reconcile", "accept"];

/// Shared by the bootstrap, which writes it, and the faces, which read it.
#[derive(Clone)]
pub(super) struct Progress(Arc<RwLock<Vec<ReadyStep>>>);

impl Progress {
    pub fn new() -> Self {
        let steps = STEPS.iter().map(|name| ReadyStep { name, state: ReadyState::Waiting }).collect();
        Self(Arc::new(RwLock::new(steps)))
    }
    pub fn set(&self, name: &str, state: ReadyState) {
        // A poisoned lock holds a plain list that any writer left whole.
        let mut steps = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(step) = steps.iter_mut().find(|s| s.name == name) {
            step.state = state;
        }
    }
    pub fn read(&self) -> Readiness {
        let steps = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        Readiness { ready: steps.iter().all(|s| s.state == ReadyState::Done), steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_when_every_step_is_done() {
        let progress = Progress::new();
        for name in STEPS {
            assert!(!progress.read().ready, "before {name}");
            progress.set(name, ReadyState::Done);
        }
        assert!(progress.read().ready);
        progress.set("accept", ReadyState::Failed("sealed".into()));
        assert!(!progress.read().ready);
    }
}
