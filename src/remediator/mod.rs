//! Stand-in until the turn is merged: only the types that the faces speak to it with.

mod handle;

pub use handle::{Accepted, Handle, Readiness, ReadyState, ReadyStep, Rejection};
