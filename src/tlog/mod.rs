//! The transparency log over the journal's lines, for others to check: an RFC 6962 tree, checkpoints as signed notes,
//! tiles, proofs, policies, and the witness of other logs (c2sp.org). Everything but `keeper`, `levels`, `log`, `offline`
//! and `witness` is plain text and mathematics. The tree is a cache: the journal alone is the truth.
//! Not for routes (`api`), commands (`cli`) or the journal's own chain (`journal`).

pub mod checkpoint;
mod error;
pub mod judge;
mod keeper;
mod levels;
mod log;
pub mod merkle;
pub mod note;
mod offline;
pub mod policy;
pub mod proof;
pub mod pruned;
pub mod submit;
pub mod tiles;
mod witness;
pub mod witness_request;

pub use error::Error;
pub use keeper::{CHECKPOINT, COSIGNED, HEARTBEAT, Keeper, Options};
pub use log::{Log, WitnessState};
pub use offline::{Journal, Tree, prove, read, tree};
pub use witness::{Witness, WitnessError};
