//! The ground everything stands on: ids, time, digests, keys, limits, redaction, outside text.
//! Pure values and small functions; nothing here knows what an incident or a runbook is.

pub mod digest;
pub mod ids;
pub mod limits;
pub mod sign;
pub mod text;
pub mod time;
