//! The transparency log over a journal: its name and key. What is in the log is the journal itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::sign::PublicKey;

/// This journal is a transparency log: its name, and the key that signs its checkpoints from here on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogNamed {
    /// First line of every checkpoint, and the name of the key.
    pub origin: String,
    /// The key. It signs checkpoints and nothing else; the journal's own key signs this entry.
    pub public_key: PublicKey,
    /// Padded base64 signature of that key over `remediator log key v1\n` + node + `\n` + origin + `\n` + the key's base64 +
    /// `\n`: whoever names it has it.
    pub possession: String,
}
