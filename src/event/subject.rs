//! What became of a subject's text: its key was destroyed. Written only when that is done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::ids::SubjectId;

/// The key of a subject is gone: nothing that was sealed with it can be read any more, wherever a copy of it lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectErased {
    /// The key.
    pub subject: SubjectId,
    /// `person:NAME`.
    pub by: String,
    /// Why.
    pub reason: String,
}
