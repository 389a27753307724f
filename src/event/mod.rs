//! Everything that can have happened: one closed enum, past tense, versioned per kind.
//! A kind is one struct in its family's file and one line in `registry`. What is planned and looked at is described
//! here as well: those families are all that content is read and judged with, where no journal is.
//! Not for: deciding (policy), folding (context), bytes of a line (journal).

pub mod content;
pub mod control;
pub mod degradation;
pub mod elevation;
pub mod plan;
pub mod step;
pub mod verification;

#[cfg(feature = "core")]
pub mod attempt;
#[cfg(feature = "core")]
mod blobs;
#[cfg(feature = "core")]
mod bounds;
#[cfg(feature = "core")]
pub mod incident;
#[cfg(feature = "core")]
pub mod journal;
#[cfg(feature = "core")]
pub mod lock;
#[cfg(feature = "core")]
pub mod log;
#[cfg(feature = "core")]
pub mod notice;
#[cfg(feature = "core")]
pub mod process;
#[cfg(feature = "core")]
mod registry;
#[cfg(feature = "core")]
mod schema;
#[cfg(feature = "core")]
pub mod sentinel;
#[cfg(feature = "core")]
pub mod service;
#[cfg(feature = "core")]
pub mod subject;
#[cfg(feature = "core")]
mod upcast;

#[cfg(feature = "core")]
pub use registry::{Cause, Draft, Error, Event, Kind, Record};
#[cfg(feature = "core")]
pub use schema::Entry;
