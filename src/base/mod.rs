//! The ground everything stands on: ids, time, digests, keys, limits, redaction, outside text, globs.
//! Pure values and small functions; nothing here knows what an incident or a runbook is.

pub mod cores;
pub mod deep_stack;
pub mod digest;
pub mod formats;
pub mod glob;
pub mod ids;
pub mod limits;
pub mod redact;
pub mod sealed;
pub mod secret;
pub mod sign;
mod sign_assembly;
pub mod signers;
pub mod sshsig;
pub mod text;
pub mod time;
mod written;
