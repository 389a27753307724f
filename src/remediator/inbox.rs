//! What can be sent to the turn.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::base::ids::{AttemptId, IncidentId, Seq};
use crate::policy::CatalogRunbooks;
use crate::policy::{Answer, Input};

/// See the module.
pub(super) enum Message {
    /// An input to decide.
    Input {
        /// What is to be decided.
        input: Box<Input>,
        /// The catalog that is in force from this decision on.
        catalog: Option<Arc<CatalogRunbooks>>,
        /// Who waits for the answer.
        reply: Option<oneshot::Sender<Answer>>,
    },
    /// Locks that were busy may be free now.
    RetryLock {
        /// For which incident.
        incident: IncidentId,
        /// For which attempt.
        attempt: AttemptId,
        /// Resource → last token known.
        floors: BTreeMap<String, u64>,
        /// The entry that asked.
        asked: Seq,
    },
}

impl Message {
    /// An input nobody waits for.
    pub fn plain(input: Input) -> Self {
        Self::Input { input: Box::new(input), catalog: None, reply: None }
    }
    /// An input whose sender waits.
    pub fn asking(input: Input, reply: oneshot::Sender<Answer>) -> Self {
        Self::Input { input: Box::new(input), catalog: None, reply: Some(reply) }
    }
    /// Another catalog.
    pub fn catalog(input: Input, catalog: Arc<CatalogRunbooks>) -> Self {
        Self::Input { input: Box::new(input), catalog: Some(catalog), reply: None }
    }
}
