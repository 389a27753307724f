//! Stand-in until the turn is merged: only the types that the faces speak to it with.

pub mod config;
mod handle;
pub mod spool;

pub use handle::{Accepted, Handle, Readiness, ReadyState, ReadyStep, Rejection};
