//! Runbooks and what they rely on: model, strict parsing, checks, signatures and approvals, expressions,
//! matching, the catalog and planning. Pure over bytes: only `loader` and `authoring` touch files.
//! Not for deciding whether an attempt starts (policy) or for running anything (action).

#[cfg(feature = "server")]
pub mod authoring;
pub mod backtested;
pub mod catalog;
pub mod checks;
pub mod content;
pub mod counted;
pub mod difference;
pub mod evidence;
pub mod expr;
pub mod listing;
#[cfg(feature = "server")]
pub mod loader;
pub mod manifest;
pub mod matching;
mod memo;
pub mod model;
pub mod placeholder;
pub mod planning;
mod policy;
pub mod probe;
pub mod problem;
pub mod proposals;
mod reach;
pub mod retired;
pub mod revoked;
pub mod schema;
pub mod shipped;
pub mod shown;
mod steps;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod trust;
pub mod unwritten;
pub mod verified;
pub mod yaml;

pub use catalog::{Catalog, Entry, LoadContext};
pub use content::ContentFolder;
pub use matching::{Considered, Matches, Verdict};
pub use model::{BlastRadius, Content, Kind, Platform, Runbook};
pub use planning::{PlanError, PlanFor, Resolved};
pub use policy::{LiveEvidence, Policy};
pub use trust::{Role, Trust};
pub use verified::Verified;
